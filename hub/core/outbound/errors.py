"""Why a message is not taken for sending."""

from hub.core.organisations.errors import ServiceError


class MessageRefusedError(ServiceError):
    """No such message can be sent as things are; nothing was queued.

    ``code`` is one of ``opted_out``, ``no_connection``, ``cannot_send``, ``not_active``, ``no_channel``,
    ``no_address``, ``no_sender``, ``reply_window_closed`` and ``not_waiting`` (called back too late).
    """
