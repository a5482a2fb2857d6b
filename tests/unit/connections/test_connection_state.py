"""The transition table of connections."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub.core.connections.labels import label, re_sync_days
from hub.core.connections.state import (
    Activated,
    Authorised,
    Change,
    ConnectionFacts,
    ConnectionState,
    Deactivated,
    Deleted,
    Disconnected,
    Event,
    EventRefusedError,
    GrantFate,
    GrantLost,
    has_living_grant,
    transition,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEEDED, ACTIVE, INACTIVE, DISCONNECTED = (
    ConnectionState.AUTHORIZATION_NEEDED,
    ConnectionState.ACTIVE,
    ConnectionState.INACTIVE,
    ConnectionState.DISCONNECTED,
)
KEPT, REPLACED, DESTROYED = GrantFate.KEPT, GrantFate.REPLACED, GrantFate.DESTROYED

TABLE = [
    (Authorised("a"), NEEDED, ACTIVE, REPLACED),
    (Authorised("a"), ACTIVE, ACTIVE, REPLACED),
    (Authorised("a"), INACTIVE, INACTIVE, REPLACED),
    (Authorised("a"), DISCONNECTED, ACTIVE, REPLACED),
    (GrantLost("revoked"), NEEDED, "refused", None),
    (GrantLost("revoked"), ACTIVE, NEEDED, DESTROYED),
    (GrantLost("revoked"), INACTIVE, INACTIVE, DESTROYED),
    (GrantLost("revoked"), DISCONNECTED, "refused", None),
    (Deactivated(), NEEDED, INACTIVE, KEPT),
    (Deactivated(), ACTIVE, INACTIVE, KEPT),
    (Deactivated(), INACTIVE, "refused", None),
    (Deactivated(), DISCONNECTED, "refused", None),
    (Activated(), NEEDED, "refused", None),
    (Activated(), ACTIVE, "refused", None),
    (Activated(), INACTIVE, ACTIVE, KEPT),
    (Activated(), DISCONNECTED, "refused", None),
    (Disconnected("moved"), NEEDED, DISCONNECTED, DESTROYED),
    (Disconnected("moved"), ACTIVE, DISCONNECTED, DESTROYED),
    (Disconnected("moved"), INACTIVE, DISCONNECTED, DESTROYED),
    (Disconnected("moved"), DISCONNECTED, "refused", None),
    (Deleted("moved"), NEEDED, None, DESTROYED),
    (Deleted("moved"), ACTIVE, None, DESTROYED),
    (Deleted("moved"), INACTIVE, None, DESTROYED),
    (Deleted("moved"), DISCONNECTED, None, DESTROYED),
]


@pytest.mark.proves("Z-185", "Z-186", "Z-187", "Z-189", "Z-191")
@pytest.mark.parametrize(("event", "before", "after", "grant"), TABLE)
def test_every_event_in_every_state(event: Event, before: ConnectionState, after: object, grant: GrantFate) -> None:
    """All 24 pairs; what the table does not list is refused."""
    facts = ConnectionFacts(before, has_grant=before in (ACTIVE, INACTIVE), account_id="a")
    if after == "refused":
        with pytest.raises(EventRefusedError):
            transition(facts, event, NOW)
        return
    change = transition(facts, event, NOW)
    assert (change.state, change.grant) == (after, grant)
    assert change.admins_are_told == (isinstance(event, GrantLost) and before is ACTIVE)


@pytest.mark.parametrize("before", list(ConnectionState))
def test_another_account_is_refused_everywhere(before: ConnectionState) -> None:
    """Re-authorising must not change whose leads these are."""
    with pytest.raises(EventRefusedError) as caught:
        transition(ConnectionFacts(before, account_id="a"), Authorised("b"), NOW)
    assert caught.value.code == "wrong_account"


@pytest.mark.proves("Z-188", "Z-190")
@pytest.mark.parametrize("reason", ["", "   ", "\n\t"])
@pytest.mark.parametrize("event", [Disconnected, Deleted])
def test_a_reason_is_required(event: type, reason: str) -> None:
    """Blank is none."""
    with pytest.raises(EventRefusedError) as caught:
        transition(ConnectionFacts(ACTIVE), event(reason), NOW)
    assert caught.value.code == "reason_required"


@pytest.mark.parametrize(
    ("facts", "after"),
    [
        (ConnectionFacts(INACTIVE, has_grant=False), NEEDED),
        (ConnectionFacts(INACTIVE, has_grant=True, authorised_until=NOW), NEEDED),
        (ConnectionFacts(INACTIVE, has_grant=True, authorised_until=NOW + timedelta(seconds=1)), ACTIVE),
        (ConnectionFacts(INACTIVE, has_grant=False, needs_grant=False), ACTIVE),
    ],
)
def test_switching_on_needs_a_living_grant_where_one_is_needed(facts: ConnectionFacts, after: ConnectionState) -> None:
    """The admin's clock decides; our own forms need none."""
    assert transition(facts, Activated(), NOW).state is after


class Lives(RuleBasedStateMachine):
    """Any order of events keeps the facts in accord with each other."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: ConnectionFacts | None = ConnectionFacts(NEEDED, "never_granted")
        self.now = NOW

    def take(self, event: Event, until: datetime | None = None) -> Change | None:
        """Apply an event as the service does."""
        assert self.facts is not None
        try:
            change = transition(self.facts, event, self.now)
        except EventRefusedError:
            return None
        if change.state is None:
            self.facts = None
            return change
        has_grant = {KEPT: self.facts.has_grant, REPLACED: True, DESTROYED: False}[change.grant]
        self.facts = ConnectionFacts(
            change.state,
            change.reason,
            has_grant,
            account_id=event.account_id if isinstance(event, Authorised) else self.facts.account_id,
            authorised_until=until
            if isinstance(event, Authorised)
            else (self.facts.authorised_until if has_grant else None),
        )
        return change

    @precondition(lambda self: self.facts)
    @rule(account=st.sampled_from("ab"), days=st.one_of(st.none(), st.integers(1, 60)))
    def authorise(self, account: str, days: int | None) -> None:
        """An admin signs in."""
        known = self.facts.account_id
        change = self.take(Authorised(account), None if days is None else self.now + timedelta(days=days))
        assert (change is None) == (known not in (None, account))

    @precondition(lambda self: self.facts and self.facts.state in (ACTIVE, INACTIVE))
    @rule()
    def lose(self) -> None:
        """The platform refuses the grant."""
        self.take(GrantLost("revoked"))

    @precondition(lambda self: self.facts)
    @rule(event=st.sampled_from([Activated(), Deactivated()]))
    def switch(self, event: Event) -> None:
        """An admin switches."""
        self.take(event)

    @precondition(lambda self: self.facts)
    @rule(reason=st.sampled_from(["", " ", "moved"]))
    def disconnect(self, reason: str) -> None:
        """An admin disconnects."""
        change = self.take(Disconnected(reason))
        assert change is None or reason.strip()

    @precondition(lambda self: self.facts)
    @rule()
    def delete(self) -> None:
        """An admin deletes."""
        assert self.take(Deleted("moved")) is not None

    @rule(hours=st.integers(1, 24 * 40))
    def pass_time(self, hours: int) -> None:
        """Nothing happens for a while."""
        self.now += timedelta(hours=hours)

    @invariant()
    def facts_agree(self) -> None:
        """A grant exists only where it may be used again; an active connection has one; labels never count down
        below zero."""
        if self.facts is None:
            return
        if self.facts.state in (NEEDED, DISCONNECTED):
            assert not self.facts.has_grant
            assert not has_living_grant(self.facts, self.now)
        if self.facts.state is ACTIVE:
            assert self.facts.has_grant
        if self.facts.state is DISCONNECTED:
            assert self.facts.reason
        days = re_sync_days(self.facts.state, self.facts.authorised_until, self.now)
        assert days is None or 0 <= days <= 14
        assert label(self.facts.state, self.facts.authorised_until, self.now)


TestLives = Lives.TestCase


@pytest.mark.proves("Z-168", "Z-169", "Z-170")
@pytest.mark.parametrize(
    ("state", "left", "text"),
    [
        (NEEDED, None, "Authorization is needed"),
        (ACTIVE, None, "Integration is active"),
        (ACTIVE, timedelta(days=14, seconds=1), "Integration is active"),
        (ACTIVE, timedelta(days=14), "Re-sync needed in 14 days"),
        (ACTIVE, timedelta(days=13, hours=23), "Re-sync needed in 13 days"),
        (ACTIVE, timedelta(days=1), "Re-sync needed in 1 days"),
        (ACTIVE, timedelta(hours=23), "Re-sync needed in 0 days"),
        (ACTIVE, timedelta(hours=-50), "Re-sync needed in 0 days"),
        (NEEDED, timedelta(days=3), "Authorization is needed"),
        (INACTIVE, timedelta(days=3), "Inactive"),
        (DISCONNECTED, timedelta(days=3), "Disconnected"),
    ],
)
def test_the_label_is_derived_from_facts(state: ConnectionState, left: timedelta | None, text: str) -> None:
    """Texts exactly as the acceptance list has them; days left are rounded down."""
    assert label(state, None if left is None else NOW + left, NOW) == text
