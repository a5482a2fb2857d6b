"""The Conversions API as the Payload Specification of the conversion leads integration has it, and as strict.

All events of a call are taken or none. One that Meta takes and does not count is in ``world.discarded_events``.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from plugins.meta_ads.simulator.answers import (
    EVENT_INVALID,
    EVENT_TOO_OLD,
    TRACE,
    GraphError,
    event_refused,
    not_visible,
)
from plugins.meta_ads.simulator.callers import Caller
from plugins.meta_ads.simulator.paging import chosen_fields, list_page
from plugins.meta_ads.simulator.world import MetaWorld

MOST_EVENTS = 1000
WINDOW = timedelta(days=7)
KNOWN_FOR = timedelta(hours=48)
AHEAD = timedelta(minutes=1)
MEMBERS = frozenset({"event_name", "event_time", "event_id", "action_source", "user_data", "custom_data"})
CUSTOM = frozenset({"event_source", "lead_event_source", "value", "currency"})
FIELDS = frozenset({"id", "name"})


class ConversionsApi:
    """Ad accounts, their data sets, and the events that are sent there."""

    def __init__(self, world: MetaWorld) -> None:
        self._world = world

    def ad_accounts(self, path: str, caller: Caller, params: Mapping[str, str]) -> dict[str, Any]:
        """``me/adaccounts``."""
        self._require_person(caller)
        return self._list(path, dict(self._mine()), params)

    def data_sets(self, path: str, account_id: str, caller: Caller, params: Mapping[str, str]) -> dict[str, Any]:
        """``act_…/adspixels``: data sets that are shared with the person."""
        self._require_person(caller)
        if account_id not in dict(self._mine()):
            raise not_visible(account_id)
        shared = self._world.data_sets[account_id]
        shown = {each: name for each, name in shared.items() if each not in self._world.lost_targets}
        return self._list(path, shown, params)

    def take(self, data_set_id: str, caller: Caller, params: Mapping[str, str]) -> dict[str, Any]:
        """``POST /{data set}/events``."""
        self._require_person(caller)
        known = {each for account_id, _ in self._mine() for each in self._world.data_sets[account_id]}
        if data_set_id not in known or data_set_id in self._world.lost_targets:
            raise not_visible(data_set_id)
        events = _events(params.get("data"))
        for event in events:
            self._judge(event)
        for event in events:
            self._count(data_set_id, event)
        return {"events_received": len(events), "messages": [], "fbtrace_id": TRACE}

    def _list(self, path: str, named: Mapping[str, str], params: Mapping[str, str]) -> dict[str, Any]:
        rows = [(each, {"id": each, "name": name}) for each, name in sorted(named.items(), reverse=True)]
        shown = [(each, chosen_fields(row, params, FIELDS, ("id",))) for each, row in rows]
        return list_page(self._world, path, shown, params)

    def _judge(self, event: dict[str, Any]) -> None:
        custom: Any = event.get("custom_data")
        person: Any = event.get("user_data")
        time: Any = event.get("event_time")
        is_right = (
            set(event) <= MEMBERS
            and _is_text(event.get("event_name"))
            and _is_text(event.get("event_id"))
            and isinstance(time, int)
            and not isinstance(time, bool)
            and event.get("action_source") == "system_generated"
            and isinstance(custom, dict)
            and set(custom) <= CUSTOM
            and custom.get("event_source") == "crm"
            and _is_text(custom.get("lead_event_source"))
            and ("value" in custom) == ("currency" in custom)
            and isinstance(person, dict)
            and set(person) == {"lead_id"}
        )
        if not is_right or not self._is_lead(person["lead_id"]):
            raise event_refused(EVENT_INVALID)
        happened_at, now = datetime.fromtimestamp(time, UTC), self._world.clock.now()
        if happened_at > now + AHEAD:
            raise event_refused(EVENT_INVALID)
        if happened_at < now - WINDOW:
            raise event_refused(EVENT_TOO_OLD)

    def _is_lead(self, lead_id: object) -> bool:
        """A number of 15 to 17 digits, as Meta gave it; a hash or a text is refused."""
        is_number = isinstance(lead_id, int) and not isinstance(lead_id, bool) and 15 <= len(str(lead_id)) <= 17
        return is_number and str(lead_id) in self._world.submissions

    def _count(self, data_set_id: str, event: dict[str, Any]) -> None:
        happened_at = datetime.fromtimestamp(event["event_time"], UTC)
        lead = self._world.submissions[str(event["user_data"]["lead_id"])]
        if happened_at < lead.submitted_at.replace(microsecond=0) or lead.is_test:
            self._world.discarded_events.append(event)
            return
        ids = (data_set_id, event["event_id"], event["event_name"])
        self._world.count(*ids, happened_at, known_for=KNOWN_FOR)

    def _require_person(self, caller: Caller) -> None:
        if caller.token is None or caller.page_id is not None:
            raise GraphError(190, "This method must be called with a User Access Token")
        caller.require_scope("ads_management")

    def _mine(self) -> Sequence[tuple[str, str]]:
        return tuple(self._world.ad_accounts.items())


def _events(text: str | None) -> list[dict[str, Any]]:
    try:
        events = json.loads(text or "")
    except ValueError:
        events = None
    if not isinstance(events, list) or not events or not all(isinstance(each, dict) for each in events):
        raise GraphError(100, "(#100) param data must be an array.")
    if len(events) > MOST_EVENTS:
        raise GraphError(100, f"(#100) param data must have at most {MOST_EVENTS} elements.")
    return events


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
