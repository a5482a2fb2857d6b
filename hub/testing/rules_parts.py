"""Rules on accounts with several parts, of which one can be out of reach while the others are not."""

from typing import cast

from hub.connector.base import Subscribes
from hub.connector.errors import PartAccessLostError
from hub.connector.models import Pointer
from hub.testing.connected import ConnectedSource, connect, ids_of, raised_by
from hub.testing.rules import LISTS_FORMS, PARTS, POLLS, RESOLVES, SUBSCRIBES, Rules, require, rule


class PartRules(Rules):
    """``PartAccessLostError`` and ``Access.skip_part``."""

    @rule(PARTS, POLLS)
    async def test_lost_part_is_named_by_a_listing(self) -> None:
        """Reading a form of a lost part raises PartAccessLostError with its id; other parts are read as before, and
        so is this one when access is back."""
        async with connect(self) as source:
            lost, living = source.simulator.part_ids()[:2]
            forms = {part: source.form(part_id=part) for part in (lost, living)}
            leads = {part: source.add(form, 1) for part, form in forms.items()}
            source.simulator.lose_part(lost)
            error = await raised_by(lambda: source.pull(forms[lost]))
            _check_named(error, lost, "fetch()")
            require(leads[living][0] in ids_of(await source.pull(forms[living])), f"part {living} was not read")
            source.simulator.regain_part(lost)
            require(leads[lost][0] in ids_of(await source.pull(forms[lost])), f"part {lost} is not read again")

    @rule(PARTS, RESOLVES)
    async def test_lost_part_is_named_by_a_pointer(self) -> None:
        """Resolving a pointer into a lost part raises PartAccessLostError with its id; others resolve as before."""
        async with connect(self) as source:
            lost, living = source.simulator.part_ids()[:2]
            pointers = {part: _pointer(source, part) for part in (lost, living)}
            source.simulator.lose_part(lost)
            error = await raised_by(lambda: source.resolve(pointers[lost]))
            _check_named(error, lost, "resolve()")
            found = await source.resolve(pointers[living])
            require(found.source_id == pointers[living].source_id, f"part {living} was not reached")

    @rule(PARTS, LISTS_FORMS)
    async def test_lost_part_is_skipped_when_forms_are_listed(self) -> None:
        """list_forms gives the forms of the other parts and tells which part it skipped."""
        async with connect(self) as source:
            lost, living = source.simulator.part_ids()[:2]
            source.form(part_id=lost)
            form, access = source.form(part_id=living), source.access
            source.simulator.lose_part(lost)
            found = [each.id for each in await self.connector.list_forms(access)]
            require(form.id in found, f"the forms of part {living} are missing")
            require(set(access.skipped_parts) == {lost}, f"skipped_parts is {sorted(access.skipped_parts)}")

    @rule(PARTS, SUBSCRIBES)
    async def test_lost_part_is_skipped_when_deliveries_are_checked(self) -> None:
        """is_subscribed and subscribe speak of the other parts, and tell which part they skipped."""
        async with connect(self) as source:
            connector, url = cast(Subscribes, self.connector), source.simulator.callback_url
            await connector.subscribe(source.access, url)
            before = await connector.is_subscribed(source.access, url)
            lost = source.simulator.part_ids()[0]
            source.simulator.lose_part(lost)
            access = source.access
            found = await connector.is_subscribed(access, url)
            require(found == before, f"with a lost part is_subscribed says {found}, without it {before}")
            require(set(access.skipped_parts) == {lost}, f"skipped_parts is {sorted(access.skipped_parts)}")
            source.simulator.end_subscriptions()
            error = await raised_by(lambda: connector.subscribe(access, url))
            require(error is None, f"subscribe() with a lost part raised {error!r}")


def _pointer(source: ConnectedSource, part_id: str) -> Pointer:
    form = source.form(part_id=part_id)
    return Pointer(source_id=source.add(form, 1)[0], form_id=form.id, part_id=part_id)


def _check_named(error: Exception | None, part_id: str, call: str) -> None:
    require(
        isinstance(error, PartAccessLostError) and error.part_id == part_id,
        f"{call} with part {part_id} lost raised {error!r}, expected PartAccessLostError of that part",
    )
