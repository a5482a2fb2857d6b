"""How Vonage refuses: problem JSON in the newer APIs, codes with a label in the older (protocol page section 5)."""

import json

from aiohttp import web

from hub.testing.faults import PlatformAnswer

TYPES = "https://developer.vonage.com/api-errors"


class VonageError(Exception):
    """A refusal on its way to becoming an answer."""

    def __init__(self, answer: PlatformAnswer) -> None:
        super().__init__("refused")
        self._answer = answer

    def response(self) -> web.Response:
        """The refusal as an HTTP answer."""
        found = self._answer
        return web.Response(status=found.status, body=found.body, content_type=found.content_type)


def problem(status: int, title: str, kind: str = "", detail: str = "Simulated.") -> PlatformAnswer:
    """A problem of the newer APIs."""
    body = {"type": f"{TYPES}{kind or '#error'}", "title": title, "detail": detail, "instance": "bf0ca0bf927b3b52"}
    return PlatformAnswer(status, json.dumps(body).encode())


def old_refusal(status: int, label: str) -> PlatformAnswer:
    """A refusal of the older API."""
    body = {"error-code": str(status), "error-code-label": label}
    return PlatformAnswer(status, json.dumps(body).encode())


VONAGE_ANSWERS: dict[str, PlatformAnswer] = {
    "vonage_throttled": problem(429, "Rate Limit Hit", "#throttled"),
    "vonage_credentials_refused": problem(401, "Unauthorized", "#unauthorized"),
    "vonage_key_refused": old_refusal(401, "authentication failed"),
    "vonage_right_missing": problem(403, "Forbidden", "#forbidden"),
    "vonage_balance_low": problem(402, "Low balance", "#low-balance"),
    "vonage_not_found": problem(404, "Not Found", "#not-found"),
    "vonage_recipient_refused": problem(422, "1170", "/messages#1170", "Invalid or Missing Msisdn Param"),
    "vonage_window_closed": problem(422, "1340", "/messages#1340", "Outside Of Allowed Window"),
    "vonage_sender_refused": problem(422, "Invalid sender", "/messages#1120"),
    "vonage_message_refused": problem(422, "Invalid params", "/messages#1150"),
}
