"""Where a person may be sent after signing in: only to a page of this hub (AD-08)."""

import re
from urllib.parse import unquote

_PLAIN = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?#]*")
_LONGEST = 2_000


def local_path(wanted: str | None, *, otherwise: str = "/") -> str:
    """``wanted`` if it is a path on this hub, else ``otherwise``.

    Refused: anything with a host or scheme, ``//`` and ``/\\`` in front (browsers read both as a host), control
    characters and blanks (browsers drop some of them first), userinfo, and any of these hidden by percent-encoding
    at the front.
    """
    if wanted is None or len(wanted) > _LONGEST or not _PLAIN.fullmatch(wanted):
        return otherwise
    path = re.split(r"[?#]", wanted, maxsplit=1)[0]
    seen = path
    for _ in range(3):
        seen = unquote(seen)
        if _leaves(seen):
            return otherwise
    return wanted


def _leaves(path: str) -> bool:
    has_controls = any(ord(one) < 0x20 or ord(one) == 0x7F for one in path)
    climbs = any(part in (".", "..") for part in path.split("/"))
    return "//" in path or "\\" in path or has_controls or climbs
