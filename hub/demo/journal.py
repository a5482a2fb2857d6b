"""What senders remember of their own doing, on the disk before it is done.

A journal is a file of JSON lines that only grows. Each line is flushed to the disk when ``note`` returns, so that a
sender which is killed knows afterwards what it may have sent, and what was acknowledged.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Journal:
    """One file of entries; there must be one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = list(_read(path))
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "ab")

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def note(self, kind: str, **facts: Any) -> Entry:
        """Add an entry; when this returns it survives a power cut."""
        entry = {"kind": kind, **facts}
        self._file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._entries.append(entry)
        return entry

    def of(self, kind: str) -> list[Entry]:
        """The entries of one kind, oldest first."""
        return [each for each in self._entries if each["kind"] == kind]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _read(path: Path) -> Iterator[Entry]:
    """The whole lines of a file; what a kill left of a half-written last line is cut off."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    for line in content[:whole].splitlines():
        yield json.loads(line)
