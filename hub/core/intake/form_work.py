"""Form contexts for the intake, compiled once and kept until the configuration changes.

One cheap read per organisation and batch tells whether anything changed, in whichever process it was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.connector.models import LeadSource, Manifest, Submission
from hub.core.connections.models import connections
from hub.core.field_mappings.queries import FormContext, load_form_context
from hub.core.field_mappings.source_forms import discover_form
from hub.core.form_defaults.defaults import FormDefaults
from hub.core.leads.incoming import Placement
from hub.core.master_form.queries import snapshot
from hub.core.organisations.queries import config_version, organisation
from hub.core.pipelines.catalogue import source_for
from hub.core.pipelines.queries import first_stage, read_stage, source_by_code
from hub.db.engine import Database
from mapping.engine import CompiledMapping, MappingContext
from mapping.fields import MasterField
from mapping.rules import Policy

MOST_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class FormKey:
    """Which form of which connection; ``part_id`` helps for a form that no listing has named yet."""

    organisation_id: UUID
    connection_id: UUID
    form_id: str
    part_id: str | None


@dataclass(frozen=True, slots=True)
class FormWork:
    """Everything needed to turn submissions of one source form into leads."""

    source_form_id: UUID | None
    form_name: str
    mapping: CompiledMapping
    fields: Mapping[str, MasterField]
    mapping_version: int
    policies: Mapping[str, Policy]
    placement: Placement
    account_id: str | None


class FormWorks:
    """What the intake knows of forms. Used by one thread at a time (that which prepares batches)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._versions: dict[UUID, int] = {}
        self._kept: dict[tuple[FormKey, str], FormWork] = {}

    def refresh(self, organisation_ids: Iterable[UUID]) -> None:
        """Forget what is no longer true of these organisations."""
        for organisation_id in organisation_ids:
            version = self._database.read_now(config_version, organisation_id)
            if self._versions.get(organisation_id) != version:
                self._versions[organisation_id] = version
                self._kept = {of: work for of, work in self._kept.items() if of[0].organisation_id != organisation_id}

    def forget(self) -> None:
        """Read everything anew at the next turn."""
        self._versions.clear()
        self._kept.clear()

    def find(self, key: FormKey, manifest: Manifest, submission: Submission) -> FormWork:
        """Everything needed to turn submissions of a form into leads.

        A form that the hub has never heard of is made known from this submission, with a proposed mapping, so that
        its first lead comes mapped (X-05).
        """
        source = submission.source or LeadSource(code=manifest.source_code, name=manifest.name)
        work = self._kept.get((key, source.code))
        if work is None:
            work = self._database.read_now(_load, key, source)
            if work is None:
                work = self._database.write_now(_discover, key, source, submission, self._clock.now())
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key, source.code] = work
        return work


def _load(connection: Connection, key: FormKey, source: LeadSource) -> FormWork | None:
    """None where the form or the lead source is not known yet."""
    context = load_form_context(connection, key.organisation_id, key.connection_id, key.form_id, key.part_id)
    source_id = source_by_code(connection, key.organisation_id, source.code)
    if source_id is None or context.source_form_id is None:
        return None
    return _compile(connection, key, context, source_id)


def _discover(
    connection: Connection, key: FormKey, source: LeadSource, submission: Submission, now: datetime
) -> FormWork:
    source_id = source_for(connection, key.organisation_id, source.code, source.name)
    discover_form(
        connection,
        key.organisation_id,
        key.connection_id,
        key.form_id,
        submission.answers,
        now,
        part_id=key.part_id,
    )
    context = load_form_context(connection, key.organisation_id, key.connection_id, key.form_id, key.part_id)
    return _compile(connection, key, context, source_id)


def _compile(connection: Connection, key: FormKey, context: FormContext, source_id: UUID) -> FormWork:
    home = organisation(connection, key.organisation_id)
    fields = snapshot(connection, key.organisation_id).by_key
    account_id = connection.execute(
        sa.select(connections.c.account_id).where(
            connections.c.organisation_id == key.organisation_id, connections.c.id == key.connection_id
        )
    ).scalar()
    return FormWork(
        source_form_id=context.source_form_id,
        form_name=context.form_name,
        mapping=CompiledMapping(context.mapping, fields, MappingContext(home.country, home.language)),
        fields=fields,
        mapping_version=context.mapping_version,
        policies={rule.field: rule.policy for rule in context.mapping.rules},
        placement=_placement(connection, key.organisation_id, context.defaults, source_id),
        account_id=account_id,
    )


def _placement(connection: Connection, organisation_id: UUID, defaults: FormDefaults, source_id: UUID) -> Placement:
    if defaults.stage_id is not None:
        stage = read_stage(connection, organisation_id, defaults.stage_id)
    else:
        stage = first_stage(connection, organisation_id, defaults.pipeline_id)
    return Placement(
        pipeline_id=stage.pipeline_id,
        stage_id=stage.id,
        stage_kind=stage.kind.value,
        source_id=defaults.source_id or source_id,
        type_id=defaults.type_id,
        priority=defaults.priority,
        centre_id=defaults.centre_id,
        assignee_id=defaults.assignee_id,
    )
