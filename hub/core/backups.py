"""A backup: every row of every table in one encrypted file, the same for both databases.

The file is a header line and then chunks, each sealed with AES-256-GCM under a key of its own that is wrapped by
the newest master key; the number of each chunk is bound to it, and a last empty chunk closes the file, so that a
chunk that is missing, repeated or moved is found.
"""

import base64
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.engine import Connection

from hub.core.conversions.collecting import follow_restored_outbox
from hub.core.outbound.settling import doubt_restored
from hub.core.outbox.models import outbox_events
from hub.core.tables import metadata
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.migrating import current

MAGIC = b"leadhub backup 1\n"
ROWS_PER_CHUNK = 1_000
NONCE = 12
LEFT_OUT = ("processes", "connector_health", "connector_faults")


class BackupError(Exception):
    """The file or the database does not fit; nothing was changed. The text says what to do."""


def write_backup(connection: Connection, file: Path, keys: Mapping[str, bytes]) -> int:
    """Write everything that this transaction sees; returns the number of rows."""
    key_id, master = next(iter(keys.items()))
    own, nonce = os.urandom(32), os.urandom(NONCE)
    header = {
        "key": key_id,
        "nonce": base64.b64encode(nonce).decode(),
        "wrapped": base64.b64encode(AESGCM(master).encrypt(nonce, own, MAGIC)).decode(),
        "revision": current(connection),
    }
    rows = 0
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(MAGIC + json.dumps(header).encode() + b"\n")
        for number, chunk in enumerate(_chunks(connection)):
            rows += len(chunk["rows"])
            _write_chunk(out, own, number, json.dumps(chunk).encode())
        _write_chunk(out, own, -1, b"")
        out.flush()
        os.fsync(out.fileno())
    return rows


def read_backup(connection: Connection, file: Path, keys: Mapping[str, bytes]) -> int:
    """Fill the empty tables of a database at the same revision; returns the number of rows."""
    for table in metadata.sorted_tables:
        found = sa.select(sa.literal(1)).select_from(table).limit(1).execution_options(**_WHOLE)
        if table.name not in LEFT_OUT and connection.execute(found).first():
            raise BackupError(f"The database is not empty ({table.name} has rows). Restore into a new one.")
    rows = 0
    try:
        with file.open("rb") as source:
            own, revision = _open_header(source, keys)
            if revision != current(connection):
                raise BackupError(
                    f"The backup is of revision {revision}, the database of {current(connection)}. "
                    "Restore with the release that wrote it, then migrate."
                )
            for content in _read_chunks(source, own):
                rows += _insert(connection, content)
        _go_on_counting(connection)
        doubt_restored(connection)
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}") from None
    return rows


_WHOLE = {ALL_ORGANISATIONS: "a backup holds every organisation"}


def _chunks(connection: Connection) -> Iterator[dict[str, Any]]:
    for table in metadata.sorted_tables:
        if table.name in LEFT_OUT:
            continue
        result = connection.execution_options(stream_results=True).execute(sa.select(table).execution_options(**_WHOLE))
        for part in result.partitions(ROWS_PER_CHUNK):
            yield {"table": table.name, "rows": [[_plain(value) for value in row] for row in part]}


def _insert(connection: Connection, chunk: Mapping[str, Any]) -> int:
    table = metadata.tables[chunk["table"]]
    columns = list(table.columns)
    rows = [{column.name: _value(value) for column, value in zip(columns, row, strict=True)} for row in chunk["rows"]]
    if rows:
        connection.execute(sa.insert(table), rows)
    return len(rows)


def _go_on_counting(connection: Connection) -> None:
    """Numbers that the database gives by itself go on after the restored ones; those of another server's
    transactions, which mean nothing here, are those of a transaction long past."""
    follow_restored_outbox(connection)
    connection.execute(sa.update(outbox_events).values(transaction_number=0).execution_options(**_WHOLE))
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            highest = connection.scalar(sa.select(sa.func.max(column)).execution_options(**_WHOLE))
            counter = sa.func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(sa.select(sa.func.setval(counter, (highest or 0) + 1, sa.false())))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, UUID):
        return {"id": value.hex}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    return {"json": value} if isinstance(value, dict | list) else value


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "at":
            return datetime.fromisoformat(content)
        case "day":
            return date.fromisoformat(content)
        case "id":
            return UUID(content)
        case "bytes":
            return base64.b64decode(content)
    return content


def _write_chunk(out: BinaryIO, key: bytes, number: int, content: bytes) -> None:
    nonce = os.urandom(NONCE)
    sealed = AESGCM(key).encrypt(nonce, zlib.compress(content), struct.pack(">q", number))
    out.write(struct.pack(">I", len(sealed)) + nonce + sealed)


def _open_header(source: BinaryIO, keys: Mapping[str, bytes]) -> tuple[bytes, str | None]:
    if source.readline() != MAGIC:
        raise BackupError("This is not a backup of Leadhub.")
    header = json.loads(source.readline())
    master = keys.get(header["key"])
    if master is None:
        raise BackupError(f"The backup needs the master key {header['key']!r}; add it to LEADHUB_MASTER_KEYS.")
    try:
        nonce, wrapped = base64.b64decode(header["nonce"]), base64.b64decode(header["wrapped"])
        return AESGCM(master).decrypt(nonce, wrapped, MAGIC), header["revision"]
    except InvalidTag:
        raise BackupError(f"The master key {header['key']!r} is not the one that the backup was made with.") from None


def _read_chunks(source: BinaryIO, key: bytes) -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        content, is_last = _read_chunk(source, key, number)
        if is_last:
            return
        yield json.loads(content)
        number += 1


def _read_chunk(source: BinaryIO, key: bytes, number: int) -> tuple[bytes, bool]:
    size = source.read(4)
    if len(size) < 4:
        raise BackupError("The backup is cut off. Use another copy.")
    nonce, sealed = source.read(NONCE), source.read(struct.unpack(">I", size)[0])
    for claimed in (number, -1):
        try:
            return zlib.decompress(AESGCM(key).decrypt(nonce, sealed, struct.pack(">q", claimed))), claimed == -1
        except InvalidTag:
            continue
    raise BackupError(f"Part {number} of the backup is damaged, missing or moved. Use another copy.")
