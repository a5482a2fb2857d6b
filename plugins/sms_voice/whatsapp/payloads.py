"""What Meta posts for a WhatsApp account, as models (protocol page section 3)."""

from typing import Annotated

from pydantic import Field, JsonValue

from plugins.sms_voice.wire import Id, Listed, Text, UnixMoment, Wire


class Metadata(Wire):
    """Which of the business's numbers a change is about."""

    phone_number_id: Id
    display_phone_number: Text = ""


class Profile(Wire):
    """What a person calls himself."""

    name: Text = ""
    username: Text = ""


class Contact(Wire):
    """Who wrote. ``wa_id`` is missing or empty for people with a username; ``user_id`` is unique within the
    business's portfolio, ``parent_user_id`` within portfolios that were linked."""

    profile: Profile | None = None
    wa_id: Text = ""
    user_id: Text = ""
    parent_user_id: Text = ""


class TextBody(Wire):
    """The words of a plain message."""

    body: Text = ""


class MediaFile(Wire):
    """A picture, film, recording, document or sticker; the bytes stay at Meta for seven days."""

    id: Text = ""
    mime_type: Text = ""
    caption: Text = ""
    filename: Text = ""


class Location(Wire):
    """A place on the map."""

    latitude: float | None = None
    longitude: float | None = None
    name: Text = ""
    address: Text = ""
    url: Text = ""


class CardName(Wire):
    """The name on a contact card."""

    formatted_name: Text = ""


class CardPhone(Wire):
    """A number on a contact card."""

    phone: Text = ""
    wa_id: Text = ""


class CardEmail(Wire):
    """An address on a contact card."""

    email: Text = ""


class Card(Wire):
    """A contact card: of somebody else, or of the writer where the hub asked for it."""

    name: CardName | None = None
    phones: Annotated[tuple[CardPhone, ...], Listed] = ()
    emails: Annotated[tuple[CardEmail, ...], Listed] = ()


class Choice(Wire):
    """A button or a row of a list that the person chose."""

    id: Text = ""
    title: Text = ""
    description: Text = ""


class FlowAnswer(Wire):
    """A form inside WhatsApp, filled in. ``response_json`` is JSON as text."""

    response_json: Text = ""
    body: Text = ""
    name: Text = ""


class Interactive(Wire):
    """An answer to a message with buttons, a list, or a form."""

    type: Text = ""
    button_reply: Choice | None = None
    list_reply: Choice | None = None
    nfm_reply: FlowAnswer | None = None


class Button(Wire):
    """An answer to a button of a template."""

    text: Text = ""
    payload: Text = ""


class Product(Wire):
    """One line of an order."""

    product_retailer_id: Text = ""
    quantity: Text = ""
    item_price: Text = ""
    currency: Text = ""


class Order(Wire):
    """What a person chose from the catalogue."""

    catalog_id: Text = ""
    text: Text = ""
    product_items: Annotated[tuple[Product, ...], Listed] = ()


class Problem(Wire):
    """Why Meta could not show or deliver something."""

    class Detail(Wire):
        """What happened, in words."""

        details: Text = ""

    code: Text = ""
    title: Text = ""
    error_data: Detail | None = None


class Piece(Wire):
    """What was written, by ``type``; the member of that name holds it."""

    type: Text
    text: TextBody | None = None
    image: MediaFile | None = None
    video: MediaFile | None = None
    audio: MediaFile | None = None
    document: MediaFile | None = None
    sticker: MediaFile | None = None
    location: Location | None = None
    contacts: Annotated[tuple[Card, ...], Listed] = ()
    interactive: Interactive | None = None
    button: Button | None = None
    order: Order | None = None
    errors: Annotated[tuple[Problem, ...], Listed] = ()
    origin: Text = ""
    """``contact_request`` on the writer's own card, sent because the hub asked for it."""


class Edit(Wire):
    """A message that the person changed, as it is now."""

    original_message_id: Id
    message: Piece


class Revoke(Wire):
    """A message that the person took back."""

    original_message_id: Id


class Change(Wire):
    """The person has another number or id from now on, or another phone (``customer_identity_changed``)."""

    type: Text = ""
    body: Text = ""
    wa_id: Text = ""
    new_wa_id: Text = ""
    user_id: Text = ""
    previous_user_id: Text = ""
    parent_user_id: Text = ""


class Referral(Wire):
    """The ad or post that was clicked; told with the first message only."""

    source_url: Text = ""
    source_id: Text = ""
    source_type: Text = ""
    headline: Text = ""
    body: Text = ""
    ctwa_clid: Text = ""


class Context(Wire):
    """The message that this one answers."""

    id: Text = ""


class InboundMessage(Piece):
    """One member of ``messages``."""

    id: Id
    timestamp: UnixMoment
    sender: Text = Field(default="", alias="from")
    from_user_id: Text = ""
    referral: Referral | None = None
    context: Context | None = None
    edit: Edit | None = None
    revoke: Revoke | None = None
    system: Change | None = None


class MessageHead(Wire):
    """What a message is stored under, however odd the rest of it may be."""

    id: Id
    type: Text = ""
    sender: Text = Field(default="", alias="from")
    from_user_id: Text = ""


class Status(Wire):
    """One member of ``statuses``: how far a message of ours got."""

    id: Id
    status: Text
    timestamp: UnixMoment
    errors: Annotated[tuple[Problem, ...], Listed] = ()


class UserPreference(Wire):
    """One member of ``user_preferences``: a choice made in WhatsApp's own settings."""

    wa_id: Text = ""
    user_id: Text = ""
    category: Text = ""
    value: Text
    detail: Text = ""
    timestamp: UnixMoment


class StoredPiece(Wire):
    """What ``receive`` keeps of one message or preference: as it came, with what stood round it."""

    account_id: Text = ""
    metadata: Metadata
    contact: Contact | None = None
    message: JsonValue = None
    preference: JsonValue = None
