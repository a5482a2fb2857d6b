"""The permissions that are asked for (protocol page section 2.2), and what does not work without each."""

from collections.abc import Collection, Iterable

from plugins.meta_ads.payloads import GranularScope

CONSEQUENCES = {
    "pages_show_list": "your Pages cannot be listed",
    "pages_manage_metadata": "new leads cannot be delivered at once",
    "pages_read_engagement": "Pages and their forms cannot be read",
    "leads_retrieval": "leads cannot be read",
    "pages_manage_ads": "forms cannot be listed",
    "ads_management": "the names of campaigns and ads are missing on leads",
    "business_management": "Pages that belong to a business portfolio may be missing",
}

SCOPES = tuple(CONSEQUENCES)


def missing_permissions(granted: Collection[str]) -> list[str]:
    """One sentence for each permission that was not granted."""
    return [
        f"The permission {scope} was not granted: {consequence}. Sign in again and allow it."
        for scope, consequence in CONSEQUENCES.items()
        if scope not in granted
    ]


def missing_on_page(page_id: str, granular_scopes: Iterable[GranularScope]) -> list[str]:
    """One sentence for each permission that was granted for other Pages only."""
    return [
        f"The permission {each.scope} was not granted for this Page: {CONSEQUENCES[each.scope]}."
        for each in granular_scopes
        if each.target_ids and _is_page_scope(each.scope) and page_id not in each.target_ids
    ]


def _is_page_scope(scope: str) -> bool:
    """Targets of the other permissions are ad accounts and businesses."""
    return scope in CONSEQUENCES and (scope.startswith("pages_") or scope == "leads_retrieval")
