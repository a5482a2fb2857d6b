"""Recording opt-outs and opt-ins."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.connector.conversations import Preference
from hub.core.opt_outs.addresses import AddressKey
from hub.core.opt_outs.models import opt_outs
from hub.core.opt_outs.queries import lock
from hub.db.bulk import insert_rows
from hub.db.schema import new_id


class Cause(StrEnum):
    """By what an opt-out or opt-in became known."""

    WORD = "word"
    SENTENCE = "sentence"
    PLATFORM = "platform"
    USER = "user"


def record(
    connection: Connection,
    organisation_id: UUID,
    keys: Iterable[AddressKey],
    *,
    preference: Preference,
    cause: Cause,
    channel: str,
    actor: str,
    said_at: datetime,
    now: datetime,
    receipt_id: UUID | None = None,
    reason: str = "",
) -> None:
    """Note an opt-out or opt-in for addresses (``addresses.address_key``); it holds when the transaction commits.

    ``said_at`` is the platform's time of the message: an opt-in that is delivered before an older opt-out still
    holds. It counts as now where a clock runs ahead, so that nothing outbids what is said later. ``reason`` is what
    a user gives; no text of the person belongs there.
    """
    lock(connection, organisation_id, alone=True)
    insert_rows(
        connection,
        opt_outs,
        [
            {
                "id": new_id(),
                "organisation_id": organisation_id,
                "scope": key.scope,
                "address": key.address,
                "preference": preference.value,
                "cause": cause.value,
                "channel": channel,
                "actor": actor,
                "reason": reason,
                "receipt_id": receipt_id,
                "said_at": min(said_at, now),
                "recorded_at": now,
            }
            for key in sorted(set(keys))
        ],
    )
