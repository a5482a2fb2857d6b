"""Every table of the core, imported in one place so that the metadata is whole."""

from hub.core.accounts import models as accounts
from hub.core.audit import models as audit
from hub.core.connections import models as connections
from hub.core.connector_health import models as connector_health
from hub.core.conversations import models as conversations
from hub.core.conversions import models as conversions
from hub.core.field_mappings import models as field_mappings
from hub.core.form_defaults import models as form_defaults
from hub.core.forms import models as forms
from hub.core.intake import models as intake
from hub.core.jobs import models as jobs
from hub.core.leads import models as leads
from hub.core.master_form import models as master_form
from hub.core.opt_outs import models as opt_outs
from hub.core.organisations import models as organisations
from hub.core.outbound import models as outbound
from hub.core.outbox import models as outbox
from hub.core.pipelines import models as pipelines
from hub.core.processes import models as processes
from hub.core.routing import models as routing
from hub.db.schema import metadata

__all__ = [
    "accounts",
    "audit",
    "connections",
    "connector_health",
    "conversations",
    "conversions",
    "field_mappings",
    "form_defaults",
    "forms",
    "intake",
    "jobs",
    "leads",
    "master_form",
    "metadata",
    "opt_outs",
    "organisations",
    "outbound",
    "outbox",
    "pipelines",
    "processes",
    "routing",
]
