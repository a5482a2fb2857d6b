"""What is asked for at the sign-in (protocol page section 3), why, and what does not work without it."""

from collections.abc import Collection

from hub.connector.models import AccessItem

ADS = "https://www.googleapis.com/auth/adwords"
EMAIL = "https://www.googleapis.com/auth/userinfo.email"
PROFILE = "https://www.googleapis.com/auth/userinfo.profile"
OPENID = "openid"

CONSEQUENCES = {
    ADS: "neither accounts nor forms nor leads can be read",
    EMAIL: "the connection cannot show whose it is",
    PROFILE: "the connection cannot show the person's name",
    OPENID: "another sign-in cannot be told from this one for certain",
}

SCOPES = tuple(CONSEQUENCES)

ACCESS_REVIEW = (
    AccessItem(label="Customer accounts", scopes=(ADS,)),
    AccessItem(label="Forms", scopes=(ADS,)),
    AccessItem(label="Retrieve leads", scopes=(ADS,)),
    AccessItem(label="User email address", scopes=(EMAIL,)),
    AccessItem(label="User profile information", scopes=(PROFILE, OPENID)),
)
"""Google has one scope for everything in Google Ads, so that three lines explain the same one."""


def missing_scopes(granted: Collection[str]) -> list[str]:
    """One sentence for each scope that was not granted."""
    return [
        f"The permission {scope.rpartition('/')[2]} was not granted: {consequence}. Sign in again and tick it."
        for scope, consequence in CONSEQUENCES.items()
        if scope not in granted
    ]
