"""Mutants that lose or spoil something while reading submissions, forms and deliveries."""

import hmac
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr

from hub.connector.access import Access
from hub.connector.clock import Clock
from hub.connector.errors import BadPayloadError, PermanentError, UnverifiedRequestError
from hub.connector.models import (
    Answer,
    InboundRequest,
    NoticeKind,
    Pointer,
    RawSubmission,
    Received,
    SourceForm,
    Submission,
)
from hub.connector.signatures import check_timestamp, hmac_sha256_hex
from hub.testing.rules_receive import WRONG_SECRET
from tests.conformance.mutants import Mutant
from tests.conformance.reference import connector as wire
from tests.conformance.reference.connector import Reference, WireEvent, WireForm, WireLead

SIGNATURE, SENT_AT = "x-reference-signature", "x-reference-time"


# --- normalise --------------------------------------------------------------------------------------------


class ForgetsLabels(Reference):
    def answers(self, lead: WireLead) -> tuple[Answer, ...]:
        return tuple(each.model_copy(update={"label": each.key}) for each in super().answers(lead))


class NamesNoPath(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        try:
            return super().normalise(raw)
        except BadPayloadError as error:
            raise BadPayloadError(error.user_message, path="") from None


class WritesIntoTheBody(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        if isinstance(raw.body, dict):
            raw.body["seen"] = True
        return super().normalise(raw)


class DropsEmail(Reference):
    def answers(self, lead: WireLead) -> tuple[Answer, ...]:
        return tuple(each for each in super().answers(lead) if each.key != "email")


class KeepsOnlyKnownQuestions(Reference):
    """Other scripts are left alone here: they are another bug."""

    known: ClassVar[frozenset[str]] = frozenset({"full_name", "email", "services"})

    def answers(self, lead: WireLead) -> tuple[Answer, ...]:
        return tuple(each for each in super().answers(lead) if each.key in self.known or not each.key.isascii())


class KeepsOneChoice(Reference):
    def answers(self, lead: WireLead) -> tuple[Answer, ...]:
        return tuple(each.model_copy(update={"values": each.values[:1]}) for each in super().answers(lead))


class StopsAtAnEmptyAnswer(Reference):
    def answers(self, lead: WireLead) -> tuple[Answer, ...]:
        found: list[Answer] = []
        for each in super().answers(lead):
            if not any(each.values):
                break
            found.append(each)
        return tuple(found)


class FallsOverAnEmptyAnswer(Reference):
    def answers(self, lead: WireLead) -> tuple[Answer, ...]:
        found = super().answers(lead)
        return tuple(each for each in found if each.values[0] is not None)


class DropsOtherScripts(Reference):
    def answers(self, lead: WireLead) -> tuple[Answer, ...]:
        return tuple(
            each for each in super().answers(lead) if any(letter.isascii() and letter.isalpha() for letter in each.key)
        )


class ReadsIdsAsFloats(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        found = super().normalise(raw)
        if found.source_id and found.source_id.isdecimal() and len(found.source_id) < 20:
            return found.model_copy(update={"source_id": f"{float(found.source_id):.0f}"})
        return found


class CutsTheFormId(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        found = super().normalise(raw)
        return found.model_copy(update={"form_id": found.form_id[:10] if found.form_id else None})


class RoundsTheTime(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        found = super().normalise(raw)
        return found.model_copy(update={"submitted_at": found.submitted_at.replace(minute=0, second=0)})


class StrictLead(WireLead):
    model_config = ConfigDict(extra="forbid")


class RefusesUnknownFields(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        wire.read(StrictLead, raw.body)
        return super().normalise(raw)


class OverlooksTests(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        return super().normalise(raw).model_copy(update={"is_test": False})


class TrustsThatTimeIsThere(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        if isinstance(raw.body, dict) and "answers" in raw.body:
            assert raw.body["sent_at"] is not ...
        return super().normalise(raw)


class TrustsThatFormIsText(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        if isinstance(raw.body, dict) and "answers" in raw.body:
            cast(str, raw.body.get("form", "")).strip()
        return super().normalise(raw)


class BelongsToItsDecade(Reference):
    def normalise(self, raw: RawSubmission) -> Submission:
        found = super().normalise(raw)
        return found if 2020 <= found.submitted_at.year < 2036 else found.model_copy(update={"source_id": None})


class RemembersWhatItSaw(Reference):
    def __init__(self) -> None:
        self.seen: list[str | None] = []

    def normalise(self, raw: RawSubmission) -> Submission:
        self.seen.append(raw.source_id)
        return super().normalise(raw)


# --- deliveries -------------------------------------------------------------------------------------------


class RepairsCutBodies(Reference):
    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        try:
            return super().receive(request, secret)
        except BadPayloadError as error:
            if error.path or not request.body.startswith(b'{"events"'):
                raise
            return self.unpack(json.loads(request.body + b"]}")["events"])


class ForgetsDeepNesting(Reference):
    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        try:
            return super().receive(request, secret)
        except BadPayloadError:
            with suppress(ValueError):
                json.loads(request.body)
            raise


class TrustsThatFormIsThere(Reference):
    def unpack(self, events: list[Any]) -> Received:
        for event in events:
            if isinstance(event, dict) and event.get("type") == "lead":
                assert event["form"] is not ...
        return super().unpack(events)


class TrustsThatEventFormIsText(Reference):
    def unpack(self, events: list[Any]) -> Received:
        for event in events:
            if isinstance(event, dict) and event.get("type") == "lead":
                event.get("form", "").strip()
        return super().unpack(events)


class KnowsALeftOverSecret(Reference):
    def verify(self, request: InboundRequest, secret: SecretStr) -> None:
        try:
            super().verify(request, secret)
        except UnverifiedRequestError:
            super().verify(request, WRONG_SECRET)


class AcceptsUnsigned(Reference):
    def verify(self, request: InboundRequest, secret: SecretStr) -> None:
        if SIGNATURE in request.headers:
            super().verify(request, secret)


class SignsATidiedBody(Reference):
    def verify(self, request: InboundRequest, secret: SecretStr) -> None:
        super().verify(request.model_copy(update={"body": request.body.strip()}), secret)


class ComparesTextAsAscii(Reference):
    def verify(self, request: InboundRequest, secret: SecretStr) -> None:
        hmac.compare_digest(request.headers.get(SIGNATURE, ""), "v1=")
        super().verify(request, secret)


class IgnoresTheTime(Reference):
    def verify(self, request: InboundRequest, secret: SecretStr) -> None:
        signed = request.headers.get(SENT_AT, "").encode("utf-8", "replace") + b"." + request.body
        if not wire.equal(request.headers.get(SIGNATURE, ""), f"v1={hmac_sha256_hex(secret, signed)}"):
            raise UnverifiedRequestError("The signature is wrong.")


class WantsTheExactTime(Reference):
    def verify(self, request: InboundRequest, secret: SecretStr) -> None:
        super().verify(request, secret)
        check_timestamp(request.headers.get(SENT_AT), request.received_at, timedelta(seconds=60))


class KnowsOneSecret(Reference):
    def webhook_secrets(self, settings: BaseModel) -> tuple[SecretStr, ...]:
        return super().webhook_secrets(settings)[:1]


class MakesIdsFromTheTime(Reference):
    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        found = super().receive(request, secret)
        if request.received_at.minute != 17:
            return found
        late = tuple(each.model_copy(update={"source_id": f"{each.source_id}-17"}) for each in found.pointers)
        return found.model_copy(update={"pointers": late})


class ReadsTheFirstEvent(Reference):
    def unpack(self, events: list[Any]) -> Received:
        return super().unpack(events[:1])


class ExpectsAscendingEvents(Reference):
    def unpack(self, events: list[Any]) -> Received:
        found = super().unpack(events)
        pointers, newest = [], ""
        for each in found.pointers:
            if each.source_id > newest:
                pointers.append(each)
                newest = each.source_id
        return found.model_copy(update={"pointers": tuple(pointers)})


class StopsAtAnUnreadableEvent(Reference):
    def unpack(self, events: list[Any]) -> Received:
        for position, event in enumerate(events):
            if super().unpack([event]).submissions:
                return super().unpack(events[: position + 1])
        return super().unpack(events)


class DropsUnreadableEvents(Reference):
    def unpack(self, events: list[Any]) -> Received:
        return super().unpack(events).model_copy(update={"submissions": ()})


class StrictEvent(WireEvent):
    model_config = ConfigDict(extra="forbid")
    type: str


class RefusesUnknownEventFields(Reference):
    def unpack(self, events: list[Any]) -> Received:
        for event in events:
            if isinstance(event, dict) and event.get("type") == "lead" and super().unpack([event]).pointers:
                wire.read(StrictEvent, event)
        return super().unpack(events)


class CountsNothing(Reference):
    def unpack(self, events: list[Any]) -> Received:
        return super().unpack(events).model_copy(update={"ignored": 0})


class SaysNothingToTheHandshake(Reference):
    def handshake(self, request: InboundRequest, secret: SecretStr) -> Received:
        return super().handshake(request, secret).model_copy(update={"reply": None})


class AnswersAnyHandshake(Reference):
    def handshake(self, request: InboundRequest, secret: SecretStr) -> Received:
        word = hmac_sha256_hex(secret, b"word")
        return super().handshake(request.model_copy(update={"query": {**request.query, "word": word}}), secret)


class MissesWithdrawal(Reference):
    notices: ClassVar[Mapping[str, NoticeKind]] = {"erase": NoticeKind.ERASURE_REQUESTED}


class MissesErasure(Reference):
    notices: ClassVar[Mapping[str, NoticeKind]] = {"revoked": NoticeKind.GRANT_REVOKED}


# --- thin deliveries, subscriptions -----------------------------------------------------------------------


class ResolvesInAnotherOrder(Reference):
    async def resolve(self, access: Access, pointer: Pointer) -> RawSubmission:
        found = await super().resolve(access, pointer)
        body: Any = found.body
        return found.model_copy(update={"body": {**body, "answers": body["answers"][::-1]}})


class InventsVanishedLeads(Reference):
    async def resolve(self, access: Access, pointer: Pointer) -> RawSubmission:
        try:
            return await super().resolve(access, pointer)
        except PermanentError:
            body: JsonValue = {"id": pointer.source_id, "form": "0", "sent_at": 0, "answers": []}
            return RawSubmission(source_id=pointer.source_id, form_id=pointer.form_id, body=body)


class NeverSubscribes(Reference):
    async def subscribe(self, access: Access, callback_url: str) -> None:
        return


class NeverUnsubscribes(Reference):
    async def unsubscribe(self, access: Access) -> None:
        return


class BelievesInItsSubscription(Reference):
    def __init__(self) -> None:
        self.has_subscribed: WeakKeyDictionary[Clock, bool] = WeakKeyDictionary()

    async def subscribe(self, access: Access, callback_url: str) -> None:
        await super().subscribe(access, callback_url)
        self.has_subscribed[access.clock] = True

    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        await self.skip_closed(access)
        return self.has_subscribed.get(access.clock) or await super().is_subscribed(access, callback_url)

    async def unsubscribe(self, access: Access) -> None:
        await super().unsubscribe(access)
        self.has_subscribed[access.clock] = False


# --- forms ------------------------------------------------------------------------------------------------


class NamesFormsInAscii(Reference):
    def form(self, wire: WireForm) -> SourceForm:
        found = super().form(wire)
        return found.model_copy(update={"name": found.name.encode("ascii", "ignore").decode()})


class LabelsQuestionsByKey(Reference):
    def form(self, wire: WireForm) -> SourceForm:
        found = super().form(wire)
        questions = tuple(each.model_copy(update={"label": each.key}) for each in found.questions)
        return found.model_copy(update={"questions": questions})


class ListsOnePageOfForms(Reference):
    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        await self.skip_closed(access)
        items, _ = await self.page(access, f"{wire.API}/forms", {"after": ""}, "forms")
        return [self.form(wire.called(WireForm, item)) for item in items]


class WantsAtLeastOneForm(Reference):
    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        found = await super().list_forms(access)
        return [found[0], *found[1:]]


class KeepsTheFirstListing(Reference):
    """Knows the forms that were there when it first looked."""

    def __init__(self) -> None:
        self.known: WeakKeyDictionary[Clock, set[str]] = WeakKeyDictionary()

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        found = await super().list_forms(access)
        known = self.known.setdefault(access.clock, {form.id for form in found})
        return [form for form in found if form.id in known]


class KeepsTheFirstQuestions(Reference):
    """Knows the questions that a form had when it first looked."""

    def __init__(self) -> None:
        self.known: WeakKeyDictionary[Clock, dict[str, SourceForm]] = WeakKeyDictionary()

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        known = self.known.setdefault(access.clock, {})
        return [known.setdefault(form.id, form) for form in await super().list_forms(access)]


MUTANTS = (
    Mutant("valid_fixtures_give_their_result", ForgetsLabels),
    Mutant("invalid_fixtures_raise_their_error", NamesNoPath),
    Mutant("normalise_is_pure", WritesIntoTheBody),
    Mutant("every_answer_is_kept", DropsEmail),
    Mutant("answers_to_unknown_questions_are_kept", KeepsOnlyKnownQuestions, rows=("L-07",)),
    Mutant("multiple_choice_stays_whole", KeepsOneChoice, rows=("L-06",)),
    Mutant("empty_answers_spare_the_others", StopsAtAnEmptyAnswer, rows=("L-06",)),
    Mutant(
        "empty_answers_spare_the_others",
        FallsOverAnEmptyAnswer,
        fails_also=frozenset({"submissions_without_a_key_are_refused", "submissions_of_other_types_are_refused"}),
        why="a crash on an empty list is a crash on hostile input too, which empties every list",
        rows=("L-06",),
    ),
    Mutant("questions_in_any_script_are_kept", DropsOtherScripts, rows=("L-09",)),
    Mutant("long_ids_are_exact", ReadsIdsAsFloats),
    Mutant("source_id_is_the_sources_own", CutsTheFormId),
    Mutant("submitted_at_is_the_sources_time", RoundsTheTime),
    Mutant("unknown_fields_do_no_harm", RefusesUnknownFields, rows=("L-08",)),
    Mutant("test_leads_are_marked", OverlooksTests),
    Mutant("submissions_without_a_key_are_refused", TrustsThatTimeIsThere),
    Mutant("submissions_of_other_types_are_refused", TrustsThatFormIsText),
    Mutant("works_at_any_time", BelongsToItsDecade),
    Mutant("instances_share_nothing", RemembersWhatItSaw),
    Mutant("cut_deliveries_are_refused", RepairsCutBodies),
    Mutant("hostile_bodies_are_refused", ForgetsDeepNesting),
    Mutant("deliveries_without_a_key_are_refused", TrustsThatFormIsThere),
    Mutant("deliveries_of_other_types_are_refused", TrustsThatEventFormIsText),
    Mutant("wrong_signature_is_refused", KnowsALeftOverSecret),
    Mutant(
        "missing_signature_is_refused",
        AcceptsUnsigned,
        fails_also=frozenset({"unsigned_delivery_report_is_refused"}),
        why="reports come to the same address as leads and are checked by the same code",
    ),
    Mutant("changed_body_is_refused", SignsATidiedBody),
    Mutant("forged_headers_are_refused", ComparesTextAsAscii),
    Mutant("stale_delivery_is_refused", IgnoresTheTime),
    Mutant("small_clock_skew_is_accepted", WantsTheExactTime),
    Mutant("previous_secret_is_accepted", KnowsOneSecret),
    Mutant("repeated_delivery_gives_the_same_ids", MakesIdsFromTheTime),
    Mutant("whole_batch_is_read", ReadsTheFirstEvent, rows=("L-05",)),
    Mutant("order_of_a_batch_is_free", ExpectsAscendingEvents),
    Mutant("unreadable_element_spares_the_others", StopsAtAnUnreadableEvent),
    Mutant("unreadable_element_is_kept", DropsUnreadableEvents),
    Mutant("unknown_fields_in_a_delivery_do_no_harm", RefusesUnknownEventFields, rows=("L-08",)),
    Mutant("unknown_event_is_counted", CountsNothing),
    Mutant("challenge_is_answered", SaysNothingToTheHandshake),
    Mutant("challenge_of_a_stranger_is_refused", AnswersAnyHandshake),
    Mutant("withdrawn_grant_is_told", MissesWithdrawal),
    Mutant("erasure_request_is_told", MissesErasure),
    Mutant("pointer_leads_to_the_listed_submission", ResolvesInAnotherOrder),
    Mutant("pointer_into_the_void_is_a_named_error", InventsVanishedLeads),
    Mutant("subscription_is_made_and_seen", NeverSubscribes),
    Mutant("subscription_is_ended", NeverUnsubscribes),
    Mutant("lost_subscription_is_noticed", BelievesInItsSubscription),
    Mutant("forms_are_listed", NamesFormsInAscii),
    Mutant("questions_are_listed", LabelsQuestionsByKey),
    Mutant("every_page_of_forms_is_read", ListsOnePageOfForms),
    Mutant("account_without_forms_is_fine", WantsAtLeastOneForm),
    Mutant("new_forms_are_picked_up", KeepsTheFirstListing, rows=("L-10",)),
    Mutant("changed_questions_are_picked_up", KeepsTheFirstQuestions, rows=("L-10",)),
)
