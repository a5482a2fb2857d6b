"""VonageSimulator: an account with its numbers, what people send, and what is sent to them."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from aiohttp import web
from pydantic import SecretStr

from hub.connector.clock import Clock
from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryStatus
from hub.connector.models import InboundRequest, Question, SourceForm
from hub.testing.faults import PlatformAnswer
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.simulator import vonage_wire as wire
from plugins.sms_voice.simulator.base import SmsVoiceSimulator, wire_secret
from plugins.sms_voice.simulator.vonage_answers import problem
from plugins.sms_voice.simulator.vonage_api import VonageRest
from plugins.sms_voice.simulator.vonage_tokens import application_claims, is_of_now

API_KEY = "a1b2c3d4"
APPLICATION = "00000000-0000-4000-8000-0000000000aa"
_STATUSES = {
    DeliveryStatus.SENT: "submitted",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.READ: "read",
    DeliveryStatus.FAILED: "undeliverable",
}


class VonageSimulator(SmsVoiceSimulator):
    """Vonage on 127.0.0.1, by the Messages API. A form is a number, a submission a message to it.

    Answers are ``phone`` and ``message``; ``facts`` are further members of a delivery, as JSON.
    """

    signature_headers: ClassVar[tuple[str, ...]] = ("authorization",)
    signs_time = True
    tells_wait = False
    has_free_questions = False
    has_multiple_choice = False
    channels = (Channel.SMS, Channel.WHATSAPP)
    callback_path = "/in/sms_voice/kit"

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.api_key, self.application_id = API_KEY, APPLICATION
        self.api_secret = SecretStr("Simulated-Api-Secret-1")
        self.signature_secret = SecretStr("vonage-signature-secret-0123456789abcdef")
        self.previous_signature_secret = SecretStr("vonage-signature-secret-before-abcdef012")
        self.private_key: SecretStr | None = None
        self.signs_calls, self.is_revoked = True, False
        self.numbers: dict[str, list[str]] = {}
        self.used_tokens: set[str] = set()
        self.seal()

    def account_id(self) -> str:
        """The account of the settings."""
        return self.api_key

    def settings(self) -> SmsVoiceSettings:
        """The account as an admin would enter it."""
        return SmsVoiceSettings(
            provider=ProviderName.VONAGE,
            vonage_api_key=self.api_key,
            vonage_api_secret=self.api_secret,
            vonage_signature_secret=self.signature_secret,
            vonage_previous_signature_secret=self.previous_signature_secret,
            vonage_application_id=self.application_id,
            vonage_private_key=self.private_key,
        )

    def build_app(self) -> web.Application:
        """The APIs of both origins."""
        app = web.Application()
        for method, path, handler in VonageRest(self).routes():
            app.router.add_route(method, path, handler)
        return app

    # --- the account and its numbers ----------------------------------------------------------------------

    def add_form(
        self,
        name: str,
        questions: Sequence[Question] = (),
        *,
        form_id: str | None = None,
        part_id: str | None = None,
        language: str | None = None,
        is_live: bool = True,
    ) -> str:
        """Rent a number. Vonage knows no names for numbers."""
        number = (form_id or "").partition(":")[2].removeprefix("+") or f"1500555{len(self.numbers) + 1000:04}"
        self.numbers[number] = ["SMS"]
        chosen = form_id or f"sms:+{number}"
        self.forms[chosen] = SourceForm(id=chosen, name=name)
        return chosen

    def sample_answers(self, number: int = 1) -> dict[str, tuple[str, ...]]:
        """What a text message tells."""
        return {"phone": (f"+1415555{number % 10_000:04}",), "message": (f"Please call me about roof {number}",)}

    def new_message_id(self) -> str:
        """What Vonage calls the next message that it takes."""
        return f"bbbbbbbb-bbbb-4ccc-8ddd-{len(self.sent_messages) + 1:012}"

    def revoke(self) -> None:
        """Both API secrets are revoked, and the application is deleted."""
        self.is_revoked = True
        super().revoke()

    def is_key(self, user: str, secret: str) -> bool:
        """Whether these are credentials of the account."""
        return not self.is_revoked and user == self.api_key and secret == self.api_secret.get_secret_value()

    def is_application_token(self, token: str) -> bool:
        """Whether this is a token of the application, of now, and was not used before."""
        claims = application_claims(token, self.private_key) if token and self.private_key else None
        if self.is_revoked or claims is None or claims["jti"] in self.used_tokens:
            return False
        self.used_tokens.add(claims["jti"])
        return claims["application_id"] == self.application_id and is_of_now(claims, self.clock.now())

    # --- what leaves for the hub --------------------------------------------------------------------------

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """One request per message: Vonage does not batch."""
        return [self.posted(wire.message_of(self.submissions[each])) for each in source_ids]

    def posted(self, body: Mapping[str, Any], *, topic: str = "") -> InboundRequest:
        """Signed JSON, to the callback address or to a topic below it."""
        request = self.inbound(json.dumps(body, separators=(",", ":")).encode())
        if topic:
            request = request.model_copy(update={"url": f"{self.callback_url}/{topic}"})
        return self.signed(request, self.webhook_secret)

    def asked(self, fields: Mapping[str, str]) -> InboundRequest:
        """The signed question how to answer a call."""
        request = self.inbound(b"", method="GET", query=urlencode(fields))
        return self.signed(request, self.webhook_secret)

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        """With a token under the signature secret."""
        jti = f"00000000-0000-4000-8000-{len(self.deliveries) + 1:012}"
        return wire.with_token(
            request, wire_secret(secret), api_key=self.api_key, application_id=self.application_id, jti=jti
        )

    def unknown_event(self) -> InboundRequest | None:
        """An event of another product, which some point to the same address."""
        return self.posted({"type": "rtc:transfer", "application_id": self.application_id, "body": {}})

    def delivery_report(self, provider_id: str, status: DeliveryStatus) -> InboundRequest | None:
        """A status of a message of ours; that it was accepted is told by no status."""
        word = _STATUSES.get(status)
        if word is None:
            return None
        told: dict[str, Any] = {
            "message_uuid": provider_id,
            "to": self.person_address(Channel.SMS).removeprefix("+"),
            "from": self.own_address(Channel.SMS).removeprefix("+"),
            "timestamp": wire.iso(self.clock.now()),
            "status": word,
            "channel": "sms",
        }
        if status is DeliveryStatus.FAILED:
            told["error"] = {"type": "https://developer.vonage.com/api-errors/messages#1180", "title": "1180"}
            told["error"] |= {"detail": "Absent Subscriber - Temporary", "instance": "bf0ca0bf927b3b52"}
        return self.posted(told)

    # --- answers of faults --------------------------------------------------------------------------------

    def rate_limit_answer(self, wait: timedelta) -> PlatformAnswer:
        """Vonage does not say for how long."""
        return problem(429, "Rate Limit Hit", "#throttled")

    def error_answer(self, status: int) -> PlatformAnswer:
        """A failure of Vonage's own."""
        return problem(status, "Internal Error", "#internal")


class VonageSmsSimulator(VonageSimulator):
    """The same account by the old SMS API: forms with a ``sig`` parameter."""

    signature_headers = ()

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """One form per message, or per part of a long one."""
        return [self.posted_form(wire.sms_fields(self.submissions[each], self.api_key)) for each in source_ids]

    def posted_form(self, fields: Mapping[str, str]) -> InboundRequest:
        """A signed form."""
        request = self.inbound(urlencode(fields).encode(), {"content-type": wire.FORM})
        return self.signed(request, self.webhook_secret)

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        """With timestamp, nonce and ``sig`` among the parameters."""
        return wire.with_sig(request, wire_secret(secret), nonce=f"nonce-{len(self.deliveries) + 1}")

    def unsigned(self, request: InboundRequest) -> InboundRequest:
        """Without ``sig``."""
        return wire.without_sig(request)

    def unknown_event(self) -> None:
        """The SMS API tells of text messages only."""
        return

    def delivery_report(self, provider_id: str, status: DeliveryStatus) -> InboundRequest | None:
        """A receipt."""
        word = {DeliveryStatus.SENT: "buffered", DeliveryStatus.READ: None}.get(status, status.value)
        if word is None:
            return None
        moment = self.clock.now()
        return self.posted_form(
            {
                "api-key": self.api_key,
                "msisdn": self.person_address(Channel.SMS).removeprefix("+"),
                "to": self.own_address(Channel.SMS).removeprefix("+"),
                "network-code": "310260",
                "messageId": provider_id,
                "price": "0.05",
                "status": word,
                "scts": f"{moment:%y%m%d%H%M}",
                "err-code": "1" if status is DeliveryStatus.FAILED else "0",
                "message-timestamp": f"{moment:%Y-%m-%d %H:%M:%S}",
            }
        )
