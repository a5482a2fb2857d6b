"""Of whom a refusal speaks: of the whole sign-in, or of one Page while the sign-in lives (protocol page section 2.4).

A Page token dies by itself when the person loses the role there, the Page is unpublished or taken from the app; Meta
answers the same codes then as for a dead sign-in. What ``debug_token`` says of the person's token tells them apart.
"""

from collections.abc import Collection
from datetime import datetime

from hub.connector.errors import PartAccessLostError, ReauthorizationNeededError
from plugins.meta_ads.errors import PERMISSION_REMOVED, error_of_code
from plugins.meta_ads.payloads import TokenFacts
from plugins.meta_ads.permissions import SCOPES, missing_on_page, missing_permissions

PAGE_ROLE_LOST = "page_role_lost"
PAGE_NOT_SHARED = "page_not_shared"
WITHOUT_CAUSE = ("revoked", "token_invalid")


def refusal_of_sign_in(error: ReauthorizationNeededError, facts: TokenFacts | None) -> ReauthorizationNeededError:
    """A refusal of the person's own token, with the permissions that it lacks where one was taken away."""
    if error.code != PERMISSION_REMOVED or facts is None:
        return error
    message = " ".join(missing_permissions(facts.scopes)) or error.user_message
    return ReauthorizationNeededError(message, detail=error.detail, code=error.code)


def refusal_of_page(
    error: ReauthorizationNeededError,
    page_id: str,
    facts: TokenFacts | None,
    *,
    granted: Collection[str],
    now: datetime,
) -> ReauthorizationNeededError:
    """A refusal of a Page's token. ``facts`` are those of the person's token, None where Meta does not tell them
    now; ``granted`` are the permissions at the sign-in: one that is gone since is gone for every Page."""
    if facts is not None and not _is_living(facts, now):
        return _cause_of_death(error, facts)
    if error.code != PERMISSION_REMOVED:
        return PartAccessLostError(_dead_page(error), part_id=page_id, detail=error.detail, code=error.code)
    if facts is None:
        return PartAccessLostError(error.user_message, part_id=page_id, detail=error.detail, code=error.code)
    if any(scope not in facts.scopes for scope in granted or SCOPES):
        return refusal_of_sign_in(error, facts)
    missing = [*missing_permissions(facts.scopes), *missing_on_page(page_id, facts.granular_scopes)]
    message = " ".join(missing) or (
        "A permission was taken back for this Page. Sign in again, choose the Page and allow everything that is "
        "asked for; you need full control of the Page or the task Ads there."
    )
    return PartAccessLostError(message, part_id=page_id, detail=error.detail, code=error.code)


def page_not_shared(page_id: str) -> PartAccessLostError:
    """The sign-in has no token for this Page (any more)."""
    return PartAccessLostError(
        "This Page is not shared with the hub any more. Sign in again and choose it.",
        part_id=page_id,
        code=PAGE_NOT_SHARED,
    )


def _is_living(facts: TokenFacts, now: datetime) -> bool:
    """Valid, and within the time in which it gives data (section 2.3)."""
    until = facts.data_access_expires_at
    return facts.is_valid and (not until or until > now.timestamp())


def _cause_of_death(error: ReauthorizationNeededError, facts: TokenFacts) -> ReauthorizationNeededError:
    if not facts.is_valid and facts.error is not None:
        found = error_of_code(facts.error.code, facts.error.subcode)
        if isinstance(found, ReauthorizationNeededError):
            return found
    return error


def _dead_page(error: ReauthorizationNeededError) -> str:
    if error.code == PAGE_ROLE_LOST:
        return error.user_message
    if error.code in WITHOUT_CAUSE:
        return (
            "Facebook no longer accepts the hub's key for this Page. Look whether the Page is published and your role "
            "on it is in order, then sign in again and choose it."
        )
    return f"The hub's key for this Page no longer works. {error.user_message}"
