"""The permissions that are asked for (protocol page section 2.2), and what does not work without each."""

from collections.abc import Collection

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
