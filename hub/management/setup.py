"""Setting an organisation up, so that its first lead has a place to go.

Every piece is made only where it is missing: running the set-up again changes nothing, and after an upgrade it adds
what is new.
"""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from babel import Locale, UnknownLocaleError
from pycountry import countries
from sqlalchemy.engine import Connection

from hub.core.master_form.fields import FieldDraft
from hub.core.master_form.queries import overview
from hub.core.master_form.service import create_master_form
from hub.core.organisations.checks import named, zoned
from hub.core.organisations.errors import RefusedChangeError
from hub.core.organisations.models import organisations, users
from hub.core.organisations.queries import list_centres, organisation
from hub.core.organisations.service import create_centre, make_assignee
from hub.core.pipelines.catalogue import create_source, create_type
from hub.core.pipelines.queries import list_pipelines, list_sources, list_types
from hub.core.pipelines.service import StageDraft, create_pipeline
from hub.core.pipelines.stage_order import StageKind
from hub.core.routing.loading import ensure_routing
from hub.db.schema import new_id


def create_organisation(
    connection: Connection, *, name: str, country: str, language: str, time_zone: str, now: datetime
) -> UUID:
    """Make an organisation with everything that ``furnish_organisation`` gives it, and return its id.

    ``country`` is ISO 3166-1 alpha-2, ``language`` BCP 47, ``time_zone`` an IANA name.
    """
    organisation_id = new_id()
    row = {
        "id": organisation_id,
        "name": named(name),
        "country": _country(country),
        "language": _language(language),
        "time_zone": zoned(time_zone),
        "created_at": now,
    }
    connection.execute(sa.insert(organisations).values(row))
    furnish_organisation(connection, organisation_id, now)
    return organisation_id


def furnish_organisation(connection: Connection, organisation_id: UUID, now: datetime) -> None:
    """Give an organisation what it lacks: a centre, the default pipeline (Z-053), the sources (Z-062), types, the
    master form, routing with a default queue; and let the users it has take leads."""
    defaults = _template("defaults.toml")
    _furnish_centre(connection, organisation_id, defaults["centre"], now)
    _furnish_pipeline(connection, organisation_id, defaults["pipeline"], now)
    _furnish_sources(connection, organisation_id, defaults["sources"])
    _furnish_types(connection, organisation_id, defaults["types"])
    _furnish_master_form(connection, organisation_id, now)
    ensure_routing(connection, organisation_id)
    for user_id in connection.scalars(sa.select(users.c.id).where(users.c.organisation_id == organisation_id)):
        make_assignee(connection, organisation_id, user_id)


def master_form_template() -> tuple[str, list[FieldDraft]]:
    """Name and fields of the default master form (Z-103)."""
    template = _template("master_form.toml")
    return template["name"], [FieldDraft.model_validate(field) for field in template["fields"]]


def _furnish_centre(connection: Connection, organisation_id: UUID, centre: Mapping[str, Any], now: datetime) -> None:
    if not list_centres(connection, organisation_id):
        time_zone = organisation(connection, organisation_id).time_zone
        create_centre(
            connection, organisation_id, name=centre["name"], code=centre["code"], time_zone=time_zone, now=now
        )


def _furnish_pipeline(
    connection: Connection, organisation_id: UUID, pipeline: Mapping[str, Any], now: datetime
) -> None:
    if not list_pipelines(connection, organisation_id):
        drafts = [StageDraft(**{**stage, "kind": StageKind(stage["kind"])}) for stage in pipeline["stages"]]
        create_pipeline(connection, organisation_id, name=pipeline["name"], drafts=drafts, now=now)


def _furnish_sources(connection: Connection, organisation_id: UUID, sources: list[Mapping[str, str]]) -> None:
    known = list_sources(connection, organisation_id)
    built_in = {source.built_in_code for source in known}
    codes = {source.code.casefold() for source in known}
    for source in sources:
        if source["code"] not in built_in:
            code = "" if source["code"] in codes else source["code"]
            create_source(connection, organisation_id, built_in_code=source["code"], **{**source, "code": code})


def _furnish_types(connection: Connection, organisation_id: UUID, types: list[Mapping[str, str]]) -> None:
    if not list_types(connection, organisation_id):
        for kind in types:
            create_type(connection, organisation_id, **kind)


def _furnish_master_form(connection: Connection, organisation_id: UUID, now: datetime) -> None:
    if overview(connection, organisation_id) is None:
        name, drafts = master_form_template()
        create_master_form(connection, organisation_id, name=name, drafts=drafts, now=now)


@cache
def _template(name: str) -> dict[str, Any]:
    return tomllib.loads((files("hub.management.templates") / name).read_text("utf-8"))


def _country(code: str) -> str:
    if countries.get(alpha_2=code.upper()) is None:
        message = "country is not known; use the two letters of ISO 3166, for example PT"
        raise RefusedChangeError(message, field="country")
    return code.upper()


def _language(tag: str) -> str:
    try:
        Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        message = "language is not known; use a tag such as en or pt-BR"
        raise RefusedChangeError(message, field="language") from None
    return tag
