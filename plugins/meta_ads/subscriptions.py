"""Switching deliveries on and off: once per app, and once per Page (protocol page section 3.1)."""

from typing import Any

from hub.connector.errors import ConnectorError, PartAccessLostError
from plugins.meta_ads.graph import Graph, member
from plugins.meta_ads.webhooks import verify_token

FIELD = "leadgen"


async def subscribe_pages(graph: Graph, callback_url: str) -> None:
    """App, then every Page. One Page that refuses does not keep the others waiting: where it is out of reach it is
    left out, and any other refusal is raised last."""
    if not await _app_delivers_to(graph, callback_url):
        await _subscribe_app(graph, callback_url)
    refusals: list[ConnectorError] = []
    for page_id in graph.access.part_ids:
        try:
            fields = await _page_fields(graph, page_id)
            if FIELD not in fields:
                await _set_page_fields(graph, page_id, {*fields, FIELD})
        except PartAccessLostError as error:
            graph.access.skip_part(error)
        except ConnectorError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


async def are_pages_subscribed(graph: Graph, callback_url: str) -> bool:
    """Whether the app delivers to this address and every Page that can be asked delivers to the app."""
    if not await _app_delivers_to(graph, callback_url):
        return False
    return all([await _is_page_subscribed(graph, page_id) for page_id in graph.access.part_ids])


async def _is_page_subscribed(graph: Graph, page_id: str) -> bool:
    try:
        return FIELD in await _page_fields(graph, page_id)
    except PartAccessLostError as error:
        graph.access.skip_part(error)
        return True


async def unsubscribe_pages(graph: Graph) -> None:
    """Every Page of this connection. The app's own subscription stays: other connections live on it."""
    refusals: list[ConnectorError] = []
    for page_id in graph.access.part_ids:
        try:
            fields = await _page_fields(graph, page_id)
            if FIELD in fields:
                await _set_page_fields(graph, page_id, fields - {FIELD})
        except ConnectorError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


async def _app_delivers_to(graph: Graph, callback_url: str) -> bool:
    found = await _app_subscription(graph)
    return (
        found.get("callback_url") == callback_url
        and found.get("active") in (True, "true")
        and FIELD in _field_names(found)
    )


async def _subscribe_app(graph: Graph, callback_url: str) -> None:
    """Meta asks the address for its handshake before it answers. The former fields are named again, as the new
    list replaces the old one."""
    fields = {*_field_names(await _app_subscription(graph)), FIELD}
    form = {
        "object": "page",
        "callback_url": callback_url,
        "fields": ",".join(sorted(fields)),
        "verify_token": verify_token(graph.settings.app_secret),
        "include_values": "true",
    }
    await graph.call_as_app("POST", f"{graph.settings.app_id}/subscriptions", form=form)


async def _app_subscription(graph: Graph) -> dict[str, Any]:
    """The app's subscription for Pages; empty where there is none."""
    answer = await graph.call_as_app("GET", f"{graph.settings.app_id}/subscriptions")
    rows = member(answer.body, "data")
    found = [row for row in rows if member(row, "object") == "page"] if isinstance(rows, list) else []
    return found[0] if found and isinstance(found[0], dict) else {}


async def _page_fields(graph: Graph, page_id: str) -> set[str]:
    """What this app gets of a Page."""
    answer = await graph.get(f"{page_id}/subscribed_apps", {}, part_id=page_id)
    rows = member(answer.body, "data")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and str(row.get("id")) == graph.settings.app_id:
            return set(_names(row.get("subscribed_fields")))
    return set()


async def _set_page_fields(graph: Graph, page_id: str, fields: set[str]) -> None:
    if fields:
        form = {"subscribed_fields": ",".join(sorted(fields))}
        await graph.call("POST", f"{page_id}/subscribed_apps", part_id=page_id, form=form)
    else:
        await graph.call("DELETE", f"{page_id}/subscribed_apps", part_id=page_id)


def _field_names(subscription: dict[str, Any]) -> list[str]:
    return _names(subscription.get("fields"))


def _names(fields: Any) -> list[str]:
    """Fields are written as names here and as objects with a name there."""
    rows = fields if isinstance(fields, list) else []
    return [name for row in rows if isinstance(name := row if isinstance(row, str) else member(row, "name"), str)]
