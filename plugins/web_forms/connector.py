"""The hub's own forms: reading what was posted to them. For this source the hub itself is the platform."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError

from hub.connector.base import Connector, FormPost, HostsForms
from hub.connector.errors import BadPayloadError
from hub.connector.models import (
    Answer,
    Consent,
    Identifier,
    IdScope,
    InboundRequest,
    Manifest,
    RawSubmission,
    Received,
    Submission,
)
from plugins.web_forms import render_token
from plugins.web_forms.bodies import Entries, read_entries
from plugins.web_forms.campaign import PARAMETERS, Touch, read_touch, touch_of, without_objects
from plugins.web_forms.render_token import RenderToken

HONEYPOT = "_lh_subject"
DOUBLE_SUBMIT_SECONDS = 600
MAX_KEY = 200


class _ConsentBox(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    key: Identifier
    text: str
    given: bool
    was_preset: bool = False
    purpose: str | None = None
    form_version: str | None = None
    page: str | None = None


class _Body(BaseModel):
    """What ``read_post`` makes of a post, and what the hub adds from the form's definition: labels, consents."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fields: Annotated[dict[Identifier, list[str]], BeforeValidator(without_objects)]
    labels: Annotated[dict[str, str], BeforeValidator(without_objects)] = {}
    consents: list[_ConsentBox] = []
    touch: Touch = Touch()
    first_touch: Touch | None = None
    language: str | None = None


class WebForms(Connector, HostsForms):
    """Posts to the hub's own forms: by the hosted page, by an embed, by a site's own HTML form, or as JSON."""

    manifest: ClassVar[Manifest] = Manifest(
        key="web_forms",
        name="Web forms",
        contract=1,
        source_code="web_forms",
        id_scope=IdScope.FORM,
    )

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """One post is one submission. ``secret`` signs render tokens. A post without a token is welcome: a site's
        own form has none. What looks like spam is named in ``suspicions`` and never refused.

        ``request.query`` may name the form (``form_id``, ``form_key``); else both are the key in the address.
        """
        return Received(submissions=(self.read_post(request, secret).raw,))

    def read_post(self, request: InboundRequest, secret: SecretStr) -> FormPost:
        """As ``receive``, with what the hub needs to answer a visitor."""
        entries = read_entries(request.body, request.headers.get("content-type", ""))
        form_key = request.query.get("form_key") or _key_in(request.url)
        form_id = request.query.get("form_id") or form_key
        text = _first(entries, "_lh_token")
        token = render_token.read(text, secret) if text else None
        suspicions = _suspicions(entries, token, form_key, request.received_at)
        body = _body(entries, token)
        raw = RawSubmission(
            source_id=_source_id(entries, request, form_id, body),
            form_id=form_id,
            body=body,
            suspicions=tuple(suspicions),
            received_at=request.received_at,
        )
        return FormPost(raw, entries, token.nonce if token else None)

    def issue_token(
        self, form_key: str, version: int, *, bits: int, nonce: str, now: datetime, secret: SecretStr
    ) -> str:
        """The text to put into a page that is being rendered; ``bits`` is how hard its proof of work is."""
        return render_token.issue(RenderToken(form_key, version, now, now, bits, nonce), secret)

    def renew_token(self, text: str, *, now: datetime, secret: SecretStr, nonce: str | None = None) -> str | None:
        """A token issued now for the page that had ``text``, or None where that is forged or too old.

        With a ``nonce`` it is good for another submission from the same page.
        """
        return render_token.renew(text, now, secret, nonce)

    def normalise(self, raw: RawSubmission) -> Submission:
        """Every field is an answer with all its values, in the order of the post."""
        try:
            body = _Body.model_validate(raw.body)
        except ValidationError as failure:
            place = ".".join(str(step) for step in failure.errors()[0]["loc"])
            raise BadPayloadError("The stored post does not have the expected shape.", path=place) from failure
        if raw.received_at is None:
            raise BadPayloadError("The post has no time of receipt.", path="received_at")
        return Submission(
            source_id=raw.source_id,
            form_id=raw.form_id,
            submitted_at=raw.received_at,
            answers=tuple(_answers(body)),
            campaign=body.touch.campaign(),
            first_touch=body.first_touch.campaign() if body.first_touch else None,
            consents=tuple(Consent(**box.model_dump()) for box in body.consents),
            language=body.language,
        )


def _answers(body: _Body) -> list[Answer]:
    return [
        Answer(key=key, label=body.labels.get(key, key), values=tuple(value for value in values if value.strip()))
        for key, values in body.fields.items()
    ]


def _suspicions(entries: Entries, token: RenderToken | None, form_key: str | None, received_at: datetime) -> list[str]:
    found = ["honeypot"] if any(value.strip() for value in entries.get(HONEYPOT, ())) else []
    text, proof = _first(entries, "_lh_token"), _first(entries, "_lh_proof")
    if not text:
        return found
    if token is None:
        return [*found, "token_forged"]
    found += render_token.suspicions(token, form_key or "", received_at)
    if proof:
        found += render_token.proof_suspicions(token, text, proof, received_at)
    return found


def _body(entries: Entries, token: RenderToken | None) -> dict[str, Any]:
    """What is kept of a post. Times, tokens and proofs are left out: the same answers sent again with the same
    key must be the same content (PF-03)."""
    given = {name: _first(entries, name) for name in PARAMETERS}
    now = touch_of(_first(entries, "_lh_page"), _first(entries, "_lh_referrer"), given)
    last, first = (read_touch(_first(entries, name)) for name in ("_lh_last", "_lh_first"))
    touch = last if last and last.is_from_a_campaign() and not now.is_from_a_campaign() else now
    return {
        "fields": {
            name: values
            for name, values in entries.items()
            if not name.startswith("_lh_") and name not in PARAMETERS and name != "_charset_"
        },
        "version": str(token.version) if token else _first(entries, "_lh_version") or None,
        "page": now.page or None,
        "touch": touch.model_dump(),
        "first_touch": first.model_dump() if first else None,
        "language": _first(entries, "_lh_language")[:35] or None,
    }


def _source_id(entries: Entries, request: InboundRequest, form_id: str | None, body: Mapping[str, Any]) -> str:
    """The sender's idempotency key; without one, the same values in the same ten minutes are one submission (P-02)."""
    key = _first(entries, "_lh_key") or request.headers.get("idempotency-key", "")
    if len(key) > MAX_KEY:
        raise BadPayloadError(f"The idempotency key has more than {MAX_KEY} characters.", path="_lh_key")
    if key:
        return key
    window = int(request.received_at.timestamp()) // DOUBLE_SUBMIT_SECONDS
    content = json.dumps([form_id, body["fields"], window], sort_keys=True)
    return "auto-" + hashlib.sha256(content.encode()).hexdigest()[:40]


def _first(entries: Entries, name: str) -> str:
    values = entries.get(name)
    return values[0] if values else ""


def _key_in(url: str) -> str | None:
    """The form's key in ``/f/<key>`` or ``/api/v1/forms/<key>/submissions``."""
    steps = [step for step in urlsplit(url).path.split("/") if step]
    for name in ("f", "forms"):
        if name in steps[:-1]:
            return steps[steps.index(name) + 1][:MAX_KEY]
    return None
