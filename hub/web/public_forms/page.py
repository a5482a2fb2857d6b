"""Rendering the public pages. Everything a form's author or a visitor wrote is escaped by the templates (PF-07)."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import jinja2

from hub.connector.models import FieldType
from hub.core.forms.checking import Fault
from hub.core.forms.definition import FormDefinition, FormField
from hub.web.public_forms.phrases import phrases
from hub.web.public_forms.ports import Entries

_FOLDER = Path(__file__).parent.parent / "templates" / "forms"
MOST_RADIOS = 6
VISIT = ("_lh_page", "_lh_referrer", "_lh_first", "_lh_last")
"""Hidden values that say where a visitor is and came from."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_SCRIPTS = Path(__file__).parent.parent / "static" / "embed"
EMBED_SCRIPT = (_SCRIPTS / "embed.js").read_bytes()
FORM_SCRIPT = (_SCRIPTS / "form.js").read_bytes()
SCRIPT_VERSION = hashlib.sha256(FORM_SCRIPT).hexdigest()[:12]
_STYLE = re.sub(r"\s*\n\s*", "\n", (_FOLDER / "style.css").read_text("utf-8"))
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_INPUTS = {
    FieldType.EMAIL: {"type": "email", "autocomplete": "email", "inputmode": "email"},
    FieldType.PHONE: {"type": "tel", "autocomplete": "tel", "inputmode": "tel"},
    FieldType.NUMBER: {"type": "text", "inputmode": "decimal"},
    FieldType.MONEY: {"type": "text", "inputmode": "decimal"},
    FieldType.DATE: {"type": "date"},
    FieldType.DATE_TIME: {"type": "datetime-local"},
    FieldType.URL: {"type": "text", "inputmode": "url", "autocomplete": "url"},
}
_AUTOCOMPLETE = {
    "full_name": "name",
    "first_name": "given-name",
    "last_name": "family-name",
    "company": "organization",
    "city": "address-level2",
    "postal_code": "postal-code",
    "address": "street-address",
}


@dataclass(frozen=True, slots=True)
class PageState:
    """What a page carries besides the form: what was typed, what is wrong, and the visit."""

    key: str
    token: str
    values: Entries = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    visit: Mapping[str, str] = field(default_factory=dict)
    """Hidden values by name: page, referrer, first and last touch."""


@dataclass(frozen=True, slots=True)
class Control:
    """A field on the page."""

    field: FormField
    widget: str
    values: tuple[str, ...]
    error: str | None
    attributes: Mapping[str, str]

    @property
    def value(self) -> str:
        """The one value of a field that has one."""
        return self.values[0] if self.values else ""


def render_form(form: FormDefinition, form_key: str, state: PageState) -> str:
    """The hosted page, which is also what a frame shows."""
    return _form_page(form, form_key, state, has_script=True)


def render_preview(form: FormDefinition, values: Entries, faults: Mapping[str, Fault]) -> str:
    """The hosted page of a form that is still being built: without script, key and token."""
    return _form_page(form, "", PageState(key="", token="", values=values, faults=faults), has_script=False)


def render_plain(form: FormDefinition, address: str) -> str:
    """The form as plain HTML for a site of one's own, which posts to ``address`` (P-06)."""
    words = phrases(form.language)
    controls = list(_controls(form, PageState(key="", token=""), words))
    return _render("plain.html", form=form, words=words, address=address, controls=controls).strip()


def _form_page(form: FormDefinition, form_key: str, state: PageState, *, has_script: bool) -> str:
    words = phrases(form.language)
    controls = list(_controls(form, state, words))
    labels = {each.key: each.label for each in form.fields} | {box.key: box.text for box in form.consents}
    return _render(
        "form.html",
        lang=form.language,
        form=form,
        words=words,
        form_key=form_key,
        state=state,
        has_script=has_script,
        script_version=SCRIPT_VERSION,
        controls=controls,
        has_required=any(each.required for each in form.fields) or any(box.required for box in form.consents),
        consents=[(box, _error(box.key, state, words)) for box in form.consents],
        errors=[(key, labels[key], words[fault]) for key, fault in state.faults.items()],
    )


def render_message(language: str, heading: str, text: str) -> str:
    """A page that says one thing."""
    return _render("message.html", words=phrases(language), lang=language, heading=heading, text=text)


def render_resend(language: str, heading: str, text: str, button: str, action: str, entries: Entries) -> str:
    """A page that keeps everything that was typed and offers to send it (again)."""
    return _render(
        "resend.html",
        words=phrases(language),
        lang=language,
        heading=heading,
        text=text,
        button=button,
        action=action,
        entries=entries,
    )


def prefilled(form: FormDefinition, query: Mapping[str, str]) -> dict[str, list[str]]:
    """The values that the page address gives to fields (P-04)."""
    return {
        each.key: [query[each.parameter][:2_000]]
        for each in form.fields
        if each.parameter and query.get(each.parameter)
    }


def visit_of(query: Mapping[str, str], page: str, referrer: str | None) -> dict[str, str]:
    """Where the visitor is: told by the embed script in the address of the frame, else this page itself."""
    told = {
        name: query[name][:4_000] for name in ("_lh_page", "_lh_referrer", "_lh_first", "_lh_last") if query.get(name)
    }
    return {"_lh_page": page, "_lh_referrer": referrer or "", **told}


def page_address(base: str, query: Mapping[str, str]) -> str:
    """The address of a hosted page without the parameters that are our own."""
    own = urlencode([(name, value) for name, value in query.items() if not name.startswith("_lh_")])
    return f"{base}?{own}" if own else base


def _controls(form: FormDefinition, state: PageState, words: Mapping[str, str]) -> Iterator[Control]:
    for each in form.fields:
        values = tuple(state.values.get(each.key, ()))
        attributes = dict(_INPUTS.get(each.kind, {"type": "text"}))
        if each.maps_to in _AUTOCOMPLETE:
            attributes["autocomplete"] = _AUTOCOMPLETE[each.maps_to]
        yield Control(each, _widget(each), values, _error(each.key, state, words), attributes)


def _widget(each: FormField) -> str:
    if each.hidden:
        return "hidden"
    match each.kind:
        case FieldType.LONG_TEXT | FieldType.ADDRESS:
            return "textarea"
        case FieldType.SINGLE_CHOICE:
            return "radios" if len(each.choices) <= MOST_RADIOS else "select"
        case FieldType.MULTIPLE_CHOICE:
            return "checkboxes"
        case FieldType.YES_NO:
            return "yes_no"
        case _:
            return "input"


def _error(key: str, state: PageState, words: Mapping[str, str]) -> str | None:
    fault = state.faults.get(key)
    return words[fault] if fault else None


def _render(template: str, **values: object) -> str:
    return _TEMPLATES.get_template(template).render(style=_STYLE, **values)
