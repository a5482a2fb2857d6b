"""One object of each kind that routes about configuration name in their address."""

from uuid import UUID

from sqlalchemy.engine import Connection

from hub.core.field_mappings.findings import list_findings
from hub.core.field_mappings.queries import list_source_forms
from hub.core.forms.definition import FormDefinition
from hub.core.forms.service import create_form
from hub.core.pipelines.queries import list_pipelines, list_sources, list_stages, list_types
from hub.core.routing.queries import list_queues
from hub.core.routing.rulebook import create_rule, parse_rule
from tests.factories import START
from tests.web.configuration.office import PART, form_content
from tests.web.conftest import Organisation


def objects_of(connection: Connection, organisation: Organisation) -> dict[str, UUID | str]:
    """By the name of the path parameter; rule and form are made for it."""
    owner = organisation.id
    target = {"kind": "user", "user_id": str(organisation.user_ids["Sales"])}
    rule = parse_rule({"name": "Everything", "conditions": {"all": []}, "target": target})
    definition = FormDefinition.read(form_content())
    source_form = list_source_forms(connection, owner)[0]
    return {
        "pipeline_id": list_pipelines(connection, owner)[0].id,
        "stage_id": list_stages(connection, owner)[0].id,
        "source_id": list_sources(connection, owner)[0].id,
        "type_id": list_types(connection, owner)[0].id,
        "source_form_id": source_form.id,
        "connection_id": source_form.connection_id,
        "part_id": PART,
        "finding_id": list_findings(connection, owner)[0].id,
        "rule_id": create_rule(connection, owner, rule),
        "queue_id": list_queues(connection, owner)[0][0].id,
        "user_id": organisation.user_ids["Sales"],
        "form_id": create_form(connection, owner, definition, actor="hub", now=START).id,
        "version": "1",
        "key": "company",
    }
