"""What a service of the core says when it does not do what was asked.

::

    ServiceError                  .message (shown to people: what is wrong, where, what to do)  .code (stable)
    ├─ RefusedChangeError         .field: the value that has to change, as a path (``conditions.all.0.operator``)
    │  └─ ConflictingChangeError  the value is right in itself, but something else already stands in its place
    └─ UnknownRecordError         the thing named does not exist in this organisation
"""


class ServiceError(Exception):
    """Base of everything that a service refuses."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class RefusedChangeError(ServiceError):
    """The change is not allowed; nothing was written."""

    def __init__(self, message: str, *, field: str, code: str = "invalid") -> None:
        super().__init__(message, code=code)
        self.field = field


class ConflictingChangeError(RefusedChangeError):
    """The change collides with what is already there, such as a code that is taken; nothing was written."""

    def __init__(self, message: str, *, field: str, code: str = "taken") -> None:
        super().__init__(message, field=field, code=code)


class UnknownRecordError(ServiceError):
    """The organisation has no such record: it never existed, was removed, or belongs to somebody else."""

    def __init__(self, what: str) -> None:
        super().__init__(f"this organisation has no such {what}; reload the page and choose again", code="not_found")
        self.what = what
