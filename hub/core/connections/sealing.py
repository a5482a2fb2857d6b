"""Encryption of single column values: AES-256-GCM bound to the place where the value stands (DA-01).

A sealed value is ``version (1 byte), data key id (16), nonce (12), ciphertext and tag``. The associated data are
organisation, table, row, column and data key id: a value copied into another row, column or organisation does not
open. Each organisation has data keys of its own, wrapped by a master key and stored in ``data_keys``.
"""

import os
from uuid import UUID

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.core.connections.keyring import KEY_BYTES, NONCE_BYTES, MasterKeyring, associated
from hub.core.connections.models import data_keys
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id

_VERSION = b"\x01"
_HEADER = 1 + 16 + NONCE_BYTES


class UnsealError(Exception):
    """A stored value does not open here: it was changed, or moved from another place, or its key is gone."""


class Sealer:
    """Seals and opens column values. One per process; unwrapped data keys stay in its memory.

    Which key seals is read from the database each time, so that a key made in a transaction that was rolled back
    is never used again.
    """

    def __init__(self, keyring: MasterKeyring, clock: Clock) -> None:
        self._keyring = keyring
        self._clock = clock
        self._ciphers: dict[tuple[UUID, UUID], AESGCM] = {}

    def seal(
        self, connection: Connection, organisation_id: UUID, table: str, row: object, column: str, plaintext: bytes
    ) -> bytes:
        """The sealed value for one column of one row (``row`` is its primary key)."""
        key_id, cipher = self._newest(connection, organisation_id) or self._create(connection, organisation_id)
        nonce = os.urandom(NONCE_BYTES)
        bound = associated(str(organisation_id), table, str(row), column, str(key_id))
        return _VERSION + key_id.bytes + nonce + cipher.encrypt(nonce, plaintext, bound)

    def open(
        self, connection: Connection, organisation_id: UUID, table: str, row: object, column: str, sealed: bytes
    ) -> bytes:
        """The value again. Raises ``UnsealError``, or ``KeyringError`` where the master key is at fault."""
        if len(sealed) <= _HEADER or sealed[:1] != _VERSION:
            raise UnsealError(f"the value in {table}.{column} is not a sealed one")
        key_id = UUID(bytes=sealed[1:17])
        bound = associated(str(organisation_id), table, str(row), column, str(key_id))
        try:
            cipher = self._cipher(connection, organisation_id, key_id)
            return cipher.decrypt(sealed[17:_HEADER], sealed[_HEADER:], bound)
        except InvalidTag:
            raise UnsealError(f"the value in {table}.{column} was changed or belongs to another place") from None

    def verify_keys(self, connection: Connection) -> None:
        """Raise ``KeyringError`` unless every stored data key opens; a start with the wrong key must stop."""
        statement = sa.select(data_keys).execution_options(**{ALL_ORGANISATIONS: "the keyring serves all of them"})
        for row in connection.execute(statement):
            self._keyring.unwrap(row.wrapped, row.organisation_id, row.id, row.master_key_id)

    def _newest(self, connection: Connection, organisation_id: UUID) -> tuple[UUID, AESGCM] | None:
        key_id = connection.scalar(
            sa.select(data_keys.c.id)
            .where(data_keys.c.organisation_id == organisation_id)
            .order_by(data_keys.c.id.desc())
            .limit(1)
        )
        return None if key_id is None else (key_id, self._cipher(connection, organisation_id, key_id))

    def _create(self, connection: Connection, organisation_id: UUID) -> tuple[UUID, AESGCM]:
        key_id, key = new_id(), os.urandom(KEY_BYTES)
        connection.execute(
            sa.insert(data_keys).values(
                id=key_id,
                organisation_id=organisation_id,
                master_key_id=self._keyring.newest,
                wrapped=self._keyring.wrap(key, organisation_id, key_id),
                created_at=self._clock.now(),
            )
        )
        return key_id, AESGCM(key)

    def _cipher(self, connection: Connection, organisation_id: UUID, key_id: UUID) -> AESGCM:
        known = self._ciphers.get((organisation_id, key_id))
        if known is not None:
            return known
        row = connection.execute(
            sa.select(data_keys).where(data_keys.c.organisation_id == organisation_id, data_keys.c.id == key_id)
        ).first()
        if row is None:
            raise UnsealError("the data key of a sealed value is not stored for this organisation")
        cipher = AESGCM(self._keyring.unwrap(row.wrapped, organisation_id, key_id, row.master_key_id))
        self._ciphers[(organisation_id, key_id)] = cipher
        return cipher
