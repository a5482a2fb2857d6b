"""What can be wrong with a request about accounts. Every text says what is wrong and what to do.

::

    AccountError
    ├─ NotFoundError            no such object within the caller's reach
    ├─ ConflictError            the present state forbids it
    ├─ InvalidValueError        .pointer names the field (JSON pointer)
    ├─ ExceedsOwnRightsError    nobody hands out a right that they do not have
    ├─ SignInRefusedError       e-mail, password, link or account not accepted; never says which
    ├─ TooManyAttemptsError     .retry_after
    └─ BusyError                too many password checks are waiting
"""

from datetime import timedelta


class AccountError(Exception):
    """Base. ``str(error)`` may be shown to the caller."""


class NotFoundError(AccountError):
    """The object does not exist, or lies outside what the caller may see: both look alike."""


class ConflictError(AccountError):
    """The change would break a rule about the present state."""


class InvalidValueError(AccountError):
    """One field of the request cannot be accepted."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class ExceedsOwnRightsError(AccountError):
    """The caller tried to hand out more than their own role has."""


class SignInRefusedError(AccountError):
    """Deliberately one answer for every cause."""


class TooManyAttemptsError(AccountError):
    """Try again after ``retry_after``."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("Too many attempts. Wait a few minutes, then try again.")
        self.retry_after = retry_after


class BusyError(AccountError):
    """The server checks as many passwords as it may; nothing was decided."""
