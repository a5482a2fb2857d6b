"""Calls of Vonage's APIs: with key and secret, or as the application."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import JsonValue, SecretStr

from hub.connector.access import Access
from hub.connector.errors import BadPayloadError, PermanentError, RetryableError
from hub.connector.json_web_tokens import signed_rs256
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.wire import WireT, read

API = "https://api.nexmo.com"
REST = "https://rest.nexmo.com"
TOKEN_LIFE = timedelta(minutes=15)


class VonageApi:
    """Vonage under one app's settings."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._settings = access.settings(SmsVoiceSettings)

    @property
    def api_key(self) -> str:
        """The account."""
        return self._settings.vonage_api_key or ""

    @property
    def application_id(self) -> str | None:
        """The application, where it was entered."""
        return self._settings.vonage_application_id

    async def get(self, url: str, params: Mapping[str, str] | None = None) -> JsonValue:
        """GET with key and secret."""
        answer = await self._access.call(
            "GET", url, params=params, headers={"authorization": self._basic()}, authorised=False
        )
        return answer.body

    async def post_as_application(self, url: str, body: JsonValue, *, token_id: str) -> JsonValue:
        """POST as the application where its private key was entered, else with key and secret.

        ``token_id`` is the ``jti`` of the token: it must be another one for each request.
        """
        headers = {"authorization": self._bearer(token_id) or self._basic()}
        answer = await self._access.call("POST", url, json_body=body, headers=headers, authorised=False)
        return answer.body

    def _basic(self) -> str:
        secret = self._settings.vonage_api_secret
        if secret is None:
            raise PermanentError("The settings of the Vonage account are incomplete.", code="settings_incomplete")
        return "Basic " + base64.b64encode(f"{self.api_key}:{secret.get_secret_value()}".encode()).decode()

    def _bearer(self, token_id: str) -> str | None:
        key: SecretStr | None = self._settings.vonage_private_key
        if key is None or self.application_id is None:
            return None
        now = self._access.clock.now()
        claims: dict[str, JsonValue] = {
            "application_id": self.application_id,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_LIFE).timestamp()),
            "jti": token_id,
        }
        return f"Bearer {signed_rs256(claims, key).get_secret_value()}"


def told(model: type[WireT], value: Any) -> WireT:
    """Part of an answer as a model. An unreadable answer is passing trouble, not a bad submission."""
    try:
        return read(model, value)
    except BadPayloadError as error:
        where = f"{model.__name__} at {error.path}: {error.detail}"
        raise RetryableError("Vonage's answer could not be read.", detail=where, code="garbage") from None
