"""Twilio's error answers, as its documentation shows them."""

import json

from aiohttp import web

from hub.testing.faults import PlatformAnswer


class TwilioError(Exception):
    """A refusal on its way to becoming an answer."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def answer(self) -> PlatformAnswer:
        """The refusal in Twilio's form."""
        return refusal(self.status, self.code, self.message)

    def response(self) -> web.Response:
        """The refusal as an HTTP answer."""
        found = self.answer()
        return web.Response(status=found.status, body=found.body, content_type=found.content_type)


def refusal(
    status: int, code: int, message: str = "Simulated.", headers: tuple[tuple[str, str], ...] = ()
) -> PlatformAnswer:
    """Code, message, a link and the status once more."""
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return PlatformAnswer(status, json.dumps(body).encode(), headers)


TWILIO_ANSWERS: dict[str, PlatformAnswer] = {
    "twilio_credentials_refused": refusal(401, 20003, "Authenticate"),
    "twilio_gone": refusal(404, 20404, "The requested resource was not found"),
    "twilio_throttled": refusal(429, 20429, "Too Many Requests"),
    "twilio_daily_cap": refusal(429, 63038, "Account exceeded the daily messages limit"),
    "twilio_opted_out": refusal(400, 21610, "Attempt to send to unsubscribed recipient"),
    "twilio_no_such_recipient": refusal(400, 21211, "Invalid 'To' Phone Number"),
    "twilio_template_needed": refusal(400, 63016, "Failed to send freeform message outside of the allowed window"),
    "twilio_not_registered": refusal(400, 30034, "Message from an unregistered number"),
    "twilio_region_not_enabled": refusal(400, 21408, "Permission to send an SMS has not been enabled for the region"),
    "twilio_sender_not_ours": refusal(400, 21606, "The From phone number is not a valid, SMS-capable number"),
    "twilio_no_right": refusal(403, 20007, "Forbidden"),
}
