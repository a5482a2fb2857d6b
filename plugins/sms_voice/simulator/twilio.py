"""TwilioSimulator: an account with its numbers, what people send and whom they call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from hub.connector.clock import Clock
from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryStatus
from hub.connector.models import InboundRequest, Question, SourceForm
from hub.testing.faults import PlatformAnswer
from hub.testing.journal import SentDelivery, StoredSubmission
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.simulator import twilio_wire as wire
from plugins.sms_voice.simulator.base import SmsVoiceSimulator, wire_facts, wire_secret
from plugins.sms_voice.simulator.twilio_answers import refusal
from plugins.sms_voice.simulator.twilio_api import TwilioRest

SHOWN_NUMBER = "+15005550999"
ACCOUNT = "AC" + "0" * 31 + "1"
_STATUSES = {
    DeliveryStatus.ACCEPTED: "queued",
    DeliveryStatus.SENT: "sent",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.READ: "read",
    DeliveryStatus.FAILED: "undelivered",
}


@dataclass
class OwnNumber:
    """A number of the account, and where its messages and calls are announced."""

    sid: str
    number: str
    name: str
    channels: tuple[Channel, ...]
    sms_url: str = ""
    voice_url: str = ""
    status_callback: str = ""


@dataclass(frozen=True)
class Recording:
    """The recording of a call, and its transcript where there is one."""

    sid: str
    call_sid: str
    at: datetime
    transcript: str | None = None


class TwilioSimulator(SmsVoiceSimulator):
    """Twilio on 127.0.0.1. A form is a number, a submission a message to it; see ``TwilioCallsSimulator`` for calls.

    Answers are ``phone`` and ``message``; ``facts`` are further parameters of the delivery, by Twilio's names.
    """

    signature_headers: ClassVar[tuple[str, ...]] = (wire.SIGNATURE,)
    tells_wait = False
    tells_time = False
    has_free_questions = False
    has_multiple_choice = False
    channels = (Channel.SMS, Channel.WHATSAPP)
    knows_opt_outs = True
    channel: ClassVar[Channel] = Channel.SMS
    every_channel: ClassVar[tuple[Channel, ...]] = (Channel.SMS, Channel.VOICE)
    sid_prefix: ClassVar[str] = "SM"
    callback_path = "/in/sms_voice/kit"

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.account_sid, self.account_name, self.account_status = ACCOUNT, "Example Roofs", "active"
        self.auth_token = SecretStr("0f1e2d3c4b5a69788796a5b4c3d2e1f0")
        self.previous_auth_token = SecretStr("1f1e2d3c4b5a69788796a5b4c3d2e1f1")
        self.is_revoked = False
        self.numbers: dict[str, OwnNumber] = {}
        self.callbacks: dict[str, str] = {}
        """Message id to the address that its request named for reports."""
        self.recordings: list[Recording] = []
        self.lost: list[SentDelivery] = []
        self.seal()

    def settings(self) -> SmsVoiceSettings:
        """The account's credentials as an admin would enter them."""
        return SmsVoiceSettings(
            provider=ProviderName.TWILIO,
            twilio_account_sid=self.account_sid,
            twilio_auth_token=self.auth_token,
            twilio_previous_auth_token=self.previous_auth_token,
        )

    def account_id(self) -> str:
        """The account that ``identify`` finds."""
        return self.account_sid

    def build_app(self) -> web.Application:
        """The REST API."""
        app = web.Application()
        for method, path, handler in TwilioRest(self).routes():
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
        """Buy a number of this name."""
        chosen = form_id or f"{self.channel.value}:+1500555{len(self.numbers) + 1000:04}"
        channel, _, number = chosen.partition(":")
        self.numbers[number] = OwnNumber(f"PN{len(self.numbers) + 1:032x}", number, name, (Channel(channel),))
        self.forms[chosen] = SourceForm(id=chosen, name=name)
        return chosen

    def record(self, call_sid: str, transcript: str | None = None) -> str:
        """A call was recorded, and perhaps transcribed; the id of the recording."""
        sid = f"RE{len(self.recordings) + 1:032x}"
        call = self.submissions.get(call_sid)
        self.recordings.append(Recording(sid, call_sid, call.submitted_at if call else self.clock.now(), transcript))
        return sid

    def next_id(self) -> str:
        """Two letters and 32 hexadecimal digits."""
        return f"{self.sid_prefix}{int(super().next_id()):032x}"

    def sample_answers(self, number: int = 1) -> dict[str, tuple[str, ...]]:
        """What a text message tells."""
        return {"phone": (f"+1415555{number % 10_000:04}",), "message": (f"Please call me about roof {number}",)}

    def listed(self, *, calls: bool) -> list[tuple[str, StoredSubmission]]:
        """Own address and piece, newest first."""
        found = [
            (each.form_id.partition(":")[2], each)
            for each in self.submissions.values()
            if each.form_id.startswith("voice:") is calls
        ]
        own = [("whatsapp:" + own if each.form_id.startswith("whatsapp:") else own, each) for own, each in found]
        return sorted(own, key=lambda pair: (pair[1].submitted_at, pair[1].source_id), reverse=True)

    def is_key(self, user: str, secret: str) -> bool:
        """Whether these are credentials of the account."""
        tokens = [each.get_secret_value() for each in (self.auth_token, self.previous_auth_token)]
        return not self.is_revoked and user == self.account_sid and secret in tokens

    def now(self) -> datetime:
        """The present moment."""
        return self.clock.now()

    def revoke(self) -> None:
        """Both Auth Tokens are replaced."""
        self.is_revoked = True
        super().revoke()

    # --- what leaves for the hub --------------------------------------------------------------------------

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """One request per message or call: Twilio does not batch."""
        return [self.posted(self.fields_of(self.submissions[each])) for each in source_ids]

    def fields_of(self, piece: StoredSubmission) -> dict[str, str]:
        """The parameters of a delivery."""
        channel, _, own = piece.form_id.partition(":")
        if channel == Channel.VOICE:
            return wire.call_fields(self.account_sid, own, piece)
        return wire.message_fields(self.account_sid, f"whatsapp:{own}" if channel == Channel.WHATSAPP else own, piece)

    def posted(self, fields: Mapping[str, str], *, topic: str = "", query: str = "") -> InboundRequest:
        """A signed form, to the callback address or to a topic below it."""
        request = self.inbound(wire.form_body(fields), {"content-type": wire.FORM}, query=query)
        if topic:
            url = f"{self.callback_url}/{topic}" + (f"?{query}" if query else "")
            request = request.model_copy(update={"url": url})
        return self.signed(request, self.webhook_secret)

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        """With the signature of the Auth Token, or of the SharedKey that a sealed key names."""
        return wire.signed_request(request, wire_secret(secret), wire_facts(secret).get("shared_key"))

    def unknown_event(self) -> InboundRequest:
        """An event of Conversations, which some point to the same address."""
        return self.posted({"AccountSid": self.account_sid, "EventType": "onConversationAdded", "Source": "SDK"})

    def delivery_report(self, provider_id: str, status: DeliveryStatus) -> InboundRequest:
        """A status callback."""
        word = _STATUSES[status]
        fields: dict[str, str] = {
            "MessageSid": provider_id,
            "SmsSid": provider_id,
            "MessageStatus": word,
            "SmsStatus": word,
            "To": self.person_address(Channel.SMS),
            "From": self.own_address(Channel.SMS),
            "AccountSid": self.account_sid,
            "ApiVersion": wire.API_VERSION,
        }
        if status is DeliveryStatus.FAILED:
            fields["ErrorCode"] = "30003"
        return self.posted(fields)

    def new_message_id(self) -> str:
        """What Twilio calls the next message that it takes."""
        return f"SM{0xA0000 + len(self.sent_messages):032x}"

    def open_forms(self) -> Sequence[str]:
        """A number that takes messages and calls."""
        found = [self.add_form("Front desk", form_id=f"{each.value}:{SHOWN_NUMBER}") for each in self.every_channel]
        self.numbers[SHOWN_NUMBER].channels = self.every_channel
        return found

    def enter_address(self, url: str) -> None:
        """Enter an address at every number, to be tried again after any failure."""
        for number in self.numbers.values():
            number.sms_url = number.voice_url = number.status_callback = f"{url}#rc=3&rp=all"

    async def announce(
        self, source_ids: Iterable[str], *, at_once: bool = False, session: aiohttp.ClientSession | None = None
    ) -> list[SentDelivery]:
        """Deliver to the addresses of the numbers, under the delivery faults and the policy in each address's fragment;
        what no attempt brought is lost (``lost``), until a pull finds it. Each piece alone, also ``at_once``."""
        sent: list[SentDelivery] = []
        for source_id in source_ids:
            channel, _, own = self.submissions[source_id].form_id.partition(":")
            number = self.numbers[own]
            target = number.status_callback if channel == Channel.VOICE else number.sms_url
            if not target:
                continue
            url, policy = target.partition("#")[0], Policy.of(target)
            self.callback_url = url
            for each in await self.send(url, [source_id], session=session):
                for _ in range(policy.retries):
                    if policy.is_over(each.status):
                        break
                    await self._post_all(url, [each], session)
                if not each.is_acknowledged:
                    self.lost.append(each)
                sent.append(each)
        return sent

    async def retry_due(self, session: aiohttp.ClientSession | None = None) -> list[SentDelivery]:
        """Nothing: what was tried to the end is not tried again later."""
        return []

    # --- answers of faults --------------------------------------------------------------------------------

    def rate_limit_answer(self, wait: timedelta) -> PlatformAnswer:
        """Too many requests; Twilio does not say for how long."""
        return refusal(429, 20429, "Too Many Requests")

    def error_answer(self, status: int) -> PlatformAnswer:
        """Codes of failures are 20000 and the status."""
        return refusal(status, 20000 + status)


class TwilioCallsSimulator(TwilioSimulator):
    """The same account with numbers that are called; a submission is a call that is over."""

    channel = Channel.VOICE
    sid_prefix = "CA"

    def sample_answers(self, number: int = 1) -> dict[str, tuple[str, ...]]:
        """What a call tells."""
        return {"phone": (f"+1415555{number % 10_000:04}",)}


@dataclass(frozen=True)
class Policy:
    """Connection overrides in a webhook URL's fragment: ``#rc=3&rp=5xx,ct`` (protocol page section 2.5)."""

    retries: int = 1
    after: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, url: str) -> "Policy":
        """Those of an address; by default only a connection that failed is tried again, once."""
        words = dict(parse_qsl(urlsplit(url).fragment))
        retries = words.get("rc", "1")
        if not retries.isdecimal() or int(retries) > 5:
            raise ValueError(f"rc must be 0 to 5, not {retries}")
        return cls(int(retries), frozenset(words.get("rp", "ct").split(",")))

    def is_over(self, status: int | None) -> bool:
        """Whether no further attempt is made after this answer (None: no connection)."""
        if status is None:
            return self.after.isdisjoint({"ct", "all"})
        if status < HTTPStatus.BAD_REQUEST:
            return True
        return self.after.isdisjoint({"5xx" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "4xx", "all"})
