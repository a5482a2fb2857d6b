"""People, roles and the permission table."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from hub.core.accounts import roles, users
from hub.core.accounts.permissions import RESOURCES, Permission, Scope
from hub.core.accounts.principal import Principal
from hub.core.accounts.sessions import renew_session
from hub.web.api.failures import account_failures
from hub.web.api.fields import Email, Name
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, Input, NoInput, RouteGroup

PEOPLE = RouteGroup("People and roles", failures=account_failures)
_Grants = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=500)]
_Centres = Annotated[tuple[UUID, ...], Field(max_length=1_000)]


class UserPath(Input):
    """One person."""

    user_id: UUID


class UserShown(BaseModel):
    """A person of the organisation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    email: str
    role_id: UUID
    is_active: bool
    has_password: bool
    centre_ids: list[UUID]
    created_at: datetime


class UserPage(BaseModel):
    """People within reach, newest first."""

    items: list[UserShown]
    next_cursor: str | None


class NewUser(Input):
    """Someone who shall have an account."""

    name: Name
    email: Email
    role_id: UUID
    centre_ids: _Centres = ()


class UserInvited(BaseModel):
    """``password_token`` is shown this once: hand it on as a link to choose a password; it works for three days."""

    user: UserShown
    password_token: str


class UserChange(Input):
    """What to change; what is left out stays."""

    name: Name | None = None
    role_id: UUID | None = None
    is_active: bool | None = None
    centre_ids: _Centres | None = None


class PasswordToken(BaseModel):
    """Shown this once; an earlier one of the same person stops working."""

    password_token: str


class RolePath(Input):
    """One role."""

    role_id: UUID


class RoleShown(BaseModel):
    """``permissions`` are ``resource:action:scope``."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    permissions: list[str]


class RoleListed(RoleShown):
    """With the number of people who hold it."""

    holders: int


class Roles(BaseModel):
    """Every role of the organisation, by name."""

    items: list[RoleListed]


class NewRole(Input):
    """A role with its grants."""

    name: Name
    permissions: _Grants


class RoleChange(Input):
    """What to change; what is left out stays."""

    name: Name | None = None
    permissions: _Grants | None = None


class ResourceShown(BaseModel):
    """One row of the permission table."""

    resource: str
    label: str
    actions: list[str]
    scopes: list[Scope]


class PermissionTable(BaseModel):
    """Everything that a role may be granted."""

    items: list[ResourceShown]


@PEOPLE.route(
    "GET",
    "/api/v1/users",
    permission=Permission("users", "view"),
    query=PageQuery,
    answers=UserPage,
    summary="People within reach, newest first",
)
async def list_users(call: Call[NoInput, PageQuery]) -> UserPage:
    """With the scope centre: people of one's own centres."""
    query = call.query
    found = await call.services.database.read(users.list_users, call.reach, before=query.before, limit=query.limit + 1)
    shown, cursor = cut(found, query.limit, lambda person: Position(person.created_at, person.id))
    return UserPage(items=_shown(shown), next_cursor=cursor)


@PEOPLE.route(
    "GET",
    "/api/v1/users/{user_id}",
    permission=Permission("users", "view"),
    path=UserPath,
    answers=UserShown,
    summary="One person",
)
async def show_user(call: Call[UserPath]) -> UserShown:
    """404 outside one's reach."""
    return UserShown.model_validate(await call.services.database.read(users.find_user, call.reach, call.path.user_id))


@PEOPLE.route(
    "POST",
    "/api/v1/users",
    permission=Permission("users", "add"),
    body=NewUser,
    answers=UserInvited,
    status=201,
    summary="Give somebody an account",
)
async def create_user(call: Call[NoInput, NoInput, NewUser]) -> UserInvited:
    """The account has no password until the person chooses one."""
    body = call.body
    person, token = await call.services.database.write(
        users.create_user,
        call.principal,
        call.reach,
        name=body.name,
        email=body.email,
        role_id=body.role_id,
        centre_ids=body.centre_ids,
        now=call.now,
    )
    return UserInvited(user=UserShown.model_validate(person), password_token=token)


@PEOPLE.route(
    "PATCH",
    "/api/v1/users/{user_id}",
    permission=Permission("users", "edit"),
    path=UserPath,
    body=UserChange,
    answers=UserShown,
    summary="Change a person: role, centres, switched on or off",
)
async def change_user(call: Call[UserPath, NoInput, UserChange]) -> UserShown:
    """Acts at once: their sessions end. One's own session gets a new cookie."""
    body = call.body
    change = users.PersonChange(
        name=body.name,
        role_id=body.role_id,
        is_active=body.is_active,
        centre_ids=body.centre_ids,
    )
    person, token = await call.services.database.write(_change_user, call, change)
    call.reply.session = token
    return UserShown.model_validate(person)


def _change_user(
    connection: Connection, call: Call[UserPath, NoInput, UserChange], change: users.PersonChange
) -> tuple[users.Person, str | None]:
    person = users.change_user(connection, call.principal, call.reach, call.path.user_id, change, call.now)
    touches_own = call.path.user_id == call.principal.user_id
    return person, _renewed(connection, call.principal) if touches_own else None


def _renewed(connection: Connection, principal: Principal) -> str | None:
    """A new cookie for a session whose rights changed while it goes on."""
    if principal.session_id is None:
        return None
    return renew_session(connection, principal.organisation_id, principal.session_id)


@PEOPLE.route(
    "POST",
    "/api/v1/users/{user_id}/password-link",
    permission=Permission("users", "edit"),
    path=UserPath,
    answers=PasswordToken,
    summary="Let a person choose a new password",
)
async def issue_password_link(call: Call[UserPath]) -> PasswordToken:
    """Only for people who may do no more than the caller."""
    token = await call.services.database.write(
        users.issue_password_link, call.principal, call.reach, call.path.user_id, call.now
    )
    return PasswordToken(password_token=token)


@PEOPLE.route(
    "GET",
    "/api/v1/permissions",
    permission=Permission("roles", "view"),
    answers=PermissionTable,
    summary="What a role may be granted",
)
async def list_permissions(_call: Call) -> PermissionTable:
    """The one table of permissions."""
    return PermissionTable(
        items=[
            ResourceShown(
                resource=name, label=resource.label, actions=list(resource.actions), scopes=list(resource.scopes)
            )
            for name, resource in RESOURCES.items()
            if resource.is_grantable
        ]
    )


@PEOPLE.route("GET", "/api/v1/roles", permission=Permission("roles", "view"), answers=Roles, summary="Roles, by name")
async def list_roles(call: Call) -> Roles:
    """With the number of holders."""
    rows = await call.services.database.read(roles.list_roles, call.principal.organisation_id)
    return Roles(items=[RoleListed.model_validate(row) for row in rows])


@PEOPLE.route(
    "GET",
    "/api/v1/roles/{role_id}",
    permission=Permission("roles", "view"),
    path=RolePath,
    answers=RoleShown,
    summary="One role",
)
async def show_role(call: Call[RolePath]) -> RoleShown:
    """404 for a role of another organisation."""
    return await _role(call, call.path.role_id)


@PEOPLE.route(
    "POST",
    "/api/v1/roles",
    permission=Permission("roles", "add"),
    body=NewRole,
    answers=RoleShown,
    status=201,
    summary="Make a role",
)
async def create_role(call: Call[NoInput, NoInput, NewRole]) -> RoleShown:
    """No role may reach further than its maker."""
    role_id = await call.services.database.write(
        roles.create_role, call.principal, name=call.body.name, permissions=call.body.permissions, now=call.now
    )
    return await _role(call, role_id)


@PEOPLE.route(
    "PATCH",
    "/api/v1/roles/{role_id}",
    permission=Permission("roles", "edit"),
    path=RolePath,
    body=RoleChange,
    answers=RoleShown,
    summary="Change a role",
)
async def change_role(call: Call[RolePath, NoInput, RoleChange]) -> RoleShown:
    """New permissions act at once: the sessions of its holders end."""
    call.reply.session = await call.services.database.write(_change_role, call)
    return await _role(call, call.path.role_id)


def _change_role(connection: Connection, call: Call[RolePath, NoInput, RoleChange]) -> str | None:
    body = call.body
    roles.change_role(
        connection, call.principal, call.path.role_id, name=body.name, permissions=body.permissions, now=call.now
    )
    return None if body.permissions is None else _renewed(connection, call.principal)


@PEOPLE.route(
    "DELETE",
    "/api/v1/roles/{role_id}",
    permission=Permission("roles", "delete"),
    path=RolePath,
    summary="Remove a role that nobody holds",
)
async def delete_role(call: Call[RolePath]) -> None:
    """409 while somebody holds it."""
    await call.services.database.write(roles.delete_role, call.principal, call.path.role_id, call.now)


async def _role(call: Call[Any, Any, Any], role_id: UUID) -> RoleShown:
    row = await call.services.database.read(roles.find_role, call.principal.organisation_id, role_id)
    return RoleShown.model_validate(row)


def _shown(people: Iterable[users.Person]) -> list[UserShown]:
    return [UserShown.model_validate(person) for person in people]
