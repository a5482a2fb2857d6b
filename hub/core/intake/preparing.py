"""From a stored receipt to a submission that is ready to become a lead: normalise, map, find contact points.

Pure but for the form contexts, which are looked up by the caller. Whatever a connector does, a receipt comes
out of here as something to write or as a settled failure. Only one that rests leaves it as it is, for later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from hub.connector.base import Connector
from hub.connector.errors import BadPayloadError
from hub.connector.models import IdScope, Manifest, RawSubmission, Submission
from hub.connector.text import storable
from hub.core.connections.apart import ConnectorFaultError, ConnectorRestingError
from hub.core.field_mappings.source_forms import NO_FORM
from hub.core.intake.form_work import FormKey, FormWork
from hub.core.intake.receipts import REASON_LENGTH, Disposition
from hub.core.leads.incoming import Incoming, LeadKey
from hub.core.opt_outs.addresses import sender_points
from hub.core.opt_outs.words import wish_of
from mapping.contacts import ContactPoint, contact_points, identity_points
from mapping.engine import MappedSubmission

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failed:
    """A receipt that cannot become a lead as it is: where it goes, and why."""

    receipt_id: UUID
    disposition: Disposition
    reason: str
    detail: str


FindForm = Callable[[FormKey, Manifest, Submission], FormWork]


def prepare(row: Mapping[str, Any], connectors: Mapping[str, Connector], find_form: FindForm) -> Incoming | Failed:
    """Read one receipt. ``row`` has the columns of ``receipts``. Raises ``ConnectorRestingError``."""
    connector = connectors.get(row["connector"])
    if connector is None:
        return _failed(row, "connector_missing", f"the connector {row['connector']!r} is not installed")
    raw = RawSubmission(
        source_id=row["source_id"],
        form_id=row["form_id"],
        part_id=row["part_id"],
        body=row["payload"],
        received_at=row["received_at"],
    )
    try:
        submission = connector.normalise(raw)
    except BadPayloadError as error:
        return _failed(row, error.code, f"{error.path}: {error.user_message}")
    except ConnectorRestingError:
        raise
    except ConnectorFaultError as fault:
        log.warning("connector_fault", connector=row["connector"], receipt=str(row["id"]), reason=fault.what)
        return _failed(row, "connector_fault", f"the connector failed: {fault.what}")
    except Exception as error:  # a connector's bug must cost one receipt its turn, never the others theirs
        log.warning("connector_fault", connector=row["connector"], receipt=str(row["id"]), error=type(error).__name__)
        return _failed(row, "connector_fault", f"the connector failed with {type(error).__name__}")
    if row["connection_id"] is None:
        return _failed(row, "unknown_account", "no connection of this organisation holds the account it came from")
    key = FormKey(row["organisation_id"], row["connection_id"], submission.form_id or NO_FORM, row["part_id"])
    form = find_form(key, connector.manifest, submission)
    mapped = form.mapping.apply(submission)
    return Incoming(
        receipt_id=row["id"],
        connection_id=row["connection_id"],
        connector=row["connector"],
        path=row["path"],
        received_at=row["received_at"],
        digest=row["digest"],
        key=_key(connector.manifest, form, submission, row),
        submission=submission,
        mapped=mapped,
        contacts=() if submission.is_test else _contacts(submission, mapped, form),
        placement=form.placement,
        source_form_id=form.source_form_id,
        form_name=form.form_name,
        mapping_version=form.mapping_version,
        policies=form.policies,
        wish=wish_of(submission.message) if submission.message is not None else None,
    )


def _contacts(submission: Submission, mapped: MappedSubmission, form: FormWork) -> tuple[ContactPoint, ...]:
    """By what the person is found again. Who writes from a phone is known by it, whatever the form's mapping says."""
    points = contact_points(mapped.values, form.fields)
    if submission.message is None and not submission.identities:
        return points
    sender = sender_points(submission.message) if submission.message is not None else ()
    return tuple(dict.fromkeys((*identity_points(submission.identities), *sender, *points)))


def _key(manifest: Manifest, form: FormWork, submission: Submission, row: Mapping[str, Any]) -> LeadKey:
    """The one-lead-per-id key; a submission without an id of its own stands for itself.

    Of a source without accounts the app is the account (``Connector.identify``): two such connections may count alike.
    """
    if submission.source_id is None:
        return LeadKey("receipt", str(row["id"]))
    scope = manifest.key
    if manifest.id_scope is not IdScope.PLATFORM:
        scope += f":{row['connection_id'] if form.account_id == manifest.key else form.account_id or ''}"
    if manifest.id_scope is IdScope.FORM:
        scope += f":{submission.form_id or ''}"
    return LeadKey(storable(scope), storable(submission.source_id))


def _failed(row: Mapping[str, Any], reason: str, detail: str) -> Failed:
    return Failed(row["id"], Disposition.QUARANTINED, storable(reason)[:REASON_LENGTH], storable(detail)[:500])
