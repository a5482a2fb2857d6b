"""The routes of the public forms: no session, no cookie set or read (PF-02)."""

from aiohttp import web

from hub.db.engine import DatabaseUnavailableError
from hub.web.public_forms.answers import json_answer, page, page_answer
from hub.web.public_forms.current import CurrentForm
from hub.web.public_forms.intake import Ending, PublicForms, new_key
from hub.web.public_forms.origins import (
    cors_headers,
    is_listed,
    is_own,
    origin_in,
    preflight_headers,
)
from hub.web.public_forms.page import (
    EMBED_SCRIPT,
    FORM_SCRIPT,
    PageState,
    page_address,
    prefilled,
    render_form,
    render_message,
    visit_of,
)
from hub.web.public_forms.phrases import phrases, spoken
from hub.web.public_forms.refusals import refuse

_KEY = "{key:[A-Za-z0-9_-]{1,64}}"
_FRAMES = ("iframe", "frame", "embed", "object")


def add_routes(app: web.Application, forms: PublicForms) -> None:
    """Add the hosted pages under ``/f/`` and the JSON end point under ``/api/v1/forms/``."""
    handlers = _Handlers(forms)
    app.router.add_get(f"/f/{_KEY}", handlers.show)
    app.router.add_post(f"/f/{_KEY}", handlers.post)
    app.router.add_get(f"/f/{_KEY}/token", handlers.token)
    app.router.add_get(f"/f/{_KEY}/embed.js", handlers.embed_script)
    app.router.add_get(f"/f/{_KEY}/form.js", handlers.form_script)
    app.router.add_post(f"/api/v1/forms/{_KEY}/submissions", handlers.post_json)
    app.router.add_options(f"/api/v1/forms/{_KEY}/submissions", handlers.preflight)


class _Handlers:
    def __init__(self, forms: PublicForms) -> None:
        self._forms = forms

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The hosted page, or a clear page why there is none."""
        try:
            form = await self._forms.current.find(request.match_info["key"])
        except DatabaseUnavailableError:
            return _message(request, "unavailable", 503)
        if form is None:
            await self._forms.count(request, None, Ending.NOT_AVAILABLE)
            return _message(request, "not_available", 404)
        if _is_framed_by_stranger(request, form, self._forms.public_origin):
            await self._forms.count(request, form, Ending.HOST_NOT_LISTED)
            return _message(request, "host_not_listed", 403, form)
        if form.is_inactive:
            await self._forms.count(request, form, "inactive")
            return _message(request, "closed", 410, form)
        definition = form.definition
        address = page_address(f"{self._forms.public_origin}{request.path}", request.query)
        state = PageState(
            key=new_key(),
            token=self._forms.new_token(form),
            values=prefilled(definition, request.query),
            visit=visit_of(request.query, address, request.headers.get("Referer")),
        )
        html = render_form(definition, form.key, state)
        return page(html, hosts=definition.allowed_hosts, redirect=definition.redirect_url)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """A post of the hosted page, of its script, or of a site's own HTML form (P-06)."""
        outcome = await self._forms.take(request, request.match_info["key"])
        if "application/json" in request.headers.get("Accept", ""):
            return json_answer(self._forms, outcome, request)
        return page_answer(self._forms, outcome, request)

    async def post_json(self, request: web.Request) -> web.StreamResponse:
        """A post from a program, or from a page of a listed host (CORS)."""
        outcome = await self._forms.take(request, request.match_info["key"])
        answer = json_answer(self._forms, outcome, request)
        origin = request.headers.get("Origin")
        if origin and outcome.form and is_listed(origin, outcome.form.definition):
            answer.headers.update(cors_headers(origin))
        return answer

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """May a page of this origin post here?"""
        try:
            form = await self._forms.current.find(request.match_info["key"])
        except DatabaseUnavailableError:
            return refuse(request, 503, "unavailable", "Try again in a moment.", retry_after=5)
        origin = request.headers.get("Origin", "")
        if form is None:
            return refuse(request, 404, "not-available", "There is no published form at this address.")
        if not is_listed(origin, form.definition):
            await self._forms.count(request, form, Ending.HOST_NOT_LISTED)
            return refuse(request, 403, "host-not-listed", "The host is not on the form's list of allowed hosts.")
        return web.Response(status=204, headers=preflight_headers(origin))

    async def token(self, request: web.Request) -> web.StreamResponse:
        """A fresh render token for a page that was open long, so that its proof of work is of now."""
        forms = self._forms
        renewed = forms.connector.renew_token(
            request.query.get("previous", ""), now=forms.clock.now(), secret=forms.secret
        )
        if renewed is None:
            return refuse(request, 404, "token-unknown", "This token cannot be renewed; load the page again.")
        return web.json_response({"token": renewed}, headers={"Cache-Control": "no-store"})

    async def embed_script(self, request: web.Request) -> web.StreamResponse:
        """The script that a site includes."""
        return _script(EMBED_SCRIPT, "public, max-age=300", cross_origin=True)

    async def form_script(self, request: web.Request) -> web.StreamResponse:
        """The script of the hosted page itself."""
        return _script(FORM_SCRIPT, "public, max-age=31536000, immutable")


def _script(content: bytes, cache: str, *, cross_origin: bool = False) -> web.Response:
    policy = "cross-origin" if cross_origin else "same-origin"
    headers = {"Cache-Control": cache, "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": policy}
    return web.Response(body=content, content_type="text/javascript", charset="utf-8", headers=headers)


def _message(request: web.Request, name: str, status: int, form: CurrentForm | None = None) -> web.Response:
    """A page of words. A stranger's frame does not get to show it; a listed host's does."""
    definition = form.definition if form else None
    language = definition.language if definition else spoken(request.headers.get("Accept-Language", ""))
    words = phrases(language)
    html = render_message(language, words[name], words[f"{name}_text"])
    retry = 5 if status == 503 else None
    return page(html, status, hosts=definition.allowed_hosts if definition else (), retry=retry)


def _is_framed_by_stranger(request: web.Request, form: CurrentForm, public_origin: str) -> bool:
    """The browser keeps strangers from framing the page anyway (frame-ancestors); here it is noticed and counted."""
    if request.headers.get("Sec-Fetch-Dest") not in _FRAMES:
        return False
    origin = origin_in(request.headers.get("Referer"))
    return bool(origin) and not (
        is_own(str(origin), request.host, public_origin) or is_listed(str(origin), form.definition)
    )
