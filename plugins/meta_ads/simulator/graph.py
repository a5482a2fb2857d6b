"""The Graph API: nodes, lists and subscriptions, as strict as the documentation (sections 2.2, 3.1 and 4)."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from plugins.meta_ads.simulator import wire
from plugins.meta_ads.simulator.answers import GraphError, not_visible, usage_of_business
from plugins.meta_ads.simulator.app_subscriptions import AppSubscriptions
from plugins.meta_ads.simulator.callers import Caller, caller_of
from plugins.meta_ads.simulator.conversions import ConversionsApi
from plugins.meta_ads.simulator.paging import chosen_fields, list_page
from plugins.meta_ads.simulator.token_desk import TokenDesk
from plugins.meta_ads.simulator.world import NORTH, BusinessPage, MetaWorld

PAGE_WEBHOOK_FIELDS = frozenset({"leadgen", "leadgen_update", "leadgen_fat", "feed", "messages", "mention", "name"})
PAGE_FIELDS = frozenset({"id", "name", "access_token", "tasks", "has_lead_access", "leadgen_tos_accepted"})
USAGE_WAIT = timedelta(minutes=7)

Answer = dict[str, Any]


class GraphApi:
    """One handler for every path; a refusal is an exception until it becomes an answer."""

    def __init__(self, world: MetaWorld) -> None:
        self._world = world
        self._desk = TokenDesk(world)
        self._subscriptions = AppSubscriptions(world)
        self._conversions = ConversionsApi(world)

    async def handle(self, request: web.Request) -> web.Response:
        """Any call below the version."""
        try:
            params = {**request.query, **{key: str(value) for key, value in (await request.post()).items()}}
            answer = await self._answer(request, params)
            return web.json_response(answer, headers=self._usage())
        except GraphError as error:
            found = error.answer()
            headers = {"Content-Type": found.content_type, **dict(found.headers)}
            return web.Response(status=found.status, body=found.body, headers=headers)

    async def _answer(self, request: web.Request, params: Mapping[str, str]) -> Answer:
        if request.match_info["version"] != self._world.graph_version:
            raise GraphError(2500, "Unknown path components")
        path = request.match_info["path"].strip("/")
        if path == "oauth/access_token" and request.method == "GET":
            return self._desk.hand_out(params)
        caller = caller_of(self._world, request, params)
        if path == "debug_token":
            caller.require_app()
            return self._desk.describe(params.get("input_token", ""))
        first, _, edge = path.partition("/")
        if edge == "subscriptions" and first == self._world.app_id:
            return await self._subscriptions.answer(request.method, caller, params)
        if edge:
            return self._edge(request.method, path, caller, params)
        return self._node(request.method, first, caller, params)

    def _edge(self, method: str, path: str, caller: Caller, params: Mapping[str, str]) -> Answer:
        first, _, edge = path.partition("/")
        world = self._world
        if edge == "accounts" and method == "GET" and first in ("me", caller.person_id):
            return self._accounts(path, caller, params)
        if edge == "adaccounts" and method == "GET" and first in ("me", caller.person_id):
            return self._conversions.ad_accounts(path, caller, params)
        if edge == "adspixels" and method == "GET":
            return self._conversions.data_sets(path, first, caller, params)
        if edge == "events" and method == "POST":
            return self._conversions.take(first, caller, params)
        if edge == "leadgen_forms" and method == "GET" and first in world.pages:
            return self._forms(path, world.pages[first], caller, params)
        if edge == "subscribed_apps" and first in world.pages:
            return self._subscribed_apps(method, world.pages[first], caller, params)
        if edge == "leads" and method == "GET":
            return self._leads(path, first, caller, params)
        if edge == "test_leads" and method == "POST":
            return self._test_lead(first, caller, params)
        raise GraphError(2500, "Unknown path components")

    def _node(self, method: str, node_id: str, caller: Caller, params: Mapping[str, str]) -> Answer:
        world = self._world
        if node_id in world.submissions:
            return self._lead(method, node_id, caller, params)
        if node_id in world.forms and node_id not in world.hidden_forms and method == "GET":
            caller.require_scope("pages_read_engagement")
            self._require_reach(caller, world.page_of(node_id), node_id)
            return chosen_fields(wire.form_json(world, node_id), params, wire.FORM_FIELDS, wire.FORM_DEFAULTS)
        if node_id in world.pages and method == "GET":
            caller.require_scope("pages_read_engagement")
            self._require_reach(caller, node_id, node_id)
            return chosen_fields(self._page(world.pages[node_id], caller), params, PAGE_FIELDS, ("id", "name"))
        if node_id in ("me", caller.person_id) and method == "GET" and caller.person_id is not None:
            person = world.people[caller.person_id]
            row = {"id": caller.page_id or person.id, "name": person.name}
            return chosen_fields(row, params, ("id", "name"), ("id", "name"))
        raise not_visible(node_id)

    # --- Pages --------------------------------------------------------------------------------------------

    def _accounts(self, path: str, caller: Caller, params: Mapping[str, str]) -> Answer:
        caller.require_scope("pages_show_list")
        if caller.token is None or caller.page_id is not None:
            raise GraphError(190, "This method must be called with a User Access Token")
        shared = caller.token.facts["pages"].split(",")
        rows = []
        for page_id, tasks in self._world.people[caller.token.facts["person"]].pages.items():
            if page_id in shared:
                row = {
                    "id": page_id,
                    "name": self._world.pages[page_id].name,
                    "access_token": self._desk.page_token(caller, page_id),
                    "tasks": list(tasks),
                }
                rows.append((page_id, chosen_fields(row, params, PAGE_FIELDS, ("id", "name", "access_token"))))
        return list_page(self._world, path, sorted(rows, key=_key, reverse=True), params)

    def _page(self, page: BusinessPage, caller: Caller) -> Answer:
        access: Answer = {
            "page_id": page.id,
            "user_id": caller.person_id,
            "app_has_leads_permission": not page.hides_leads,
            "user_has_leads_permission": True,
            "can_access_lead": not page.hides_leads,
            "enabled_lead_access_manager": page.hides_leads,
            "is_page_admin": True,
        }
        if page.hides_leads:
            access["failure_reason"] = "The app has no leads access for this Page."
            access["failure_resolution"] = "Ask the business admin to assign the CRM."
        return {"id": page.id, "name": page.name, "has_lead_access": access, "leadgen_tos_accepted": True}

    def _subscribed_apps(self, method: str, page: BusinessPage, caller: Caller, params: Mapping[str, str]) -> Answer:
        caller.require_page(page.id)
        caller.require_scope("pages_manage_metadata")
        if method == "GET":
            rows = [
                {"id": app, "name": "Leadhub", "subscribed_fields": sorted(fields)} for app, fields in page.apps.items()
            ]
            return {"data": rows}
        if method == "POST":
            fields = {each for each in params.get("subscribed_fields", "").split(",") if each}
            if not fields or not fields <= PAGE_WEBHOOK_FIELDS:
                raise GraphError(100, "(#100) Param subscribed_fields must be a list of known fields")
            page.apps[self._world.app_id] = fields
            return {"success": True}
        if method == "DELETE":
            page.apps.pop(self._world.app_id, None)
            return {"success": True}
        raise GraphError(100, "Unsupported request")

    # --- forms and leads ----------------------------------------------------------------------------------

    def _forms(self, path: str, page: BusinessPage, caller: Caller, params: Mapping[str, str]) -> Answer:
        caller.require_page(page.id)
        caller.require_scope("pages_manage_ads")
        ids = sorted((each for each in self._world.forms if self._world.page_of(each) == page.id), reverse=True)
        rows = [
            (each, chosen_fields(wire.form_json(self._world, each), params, wire.FORM_FIELDS, wire.FORM_DEFAULTS))
            for each in ids
        ]
        return list_page(self._world, path, rows, params)

    def _leads(self, path: str, form_id: str, caller: Caller, params: Mapping[str, str]) -> Answer:
        world = self._world
        if form_id not in world.forms:
            raise not_visible(form_id)
        self._require_leads(caller, world.page_of(form_id), form_id, params)
        keeps = _time_filter(params.get("filtering"))
        rows = [
            (
                f"{lead.submitted_at.isoformat()} {lead.source_id:>24}",
                chosen_fields(wire.lead_json(world, lead), params, wire.LEAD_FIELDS, wire.LEAD_DEFAULTS),
            )
            for lead in world.submissions_of(form_id)
            if keeps(int(lead.submitted_at.timestamp()))
        ]
        answer = list_page(world, path, sorted(rows, key=_key, reverse=True), params)
        if world.arrivals:
            world.add_submission(*world.arrivals.popleft())
        return answer

    def _lead(self, method: str, lead_id: str, caller: Caller, params: Mapping[str, str]) -> Answer:
        lead = self._world.submissions[lead_id]
        self._require_leads(caller, self._world.page_of(lead.form_id), lead_id, params)
        if method == "DELETE":
            del self._world.submissions[lead_id]
            return {"success": True}
        return chosen_fields(wire.lead_json(self._world, lead), params, wire.LEAD_FIELDS, wire.LEAD_DEFAULTS)

    def _test_lead(self, form_id: str, caller: Caller, params: Mapping[str, str]) -> Answer:
        """One per form at a time (section 4.4)."""
        if form_id not in self._world.forms:
            raise not_visible(form_id)
        caller.require_page(self._world.page_of(form_id))
        if any(each.is_test for each in self._world.submissions_of(form_id)):
            raise GraphError(100, "(#100) Delete the existing test lead before creating a new one")
        asked = json.loads(params.get("field_data", "[]"))
        answers = {row["name"]: tuple(row["values"]) for row in asked}
        answers = answers or {each.key: ("",) for each in self._world.forms[form_id].questions}
        return {"id": self._world.add_submission(form_id, answers, is_test=True)}

    def _require_leads(self, caller: Caller, page_id: str, node_id: str, params: Mapping[str, str]) -> None:
        caller.require_scope("leads_retrieval")
        caller.require_scope("pages_read_engagement")
        if wire.AD_FIELDS & set(params.get("fields", "").split(",")):
            caller.require_scope("ads_management")
        self._require_reach(caller, page_id, node_id)
        if self._world.pages[page_id].hides_leads:
            raise not_visible(node_id)

    def _require_reach(self, caller: Caller, page_id: str, node_id: str) -> None:
        """A token sees the Pages that were shared; of the rest Meta does not even say that they exist."""
        if caller.token is None:
            raise not_visible(node_id)
        person = self._world.people[caller.token.facts["person"]]
        shared = caller.token.facts["pages"].split(",")
        if caller.page_id not in (None, page_id) or page_id not in shared or page_id not in person.pages:
            raise not_visible(node_id)

    def _usage(self) -> dict[str, str]:
        percent = self._world.usage_percent
        if percent is None:
            return {}
        minutes = int(USAGE_WAIT.total_seconds() // 60) if percent >= 100 else 0
        return {"X-Business-Use-Case-Usage": usage_of_business(NORTH, percent, minutes)}


def _key(row: tuple[str, Answer]) -> str:
    return row[0]


def _time_filter(text: str | None) -> Callable[[int], bool]:
    """``filtering`` on ``time_created`` in Unix seconds; other fields and operators are refused."""
    try:
        rules = [(str(each["field"]), str(each["operator"]), int(each["value"])) for each in json.loads(text or "[]")]
    except (ValueError, TypeError, KeyError):
        raise GraphError(100, "(#100) Param filtering must be a list of filters") from None
    for field, operator, _ in rules:
        if field != "time_created" or operator not in ("GREATER_THAN", "LESS_THAN"):
            raise GraphError(100, f"(#100) Filtering field {field} with operation {operator} is not supported")
    return lambda moment: all(
        moment > value if operator == "GREATER_THAN" else moment < value for _, operator, value in rules
    )
