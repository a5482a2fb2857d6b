"""The values that cross the border between the hub and a connector.

All models are frozen and forbid unknown fields, all datetimes carry a zone, and every secret is a
``SecretStr`` so that printing a model never prints a token.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    SkipValidation,
    StringConstraints,
    TypeAdapter,
)

from hub.connector.conversations import Message
from hub.connector.delivery import DeliveryReport
from hub.connector.model import Identifier as Identifier  # part of the contract's models for every author
from hub.connector.model import Model as Model

_MEBIBYTE = 1024 * 1024
_PLAIN = frozenset((str, int, float, bool, type(None)))
_TEXT = frozenset((str,))
_MANY = 100_000
_any_json = TypeAdapter[JsonValue](JsonValue)


def _only_json(value: Any) -> JsonValue:
    """What pydantic's own check of ``JsonValue`` does, in a fifth of its time for what parsers of JSON make; the rest
    (subclasses, huge or endless structures, and everything that is no JSON) is left to that one."""
    found = [value]
    for one in found:
        kind = type(one)
        if kind in _PLAIN:
            continue
        if kind is list:
            found += one
        elif kind is dict and _TEXT.issuperset(map(type, one)):
            found += one.values()
        else:
            return _any_json.validate_python(value)
        if len(found) > _MANY:
            return _any_json.validate_python(value)
    checked: JsonValue = value
    return checked


class FieldType(StrEnum):
    """What kind of value a question asks for, and a master field holds."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    PHONE = "phone"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    DATE_TIME = "date_time"
    SINGLE_CHOICE = "single_choice"
    MULTIPLE_CHOICE = "multiple_choice"
    YES_NO = "yes_no"
    CONSENT = "consent"
    URL = "url"
    ADDRESS = "address"
    FILE = "file"


class IdScope(StrEnum):
    """Within what a source's submission ids are unique; the hub builds the one-lead-per-id key from it.

    ``ACCOUNT`` of a source without accounts (``Connector.identify``) is the connection.
    """

    PLATFORM = "platform"
    ACCOUNT = "account"
    FORM = "form"


class AccessItem(Model):
    """One line of the access review that an admin reads before signing in.

    ``scopes`` are the permission names of the platform that this line explains in plain words.
    """

    label: str
    scopes: tuple[str, ...] = ()


class Manifest(Model):
    """What a connector is. Read by the hub at start; wrong values stop the start with a clear error.

    ``key`` equals the plugin folder and the entry-point name. ``source_code`` is the lead source that its
    leads get when the form defaults name none. ``settings`` is the model of the app credentials and options
    an admin fills in; its fields draw the connect page. ``retention`` is how long the platform keeps leads
    for reading, if it says. ``poll_every`` and ``overlap`` are defaults that an admin may change.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
    name: str
    contract: Literal[1]
    source_code: str
    settings: type[BaseModel] | None = None
    access_review: tuple[AccessItem, ...] = ()
    id_scope: IdScope = IdScope.PLATFORM
    retention: timedelta | None = None
    poll_every: timedelta = timedelta(minutes=15)
    overlap: timedelta = timedelta(hours=2)
    hosts: tuple[str, ...] = ()
    """Origins (``https://graph.example.com``) that the connector may call; the hub refuses all others."""
    largest_delivery: Annotated[int, Field(ge=1024, le=16 * _MEBIBYTE)] = _MEBIBYTE
    """Bytes that a delivery may have, unpacked; a larger one gets 413. To be raised only where the source sends so."""


class Renewal(StrEnum):
    """How an expiring grant is made to last."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name of OAuth, not a secret
    EXCHANGE = "exchange"
    BY_ADMIN = "by_admin"


class OAuthProfile(Model):
    """The authorisation server of a platform (RFC 6749, PKCE: RFC 7636).

    URLs may hold ``{name}`` placeholders, filled from the connector's settings. ``renew_early`` is how long
    before ``expires_at`` the hub renews at the latest.
    """

    authorize_url: str
    token_url: str
    revoke_url: str | None = None
    scopes: tuple[str, ...]
    scope_separator: str = " "
    pkce: bool = True
    authorize_params: Mapping[str, str] = Field(default_factory=dict)
    renewal: Renewal = Renewal.REFRESH_TOKEN
    renew_early: timedelta = timedelta(minutes=15)
    issuer: str | None = None
    """If set, an ``iss`` parameter on the redirect must equal it (RFC 9207)."""


class Grant(Model):
    """Tokens of one connection. ``expires_at`` is the machine's clock, ``authorised_until`` the admin's.

    ``part_tokens`` hold one token per account part where the platform gives such (a page token).
    """

    access_token: SecretStr
    refresh_token: SecretStr | None = None
    expires_at: AwareDatetime | None = None
    authorised_until: AwareDatetime | None = None
    scopes: tuple[str, ...] = ()
    part_tokens: Mapping[str, SecretStr] = Field(default_factory=dict)


class AccountPart(Model):
    """Something inside an account that delivers leads on its own: a page, a customer account, a number."""

    id: Identifier
    name: str
    missing_rights: tuple[str, ...] = ()


class Account(Model):
    """Whom a connection reaches. ``missing_rights`` name what the admin must still grant, in plain words."""

    id: Identifier
    name: str
    missing_rights: tuple[str, ...] = ()
    parts: tuple[AccountPart, ...] = ()


class Choice(Model):
    """One option of a choice question: the value that arrives, and the text people saw."""

    value: str
    label: str


class Question(Model):
    """One field of a source form. ``key`` is what arrives with a submission."""

    key: Identifier
    label: str
    kind: FieldType = FieldType.TEXT
    required: bool = False
    choices: tuple[Choice, ...] = ()


class SourceForm(Model):
    """A form as the source lists it. ``part_id`` names the account part that it belongs to."""

    id: Identifier
    name: str
    questions: tuple[Question, ...] = ()
    part_id: Identifier | None = None
    is_live: bool = True
    language: str | None = None


class RawSubmission(Model):
    """One submission as received, before anyone looked inside.

    ``source_id`` is the source's own id and the idempotency key; None where the payload did not hold one.
    ``suspicions`` are the reasons (codes such as ``honeypot``) for which it should be held as spam.
    """

    source_id: Identifier | None
    form_id: Identifier | None
    body: Annotated[JsonValue, SkipValidation, AfterValidator(_only_json)]
    part_id: Identifier | None = None
    suspicions: tuple[str, ...] = ()
    received_at: AwareDatetime | None = None
    """When the hub received it, set by the hub: the moment to use where a source tells no time of its own."""


class Pointer(Model):
    """A thin delivery: the source said that a submission exists; ``resolve`` fetches it."""

    source_id: Identifier
    form_id: Identifier | None = None
    part_id: Identifier | None = None


class Cursor(Model):
    """Where a pull stands. ``mark`` is the platform's own time of the newest submission read so far, never
    our clock. ``token`` resumes inside a listing that was cut off; None between listings."""

    mark: AwareDatetime | None = None
    token: str | None = None


class Page(Model):
    """One page of a pull, and the cursor that is right once this page is stored."""

    submissions: tuple[RawSubmission, ...]
    cursor: Cursor


class Answer(Model):
    """What a person answered to one question. All values of a multiple choice stay together, in order."""

    key: Identifier
    label: str
    values: tuple[str, ...]


class Campaign(Model):
    """Where a submission came from, as far as the source knows.

    ``click_ids`` keep gclid, gbraid, wbraid, fbclid, msclkid, ttclid and the like by name. ``ids`` and
    ``names`` hold the platform's own objects (``campaign``, ``ad_set``, ``ad``, ``creative``).
    """

    source: str | None = None
    medium: str | None = None
    name: str | None = None
    term: str | None = None
    content: str | None = None
    click_ids: Mapping[str, str] = Field(default_factory=dict)
    ids: Mapping[str, str] = Field(default_factory=dict)
    names: Mapping[str, str] = Field(default_factory=dict)
    platform: str | None = None
    is_organic: bool | None = None
    landing_page: str | None = None
    referrer: str | None = None


class Consent(Model):
    """A consent box and its answer. ``was_preset`` is kept because a box ticked beforehand proves nothing.

    ``purpose`` is what the consent is for, ``form_version`` and ``page`` where exactly it was given, as far as the
    source knows.
    """

    key: Identifier
    text: str
    given: bool
    was_preset: bool = False
    purpose: str | None = None
    form_version: str | None = None
    page: str | None = None


class Identity(Model):
    """An id under which a source knows a person, besides e-mail and phone: a business-scoped id, a handle.

    ``scope`` names what the id is unique within (``whatsapp:<business account>``); the hub adds nothing to it.
    """

    scope: Identifier
    value: Identifier


class LeadSource(Model):
    """A lead source of its own for some of a connector's submissions: calls beside texts. The hub makes it known by
    ``code`` at the first one, under ``name``, which an admin may change."""

    code: Identifier
    name: str


class Submission(Model):
    """A submission in the hub's own words. Answers keep the source's question keys; the core maps them.

    ``message`` is set where it is a piece of a conversation. ``source`` is its lead source, where that is not the one
    of the manifest.
    """

    source_id: Identifier | None
    form_id: Identifier | None
    submitted_at: AwareDatetime
    answers: tuple[Answer, ...]
    campaign: Campaign | None = None
    first_touch: Campaign | None = None
    consents: tuple[Consent, ...] = ()
    language: str | None = None
    is_test: bool = False
    message: Message | None = None
    identities: tuple[Identity, ...] = ()
    source: LeadSource | None = None


class InboundRequest(Model):
    """An HTTP request that reached an endpoint of the connector. Header names are lower case.

    ``url`` is the public URL the sender called, ``query`` its parsed parameters (last value wins).
    """

    method: str
    url: str
    query: Mapping[str, str] = Field(default_factory=dict)
    headers: Mapping[str, str]
    body: bytes
    received_at: AwareDatetime


class Reply(Model):
    """The answer a source expects instead of an empty 200."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"


class NoticeKind(StrEnum):
    """What a source may tell besides submissions."""

    GRANT_REVOKED = "grant_revoked"
    ERASURE_REQUESTED = "erasure_requested"


class Notice(Model):
    """The source tells that a person withdrew the grant, or asks to erase that person's data.

    ``account_id`` is the id that ``identify`` returned for the connection. ``reference`` is the confirmation
    code given to the source in the reply, if any.
    """

    kind: NoticeKind
    account_id: Identifier
    reference: str | None = None


class Received(Model):
    """What one inbound request held. ``ignored`` counts events that are known to be of no interest.

    ``reports`` tell how far sent messages got. ``kept_body`` is what the hub keeps of the body where a secret stands
    in it; None: the body as it came.
    """

    submissions: tuple[RawSubmission, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    notices: tuple[Notice, ...] = ()
    reports: tuple[DeliveryReport, ...] = ()
    ignored: int = 0
    reply: Reply | None = None
    kept_body: bytes | None = Field(default=None, repr=False)


Moment = datetime
"""An aware datetime in UTC."""
