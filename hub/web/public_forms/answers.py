"""What a visitor, or a visitor's script, is told about a post."""

from collections.abc import Callable, Mapping

from aiohttp import web

from hub.web.problems import FieldProblem
from hub.web.public_forms.intake import Ending, Outcome, PublicForms, new_key
from hub.web.public_forms.origins import content_security_policy
from hub.web.public_forms.page import (
    STYLE_HASH,
    VISIT,
    PageState,
    render_form,
    render_message,
    render_resend,
)
from hub.web.public_forms.phrases import phrases, spoken
from hub.web.public_forms.ports import Entries
from hub.web.public_forms.refusals import refuse

_DETAILS = {
    Ending.INVALID: "Some answers are missing or cannot be used; errors names each field and what to do.",
    Ending.KEY_REUSED: "This idempotency key was used before, with other values; send new values under a new key.",
    Ending.UNAVAILABLE: "The submission could not be stored; send it again with the same key.",
    Ending.TOO_MANY: "Too many submissions; wait as long as Retry-After says and send it again with the same key.",
    Ending.NOT_AVAILABLE: "There is no published form at this address; check the address.",
    Ending.HOST_NOT_LISTED: "This host may not use the form; add it to the form's list of allowed hosts.",
}


def page(
    html: str, status: int = 200, *, hosts: tuple[str, ...] = (), redirect: str | None = None, retry: int | None = None
) -> web.Response:
    """An HTML answer with the headers of every public page."""
    headers = {
        "Content-Security-Policy": content_security_policy(STYLE_HASH, hosts, redirect),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin",
        "Cache-Control": "no-store",
    }
    if retry is not None:
        headers["Retry-After"] = str(retry)
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8", headers=headers)


def json_answer(forms: PublicForms, outcome: Outcome, request: web.Request) -> web.Response:
    """The outcome for a program."""
    ending, form = outcome.ending, outcome.form
    if ending is Ending.RECEIVED and form is not None:
        told = {
            "status": "received",
            "message": form.definition.thank_you_text or phrases(form.definition.language)["thank_you_text"],
            "redirect": form.definition.redirect_url,
        }
        return web.json_response(told, status=202, headers={"Cache-Control": "no-store"})
    errors, more = [], {}
    if ending is Ending.INVALID and form is not None:
        words = phrases(form.definition.language)
        errors = [FieldProblem(pointer=f"/{key}", detail=words[fault]) for key, fault in outcome.faults.items()]
    elif ending is Ending.KEY_REUSED and form is not None:
        more = {"fresh": {"key": new_key(), "token": forms.token_for_another(form, outcome.entries)}}
    elif ending is Ending.UNREADABLE:
        errors = [FieldProblem(pointer=outcome.path, detail=outcome.detail)]
    return refuse(
        request,
        outcome.status,
        outcome.reason or ending.value,
        outcome.detail or _DETAILS.get(ending, ""),
        errors=errors,
        retry_after=outcome.retry_after,
        more=more,
    )


def page_answer(forms: PublicForms, outcome: Outcome, request: web.Request) -> web.StreamResponse:
    """The outcome for a person."""
    hosts = outcome.form.definition.allowed_hosts if outcome.form else ()
    retry = outcome.retry_after
    write = _PAGES.get(outcome.ending)
    if write is not None:
        return write(forms, outcome, request)
    language = _language(outcome, request)
    words, name = phrases(language), outcome.ending.name.lower()
    html = render_message(language, words[name], words[f"{name}_text"])
    return page(html, outcome.status, hosts=hosts, retry=retry)


def _received(forms: PublicForms, outcome: Outcome, request: web.Request) -> web.StreamResponse:
    assert outcome.form is not None  # noqa: S101 - only a post to a form ends this way
    definition = outcome.form.definition
    if definition.redirect_url:
        return web.Response(status=303, headers={"Location": definition.redirect_url, "Cache-Control": "no-store"})
    words = phrases(definition.language)
    html = render_message(definition.language, words["thank_you"], definition.thank_you_text or words["thank_you_text"])
    return page(html, hosts=definition.allowed_hosts)


def _invalid(forms: PublicForms, outcome: Outcome, request: web.Request) -> web.StreamResponse:
    """The page again, with everything that was typed; the same key, for nothing was stored."""
    assert outcome.form is not None  # noqa: S101 - only a post to a form ends this way
    definition, entries = outcome.form.definition, outcome.entries
    state = PageState(
        key=_first(entries, "_lh_key") or new_key(),
        token=_first(entries, "_lh_token") or forms.new_token(outcome.form),
        values=entries,
        faults=outcome.faults,
        visit={name: _first(entries, name) for name in VISIT},
    )
    html = render_form(definition, outcome.form.key, state)
    return page(html, 422, hosts=definition.allowed_hosts, redirect=definition.redirect_url)


def _key_reused(forms: PublicForms, outcome: Outcome, request: web.Request) -> web.StreamResponse:
    assert outcome.form is not None  # noqa: S101 - only a post to a form ends this way
    fresh = {
        **outcome.entries,
        "_lh_key": [new_key()],
        "_lh_token": [forms.token_for_another(outcome.form, outcome.entries)],
        "_lh_proof": [""],
    }
    return _resend(outcome, request, "send_as_new", fresh)


def _unavailable(forms: PublicForms, outcome: Outcome, request: web.Request) -> web.StreamResponse:
    kept = dict(outcome.entries)
    if not _first(kept, "_lh_key"):
        kept["_lh_key"] = [request.headers.get("Idempotency-Key") or new_key()]
    return _resend(outcome, request, "send_again", kept)


def _resend(outcome: Outcome, request: web.Request, button: str, entries: Entries) -> web.StreamResponse:
    language = _language(outcome, request)
    words, name = phrases(language), outcome.ending.name.lower()
    definition = outcome.form.definition if outcome.form else None
    html = render_resend(
        language, words[name], words[f"{name}_text"], words[button], request.path.rpartition("/")[2], entries
    )
    return page(
        html,
        outcome.status,
        hosts=definition.allowed_hosts if definition else (),
        redirect=definition.redirect_url if definition else None,
        retry=outcome.retry_after,
    )


_PAGES: Mapping[Ending, Callable[[PublicForms, Outcome, web.Request], web.StreamResponse]] = {
    Ending.RECEIVED: _received,
    Ending.INVALID: _invalid,
    Ending.KEY_REUSED: _key_reused,
    Ending.UNAVAILABLE: _unavailable,
}


def _language(outcome: Outcome, request: web.Request) -> str:
    if outcome.form is not None:
        return outcome.form.definition.language
    return spoken(request.headers.get("Accept-Language", ""))


def _first(entries: Entries, name: str) -> str:
    values = entries.get(name)
    return values[0] if values else ""
