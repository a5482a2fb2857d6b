"""All routes about configuration; hand them to ``build_app``."""

from hub.web.api.assignees import ASSIGNEES
from hub.web.api.audit import AUDIT
from hub.web.api.field_mappings import MAPPINGS
from hub.web.api.form_defaults import FORM_DEFAULTS
from hub.web.api.form_history import FORM_HISTORY
from hub.web.api.form_previews import FORM_PREVIEWS
from hub.web.api.form_properties import FORM_PROPERTIES
from hub.web.api.form_sharing import FORM_SHARING
from hub.web.api.forms import FORMS
from hub.web.api.lead_sources import SOURCES
from hub.web.api.lead_types import TYPES
from hub.web.api.mapping_editing import MAPPING_EDITING
from hub.web.api.master_form import MASTER_FORM
from hub.web.api.master_form_history import MASTER_FORM_HISTORY
from hub.web.api.pipelines import PIPELINES
from hub.web.api.queues import QUEUES
from hub.web.api.routing import RouteGroup
from hub.web.api.routing_rules import ROUTING_RULES
from hub.web.api.source_forms import SOURCE_FORMS
from hub.web.api.stages import STAGES


def configuration_routes() -> list[RouteGroup]:
    """One group per subject."""
    return [
        PIPELINES,
        STAGES,
        SOURCES,
        TYPES,
        MASTER_FORM,
        MASTER_FORM_HISTORY,
        SOURCE_FORMS,
        MAPPINGS,
        MAPPING_EDITING,
        FORM_DEFAULTS,
        ROUTING_RULES,
        QUEUES,
        ASSIGNEES,
        FORMS,
        FORM_HISTORY,
        FORM_PREVIEWS,
        FORM_PROPERTIES,
        FORM_SHARING,
        AUDIT,
    ]
