"""Table of opt-outs."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column

opt_outs = sa.Table(
    "opt_outs",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("scope", sa.String(16), nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("preference", sa.String(8), nullable=False),
    sa.Column("cause", sa.String(12), nullable=False),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("receipt_id", sa.Uuid),
    moment("said_at"),
    moment("recorded_at"),
    sa.Index("ix_opt_outs_address", "organisation_id", "scope", "address", "said_at"),
)
"""Every opt-out and opt-in, rows only added; what was said last about an address holds (``queries.states_of``).

Nothing here refers to a person or a lead, so that it outlives both (DA-08). The address stands in plain: a phone
number is guessed from any hash of it in seconds unless the hash is made with a secret, and an opt-out that is
forgotten with a lost secret is worse than a number kept for the sole purpose of not writing to it. Beside the address
nothing of the person is kept: no name, no text.

``scope`` and ``address`` are an ``addresses.AddressKey``; ``preference`` is ``opt_out`` or ``opt_in``; ``cause`` is
a ``service.Cause``; ``channel`` is where it was said; ``actor`` is ``person``, ``connector:<key>`` or ``user:<id>``.
"""
