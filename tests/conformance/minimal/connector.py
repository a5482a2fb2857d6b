"""A connector that only receives."""

import json
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, SecretStr, ValidationError

from hub.connector.base import Connector, Receives
from hub.connector.errors import BadPayloadError, UnverifiedRequestError
from hub.connector.models import Answer, Identifier, InboundRequest, Manifest, RawSubmission, Received, Submission
from hub.connector.signatures import equal


class Settings(BaseModel):
    """What an admin enters."""

    webhook_secret: SecretStr = Field(title="Key")


class Lead(BaseModel):
    """The payload."""

    id: Identifier
    form: Identifier
    sent_at: AwareDatetime
    fields: dict[Identifier, list[str]]


class Minimal(Connector, Receives):
    """Leads of the minimal source."""

    manifest: ClassVar[Manifest] = Manifest(
        key="minimal", name="Minimal", contract=1, source_code="minimal", settings=Settings
    )

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """One lead per request. The key is compared and then left out of what is kept."""
        try:
            body: JsonValue = json.loads(request.body)
        except (ValueError, RecursionError):
            raise BadPayloadError("The delivery is not JSON.", path="") from None
        if not isinstance(body, dict) or not equal(str(body.pop("key", "")), secret.get_secret_value()):
            raise UnverifiedRequestError("The key is wrong.")
        lead = _read(body)
        raw = RawSubmission(source_id=lead.id, form_id=lead.form, body=body)
        return Received(submissions=(raw,), kept_body=json.dumps(body).encode())

    def normalise(self, raw: RawSubmission) -> Submission:
        """Every field is an answer."""
        lead = _read(raw.body)
        answers = tuple(Answer(key=key, label=key, values=tuple(values)) for key, values in lead.fields.items())
        return Submission(source_id=lead.id, form_id=lead.form, submitted_at=lead.sent_at, answers=answers)


def _read(body: JsonValue) -> Lead:
    try:
        return Lead.model_validate(body)
    except ValidationError as error:
        path = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise BadPayloadError("The lead does not have the expected form.", path=path) from None
