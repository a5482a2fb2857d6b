"""The session cookie.

Over https: ``__Host-leadhub``, Secure, HttpOnly, SameSite=Lax, Path=/, no Domain, so that no other host (not even a
subdomain) can set or read it. Over plain http only Chromium and Firefox keep such a cookie, and only on loopback;
others drop it. The setting ``insecure_cookies`` (refused off loopback) therefore uses the name ``leadhub`` without
Secure. The cookie has no Expires: it ends with the browser, and on our side by idle time and absolute end.
"""

from aiohttp import web

from hub.web.services import WebSettings

SECURE_NAME = "__Host-leadhub"
INSECURE_NAME = "leadhub"


def cookie_name(settings: WebSettings) -> str:
    """The one name that is set and read under these settings."""
    return INSECURE_NAME if settings.insecure_cookies else SECURE_NAME


def read_session(request: web.Request, settings: WebSettings) -> str | None:
    """The cookie's value, or None."""
    return request.cookies.get(cookie_name(settings)) or None


def write_session(response: web.StreamResponse, settings: WebSettings, token: str) -> None:
    """Set the cookie, or remove it where ``token`` is empty."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=None if token else 0,
        path="/",
        secure=not settings.insecure_cookies,
        httponly=True,
        samesite="Lax",
    )
