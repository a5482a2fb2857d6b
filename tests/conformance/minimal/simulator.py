"""The minimal source, imitated."""

import json
from collections.abc import Sequence
from typing import ClassVar

from pydantic import SecretStr

from hub.connector.clock import Clock
from hub.connector.models import InboundRequest
from hub.testing.simulator import Simulator
from tests.conformance.minimal.connector import Settings


class MinimalSimulator(Simulator):
    """Posts one whole lead per request; knows one key at a time."""

    signs_body: ClassVar[bool] = False

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.previous_webhook_secret = None

    def settings(self) -> Settings:
        return Settings(webhook_secret=self.webhook_secret)

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        return [self.signed(self.inbound(self._body(each)), self.webhook_secret) for each in source_ids]

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        return self._with_key(request, secret.get_secret_value())

    def unsigned(self, request: InboundRequest) -> InboundRequest:
        return self._with_key(request, None)

    def _with_key(self, request: InboundRequest, key: str | None) -> InboundRequest:
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            return request
        if isinstance(body, dict):
            body.pop("key", None)
            body |= {"key": key} if key is not None else {}
        return request.model_copy(update={"body": json.dumps(body).encode()})

    def _body(self, source_id: str) -> bytes:
        lead = self.submissions[source_id]
        fields = {key: list(values) for key, values in lead.answers.items()}
        sent_at = lead.submitted_at.isoformat()
        return json.dumps({"id": lead.source_id, "form": lead.form_id, "sent_at": sent_at, "fields": fields}).encode()
