"""Small server-made pages: what a person reads after a redirect or behind a link."""

from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader

_environment = Environment(loader=PackageLoader("hub.web", "templates"), autoescape=True)

CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
"""Such a page runs no script and loads nothing."""


def show_page(template: str, status: int = 200, **values: Any) -> web.Response:
    """A page from a template of ``hub/web/templates``; every value is escaped."""
    text = _environment.get_template(template).render(**values)
    headers = {"Content-Security-Policy": CSP}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)
