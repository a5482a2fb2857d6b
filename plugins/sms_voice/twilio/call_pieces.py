"""What followed in calls that a listing brought: recordings and transcripts whose callbacks may have been lost.

Lists of recordings are of the whole account, outgoing calls too; only those of the calls at hand are taken. Transcripts
are asked for one recording at a time, so not for calls of the past that are read when an account is connected.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue

from hub.connector.models import RawSubmission
from hub.connector.text import storable
from plugins.sms_voice.provider import Provider
from plugins.sms_voice.twilio.api import HOST, ListPage, TwilioApi
from plugins.sms_voice.twilio.callbacks import Kind, usable_id

LATEST = timedelta(days=2)
"""After the start of a call, when its recording is there at the latest; the filter knows whole days only."""


class CallPieces:
    """Reads what followed in calls to one number."""

    def __init__(self, provider: Provider, api: TwilioApi, form_id: str, *, with_transcripts: bool) -> None:
        self._provider = provider
        self._api = api
        self._form_id = form_id
        self._with_transcripts = with_transcripts

    async def of(self, calls: Sequence[tuple[Any, datetime | None]]) -> list[RawSubmission]:
        """The pieces of these calls, each given as it was listed, with its start."""
        known = {body["sid"]: body for body, _ in calls if isinstance(body, dict) and isinstance(body.get("sid"), str)}
        starts = [at for _, at in calls if at is not None]
        if not known or not starts:
            return []
        found: list[RawSubmission] = []
        for recording in await self._recordings(min(starts), max(starts) + LATEST):
            call = known.get(str(recording.get("call_sid")))
            if call is not None and recording.get("status") == "completed":
                found.append(self._piece(Kind.RECORDING, call, recording, _fields_of_recording(recording)))
                found += await self._transcripts(call, recording)
        return found

    async def _recordings(self, first: datetime, last: datetime) -> list[Mapping[str, Any]]:
        days = {"DateCreated>": first, "DateCreated<": last}
        params = {name: at.astimezone(UTC).strftime("%Y-%m-%d") for name, at in days.items()}
        return await self._all(await self._api.page("Recordings", params, "recordings"), "recordings")

    async def _transcripts(self, call: Mapping[str, Any], recording: Mapping[str, Any]) -> list[RawSubmission]:
        sid = usable_id(str(recording.get("sid") or ""))
        if not self._with_transcripts or sid is None or not sid.isalnum():
            return []
        page = await self._api.page(f"Recordings/{sid}/Transcriptions", {}, "transcriptions")
        return [
            self._piece(Kind.TRANSCRIPTION, call, each, {"TranscriptionText": _text(each, "transcription_text")})
            for each in await self._all(page, "transcriptions")
            if each.get("status") == "completed"
        ]

    async def _all(self, page: ListPage, key: str) -> list[Mapping[str, Any]]:
        found = list(page.items)
        while page.next_uri is not None:
            page = await self._api.page_at(page.next_uri, key)
            found += page.items
        return [each for each in found if isinstance(each, dict)]

    def _piece(
        self, kind: Kind, call: Mapping[str, Any], listed: Mapping[str, Any], more: Mapping[str, str]
    ) -> RawSubmission:
        names = {"sid": "CallSid", "account_sid": "AccountSid", "from": "From", "to": "To"}
        fields: dict[str, JsonValue] = {ours: _text(call, theirs) for theirs, ours in names.items()}
        content: JsonValue = {
            "kind": kind.value,
            "fields": {**fields, **more, "Timestamp": _text(listed, "date_created")},
        }
        return RawSubmission(
            source_id=usable_id(_text(listed, "sid")), form_id=self._form_id, body=self._provider.raw_body(content)
        )


def _fields_of_recording(recording: Mapping[str, Any]) -> dict[str, str]:
    """The address of a recording is its own in the API, without the ending."""
    uri = _text(recording, "uri").removesuffix(".json")
    return {"RecordingUrl": f"{HOST}{uri}" if uri else "", "RecordingDuration": _text(recording, "duration")}


def _text(listed: Mapping[str, Any], name: str) -> str:
    value = listed.get(name)
    return storable(str(value)) if isinstance(value, str | int) else ""
