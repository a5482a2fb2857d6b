"""Signing in and giving the sign-in back (protocol page section 3)."""

from datetime import datetime, timedelta

from pydantic import JsonValue, SecretStr

from hub.connector.access import Access
from hub.connector.errors import PermanentError, ReauthorizationNeededError
from hub.connector.models import Grant
from hub.connector.oauth import Redirect, read_token_answer
from plugins.google_ads.errors import TOKEN_UNKNOWN
from plugins.google_ads.settings import GoogleAdsSettings

AUTHORIZE_URL = "https://accounts.google.com/o/oauth2/v2/auth"
TOKEN_HOST = "https://oauth2.googleapis.com"  # noqa: S105 - an address
TOKEN_URL = f"{TOKEN_HOST}/token"
REVOKE_URL = f"{TOKEN_HOST}/revoke"
LONGEST_LIFE = timedelta(days=3650)


async def grant_of_code(access: Access, code: SecretStr, redirect: Redirect) -> Grant:
    """A lasting grant for the code of a redirect.

    ``authorised_until`` is set where Google says that the refresh token itself ends, as it does for projects in
    Testing. Raises ``ReauthorizationNeededError`` (``no_refresh_token``) where Google gave nothing to renew with.
    """
    settings = access.settings(GoogleAdsSettings)
    form = {
        "grant_type": "authorization_code",
        "code": code.get_secret_value(),
        "redirect_uri": redirect.redirect_uri,
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
    }
    if redirect.code_verifier is not None:
        form["code_verifier"] = redirect.code_verifier.get_secret_value()
    answer = await access.call("POST", TOKEN_URL, form=form, authorised=False)
    now = access.clock.now()
    grant = read_token_answer(answer.body, now)
    if grant.refresh_token is None:
        raise ReauthorizationNeededError(
            "Google gave no lasting access. Remove the app under myaccount.google.com, Third-party access, then sign "
            "in again.",
            code="no_refresh_token",
        )
    return grant.model_copy(update={"authorised_until": _end_of_refresh(answer.body, now)})


async def revoke_grant(access: Access, grant: Grant) -> None:
    """End the grant at Google, all its tokens with it. One that is dead already is as good."""
    token = grant.refresh_token or grant.access_token
    try:
        await access.call("POST", REVOKE_URL, form={"token": token.get_secret_value()}, authorised=False)
    except PermanentError as error:
        if error.code != TOKEN_UNKNOWN:
            raise


def _end_of_refresh(body: JsonValue, now: datetime) -> datetime | None:
    """When the refresh token ends by itself; None where Google names no date."""
    seconds = body.get("refresh_token_expires_in") if isinstance(body, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        return None
    return now + timedelta(seconds=min(seconds, LONGEST_LIFE.total_seconds()))
