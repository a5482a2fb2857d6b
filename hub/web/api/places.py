"""The organisation and its centres."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from hub.core.accounts import places
from hub.core.accounts.permissions import Permission
from hub.web.api.failures import account_failures
from hub.web.api.fields import Code, Country, Language, Name, TimeZone
from hub.web.api.routing import Call, Input, NoInput, RouteGroup

PLACES = RouteGroup("Organisation and centres", failures=account_failures)


class OrganisationShown(BaseModel):
    """One's own organisation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    country: str
    language: str
    time_zone: str
    created_at: datetime


class OrganisationChange(Input):
    """What to change; what is left out stays."""

    name: Name | None = None
    country: Country | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None


class CentrePath(Input):
    """One centre."""

    centre_id: UUID


class CentreShown(BaseModel):
    """A location of the organisation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    code: str
    time_zone: str
    is_active: bool
    created_at: datetime


class Centres(BaseModel):
    """The centres within reach, by name."""

    items: list[CentreShown]


class NewCentre(Input):
    """A further location."""

    name: Name
    code: Code
    time_zone: TimeZone


class CentreChange(Input):
    """What to change; what is left out stays."""

    name: Name | None = None
    code: Code | None = None
    time_zone: TimeZone | None = None
    is_active: bool | None = None


@PLACES.route(
    "GET",
    "/api/v1/organisation",
    permission=Permission("organisation", "view"),
    answers=OrganisationShown,
    summary="My organisation",
)
async def show_organisation(call: Call) -> OrganisationShown:
    """Comes from the sign-in; there is no way to name another."""
    row = await call.services.database.read(places.find_organisation, call.principal.organisation_id)
    return OrganisationShown.model_validate(row)


@PLACES.route(
    "PATCH",
    "/api/v1/organisation",
    permission=Permission("organisation", "edit"),
    body=OrganisationChange,
    answers=OrganisationShown,
    summary="Change my organisation",
)
async def change_organisation(call: Call[NoInput, NoInput, OrganisationChange]) -> OrganisationShown:
    """Name, country, language, time zone."""
    row = await call.services.database.write(
        places.change_organisation, call.principal, call.body.model_dump(exclude_none=True), call.now
    )
    return OrganisationShown.model_validate(row)


@PLACES.route(
    "GET",
    "/api/v1/centres",
    permission=Permission("centres", "view"),
    answers=Centres,
    summary="Centres within reach, by name",
)
async def list_centres(call: Call) -> Centres:
    """With the scope centre: one's own."""
    rows = await call.services.database.read(places.list_centres, call.reach)
    return Centres(items=[CentreShown.model_validate(row) for row in rows])


@PLACES.route(
    "GET",
    "/api/v1/centres/{centre_id}",
    permission=Permission("centres", "view"),
    path=CentrePath,
    answers=CentreShown,
    summary="One centre",
)
async def show_centre(call: Call[CentrePath]) -> CentreShown:
    """404 outside one's reach."""
    return CentreShown.model_validate(
        await call.services.database.read(places.find_centre, call.reach, call.path.centre_id)
    )


@PLACES.route(
    "POST",
    "/api/v1/centres",
    permission=Permission("centres", "add"),
    body=NewCentre,
    answers=CentreShown,
    status=201,
    summary="Add a centre",
)
async def create_centre(call: Call[NoInput, NoInput, NewCentre]) -> CentreShown:
    """Needs the scope organisation: a new centre is nobody's own yet."""
    body, database = call.body, call.services.database
    centre_id = await database.write(
        places.create_centre, call.principal, name=body.name, code=body.code, time_zone=body.time_zone, now=call.now
    )
    return CentreShown.model_validate(await database.read(places.find_centre, call.reach, centre_id))


@PLACES.route(
    "PATCH",
    "/api/v1/centres/{centre_id}",
    permission=Permission("centres", "edit"),
    path=CentrePath,
    body=CentreChange,
    answers=CentreShown,
    summary="Change a centre, switch it on or off",
)
async def change_centre(call: Call[CentrePath, NoInput, CentreChange]) -> CentreShown:
    """404 outside one's reach."""
    row = await call.services.database.write(
        places.change_centre,
        call.principal,
        call.reach,
        call.path.centre_id,
        call.body.model_dump(exclude_none=True),
        call.now,
    )
    return CentreShown.model_validate(row)


@PLACES.route(
    "DELETE",
    "/api/v1/centres/{centre_id}",
    permission=Permission("centres", "delete"),
    path=CentrePath,
    summary="Remove a centre that nothing uses",
)
async def delete_centre(call: Call[CentrePath]) -> None:
    """409 while it is in use; switch it off then."""
    await call.services.database.write(places.delete_centre, call.principal, call.reach, call.path.centre_id, call.now)
