"""The properties of a form of the hub's own: what every lead of it gets, also before it is published (Z-147, Z-148)."""

from uuid import UUID

from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.form_defaults import queries, service
from hub.core.form_defaults.defaults import NO_DEFAULTS, FormDefaults
from hub.core.forms.queries import find_source_form
from hub.core.forms.service import prepare_source_form
from hub.web.api.failures import failures, unknown_in_body
from hub.web.api.form_defaults import Defaults, DefaultsShown, detail_of
from hub.web.api.forms import FormPath, hosting_connector
from hub.web.api.routing import Call, NoInput, RouteGroup
from hub.web.api.trail import Trail

FORM_PROPERTIES = RouteGroup("Form properties", failures=failures)
_URL = "/api/v1/forms/{form_id}/defaults"


@FORM_PROPERTIES.route(
    "GET",
    _URL,
    permission=Permission("mappings", "view"),
    path=FormPath,
    answers=DefaultsShown,
    summary="Defaults of a form of the hub's own",
)
async def show_properties(call: Call[FormPath]) -> DefaultsShown:
    """Everything empty if nothing was saved."""
    found = await call.services.database.read(_load, call.reach.organisation_id, call.path.form_id)
    return DefaultsShown.model_validate(found)


@FORM_PROPERTIES.route(
    "PUT",
    _URL,
    permission=Permission("mappings", "edit"),
    path=FormPath,
    body=Defaults,
    answers=DefaultsShown,
    summary="Save the defaults of a form of the hub's own",
)
async def save_properties(call: Call[FormPath, NoInput, Defaults]) -> DefaultsShown:
    """For a draft as well; they count from the next lead on."""
    connector = hosting_connector(call.services.registry)
    saved = await call.services.database.write(_save, Trail.of(call), call.path.form_id, call.body, connector)
    return DefaultsShown.model_validate(saved)


def _load(connection: Connection, organisation_id: UUID, form_id: UUID) -> FormDefaults:
    source_form_id = find_source_form(connection, organisation_id, form_id)
    if source_form_id is None:
        return NO_DEFAULTS
    return queries.load_form_defaults(connection, organisation_id, source_form_id)


def _save(connection: Connection, trail: Trail, form_id: UUID, body: Defaults, connector: str) -> FormDefaults:
    organisation_id = trail.organisation_id
    source_form_id = prepare_source_form(connection, organisation_id, form_id, connector=connector, now=trail.now)
    chosen = FormDefaults(**body.model_dump())
    with unknown_in_body():
        saved = service.save_form_defaults(connection, organisation_id, source_form_id, chosen, trail.now)
    trail.note(connection, "form_defaults_saved", f"source_form:{source_form_id}", **detail_of(saved))
    return saved
