"""The master keys: they wrap data keys and nothing else.

They come from a file or the environment (decision 14) and never stand in the database. A ring holds several, so
that an old key still opens what it sealed while the newest seals.
"""

import os
from collections.abc import Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretBytes

KEY_BYTES = 32
NONCE_BYTES = 12


class KeyringError(Exception):
    """A master key is missing, wrong or unusable; the text says which (by id) and what to do."""


class MasterKeyring:
    """Master keys by id; the first one of the mapping is the newest and wraps what is new."""

    def __init__(self, keys: Mapping[str, SecretBytes]) -> None:
        if not keys:
            raise KeyringError("No master key is set. Set one, 32 random bytes, and keep a copy in a safe place.")
        for key_id, key in keys.items():
            if not key_id or len(key_id) > 40:
                raise KeyringError(f"The master key id {key_id!r} must have 1 to 40 characters.")
            if len(key.get_secret_value()) != KEY_BYTES:
                raise KeyringError(f"The master key {key_id!r} has not {KEY_BYTES} bytes. Make one of 32 random bytes.")
        self._ciphers = {key_id: AESGCM(key.get_secret_value()) for key_id, key in keys.items()}
        self.newest = next(iter(self._ciphers))

    def __repr__(self) -> str:
        return f"<MasterKeyring {', '.join(self._ciphers)}>"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids in the ring, newest first."""
        return tuple(self._ciphers)

    def wrap(self, data_key: bytes, organisation_id: UUID, data_key_id: UUID) -> bytes:
        """A data key sealed with the newest master key, bound to its organisation and row."""
        nonce = os.urandom(NONCE_BYTES)
        bound = associated(str(organisation_id), "data_keys", str(data_key_id), "wrapped", self.newest)
        return nonce + self._ciphers[self.newest].encrypt(nonce, data_key, bound)

    def unwrap(self, wrapped: bytes, organisation_id: UUID, data_key_id: UUID, master_key_id: str) -> bytes:
        """The data key again. Raises ``KeyringError`` where the master key is missing or another one."""
        cipher = self._ciphers.get(master_key_id)
        if cipher is None:
            raise KeyringError(
                f"The master key {master_key_id!r} is not in the keyring, but stored secrets need it. Add it again."
            )
        bound = associated(str(organisation_id), "data_keys", str(data_key_id), "wrapped", master_key_id)
        try:
            return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound)
        except InvalidTag:
            raise KeyringError(
                f"The master key {master_key_id!r} is not the one that sealed the stored secrets. Set the right one."
            ) from None


def associated(*parts: str) -> bytes:
    """Associated data of several texts, each with its length in front, so that no two lists read the same."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
