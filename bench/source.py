"""A source of whole leads for the benchmarks: one small signed JSON webhook per lead.

Why not the ones that exist: posts to our own forms are limited per address, form and organisation on purpose (a flood
is what the limits are for), and a thin delivery would measure the platform that it is fetched from. ``bench.servers``
installs this connector beside the built-in ones the way any third party would, so ``leadhub serve`` itself runs
unchanged.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import BaseModel, Field, SecretStr, ValidationError

import bench.transactions  # noqa: F401 - notes how long transactions last, where it is told to
from hub.connector.base import Connector, Receives
from hub.connector.errors import BadPayloadError, UnverifiedRequestError
from hub.connector.hookspecs import hookimpl
from hub.connector.models import (
    Answer,
    Campaign,
    InboundRequest,
    Manifest,
    RawSubmission,
    Received,
    Submission,
)
from hub.connector.signatures import equal, hmac_sha256_hex

KEY = "bench_source"
SIGNATURE = "x-bench-signature"


class Settings(BaseModel):
    """What an admin would enter."""

    webhook_secret: SecretStr = Field(title="Webhook secret")


class WireLead(BaseModel):
    """The body of a delivery. ``sent_at`` is in microseconds since 1970, so that latency can be told from it."""

    id: str
    form: str
    sent_at: int
    answers: dict[str, list[str]]
    campaign: dict[str, str] = {}


class BenchSource(Connector, Receives):
    """Leads of the benchmark's own platform."""

    manifest: ClassVar[Manifest] = Manifest(
        key=KEY, name="Benchmark", contract=1, source_code="benchmark", settings=Settings
    )

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """One lead per request, signed over the whole body."""
        if not equal(request.headers.get(SIGNATURE, ""), hmac_sha256_hex(secret, request.body)):
            raise UnverifiedRequestError("The signature does not fit.")
        try:
            lead = WireLead.model_validate_json(request.body)
        except ValidationError as wrong:
            raise BadPayloadError("The body is not a lead.", path="") from wrong
        return Received(
            submissions=(RawSubmission(source_id=lead.id, form_id=lead.form, body=lead.model_dump(mode="json")),)
        )

    def normalise(self, raw: RawSubmission) -> Submission:
        """The lead in the hub's words."""
        lead = WireLead.model_validate(raw.body)
        seconds, micros = divmod(lead.sent_at, 1_000_000)
        return Submission(
            source_id=raw.source_id,
            form_id=raw.form_id,
            submitted_at=datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros),
            answers=tuple(Answer(key=key, label=key, values=tuple(values)) for key, values in lead.answers.items()),
            campaign=Campaign(**lead.campaign) if lead.campaign else None,
        )


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The connector of the benchmarks."""
    return (BenchSource(),)
