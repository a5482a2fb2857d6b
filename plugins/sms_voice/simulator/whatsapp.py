"""WhatsAppSimulator: a WhatsApp Business Account with its numbers, what people write, and what is written to them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from aiohttp import web
from pydantic import SecretStr

from hub.connector.clock import Clock
from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryStatus
from hub.connector.models import InboundRequest, Question, SourceForm
from hub.testing.faults import PlatformAnswer
from hub.testing.journal import Challenge
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.simulator import whatsapp_wire as wire
from plugins.sms_voice.simulator.base import SmsVoiceSimulator, wire_secret
from plugins.sms_voice.simulator.whatsapp_answers import refusal
from plugins.sms_voice.simulator.whatsapp_graph import WhatsAppGraph

ACCOUNT = "102290000000001"
APP = "700000000000001"
FIRST_NUMBER = 106_540_000_000_001
CHALLENGE = "1158201444"
ALL_SCOPES = ("whatsapp_business_messaging", "whatsapp_business_management")


class WhatsAppSimulator(SmsVoiceSimulator):
    """The Cloud API on 127.0.0.1. A form is a number, a submission a message to it.

    Answers are ``phone``, ``name`` and ``message``; ``facts`` are ``user_id``, ``username``, ``ad_id``, ``ctwa_clid``.
    """

    signature_headers: ClassVar[tuple[str, ...]] = ("x-hub-signature-256",)
    tells_wait = False
    has_free_questions = False
    has_multiple_choice = False
    channels = (Channel.WHATSAPP,)
    knows_opt_outs = True
    callback_path = "/in/sms_voice/kit"
    graph_version = "v26.0"

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.business_account_id, self.account_name, self.app_id = ACCOUNT, "Example Roofs", APP
        self.access_token = SecretStr("EAAG-simulated-system-user-token-1")
        self.app_secret = SecretStr("9f8e7d6c5b4a39281706f5e4d3c2b1a0")
        self.previous_app_secret = SecretStr("8f8e7d6c5b4a39281706f5e4d3c2b1a8")
        self.verify_token = SecretStr("vt-1")
        self.token_scopes: tuple[str, ...] = ALL_SCOPES
        self.is_linked, self.is_revoked = True, False
        self.numbers: dict[str, dict[str, str]] = {}
        self.window_closed: set[str] = set()
        self.seal()

    def account_id(self) -> str:
        """The account of the settings."""
        return self.business_account_id

    def settings(self) -> SmsVoiceSettings:
        """The account as an admin would enter it."""
        return SmsVoiceSettings(
            provider=ProviderName.WHATSAPP,
            whatsapp_account_id=self.business_account_id,
            whatsapp_access_token=self.access_token,
            whatsapp_app_secret=self.app_secret,
            whatsapp_previous_app_secret=self.previous_app_secret,
            whatsapp_verify_token=self.verify_token,
            whatsapp_app_id=self.app_id,
        )

    def build_app(self) -> web.Application:
        """The Graph API."""
        app = web.Application()
        for method, path, handler in WhatsAppGraph(self).routes():
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
        """Register a number under this verified name."""
        number_id = form_id.partition(":")[2] if form_id else str(FIRST_NUMBER + len(self.numbers))
        self.numbers[number_id] = {"id": number_id, "display": f"1500555{len(self.numbers) + 1000:04}", "name": name}
        chosen = f"whatsapp:{number_id}"
        self.forms[chosen] = SourceForm(id=chosen, name=name, part_id=number_id)
        return chosen

    def sample_answers(self, number: int = 1) -> dict[str, tuple[str, ...]]:
        """What a message tells."""
        return {
            "phone": (f"+1415555{number % 10_000:04}",),
            "name": (f"Ada Example {number}",),
            "message": (f"Please call me about roof {number}",),
        }

    def own_address(self, channel: Channel) -> str:
        """The id of a number of the account."""
        if not self.numbers:
            self.add_form("Example Roofs")
        return next(iter(self.numbers))

    def new_message_id(self) -> str:
        """What WhatsApp calls the next message that it takes."""
        return f"wamid.OUT{len(self.sent_messages) + 1:06}"

    def revoke(self) -> None:
        """The token of the system user is withdrawn."""
        self.is_revoked = True
        super().revoke()

    def is_token(self, text: str) -> bool:
        """Whether this is the system user's token, and alive."""
        return not self.is_revoked and text == self.access_token.get_secret_value()

    def is_app_token(self, text: str) -> bool:
        """Whether these are the app's id and secret."""
        return text == f"{self.app_id}|{self.app_secret.get_secret_value()}"

    # --- what leaves for the hub --------------------------------------------------------------------------

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """One batch: a change for each number, with all messages to it."""
        by_number: dict[str, list[str]] = {}
        for each in source_ids:
            by_number.setdefault(self.submissions[each].form_id.partition(":")[2], []).append(each)
        changes = [self._change(number_id, ids) for number_id, ids in by_number.items()]
        return [self.posted(changes)]

    def _change(self, number_id: str, source_ids: Sequence[str]) -> dict[str, Any]:
        pieces = [self.submissions[each] for each in source_ids]
        contacts, messages = [wire.contact_of(each) for each in pieces], [wire.message_of(each) for each in pieces]
        return wire.change(self.numbers[number_id], contacts=contacts, messages=messages)

    def posted(self, changes: Sequence[Mapping[str, Any]]) -> InboundRequest:
        """A signed batch of these changes."""
        return self.signed(self.inbound(wire.batch(self.business_account_id, changes)), self.webhook_secret)

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        """With the signature under the app's secret."""
        return wire.signed_with(request, wire_secret(secret))

    def unknown_event(self) -> InboundRequest:
        """A change of a field that has nothing to do with people."""
        value = {"event": "ACCOUNT_RESTRICTION", "message": "äöå ☃ 50% 😀 a/b"}
        return self.posted([{"field": "account_update", "value": value}])

    def unreadable_delivery(self, source_ids: Sequence[str]) -> InboundRequest:
        """The messages, and among them one whose id is a list."""
        number_id = self.own_address(Channel.WHATSAPP)
        if source_ids:
            number_id = self.submissions[source_ids[0]].form_id.partition(":")[2]
        found = self._change(number_id, source_ids)
        messages = found["value"]["messages"]
        messages.insert(len(messages) // 2, {"id": ["what"], "type": "text", "text": {"body": "?"}})
        return self.posted([found])

    def challenge(self) -> Challenge:
        """The handshake with the word that the admin entered at Meta."""
        word = self.verify_token.get_secret_value()
        query = f"hub.mode=subscribe&hub.challenge={CHALLENGE}&hub.verify_token={word}"
        return Challenge(self.inbound(b"", method="GET", query=query), CHALLENGE.encode())

    def delivery_report(self, provider_id: str, status: DeliveryStatus) -> InboundRequest | None:
        """A status of a message of ours; that it was accepted is told by no status."""
        if status is DeliveryStatus.ACCEPTED:
            return None
        told: dict[str, Any] = {
            "id": provider_id,
            "status": status.value,
            "timestamp": wire.seconds(self.clock.now()),
            "recipient_id": self.person_address(Channel.WHATSAPP).removeprefix("+"),
        }
        if status is DeliveryStatus.FAILED:
            told["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
        number = self.numbers[self.own_address(Channel.WHATSAPP)]
        return self.posted([wire.change(number, statuses=[told])])

    # --- answers of faults --------------------------------------------------------------------------------

    def rate_limit_answer(self, wait: timedelta) -> PlatformAnswer:
        """Meta does not say for how long."""
        return refusal(4, "Application request limit reached")

    def error_answer(self, status: int) -> PlatformAnswer:
        """A failure of Meta's own."""
        return refusal(2, "Service temporarily unavailable", status=status)
