"""Signing in (LinkedIn's guides "Authorization Code Flow" and "Programmatic refresh tokens")."""

from datetime import datetime, timedelta

from hub.connector.access import Access
from hub.connector.models import Grant, OAuthProfile
from hub.connector.oauth import read_token_answer
from pydantic import JsonValue

LOGIN = "https://www.linkedin.com"
LONGEST_LIFE = timedelta(days=3650)
PROFILE = OAuthProfile(
    authorize_url=f"{LOGIN}/oauth/v2/authorization",
    token_url=f"{LOGIN}/oauth/v2/accessToken",
    scopes=("r_ads", "r_marketing_leadgen_automation"),
    pkce=False,
)
"""PKCE is for native apps that LinkedIn approved."""


async def token(access: Access, form: dict[str, str]) -> Grant:
    """A grant from the token endpoint.

    Refresh tokens, which only approved apps get, end a year after the sign-in and are never prolonged; without one the
    access itself ends after 60 days. Either way an admin must sign in again then: ``authorised_until``.
    """
    answer = await access.call("POST", PROFILE.token_url, form=form, authorised=False)
    now = access.clock.now()
    grant = read_token_answer(answer.body, now)
    until = _end_of_refresh(answer.body, now) if grant.refresh_token else grant.expires_at
    return grant.model_copy(update={"authorised_until": until})


def _end_of_refresh(body: JsonValue, now: datetime) -> datetime | None:
    seconds = body.get("refresh_token_expires_in") if isinstance(body, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        return None
    return now + timedelta(seconds=min(seconds, LONGEST_LIFE.total_seconds()))
