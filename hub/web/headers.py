"""Headers that every answer carries (AD-11); an answer that sets one itself (a form page its CSP) keeps its own."""

from aiohttp import web

BASE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
HSTS = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
REQUEST_ID = "X-Request-Id"
REQUEST_ID_KEY = web.RequestKey("request_id", str)
"""Where a request keeps its id: ``request[REQUEST_ID_KEY]``; it is the ``instance`` of a problem and in the log."""


def add_headers(response: web.StreamResponse, request_id: str, *, is_https: bool) -> None:
    """Fill in what is missing. HSTS only where the hub's public address is https: over http it has no meaning."""
    headers = response.headers
    for name, value in BASE.items():
        if name not in headers:
            headers[name] = value
    if is_https:
        headers[HSTS[0]] = HSTS[1]
    headers[REQUEST_ID] = request_id
    headers["Server"] = "Leadhub"
