"""Registered webhooks: one per ad account, for its sponsored leads."""

from collections.abc import AsyncIterator, Sequence

from hub.connector.access import Access
from hub.connector.errors import PartAccessLostError
from pydantic import JsonValue

from linkedin_lead_sync.accounts import account_ids, roles_of
from linkedin_lead_sync.api import call, owner_of, pages
from linkedin_lead_sync.leads import SPONSORED
from linkedin_lead_sync.payloads import Subscription, answered


async def subscribe(access: Access, callback_url: str) -> None:
    """Register where it is not registered yet. LinkedIn asks the address its challenge while it answers."""
    async for account_id, known in _of_accounts(access):
        if not _has(known, callback_url):
            owner: JsonValue = {"sponsoredAccount": f"urn:li:sponsoredAccount:{account_id}"}
            wanted: JsonValue = {"webhook": callback_url, "owner": owner, "leadType": SPONSORED}
            await call(access, "POST", "/leadNotifications", wanted, account_id=account_id)


async def is_subscribed(access: Access, callback_url: str) -> bool:
    """Whether every ad account that can be reached notifies this address."""
    found = [_has(known, callback_url) async for _, known in _of_accounts(access)]
    return bool(found) and all(found)


async def unsubscribe(access: Access) -> None:
    """Remove what this app registered: a member's token shows no other app's."""
    async for account_id, known in _of_accounts(access):
        for each in known:
            await call(access, "DELETE", f"/leadNotifications/{each.id}", account_id=account_id)


async def _of_accounts(access: Access) -> AsyncIterator[tuple[str, Sequence[Subscription]]]:
    """Each ad account with its subscriptions; one that is out of reach is skipped and told."""
    for account_id in account_ids(await roles_of(access)):
        try:
            known = await _known(access, account_id)
        except PartAccessLostError as error:
            access.skip_part(error)
        else:
            yield account_id, known


async def _known(access: Access, account_id: str) -> list[Subscription]:
    path = f"/leadNotifications?q=criteria&owner=(value:{owner_of(account_id)})&leadType=(leadType:{SPONSORED})"
    found: dict[str, Subscription] = {}
    async for elements, _ in pages(access, path, account_id=account_id):
        for each in elements:
            subscription = answered(Subscription, each)
            found[subscription.id] = subscription
    return list(found.values())


def _has(known: Sequence[Subscription], callback_url: str) -> bool:
    return any(each.webhook == callback_url for each in known)
