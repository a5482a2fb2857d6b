"""Default OAuth 2.0 steps of a connector, on authlib's own request builders.

State, PKCE verifiers, storage, locks and schedules are the hub's business; here is only what travels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from pydantic import BaseModel, JsonValue, SecretStr

from hub.connector.access import Access
from hub.connector.errors import PermanentError, RetryableError
from hub.connector.models import Grant, OAuthProfile

LONGEST_LIFE = timedelta(days=3650)


@dataclass(frozen=True)
class ClientCredentials:
    """Who the hub is at the authorisation server (RFC 6749 section 2.3.1)."""

    client_id: str
    client_secret: SecretStr | None = None

    @classmethod
    def from_settings(cls, settings: BaseModel) -> "ClientCredentials":
        """From fields called ``client_id`` and ``client_secret``."""
        client_id = getattr(settings, "client_id", None)
        secret = getattr(settings, "client_secret", None)
        if not isinstance(client_id, str):
            raise PermanentError("The app's client id is missing in the connector's settings.", code="invalid_client")
        return cls(client_id, secret if isinstance(secret, SecretStr) else None)


@dataclass(frozen=True)
class Redirect:
    """What the authorisation request said and the token request must repeat."""

    redirect_uri: str
    code_verifier: SecretStr | None = None


def authorize_url(
    profile: OAuthProfile,
    credentials: ClientCredentials,
    *,
    redirect: Redirect,
    state: str,
    placeholders: Mapping[str, str],
    extra: Mapping[str, str] | None = None,
) -> str:
    """Where the admin's browser goes to sign in (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
    params = {**profile.authorize_params, **(extra or {})}
    if profile.pkce and redirect.code_verifier is not None:
        params["code_challenge"] = create_s256_code_challenge(redirect.code_verifier.get_secret_value())
        params["code_challenge_method"] = "S256"
    return str(
        prepare_grant_uri(
            profile.authorize_url.format_map(placeholders),
            credentials.client_id,
            "code",
            redirect_uri=redirect.redirect_uri,
            scope=profile.scope_separator.join(profile.scopes),
            state=state,
            **params,
        )
    )


async def exchange_code(
    profile: OAuthProfile, credentials: ClientCredentials, code: SecretStr, redirect: Redirect, access: Access
) -> Grant:
    """Exchange an authorisation code (RFC 6749 section 4.1.3)."""
    extra = {"code": code.get_secret_value()}
    if profile.pkce and redirect.code_verifier is not None:
        extra["code_verifier"] = redirect.code_verifier.get_secret_value()
    body = prepare_token_request("authorization_code", redirect_uri=redirect.redirect_uri, **extra)
    return await _token_call(profile, credentials, body, access)


async def refresh(profile: OAuthProfile, credentials: ClientCredentials, grant: Grant, access: Access) -> Grant:
    """Renew by refresh token (RFC 6749 section 6)."""
    if grant.refresh_token is None:
        raise PermanentError("The grant has no refresh token.", code="no_refresh_token")
    body = prepare_token_request("refresh_token", refresh_token=grant.refresh_token.get_secret_value())
    return await _token_call(profile, credentials, body, access)


async def revoke(profile: OAuthProfile, credentials: ClientCredentials, grant: Grant, access: Access) -> None:
    """Revoke the grant (RFC 7009 section 2.1); nothing where the profile names no address for it."""
    if profile.revoke_url is None:
        return
    token = grant.refresh_token or grant.access_token
    await access.call(
        "POST",
        _filled(profile.revoke_url, access),
        form={"token": token.get_secret_value(), **_client_fields(credentials)},
        authorised=False,
    )


def read_token_answer(body: JsonValue, now: datetime) -> Grant:
    """A grant from a token answer (RFC 6749 section 5.1).

    ``expires_in`` may be a number or digits; zero, absent or unreadable means that no date is known. Raises
    ``RetryableError`` where there is no access token: such an answer says nothing about the grant.
    """
    if not isinstance(body, dict) or not isinstance(token := body.get("access_token"), str) or not token:
        raise RetryableError("The platform's token answer held no access token.", code="garbage")
    refresh_token = body.get("refresh_token")
    scope = body.get("scope")
    return Grant(
        access_token=SecretStr(token),
        refresh_token=SecretStr(refresh_token) if isinstance(refresh_token, str) and refresh_token else None,
        expires_at=_expiry(body.get("expires_in"), now),
        scopes=tuple(scope.replace(",", " ").split()) if isinstance(scope, str) else (),
    )


def _expiry(expires_in: JsonValue, now: datetime) -> datetime | None:
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return None
    try:
        seconds = float(expires_in)
    except ValueError:
        return None
    if not 0 < seconds < float("inf"):
        return None
    return now + timedelta(seconds=min(seconds, LONGEST_LIFE.total_seconds()))


async def _token_call(profile: OAuthProfile, credentials: ClientCredentials, body: str, access: Access) -> Grant:
    form = {**dict(parse_qsl(body, keep_blank_values=True)), **_client_fields(credentials)}
    answer = await access.call("POST", _filled(profile.token_url, access), form=form, authorised=False)
    return read_token_answer(answer.body, access.clock.now())


def _client_fields(credentials: ClientCredentials) -> dict[str, str]:
    fields = {"client_id": credentials.client_id}
    if credentials.client_secret is not None:
        fields["client_secret"] = credentials.client_secret.get_secret_value()
    return fields


def _filled(url: str, access: Access) -> str:
    if "{" not in url:
        return url
    return url.format_map({k: str(v) for k, v in access.settings_model().model_dump().items()})


def origin(url: str) -> str:
    """Scheme and authority of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
