"""A connection over three Pages, one of which is out of reach for a while: the others go on, and nothing is lost."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.connector.errors import PartAccessLostError
from hub.connector.models import FieldType, Question
from hub.core.audit.models import audit_records
from hub.core.connections.part_limits import PartWork, limit_parts
from hub.core.connections.parts import set_centre
from hub.core.connections.queries import ConnectionOverview, MissingRight, load_connection
from hub.core.connections.state import ConnectionState
from hub.core.intake.models import receipts
from hub.core.organisations.models import centres
from hub.core.outbox.models import outbox_events
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.jobs.resolving import AT_ONCE
from hub.testing.clock import VirtualClock
from plugins.meta_ads.connector import MetaAds
from plugins.meta_ads.simulator.world import ADA, ALL_TASKS, HARBOUR, NORTH, SOUTH
from tests.faults.virtual_hub import VirtualHub, open_virtual_hub

QUESTIONS = (
    Question(key="full_name", label="Full name"),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
)
PAGES = (NORTH, SOUTH, HARBOUR)
MINUTE = timedelta(minutes=1)


@dataclass
class Clinic:
    """Three Pages with a form each, connected by Ada. The centre of the southern Page is Faro."""

    hub: VirtualHub
    forms: dict[str, str]
    number: int = 0

    def lead(self, page_id: str) -> str:
        """One more lead on a Page, of somebody else."""
        self.number += 1
        answers = {"full_name": (f"Ada {self.number}",), "email": (f"ada.{self.number}@example.com",)}
        return self.hub.simulator.add_submission(self.forms[page_id], answers)

    async def delivered(self, *page_ids: str) -> list[str]:
        """New leads of these Pages, announced at once and worked off as far as they go."""
        ids = [self.lead(each) for each in page_ids]
        await self.hub.simulator.announce(ids)
        await self.hub.turn()
        return ids

    def overview(self) -> ConnectionOverview:
        """What the page of the connection shows."""
        hub = self.hub
        assert hub.connection_id is not None
        return hub.database.read_now(
            load_connection, hub.organisation_id, hub.connection_id, {"meta_ads": MetaAds()}, hub.clock.now()
        )

    def told(self, kind: str) -> list[dict[str, object]]:
        """The events of a kind; each stands in the audit record as well."""
        mine = outbox_events.c.organisation_id == self.hub.organisation_id
        query = sa.select(outbox_events.c.payload).where(mine, outbox_events.c.kind == kind)
        found = self.hub.database.read_now(lambda connection: list(connection.scalars(query)))
        audited = sa.select(audit_records.c.detail).where(
            audit_records.c.organisation_id == self.hub.organisation_id, audit_records.c.action == kind
        )
        assert self.hub.database.read_now(lambda connection: list(connection.scalars(audited))) == found
        return found

    def pending(self) -> list[str]:
        """The platform's ids of what waits for its content."""
        query = sa.select(receipts.c.source_id).where(
            receipts.c.organisation_id == self.hub.organisation_id, receipts.c.disposition == "pending"
        )
        return sorted(self.hub.database.read_now(lambda connection: list(connection.scalars(query))))


async def open_clinic(hub: VirtualHub) -> Clinic:
    hub.simulator.people[ADA].pages[HARBOUR] = ALL_TASKS
    clinic = Clinic(hub, {page: hub.simulator.add_form(f"Form of {page}", QUESTIONS, part_id=page) for page in PAGES})
    await hub.connect()
    assert hub.connection_id is not None
    hub.database.write_now(_give_centre, hub.organisation_id, hub.connection_id, hub.clock)
    return clinic


def _give_centre(connection: sa.Connection, organisation_id: UUID, connection_id: UUID, clock: VirtualClock) -> None:
    centre_id = new_id()
    connection.execute(
        sa.insert(centres).values(
            id=centre_id,
            organisation_id=organisation_id,
            name="Faro",
            code="faro",
            time_zone="UTC",
            is_active=True,
            created_at=clock.now(),
        )
    )
    set_centre(connection, organisation_id, connection_id, SOUTH, centre_id, actor="user:test", now=clock.now())


@pytest.mark.proves("TK-07", "TK-08", "X-06")
async def test_one_dead_page_stops_no_other(database: Database, clock: VirtualClock) -> None:
    """Leads of the living Pages arrive at once and by polling; those of the dead one when its access is back, each
    once. Meanwhile the connection is active, and the Page, its centre, the cause and the remedy are named."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        hub.simulator.kill_page(SOUTH, 492)
        north, south, harbour = await clinic.delivered(NORTH, SOUTH, HARBOUR)
        assert hub.lead_ids() == sorted([north, harbour])
        assert clinic.pending() == [south]
        unannounced = [clinic.lead(page) for page in PAGES]
        await hub.pass_time(timedelta(minutes=45))
        assert hub.lead_ids() == sorted([north, harbour, unannounced[0], unannounced[2]])
        assert clinic.pending() == [south]

        shown = clinic.overview()
        assert (shown.state, shown.label, shown.is_limited) == (ConnectionState.ACTIVE, "Integration is active", True)
        assert (shown.failures_in_row, shown.last_error, shown.is_delayed) == (0, None, False)
        sentence = "The person who signed in has no role on the Page any more. Sign in as one who has."
        assert shown.missing_rights == (MissingRight(sentence, "Example Clinic South", "Faro"),)
        limited = {part.part_id: part.causes for part in shown.parts}
        assert limited == {NORTH: (), SOUTH: ("page_role_lost",), HARBOUR: ()}
        assert [event["centre"] for event in clinic.told("connection_part_limited")] == ["Faro"]

        hub.simulator.revive_page(SOUTH)
        await hub.pass_time(timedelta(minutes=30))
        assert hub.lead_ids() == sorted(hub.simulator.submissions)
        assert hub.number_of_leads() == len(hub.simulator.submissions)
        assert hub.balance_holds()
        shown = clinic.overview()
        assert (shown.is_limited, shown.missing_rights) == (False, ())
        assert [event["part"] for event in clinic.told("connection_part_restored")] == ["Example Clinic South"]
        assert not clinic.told("connection_grant_lost")


@pytest.mark.proves("TK-07", "TK-08")
async def test_a_dead_page_is_noticed_without_traffic_and_its_backlog_drains(
    database: Database, clock: VirtualClock
) -> None:
    """Within a quarter of an hour it is shown; 500 deliveries that wait become 500 leads, and it was not asked all
    the time in between."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        hub.simulator.kill_page(SOUTH)
        await hub.pass_time(timedelta(minutes=15), step=MINUTE)
        assert [part.name for part in clinic.overview().parts if part.causes] == ["Example Clinic South"]
        await clinic.delivered(*([SOUTH] * 500))
        assert hub.lead_ids() == []
        await hub.pass_time(timedelta(hours=80), step=timedelta(hours=2))
        hub.simulator.requests.clear()
        await hub.pass_time(timedelta(minutes=30), step=MINUTE)
        assert len(clinic.pending()) == 500
        asked = [each for each in hub.simulator.requests if each.path.split("/")[2] in hub.simulator.submissions]
        assert 0 < len(asked) <= 3 * AT_ONCE
        hub.simulator.revive_page(SOUTH)
        await hub.pass_time(timedelta(minutes=15), step=MINUTE)
        assert hub.lead_ids() == sorted(hub.simulator.submissions)
        assert hub.balance_holds()


async def test_signing_in_again_tries_everything_anew(database: Database, clock: VirtualClock) -> None:
    """Nobody waits for the next attempt then."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        hub.simulator.kill_page(SOUTH, 460)
        south = await clinic.delivered(SOUTH)
        hub.simulator.revive_page(SOUTH)
        await hub.connect()
        assert not clinic.overview().is_limited
        await hub.pass_time(2 * MINUTE, step=MINUTE)
        assert hub.lead_ids() == south


async def test_a_page_that_is_dead_while_somebody_signs_in_is_right_again_by_itself(
    database: Database, clock: VirtualClock
) -> None:
    """The sign-in names it; once its access is back nobody has to sign in a third time for the sign to go."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        hub.simulator.kill_page(SOUTH)
        south = await clinic.delivered(SOUTH)
        await hub.connect()
        hub.simulator.hide_leads(HARBOUR)
        await hub.connect()
        named = {each.part_name for each in clinic.overview().missing_rights}
        assert named == {"Example Clinic South", "Example Clinic Harbour"}
        hub.simulator.revive_page(SOUTH)
        hub.simulator.hide_leads(HARBOUR, hidden=False)
        await hub.pass_time(timedelta(minutes=30))
        assert hub.lead_ids() == south
        assert clinic.overview().missing_rights == ()


@pytest.mark.parametrize("scope", ["leads_retrieval", "pages_manage_metadata", "pages_manage_ads"])
async def test_a_permission_taken_for_one_page_limits_what_needs_it(
    database: Database, clock: VirtualClock, scope: str
) -> None:
    """It is named. A Page that may be read is read, whatever else it refuses."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        hub.simulator.take_from_page(scope, SOUTH)
        await clinic.delivered(*PAGES)
        clinic.lead(SOUTH)
        await hub.pass_time(timedelta(minutes=45))
        shown = clinic.overview()
        assert shown.state is ConnectionState.ACTIVE
        assert all(scope in each.right and each.centre_name == "Faro" for each in shown.missing_rights)
        assert shown.missing_rights
        assert len(hub.lead_ids()) == (2 if scope == "leads_retrieval" else 4)
        hub.simulator.revive_page(SOUTH)
        await hub.pass_time(timedelta(minutes=30))
        assert len(hub.lead_ids()) == 4
        assert not clinic.overview().is_limited


async def test_hidden_leads_of_one_page_wait_longer_than_three_days(database: Database, clock: VirtualClock) -> None:
    """The Leads Access Manager is a matter of the Page: its deliveries stay, for as long as it takes."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        hub.simulator.hide_leads(SOUTH)
        south, north = await clinic.delivered(SOUTH, NORTH)
        await hub.pass_time(timedelta(hours=80), step=timedelta(hours=2))
        assert (hub.lead_ids(), clinic.pending()) == ([north], [south])
        assert clinic.overview().parts[-1].causes == ("lead_access_removed",)
        hub.simulator.hide_leads(SOUTH, hidden=False)
        await hub.pass_time(timedelta(minutes=30))
        assert hub.lead_ids() == sorted([south, north])
        assert not clinic.overview().is_limited


@pytest.mark.proves("X-06")
async def test_when_all_pages_are_dead_somebody_has_to_sign_in(database: Database, clock: VirtualClock) -> None:
    """One after the other dies; with the last one the connection needs its admin, who is told once."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        hub.simulator.kill_page(SOUTH)
        hub.simulator.kill_page(NORTH)
        await hub.pass_time(timedelta(minutes=30))
        assert hub.state() == "active"
        hub.simulator.kill_page(HARBOUR, 492)
        waiting = await clinic.delivered(*PAGES)
        assert hub.state() == "authorization_needed"
        assert clinic.overview().reason == "page_role_lost"
        assert clinic.overview().last_error is not None
        assert len(clinic.told("connection_grant_lost")) == 1
        for page in PAGES:
            hub.simulator.revive_page(page)
        await hub.connect()
        await hub.pass_time(timedelta(minutes=30))
        assert hub.lead_ids() == sorted(waiting)
        assert hub.balance_holds()


async def test_a_dead_sign_in_is_no_matter_of_single_pages(database: Database, clock: VirtualClock) -> None:
    """The first Page that meets it says so for all."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        hub.simulator.change_password()
        await clinic.delivered(*PAGES)
        shown = clinic.overview()
        assert (shown.state, shown.reason) == (ConnectionState.AUTHORIZATION_NEEDED, "password_changed")
        assert not clinic.told("connection_part_limited")


async def test_a_refusal_of_a_grant_that_was_replaced_is_not_held_against_the_new_one(
    database: Database, clock: VirtualClock
) -> None:
    """A job that began before somebody signed in again ends with what the old token met; a part that the connection
    does not have is nobody's matter either."""
    async with open_virtual_hub(database, clock) as hub:
        clinic = await open_clinic(hub)
        began_at = clock.now()
        clock.advance(MINUTE)
        await hub.connect()
        where = (hub.organisation_id, hub.connection_id, PartWork.READING)
        for part_id, moment in ((SOUTH, began_at), ("no-such-part", clock.now())):
            refusal = PartAccessLostError("Dead.", part_id=part_id)
            hub.database.write_now(limit_parts, *where, [refusal], began_at=moment, now=clock.now())
            assert not clinic.overview().is_limited
        hub.database.write_now(
            limit_parts,
            *where,
            [PartAccessLostError("Dead.", part_id=SOUTH)],
            began_at=clock.now(),
            now=clock.now(),
        )
        assert clinic.overview().is_limited
