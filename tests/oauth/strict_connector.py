"""A connector for the strict server, as plain as the contract lets it be."""

from datetime import UTC, datetime
from typing import ClassVar

from pydantic import BaseModel, SecretStr

from hub.connector.access import Access
from hub.connector.base import Authorizes, Connector, Subscribes
from hub.connector.models import (
    AccessItem,
    Account,
    AccountPart,
    InboundRequest,
    Manifest,
    OAuthProfile,
    RawSubmission,
    Received,
    Submission,
)
from tests.oauth.strict_server import CLIENT_ID, CLIENT_SECRET, ISSUER

ORIGIN = "https://login.strict.example"
SETTINGS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


class StrictSettings(BaseModel):
    """The app's credentials."""

    client_id: str
    client_secret: SecretStr


class StrictConnector(Connector, Authorizes, Subscribes):
    """Authorises, identifies, unsubscribes; delivers nothing."""

    manifest = Manifest(
        key="strict",
        name="Strict",
        contract=1,
        source_code="strict",
        settings=StrictSettings,
        access_review=(
            AccessItem(label="Read leads", scopes=("leads",)),
            AccessItem(label="List forms", scopes=("forms",)),
            AccessItem(label="List pages", scopes=("pages",)),
            AccessItem(label="Read campaigns", scopes=("campaigns",)),
        ),
        hosts=(ORIGIN,),
    )
    oauth: ClassVar[OAuthProfile] = OAuthProfile(
        authorize_url=f"{ORIGIN}/authorize",
        token_url=f"{ORIGIN}/token",
        revoke_url=f"{ORIGIN}/revoke",
        scopes=("leads", "forms", "pages", "campaigns"),
        issuer=ISSUER,
    )

    def normalise(self, raw: RawSubmission) -> Submission:
        """Nothing in it."""
        return Submission(
            source_id=raw.source_id, form_id=raw.form_id, submitted_at=datetime(2026, 1, 1, tzinfo=UTC), answers=()
        )

    async def identify(self, access: Access) -> Account:
        """Who signed in; a part whose name ends in ``-closed`` lacks a right."""
        body = (await access.get(f"{ORIGIN}/me")).body
        assert isinstance(body, dict)
        parts = tuple(
            AccountPart(
                id=part, name=f"Page {part}", missing_rights=("Lead access",) if part.endswith("-closed") else ()
            )
            for part in body["parts"]
        )
        return Account(id=body["id"], name=body["name"], parts=parts)

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """Nothing arrives."""
        return Received()

    async def subscribe(self, access: Access, callback_url: str) -> None:
        """Nothing to switch on."""

    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        """Always."""
        return True

    async def unsubscribe(self, access: Access) -> None:
        """Tell the server."""
        await access.call("POST", f"{ORIGIN}/unsubscribe")
