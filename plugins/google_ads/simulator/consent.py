"""The sign-in and consent pages as a person sees them in a browser (protocol page section 3)."""

from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from hub.testing.tokens import CODE_LIFE
from plugins.google_ads.simulator.ads import ADS_SCOPE
from plugins.google_ads.simulator.token_desk import EMAIL_SCOPE, PROFILE_SCOPE
from plugins.google_ads.simulator.world import GoogleWorld, Person

SCOPES = frozenset({ADS_SCOPE, EMAIL_SCOPE, PROFILE_SCOPE, "openid", "email", "profile"})
PROMPTS = frozenset({"none", "consent", "select_account"})
STYLE = "body{font:16px sans-serif;max-width:34rem;margin:3rem auto}fieldset{margin:1rem 0}label{display:block}"


@dataclass(frozen=True)
class Asked:
    """What the app asked for."""

    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    challenge: str | None
    is_offline: bool
    asks_consent: bool


class ConsentPage:
    """Two steps: who are you, and what do you allow. A refusal goes back to the app as an error."""

    def __init__(self, world: GoogleWorld) -> None:
        self._world = world

    async def show(self, request: web.Request) -> web.Response:
        """GET: the people to choose from, or what the chosen person is asked for."""
        asked = self._asked(request)
        person = self._world.people.get(request.query.get("person", ""))
        return _html(self._choices(asked, person) if person else self._sign_in(request))

    async def decide(self, request: web.Request) -> web.Response:
        """POST: back to the app with a code, or with the refusal."""
        asked = self._asked(request)
        form = await request.post()
        person = self._world.people.get(str(form.get("person", self._world.visitor_id)))
        if person is None:
            raise web.HTTPBadRequest(text="Nobody of this name.")
        if form.get("decision") != "allow":
            return _back(asked, {"error": "access_denied"})
        chosen = {str(each) for each in form.getall("scope", [])} if "chosen" in form else set(asked.scopes)
        chosen -= {str(each) for each in form.getall("withhold", [])}
        granted = tuple(each for each in asked.scopes if each in chosen)
        return _back(asked, {"code": self._code(asked, person, granted), "scope": " ".join(granted)})

    def _asked(self, request: web.Request) -> Asked:
        query = request.query
        if query.get("client_id") != self._world.client_id:
            raise web.HTTPUnauthorized(text="Error 401: invalid_client. The OAuth client was not found.")
        if not self._is_registered(query.get("redirect_uri", "")):
            raise web.HTTPBadRequest(text="Error 400: redirect_uri_mismatch")
        if query.get("response_type") != "code":
            raise web.HTTPBadRequest(text="Error 400: only response_type=code is offered here.")
        scopes = tuple(query.get("scope", "").split())
        if not scopes or not set(scopes) <= SCOPES:
            raise web.HTTPBadRequest(text="Error 400: invalid_scope")
        if query.get("code_challenge_method", "S256") != "S256":
            raise web.HTTPBadRequest(text="Error 400: only S256 is offered here.")
        if query.get("access_type", "online") not in ("online", "offline"):
            raise web.HTTPBadRequest(text="Error 400: access_type is online or offline.")
        prompts = set(query.get("prompt", "").split())
        if not prompts <= PROMPTS:
            raise web.HTTPBadRequest(text="Error 400: unknown prompt.")
        return Asked(
            redirect_uri=query["redirect_uri"],
            state=query.get("state"),
            scopes=scopes,
            challenge=query.get("code_challenge"),
            is_offline=query.get("access_type") == "offline",
            asks_consent="consent" in prompts,
        )

    def _is_registered(self, redirect_uri: str) -> bool:
        if self._world.redirect_uris is not None:
            return redirect_uri in self._world.redirect_uris
        parts = urlsplit(redirect_uri)
        return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"))

    def _code(self, asked: Asked, person: Person, scopes: Collection[str]) -> str:
        """A refresh token comes at the very first consent, and again only where consent is asked for."""
        is_first = person.id not in self._world.consents
        self._world.consents.add(person.id)
        facts = {
            "person": person.id,
            "redirect_uri": asked.redirect_uri,
            "challenge": asked.challenge or "",
            "gives_refresh": "1" if asked.is_offline and (is_first or asked.asks_consent) else "",
        }
        return self._world.tokens.issue("code", lifetime=CODE_LIFE, scopes=tuple(scopes), facts=facts)

    def _sign_in(self, request: web.Request) -> str:
        rows = "".join(
            f'<li><a href="{escape(str(request.rel_url.update_query(person=each.id)))}">{escape(each.name)}</a> '
            f"{escape(each.email)} ({len(each.account_ids)} Ads accounts)</li>"
            for each in self._world.people.values()
        )
        return f"<h1>Choose an account of the simulated Google</h1><ul>{rows}</ul>"

    def _choices(self, asked: Asked, person: Person) -> str:
        scopes = "".join(
            f'<label><input type="checkbox" name="scope" value="{each}" checked> {each}</label>'
            for each in asked.scopes
        )
        return (
            f"<h1>Leadhub wants access to your Google Account</h1><p>{escape(person.email)}</p>"
            f'<form method="post"><input type="hidden" name="person" value="{person.id}">'
            '<input type="hidden" name="chosen" value="1">'
            f"<fieldset><legend>Choose what Leadhub can access</legend>{scopes}</fieldset>"
            '<button name="decision" value="allow">Continue</button> '
            '<button name="decision" value="deny">Cancel</button></form>'
        )


def _back(asked: Asked, params: dict[str, str]) -> web.Response:
    query = urlencode({**params, **({"state": asked.state} if asked.state is not None else {})})
    glue = "&" if urlsplit(asked.redirect_uri).query else "?"
    return web.Response(status=302, headers={"Location": f"{asked.redirect_uri}{glue}{query}"})


def _html(content: str) -> web.Response:
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Simulated Google</title>'
        f"<style>{STYLE}</style><body>{content}</body></html>"
    )
    return web.Response(text=page, content_type="text/html")
