"""Whom a sign-in reaches: the member, and the ad accounts on which they have a role."""

from collections.abc import Sequence

from hub.connector.access import Access
from hub.connector.errors import ReauthorizationNeededError
from hub.connector.models import Account, AccountPart

from linkedin_lead_sync.api import call, pages
from linkedin_lead_sync.payloads import AdAccount, AdAccountUser, answered
from linkedin_lead_sync.urns import id_of


async def account_of(access: Access) -> Account:
    """The member as account, the ad accounts as parts. Raises ``ReauthorizationNeededError`` where there is none."""
    roles = await roles_of(access)
    if not roles:
        raise ReauthorizationNeededError(
            "This LinkedIn member has no role on any ad account. Sign in as a member who manages the ads, or have a "
            "role given to this one in Campaign Manager.",
            code="no_ad_account",
        )
    parts = [AccountPart(id=each, name=await _name_of(access, each)) for each in account_ids(roles)]
    name = parts[0].name if len(parts) == 1 else f"{parts[0].name} and {len(parts) - 1} more"
    return Account(id=id_of(roles[0].user, "person") or roles[0].user, name=name, parts=tuple(parts))


async def roles_of(access: Access) -> Sequence[AdAccountUser]:
    """The roles of the member who signed in."""
    found: list[AdAccountUser] = []
    async for elements, _ in pages(access, "/adAccountUsers?q=authenticatedUser"):
        found += [answered(AdAccountUser, each) for each in elements]
    return found


def account_ids(roles: Sequence[AdAccountUser]) -> list[str]:
    """The ad accounts, each once."""
    ids = (id_of(each.account, "sponsoredAccount") for each in roles)
    return list(dict.fromkeys(each for each in ids if each is not None))


async def _name_of(access: Access, account_id: str) -> str:
    account = answered(AdAccount, (await call(access, "GET", f"/adAccounts/{account_id}")).body)
    return account.name or account_id
