"""How the Graph API refuses, for WhatsApp: one envelope, nearly always HTTP 400 (protocol page section 6)."""

import json

from aiohttp import web

from hub.testing.faults import PlatformAnswer


class GraphError(Exception):
    """A refusal on its way to becoming an answer."""

    def __init__(
        self, code: int, message: str = "Simulated.", *, subcode: int | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.subcode, self.status = code, message, subcode, status

    def answer(self) -> PlatformAnswer:
        """The refusal in Meta's form."""
        return refusal(self.code, self.message, subcode=self.subcode, status=self.status)

    def response(self) -> web.Response:
        """The refusal as an HTTP answer."""
        found = self.answer()
        return web.Response(status=found.status, body=found.body, content_type=found.content_type)


def refusal(
    code: int,
    message: str = "Simulated.",
    *,
    subcode: int | None = None,
    status: int = 400,
    is_transient: bool = False,
) -> PlatformAnswer:
    """Code, words, and a reference for Meta's support."""
    error: dict[str, object] = {
        "message": f"(#{code}) {message}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": message},
        "fbtrace_id": "AbCdEfGhIjK",
    }
    if subcode is not None:
        error["error_subcode"] = subcode
    if is_transient:
        error["is_transient"] = True
    return PlatformAnswer(status, json.dumps({"error": error}).encode())


WHATSAPP_ANSWERS: dict[str, PlatformAnswer] = {
    "whatsapp_pair_limit": refusal(131056, "Pair rate limit hit"),
    "whatsapp_throttled": refusal(130429, "Rate limit hit", status=429),
    "whatsapp_spam_limit": refusal(131048, "Spam rate limit hit"),
    "whatsapp_unavailable": refusal(131016, "Service unavailable", status=500),
    "whatsapp_passing_trouble": refusal(131000, "Something went wrong", status=500),
    "whatsapp_transient": refusal(1357045, "Try again later", is_transient=True),
    "whatsapp_token_dead": refusal(190, "Error validating access token", subcode=460, status=401),
    "whatsapp_permission_missing": refusal(131005, "Access denied", status=403),
    "whatsapp_app_unknown": refusal(101, "Error validating application"),
    "whatsapp_policy_block": refusal(131031, "Business account locked", status=403),
    "whatsapp_payment": refusal(131042, "Business eligibility payment issue"),
    "whatsapp_marketing_stopped": refusal(131050, "User has stopped marketing messages"),
    "whatsapp_undeliverable": refusal(131026, "Message undeliverable"),
    "whatsapp_held_back": refusal(131049, "Not delivered to maintain healthy ecosystem engagement"),
    "whatsapp_id_not_possible": refusal(131062, "Business-scoped user id not supported for this message"),
    "whatsapp_not_visible": refusal(100, "Unsupported get request", subcode=33),
    "whatsapp_window_closed": refusal(131047, "More than 24 hours have passed since the customer last replied"),
    "whatsapp_message_refused": refusal(131009, "Parameter value is not valid"),
    "whatsapp_unknown_code": refusal(987654, "Something that is in no list"),
}
