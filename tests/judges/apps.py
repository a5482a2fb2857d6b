"""An app of the platform whose signature vectors are known, and deliveries signed as that platform signs."""

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from tests.judges.running import Organisation, Running

SECRET = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
PLAIN_APP = {"app_id": "123456789", "app_secret": SECRET}


@dataclass(frozen=True)
class WebhookApp:
    """An app by id, and the path of its inbound address."""

    id: str
    path: str


async def add_app(
    running: Running, client: aiohttp.ClientSession, owner: Organisation | None = None, secret: str = SECRET
) -> WebhookApp:
    """An app with this secret."""
    body = {"connector": "meta_ads", "name": "Our app", "settings": {"app_id": "123456789", "app_secret": secret}}
    made = await running.made(client, "/api/v1/apps", body, owner=owner)
    return WebhookApp(made["id"], urlsplit(made["webhook_url"]).path)


def signature_of(body: bytes, secret: str = SECRET) -> str:
    """The header's value over the raw bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
