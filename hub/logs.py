"""Log lines: structured, without personal data or secrets, one line per event (DA-03).

What may be logged is a list, not a judgement: text is kept only under the keys of ``PLAIN_KEYS`` (and the name of an
exception class under ``error``); under any other key it becomes ``[hidden]``. Numbers, yes/no, moments and UUIDs are
always kept, so is the event itself, which is a constant text by convention. In everything that is kept, e-mail
addresses, phone numbers, tokens and long random texts are replaced all the same, and control characters are escaped,
so that no input can forge a line. Of an exception the types and places are kept, never its text: database errors
repeat values, others repeat input.

The same holds for lines of libraries, which come through ``logging``.
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor

HIDDEN = "[hidden]"
PLAIN_KEYS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "logger",
        "request_id",
        "organisation_id",
        "actor",
        "method",
        "route",
        "status",
        "reason",
        "code",
        "kind",
        "state",
        "step",
        "path",
        "pointer",
        "connector",
        "connection",
        "connection_id",
        "source_form",
        "source_form_id",
        "receipt",
        "receipt_id",
        "lead_id",
        "form_id",
        "user_id",
        "job",
        "job_id",
        "queue",
        "process",
        "process_name",
        "disposition",
        "setting",
        "version",
        "table",
        "traceback",
        "where",
    }
)
"""Keys whose text the program itself chose: names, codes and ids, never what somebody sent. ``path`` is where in a
payload something is (``field_data[2].name``), never an address with a query."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SENSITIVE = re.compile(
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-]))"
    r"|[^\s@\"'<>]{1,64}@[^\s@\"'<>]{1,255}"
    r"|\b(?:bearer|basic)\s+\S+"
    r"|\blh_[\w-]+"
    r"|\b(?:[a-z_]*(?:token|secret|password|passwd|api_?key|authorization|cookie|signature|code)[a-z_]*)\s*[=:]\s*\S+"
    r"|://[^\s/@]*:[^\s/@]*@"
    r"|(?<![\w-])[\w+/=-]{32,}(?![\w-])"
    r"|(?<![\w.:-])\+?\(?\d[\d\s().-]{6,}\d(?![\w-])",
    re.IGNORECASE,
)
_ISO_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|\+00:00)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PLAIN_TYPES = (bool, int, float, type(None), UUID, datetime, date, timedelta)
_ERROR_NAME = re.compile(r"(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Timeout|Exit|Interrupt|Failed|Full|Warning)")
_FRAMES = 25


def set_up_logs(form: Literal["json", "console"] = "json", *, level: str = "info") -> None:
    """Send every line of ours and of libraries to standard error, in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        exceptions_without_text,
        redact,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.raiseExceptions = False  # else a broken stream makes the library print the raw line
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for quiet in ("sqlalchemy.engine", "asyncio", "aiohttp.access", "alembic"):
        logging.getLogger(quiet).setLevel(logging.WARNING)


def redact(_logger: Any, _name: str, line: EventDict) -> EventDict:
    """The last word on what a line may say; see the module's text."""
    return {_escape(str(key)): value if key.startswith("_") else _shown(key, value) for key, value in line.items()}


def exceptions_without_text(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace ``exc_info`` by ``traceback``: types and places of the whole chain, without any message."""
    given = line.pop("exc_info", None)
    if not given:
        return line
    error = given if isinstance(given, BaseException) else (given if isinstance(given, tuple) else sys.exc_info())[1]
    if error is not None:
        line["traceback"] = describe(error)
    return line


def describe(error: BaseException) -> list[str]:
    """Types and places of an exception and its causes, the outermost first."""
    told: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        told.append(f"{type(current).__module__}.{type(current).__qualname__}")
        frames = traceback.extract_tb(current.__traceback__)[-_FRAMES:]
        told += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return told


def _shown(key: str, value: Any) -> Any:
    if isinstance(value, Enum):
        return _shown(key, value.value)
    if isinstance(value, _PLAIN_TYPES):
        return value if isinstance(value, bool | int | float | type(None)) else str(value)
    if key == "traceback":
        return [_escape(str(one)) for one in value] if isinstance(value, list) else HIDDEN
    if key == "timestamp" and isinstance(value, str) and _ISO_MOMENT.fullmatch(value):
        return value
    if key == "error":
        return value if isinstance(value, str) and _ERROR_NAME.fullmatch(value) else HIDDEN
    if isinstance(value, str):
        return clean(value) if key in PLAIN_KEYS or _UUID.fullmatch(value) else HIDDEN
    if isinstance(value, Mapping):
        return {_escape(str(inner)): _shown(str(inner), one) for inner, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(key, one) for one in value]
    return HIDDEN


def clean(text: str) -> str:
    """Text without e-mail addresses, phone numbers, tokens, long random texts and control characters."""
    return _escape(_SENSITIVE.sub(lambda found: found["id"] or HIDDEN, text))


def _escape(text: str) -> str:
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
