"""Sealed values: bound to their place, and to a keyring that the start checks."""

import pytest
import sqlalchemy as sa
from pydantic import SecretBytes

from hub.core.connections.keyring import KeyringError, MasterKeyring
from hub.core.connections.models import data_keys
from hub.core.connections.sealing import Sealer, UnsealError
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.testing.clock import VirtualClock
from tests.factories import add_organisation

OLD, NEW, OTHER = (SecretBytes(bytes([number]) * 32) for number in (1, 2, 3))


def sealer(**keys: SecretBytes) -> Sealer:
    """A sealer with nothing in its memory."""
    return Sealer(MasterKeyring(keys), VirtualClock())


@pytest.mark.proves("DA-01")
def test_a_value_opens_only_in_its_own_place(database: Database) -> None:
    """Another row, column, table or organisation, and any changed byte, are refused; two sealings differ."""
    ring = sealer(old=OLD)

    def work(connection: sa.Connection) -> None:
        mine, other = add_organisation(connection), add_organisation(connection)
        ring.seal(connection, other, "grants", "row-1", "ciphertext", b"x")
        sealed = ring.seal(connection, mine, "grants", "row-1", "ciphertext", b"secret")
        assert ring.open(connection, mine, "grants", "row-1", "ciphertext", sealed) == b"secret"
        assert sealer(old=OLD).open(connection, mine, "grants", "row-1", "ciphertext", sealed) == b"secret"
        assert sealed != ring.seal(connection, mine, "grants", "row-1", "ciphertext", b"secret")
        for place in (
            (mine, "grants", "row-2", "ciphertext"),
            (mine, "grants", "row-1", "other"),
            (mine, "apps", "row-1", "ciphertext"),
            (other, "grants", "row-1", "ciphertext"),
            (mine, "grantsr", "ow-1", "ciphertext"),
        ):
            with pytest.raises(UnsealError):
                ring.open(connection, *place, sealed)
        for position in range(len(sealed)):
            changed = bytes([*sealed[:position], sealed[position] ^ 1, *sealed[position + 1 :]])
            with pytest.raises(UnsealError):
                ring.open(connection, mine, "grants", "row-1", "ciphertext", changed)
        for broken in (b"", sealed[:29], b"gAAAAA" + sealed):
            with pytest.raises(UnsealError):
                ring.open(connection, mine, "grants", "row-1", "ciphertext", broken)

    database.write_now(work)


@pytest.mark.proves("DA-01")
def test_a_wrong_or_missing_master_key_is_found_at_the_start(database: Database) -> None:
    """The newest key wraps, an old one in the ring still opens, and without it the start names what is missing."""

    def fill(connection: sa.Connection) -> tuple[object, bytes, object, bytes]:
        first, second = add_organisation(connection), add_organisation(connection)
        by_old = sealer(old=OLD).seal(connection, first, "t", 1, "c", b"one")
        by_new = sealer(new=NEW, old=OLD).seal(connection, second, "t", 1, "c", b"two")
        return first, by_old, second, by_new

    first, by_old, second, by_new = database.write_now(fill)
    used = database.read_now(
        lambda connection: connection.scalars(
            sa.select(data_keys.c.master_key_id).execution_options(**{ALL_ORGANISATIONS: "a test"})
        ).all()
    )
    assert sorted(used) == ["new", "old"]
    both = sealer(new=NEW, old=OLD)
    database.read_now(both.verify_keys)
    assert database.read_now(both.open, first, "t", 1, "c", by_old) == b"one"
    assert database.read_now(both.open, second, "t", 1, "c", by_new) == b"two"
    with pytest.raises(KeyringError, match="'old' is not in the keyring"):
        database.read_now(sealer(new=NEW).verify_keys)
    with pytest.raises(KeyringError, match="'old' is not the one that sealed"):
        database.read_now(sealer(new=NEW, old=OTHER).verify_keys)


def test_a_data_key_that_was_rolled_back_seals_nothing(database: Database) -> None:
    """Else its values could not be read after a restart."""
    ring = sealer(old=OLD)
    organisation_id = database.write_now(add_organisation)

    def fail(connection: sa.Connection) -> None:
        ring.seal(connection, organisation_id, "t", 1, "c", b"lost")
        ring.seal(connection, organisation_id, "t", 2, "c", b"lost")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write_now(fail)
    sealed = database.write_now(ring.seal, organisation_id, "t", 1, "c", b"kept")
    assert database.read_now(sealer(old=OLD).open, organisation_id, "t", 1, "c", sealed) == b"kept"


@pytest.mark.parametrize(
    "keys", [{}, {"k": SecretBytes(b"short")}, {"": OLD}, {"k" * 41: OLD}], ids=["none", "short", "no id", "long id"]
)
def test_an_unusable_keyring_is_refused(keys: dict[str, SecretBytes]) -> None:
    """With words that tell what to do, and without the key in them."""
    with pytest.raises(KeyringError) as caught:
        MasterKeyring(keys)
    assert "short" not in str(caught.value).replace("shorter", "")
    assert "\\x01" not in repr(MasterKeyring({"k": OLD}))
