"""Rules on thin deliveries and on subscriptions."""

from typing import cast

from hub.connector.base import Subscribes
from hub.connector.models import Pointer
from hub.testing.connected import connect, raised_by
from hub.testing.rules import POLLS, RESOLVES, SUBSCRIBES, RuleBrokenError, Rules, require, rule

NEVER_EXISTED = "7999999999999999"


class ThinDeliveryRules(Rules):
    """``resolve``: what a pointer leads to."""

    @rule(RESOLVES, POLLS)
    async def test_pointer_leads_to_the_listed_submission(self) -> None:
        """A pointer resolves to the submission that the listing gives, so that both are one lead."""
        async with connect(self) as source:
            form = source.form()
            lead = source.add(form, 1)[0]
            listed = [each for each in await source.pull(form) if each.source_id == lead]
            pointers = [pointer for received in source.deliver([lead]) for pointer in received.pointers]
            require(bool(pointers), "resolve() is there, but the delivery held no pointer")
            for pointer in pointers:
                resolved = await source.resolve(pointer)
                for other in listed:
                    require(
                        self.connector.normalise(source.stored(resolved))
                        == self.connector.normalise(source.stored(other)),
                        f"submission {lead} differs between delivery and listing",
                    )

    @rule(RESOLVES)
    async def test_pointer_into_the_void_is_a_named_error(self) -> None:
        """A pointer to a submission that is gone raises a named error and gives no empty submission."""
        async with connect(self) as source:
            form = source.form()
            pointer = Pointer(source_id=NEVER_EXISTED, form_id=form.id, part_id=form.part_id)
            try:
                error = await raised_by(lambda: source.resolve(pointer))
            except Exception as unnamed:
                raise RuleBrokenError(f"resolve() raised {type(unnamed).__name__}, no named error") from unnamed
            require(error is not None, "resolve() gave a submission that does not exist")


class SubscriptionRules(Rules):
    """``subscribe``, ``is_subscribed``, ``unsubscribe``."""

    @rule(SUBSCRIBES)
    async def test_subscription_is_made_and_seen(self) -> None:
        """After subscribe, twice for good measure, is_subscribed says yes; before, it said no."""
        async with connect(self) as source:
            connector, url = cast(Subscribes, self.connector), source.simulator.callback_url
            require(not await connector.is_subscribed(source.access, url), "subscribed before anybody asked")
            for _ in range(2):
                await connector.subscribe(source.access, url)
            require(await connector.is_subscribed(source.access, url), "not subscribed after subscribe()")

    @rule(SUBSCRIBES)
    async def test_subscription_is_ended(self) -> None:
        """After unsubscribe, twice for good measure, is_subscribed says no."""
        async with connect(self) as source:
            connector, url = cast(Subscribes, self.connector), source.simulator.callback_url
            await connector.subscribe(source.access, url)
            for _ in range(2):
                await connector.unsubscribe(source.access)
            require(not await connector.is_subscribed(source.access, url), "still subscribed after unsubscribe()")

    @rule(SUBSCRIBES)
    async def test_lost_subscription_is_noticed(self) -> None:
        """When the source ends deliveries by itself, is_subscribed says no."""
        async with connect(self) as source:
            connector, url = cast(Subscribes, self.connector), source.simulator.callback_url
            await connector.subscribe(source.access, url)
            source.simulator.end_subscriptions()
            require(not await connector.is_subscribed(source.access, url), "a lost subscription was not noticed")
