"""One Page out of reach while the sign-in lives, and how that is told from a sign-in that is over."""

import pytest

from hub.connector.errors import ConnectorError, PartAccessLostError, ReauthorizationNeededError
from hub.connector.models import Pointer
from hub.testing.connected import raised_by
from hub.testing.faults import PlatformAnswer
from plugins.meta_ads.simulator.world import ADA, NORTH, SOUTH, AppSubscription
from plugins.meta_ads.tests.conftest import Meta
from plugins.meta_ads.tests.test_pull import fill, pointer_to

CAUSES = {None: "revoked", 456: "token_invalid", 460: "password_changed", 467: "logged_out", 492: "page_role_lost"}


async def refusal(meta: Meta, page_id: str) -> ConnectorError | None:
    """What reading a new form of the Page meets."""
    form = meta.publish(page_id)
    return await raised_by(lambda: meta.pull(form))


@pytest.mark.parametrize(("subcode", "cause"), CAUSES.items())
async def test_dead_page_token_concerns_that_page_alone(connected: Meta, subcode: int | None, cause: str) -> None:
    """Whatever the subcode: while the person's token lives, only the Page is out of reach, and comes back."""
    connected.simulator.kill_page(SOUTH, subcode)
    found = await refusal(connected, SOUTH)
    assert isinstance(found, PartAccessLostError)
    assert (found.part_id, found.code) == (SOUTH, cause)
    assert "Sign in" in found.user_message or "sign in" in found.user_message
    assert await refusal(connected, NORTH) is None
    connected.simulator.revive_page(SOUTH)
    assert await refusal(connected, SOUTH) is None


async def test_delivery_of_a_dead_page_is_told_from_the_others(connected: Meta) -> None:
    """The same when a delivered lead is fetched."""
    leads = {page: (form := connected.publish(page), fill(connected, form, 1)[0]) for page in (NORTH, SOUTH)}
    connected.simulator.kill_page(SOUTH)
    form, lead = leads[SOUTH]
    with pytest.raises(PartAccessLostError) as caught:
        await connected.resolve(pointer_to(lead, form))
    assert caught.value.part_id == SOUTH
    form, lead = leads[NORTH]
    assert (await connected.resolve(pointer_to(lead, form))).source_id == lead


@pytest.mark.parametrize("scope", ["leads_retrieval", "pages_read_engagement"])
async def test_permission_taken_for_one_page_is_named(connected: Meta, scope: str) -> None:
    """The message says which permission and what does not work without it."""
    connected.simulator.take_from_page(scope, SOUTH)
    found = await refusal(connected, SOUTH)
    assert isinstance(found, PartAccessLostError)
    assert (found.part_id, found.code) == (SOUTH, "permission_removed")
    assert f"The permission {scope} was not granted for this Page" in found.user_message
    assert await refusal(connected, NORTH) is None


async def test_permission_taken_for_all_pages_ends_the_sign_in(connected: Meta) -> None:
    """What the person had granted and took back is missing everywhere."""
    connected.simulator.take_permission("leads_retrieval")
    found = await refusal(connected, SOUTH)
    assert type(found) is ReauthorizationNeededError
    assert "leads_retrieval" in found.user_message


async def test_permission_withheld_from_the_beginning_limits_only_what_needs_it(connected: Meta) -> None:
    """A sign-in without the right to switch deliveries on still reads leads; each Page says what is missing."""
    await connected.sign_in(withhold=["pages_manage_metadata"])
    assert await refusal(connected, SOUTH) is None
    access, url = connected.access, connected.simulator.callback_url
    connected.simulator.subscriptions["page"] = AppSubscription(url, ("leadgen",))
    assert await connected.connector.is_subscribed(access, url)
    assert {part: error.code for part, error in access.skipped_parts.items()} == {
        NORTH: "permission_removed",
        SOUTH: "permission_removed",
    }
    assert all("pages_manage_metadata" in error.user_message for error in access.skipped_parts.values())


@pytest.mark.parametrize(
    ("subcode", "cause"), [(458, "app_removed"), (460, "password_changed"), (463, "expired"), (459, "checkpoint")]
)
async def test_dead_sign_in_is_told_as_such_by_every_page(connected: Meta, subcode: int, cause: str) -> None:
    """All tokens of the person die together: nobody looks for a fault of single Pages."""
    connected.simulator.end_sessions(subcode, ADA)
    for page_id in (NORTH, SOUTH):
        found = await refusal(connected, page_id)
        assert type(found) is ReauthorizationNeededError
        assert found.code == cause


async def test_end_of_data_access_concerns_the_whole_sign_in(connected: Meta) -> None:
    """The tokens stay valid then, and every call for data fails."""
    connected.simulator.end_data_access()
    assert type(await refusal(connected, SOUTH)) is ReauthorizationNeededError


async def test_page_is_blamed_while_meta_does_not_tell_of_the_person(connected: Meta) -> None:
    """Where debug_token fails too, nothing is said about the other Pages."""
    form = connected.publish(SOUTH)
    connected.simulator.kill_page(SOUTH)
    busy = connected.simulator.error_answer(503)
    connected.simulator.answer_next(PlatformAnswer(400, b'{"error":{"code":190,"type":"OAuthException"}}'))
    connected.simulator.answer_next(busy)
    found = await raised_by(lambda: connected.pull(form))
    assert isinstance(found, PartAccessLostError)


async def test_page_that_the_sign_in_does_not_hold_is_not_read_with_another_key(connected: Meta) -> None:
    """A renewal may leave a Page out: then it is named, and the person's token does not stand in for its own."""
    form = connected.publish(SOUTH)
    lead = fill(connected, form, 1)[0]
    assert connected.grant is not None
    kept = {page: token for page, token in connected.grant.part_tokens.items() if page != SOUTH}
    connected.grant = connected.grant.model_copy(update={"part_tokens": kept})
    for call in (lambda: connected.pull(form), lambda: connected.resolve(pointer_to(lead, form))):
        found = await raised_by(call)
        assert isinstance(found, PartAccessLostError)
        assert (found.part_id, found.code) == (SOUTH, "page_not_shared")
    assert (await connected.resolve(Pointer(source_id=lead))).source_id == lead
