"""What a message says, whatever its type: words to show, files, answers, and facts beside them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hub.connector.conversations import Media
from hub.connector.errors import BadPayloadError
from hub.connector.models import Answer
from plugins.sms_voice.whatsapp.payloads import Card, Choice, FlowAnswer, MediaFile, Piece, Product

GRAPH = "https://graph.facebook.com"
OWN_CARD = "contact_request"
FLOW_TOKEN = "flow_token"  # noqa: S105 - the name of a member
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Content:
    """``own_phone`` is a number that the writer gave as his own; ``answers`` are those of a form."""

    text: str = ""
    media: tuple[Media, ...] = ()
    answers: tuple[Answer, ...] = ()
    own_phone: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


def content_of(piece: Piece, number_id: str) -> Content:
    """What was written. A type that nobody knows yet still is a message, with its type as a fact."""
    reader = _READERS.get(piece.type)
    found = reader(piece) if reader else _file(piece, number_id) if piece.type in _FILES else None
    return found or Content(detail={"type": piece.type, **_problem(piece)})


def _text(piece: Piece) -> Content | None:
    return Content(text=piece.text.body) if piece.text else None


def _file(piece: Piece, number_id: str) -> Content | None:
    """The bytes are asked for by id, with the access token; the address that Meta answers lasts five minutes."""
    found: MediaFile | None = getattr(piece, piece.type)
    if found is None:
        return None
    url = f"{GRAPH}/{found.id}?phone_number_id={number_id}"
    media = Media(url=url, content_type=found.mime_type, name=found.filename)
    return Content(text=found.caption, media=(media,) if found.id else (), detail={"type": piece.type})


def _location(piece: Piece) -> Content | None:
    place = piece.location
    if place is None:
        return None
    named = ", ".join(each for each in (place.name, place.address) if each)
    spot = {"latitude": place.latitude, "longitude": place.longitude}
    detail = {name: str(value) for name, value in spot.items() if value is not None}
    return Content(text=named or ", ".join(detail.values()), detail={"type": "location", **detail, **_url(place.url)})


def _url(url: str) -> dict[str, str]:
    return {"url": url} if url else {}


def _cards(piece: Piece) -> Content | None:
    """Cards of others are words; the writer's own, asked for by the hub, tells his number."""
    lines = [line for card in piece.contacts if (line := _card_line(card))]
    numbers = [f"+{phone.wa_id}" if phone.wa_id else phone.phone for card in piece.contacts for phone in card.phones]
    own = numbers[0] if numbers and piece.origin == OWN_CARD else ""
    return Content(text="\n".join(lines), own_phone=own, detail={"type": "contacts"})


def _card_line(card: Card) -> str:
    words = [card.name.formatted_name if card.name else ""]
    words += [phone.phone or phone.wa_id for phone in card.phones] + [each.email for each in card.emails]
    return ", ".join(word for word in words if word)


def _interactive(piece: Piece) -> Content | None:
    found = piece.interactive
    if found is None:
        return None
    if found.nfm_reply:
        return Content(
            text=found.nfm_reply.body, answers=_form_answers(found.nfm_reply), detail={"type": "form", "form": "flow"}
        )
    chosen = found.button_reply or found.list_reply
    return _choice(chosen) if chosen else None


def _choice(chosen: Choice) -> Content:
    detail = {"type": "choice", "choice": chosen.id, "description": chosen.description}
    return Content(text=chosen.title, detail={name: value for name, value in detail.items() if value})


def _form_answers(flow: FlowAnswer) -> tuple[Answer, ...]:
    """The answers of a form inside WhatsApp, each under its own key; a list of choices stays together."""
    try:
        answers = json.loads(flow.response_json)
    except (ValueError, RecursionError):
        answers = None
    if not isinstance(answers, dict):
        raise BadPayloadError(
            "The answers of a WhatsApp form cannot be read.", path="message.interactive.nfm_reply.response_json"
        )
    return tuple(
        Answer(key=key[:LONGEST_KEY], label=key, values=tuple(_values(value)))
        for key, value in answers.items()
        if key and key != FLOW_TOKEN
    )


def _values(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, bool):
            yield "true" if each else "false"
        elif isinstance(each, str | int | float):
            yield str(each)
        elif each is not None:
            yield json.dumps(each, ensure_ascii=False)


def _button(piece: Piece) -> Content | None:
    if piece.button is None:
        return None
    return Content(text=piece.button.text, detail={"type": "button", "choice": piece.button.payload})


def _order(piece: Piece) -> Content | None:
    if piece.order is None:
        return None
    lines = [piece.order.text, *(_product_line(each) for each in piece.order.product_items)]
    detail = {"type": "order", "catalogue": piece.order.catalog_id}
    return Content(text="\n".join(line for line in lines if line), detail=detail)


def _product_line(product: Product) -> str:
    price = f" at {product.item_price} {product.currency}".rstrip() if product.item_price else ""
    return f"{product.quantity or '1'} × {product.product_retailer_id}{price}"


def _problem(piece: Piece) -> dict[str, str]:
    """Why Meta did not pass on what was written (131051: a type that it does not support)."""
    if not piece.errors:
        return {}
    first = piece.errors[0]
    words = (first.error_data.details if first.error_data else "") or first.title
    return {"problem": " ".join(each for each in (first.code, words) if each)}


_FILES = frozenset({"image", "video", "audio", "document", "sticker"})
_READERS: Mapping[str, Callable[[Piece], Content | None]] = MappingProxyType(
    {
        "text": _text,
        "location": _location,
        "contacts": _cards,
        "interactive": _interactive,
        "button": _button,
        "order": _order,
    }
)
