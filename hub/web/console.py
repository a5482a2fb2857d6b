"""Serves the built console: one page for every address of it, and its hashed files (decision 17).

The page knows nobody: who is signed in, and what may be seen, is decided by the API that it calls.
"""

import re
from pathlib import Path

from aiohttp import web

from hub.web.pages import show_page

BUILT = Path(__file__).parent / "static" / "console"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, no inline script; the components set inline styles."""

SECTIONS = ("leads", "ledger", "forms", "integration", "sign-in", "first-run")
"""First parts of the console's own addresses; a test compares them with its router."""

_ASSET = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)+")
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_BUILT = (
    "The server runs, but its web pages were not built into it. In the source folder run: make setup (or "
    "python hatch_build.py), then load this page again. The API, webhooks and public forms work without it."
)

console_routes = web.RouteTableDef()


async def show_console(_request: web.Request) -> web.StreamResponse:
    """The page; which of its views is shown is decided in the browser."""
    page = BUILT / "index.html"
    if not page.is_file():
        return show_page("message.html", 503, title="The console is not built", text=_NOT_BUILT)
    return web.FileResponse(page, headers={"Content-Security-Policy": CSP, "Cache-Control": "no-store"})


@console_routes.get("/console/assets/{name}")
async def show_asset(request: web.Request) -> web.StreamResponse:
    """A built file; its name holds a hash of its content, so that browsers may keep it for good."""
    name = request.match_info["name"]
    path = BUILT / "assets" / name
    if not _ASSET.fullmatch(name) or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={"Cache-Control": _FOR_EVER})


console_routes.get("/")(show_console)
for section in SECTIONS:
    console_routes.get(f"/{section}")(show_console)
    console_routes.get(f"/{section}/{{rest:.*}}")(show_console)
