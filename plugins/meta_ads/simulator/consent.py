"""The sign-in dialog as a person sees it in a browser (protocol page section 2.1)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from plugins.meta_ads.simulator.world import DATA_ACCESS, PERMISSIONS, MetaWorld, Person

CODE_LIFE = timedelta(minutes=10)
STYLE = "body{font:16px sans-serif;max-width:34rem;margin:3rem auto}fieldset{margin:1rem 0}label{display:block}"


@dataclass(frozen=True)
class Asked:
    """What the app asked for."""

    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    challenge: str | None
    all_or_nothing: bool


class ConsentDialog:
    """Two steps: who are you, and what do you allow. A refusal goes back to the app as an error."""

    def __init__(self, world: MetaWorld) -> None:
        self._world = world

    async def show(self, request: web.Request) -> web.Response:
        """GET: the people to choose from, or what the chosen person is asked for."""
        asked = self._asked(request)
        person = self._world.people.get(request.query.get("person", ""))
        content = self._choices(asked, person) if person else self._sign_in(request)
        return _html(content)

    async def decide(self, request: web.Request) -> web.Response:
        """POST: back to the app with a code, or with the refusal."""
        asked = self._asked(request)
        form = await request.post()
        person = self._world.people.get(str(form.get("person", self._world.visitor_id)))
        if person is None:
            raise web.HTTPBadRequest(text="Nobody of this name.")
        if form.get("decision") != "allow":
            return _back(asked, {**REFUSAL})
        if "chosen" in form:
            pages = {str(each) for each in form.getall("page", [])}
            scopes = {str(each) for each in form.getall("scope", [])}
        else:
            pages = set(person.pages) - self._world.withheld_pages
            scopes = set(asked.scopes) - {str(each) for each in form.getall("withhold", [])}
        return _back(asked, {"code": self._code(asked, person, pages, scopes)})

    def _asked(self, request: web.Request) -> Asked:
        query = request.query
        world = self._world
        if query.get("client_id") != world.app_id:
            raise web.HTTPBadRequest(text="Invalid App ID: The provided app ID does not look like a valid app ID.")
        redirect_uri = query.get("redirect_uri", "")
        if not self._is_registered(redirect_uri):
            raise web.HTTPBadRequest(text="URL blocked: the redirect URI is not white-listed in the app's settings.")
        if query.get("response_type", "code") != "code":
            raise web.HTTPBadRequest(text="Only response_type=code is offered here.")
        has_configuration = "config_id" in query
        scopes = PERMISSIONS if has_configuration else tuple(query.get("scope", "").replace(",", " ").split())
        unknown = [each for each in scopes if each not in PERMISSIONS]
        if unknown or not scopes:
            raise web.HTTPBadRequest(text=f"Invalid Scopes: {' '.join(unknown)}")
        if query.get("code_challenge_method", "S256") != "S256":
            raise web.HTTPBadRequest(text="Only S256 is offered.")
        return Asked(redirect_uri, query.get("state"), scopes, query.get("code_challenge"), has_configuration)

    def _is_registered(self, redirect_uri: str) -> bool:
        if self._world.redirect_uris is not None:
            return redirect_uri in self._world.redirect_uris
        parts = urlsplit(redirect_uri)
        return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"))

    def _code(self, asked: Asked, person: Person, pages: Collection[str], scopes: Collection[str]) -> str:
        """With a configuration all permissions are granted or none (section 2.3)."""
        person.data_access_until = self._world.clock.now() + DATA_ACCESS
        granted = asked.scopes if asked.all_or_nothing else tuple(each for each in asked.scopes if each in scopes)
        facts = {
            "person": person.id,
            "pages": ",".join(each for each in person.pages if each in pages),
            "redirect_uri": asked.redirect_uri,
            "challenge": asked.challenge or "",
            "kind": "system" if asked.all_or_nothing else "person",
        }
        return self._world.tokens.issue("code", lifetime=CODE_LIFE, scopes=granted, facts=facts)

    def _sign_in(self, request: web.Request) -> str:
        rows = "".join(
            f'<li><a href="{escape(str(request.rel_url.update_query(person=each.id)))}">Continue as '
            f"{escape(each.name)}</a> ({len(each.pages)} Pages)</li>"
            for each in self._world.people.values()
        )
        return f"<h1>Log in to the simulated Facebook</h1><p>Choose a demonstration account.</p><ul>{rows}</ul>"

    def _choices(self, asked: Asked, person: Person) -> str:
        pages = "".join(
            f'<label><input type="checkbox" name="page" value="{each}" checked> '
            f"{escape(self._world.pages[each].name)}</label>"
            for each in person.pages
        )
        scopes = "".join(
            f'<label><input type="checkbox" name="scope" value="{each}" checked> {each}</label>'
            for each in asked.scopes
        )
        return (
            f"<h1>Leadhub wants access</h1><p>You are signed in as {escape(person.name)}.</p>"
            f'<form method="post"><input type="hidden" name="person" value="{person.id}">'
            '<input type="hidden" name="chosen" value="1">'
            f"<fieldset><legend>Pages</legend>{pages or 'You manage no Pages.'}</fieldset>"
            f"<fieldset><legend>Permissions</legend>{scopes}</fieldset>"
            '<button name="decision" value="allow">Save</button> '
            '<button name="decision" value="deny">Not now</button></form>'
        )


REFUSAL = {
    "error": "access_denied",
    "error_code": "200",
    "error_description": "Permissions error",
    "error_reason": "user_denied",
}


def _back(asked: Asked, params: dict[str, str]) -> web.Response:
    query = urlencode({**params, **({"state": asked.state} if asked.state is not None else {})})
    glue = "&" if urlsplit(asked.redirect_uri).query else "?"
    return web.Response(status=302, headers={"Location": f"{asked.redirect_uri}{glue}{query}"})


def _html(content: str) -> web.Response:
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Simulated Facebook</title>'
        f"<style>{STYLE}</style><body>{content}</body></html>"
    )
    return web.Response(text=page, content_type="text/html")
