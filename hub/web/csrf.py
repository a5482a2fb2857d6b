"""Requests that another site made the browser send (AD-03).

For unsafe methods: ``Sec-Fetch-Site`` decides if the browser sends it (every current one does); else ``Origin``; else
a token that only our own pages can read. API keys are not sent by browsers on their own and are exempt. GET and HEAD
change nothing and need no check.

A request without all three headers and without a session cookie passes: it has no authority that could be abused,
and a page elsewhere cannot make a browser send the JSON media type that every route demands.
"""

import hashlib
import hmac
from collections.abc import Mapping

from hub.web.problems import Problem

TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 - the name of a header
SAFE = frozenset({"GET", "HEAD"})
_OWN_SITE = frozenset({"same-origin", "none"})


def csrf_token(session_token: str) -> str:
    """The token of a session: derived from its secret, so that it needs no storage and ends with it."""
    return hmac.new(session_token.encode(), b"csrf token", hashlib.sha256).hexdigest()


def require_own_site(headers: Mapping[str, str], *, origin: str, session_token: str | None) -> None:
    """Raise ``Problem`` 403 for an unsafe request that did not come from our own pages.

    ``origin`` is the hub's own, from its configured public address.
    """
    site, sender = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None:
        is_own = site.strip().lower() in _OWN_SITE
    elif sender is not None:
        is_own = sender.strip().lower() == origin.lower()
    elif session_token is not None:
        given = headers.get(TOKEN_HEADER, "")
        is_own = hmac.compare_digest(given.encode("utf-8", "replace"), csrf_token(session_token).encode())
    else:
        is_own = True
    if not is_own:
        raise Problem(
            403,
            "foreign-site",
            f"This request seems to come from another site. Use the hub's own pages, send {TOKEN_HEADER} "
            "(csrf_token of GET /api/v1/session), or use an API key.",
        )
