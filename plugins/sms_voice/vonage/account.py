"""The account of the settings: its numbers, and whether the application signs what it sends."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from hub.connector.conversations import Channel
from hub.connector.models import Account, SourceForm
from plugins.sms_voice.conversation import QUESTIONS, form_id_of
from plugins.sms_voice.vonage.addresses import address_of
from plugins.sms_voice.vonage.api import API, REST, VonageApi, told
from plugins.sms_voice.wire import Id, Listed, Text, Wire

PAGE_SIZE = 100
MOST_PAGES = 1_000
CHANNELS = {"SMS": Channel.SMS, "VOICE": Channel.VOICE}
TITLES = {Channel.SMS: "SMS to", Channel.VOICE: "Calls to"}
CALLS_UNSIGNED = (
    "calls: the application does not sign what it tells of calls, so the hub cannot take it. Switch signed_callbacks "
    "on for its Voice capability."
)


class _Number(Wire):
    msisdn: Id
    features: Annotated[tuple[Text, ...], Listed] = ()


class _NumberPage(Wire):
    count: int = 0
    numbers: Annotated[tuple[_Number, ...], Listed] = ()


class _Voice(Wire):
    signed_callbacks: bool = False


class _Capabilities(Wire):
    voice: _Voice | None = None


class _Application(Wire):
    id: Id
    name: Text = ""
    capabilities: _Capabilities | None = None


async def identify_account(api: VonageApi) -> Account:
    """The account by its key. That its numbers can be listed shows that key and secret are right.

    There are no parts: WhatsApp senders stand in no list, and what comes to one must not be held for that.
    """
    missing: tuple[str, ...] = ()
    name = f"Vonage {api.api_key}"
    await _page(api, 1)
    if api.application_id is not None:
        application = told(_Application, await api.get(f"{API}/v2/applications/{api.application_id}"))
        name = f"{name}, {application.name}" if application.name else name
        voice = application.capabilities.voice if application.capabilities else None
        missing = (CALLS_UNSIGNED,) if voice and not voice.signed_callbacks else ()
    return Account(id=api.api_key, name=name, missing_rights=missing)


async def forms_of_numbers(api: VonageApi) -> Sequence[SourceForm]:
    """One form for each number and what it can do. WhatsApp senders become known by their first message."""
    return [
        SourceForm(
            id=form_id_of(channel, address_of(number.msisdn)),
            name=f"{TITLES[channel]} {address_of(number.msisdn)}",
            questions=QUESTIONS,
        )
        async for number in _numbers(api)
        for feature, channel in CHANNELS.items()
        if feature in number.features
    ]


async def _numbers(api: VonageApi) -> AsyncIterator[_Number]:
    for index in range(1, MOST_PAGES):
        page = await _page(api, index)
        for number in page.numbers:
            yield number
        if not page.numbers or index * PAGE_SIZE >= page.count:
            return


async def _page(api: VonageApi, index: int) -> _NumberPage:
    """An account without numbers answers an empty object."""
    params = {"size": str(PAGE_SIZE), "index": str(index)}
    return told(_NumberPage, await api.get(f"{REST}/account/numbers", params))
