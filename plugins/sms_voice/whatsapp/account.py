"""The account of the settings: its name, its numbers, and what is missing."""

from collections.abc import Sequence
from typing import Annotated

from hub.connector.conversations import Channel
from hub.connector.errors import ConnectorError, RetryableError
from hub.connector.models import Account, AccountPart, SourceForm
from plugins.sms_voice.conversation import QUESTIONS, form_id_of
from plugins.sms_voice.whatsapp.graph import Graph, member, told
from plugins.sms_voice.wire import Id, Listed, Text, Wire

PERMISSIONS = {
    "whatsapp_business_messaging": "send and receive WhatsApp messages (whatsapp_business_messaging)",
    "whatsapp_business_management": "see the numbers of the WhatsApp account (whatsapp_business_management)",
}
NOT_LINKED = (
    "the app gets nothing of this WhatsApp account: link both as the README of this integration says (subscribed_apps)"
)


class _AccountNode(Wire):
    id: Id
    name: Text = ""


class _Number(Wire):
    id: Id
    display_phone_number: Text = ""
    verified_name: Text = ""

    @property
    def title(self) -> str:
        """What people call it."""
        words = " ".join(each for each in (self.verified_name, self.display_phone_number) if each)
        return words or self.id


class _TokenFacts(Wire):
    is_valid: bool = True
    scopes: Annotated[tuple[str, ...], Listed] = ()


async def identify_account(graph: Graph) -> Account:
    """The WhatsApp Business Account with its numbers as parts."""
    node = told(_AccountNode, await graph.call("GET", graph.account_id, params={"fields": "id,name"}))
    numbers = await _numbers(graph)
    return Account(
        id=node.id,
        name=node.name or node.id,
        missing_rights=(*await _missing_permissions(graph), *await _missing_link(graph)),
        parts=tuple(AccountPart(id=each.id, name=each.title) for each in numbers),
    )


async def forms_of_numbers(graph: Graph) -> Sequence[SourceForm]:
    """One form per number. Forms inside WhatsApp are discovered when the first answer comes: no list names them."""
    numbers = await _numbers(graph)
    names = [each.verified_name for each in numbers]
    return tuple(
        SourceForm(
            id=form_id_of(Channel.WHATSAPP, each.id),
            name=each.verified_name if names.count(each.verified_name) == 1 and each.verified_name else each.title,
            questions=QUESTIONS,
            part_id=each.id,
        )
        for each in numbers
    )


async def _numbers(graph: Graph) -> list[_Number]:
    rows = graph.items(f"{graph.account_id}/phone_numbers", {"fields": "id,display_phone_number,verified_name"})
    return [told(_Number, row) async for row in rows]


async def _missing_permissions(graph: Graph) -> list[str]:
    """What the token was not made for, as far as Meta tells: that needs the app's id."""
    if not graph.app_id:
        return []
    token = graph.access_token.get_secret_value()
    try:
        answer = await graph.call("GET", "debug_token", params={"input_token": token}, as_app=True)
        facts = told(_TokenFacts, member(answer, "data"))
    except RetryableError:
        raise
    except ConnectorError:
        return ["The App ID and the App secret do not belong together, so nobody can say what is missing."]
    return [words for scope, words in PERMISSIONS.items() if scope not in facts.scopes]


async def _missing_link(graph: Graph) -> list[str]:
    rows = member(await graph.call("GET", f"{graph.account_id}/subscribed_apps"), "data")
    return [] if isinstance(rows, list) and rows else [NOT_LINKED]
