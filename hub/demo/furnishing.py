"""An organisation to show: centres, people, a connected account, published forms.

Every step looks first what is there already, so that a demonstration that was killed half-way is furnished to the
end at its next start.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from sqlalchemy.engine import Connection

from hub.connector.base import Authorizes
from hub.core.accounts import queries
from hub.core.accounts.first_run import NewOrganisation, NewPerson, create_organisation
from hub.demo.errors import DemoError
from hub.demo.platform import SimulatedPlatform
from hub.demo.stage import Stage
from hub.management.setup import furnish_organisation

ORGANISATION = NewOrganisation("Example Clinics", "PT", "en", "Europe/Lisbon")
CENTRES = (("North", "NORTH"), ("South", "SOUTH"))
PEOPLE = (
    ("manager", "Marta Manager", "Manager"),
    ("nuno", "Nuno Sales", "Sales"),
    ("olga", "Olga Sales", "Sales"),
    ("paulo", "Paulo Sales", "Sales"),
)
CONTACT, CALL_BACK = "Contact us", "Call me back"


@dataclass(frozen=True)
class SignIn:
    """The one password of all demonstration accounts, kept in a file that only its owner can read."""

    domain: str
    password: str

    @property
    def email(self) -> str:
        """The administrator's."""
        return self.address("admin")

    def address(self, name: str) -> str:
        """The address under which one of them signs in."""
        return f"{name}@{self.domain}"


def sign_in_of(folder: Path) -> SignIn:
    """The sign-in of a demonstration: made at its first start, the same ever after."""
    file = folder / "sign-in.json"
    if file.exists():
        return SignIn(**json.loads(file.read_text()))
    made = SignIn(f"{secrets.token_hex(3)}.demo.example.com", secrets.token_urlsafe(12))
    fresh = file.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as written:
        json.dump(asdict(made), written)
        written.flush()
        os.fsync(written.fileno())
    fresh.replace(file)
    return made


async def furnish(stage: Stage) -> SignIn:
    """Make the organisation with its centres and people, and sign the administrator in."""
    sign_in = sign_in_of(stage.folder)
    await _ensure_organisation(stage, sign_in)
    await stage.admin.sign_in(sign_in.email, sign_in.password)
    known = {each["code"]: each["id"] for each in (await stage.admin.get("/api/v1/centres"))["items"]}
    for name, code in CENTRES:
        if code not in known:
            body = {"name": name, "code": code, "time_zone": ORGANISATION.time_zone}
            known[code] = (await stage.admin.post("/api/v1/centres", body))["id"]
    await _ensure_people(stage, sign_in, [known[code] for _, code in CENTRES])
    return sign_in


async def _ensure_organisation(stage: Stage, sign_in: SignIn) -> None:
    services = stage.hub.services
    if await stage.hub.database.read(queries.find_credentials, sign_in.email) is not None:
        return
    if stage.platform.acknowledged or stage.visitors.acknowledged:
        raise DemoError(
            f"The journals in {stage.folder} tell of leads that went to another database. "
            "Name that database, or begin anew with an empty folder (--data)."
        )
    hashed = await services.passwords.hash(sign_in.password)

    def work(connection: Connection) -> None:
        person = NewPerson("Alex Admin", sign_in.email, hashed)
        create_organisation(connection, ORGANISATION, person, now=services.clock.now(), set_up=(furnish_organisation,))

    await stage.hub.database.write(work)


async def _ensure_people(stage: Stage, sign_in: SignIn, centre_ids: list[str]) -> None:
    admin = stage.admin
    roles = {each["name"]: each["id"] for each in (await admin.get("/api/v1/roles"))["items"]}
    people = {each["email"]: each for each in (await admin.get("/api/v1/users", limit="200"))["items"]}
    for name, full_name, role in PEOPLE:
        email = sign_in.address(name)
        if email not in people:
            body = {"name": full_name, "email": email, "role_id": roles[role], "centre_ids": centre_ids}
            people[email] = (await admin.post("/api/v1/users", body))["user"]
        if not people[email]["has_password"]:
            link = await admin.post(f"/api/v1/users/{people[email]['id']}/password-link")
            await admin.post("/api/v1/password", {"token": link["password_token"], "password": sign_in.password})
        await _ensure_assignee(stage, people[email]["id"], takes_leads=role == "Sales")
    await _ensure_assignee(stage, people[sign_in.email]["id"], takes_leads=False)


async def _ensure_assignee(stage: Stage, user_id: str, *, takes_leads: bool) -> None:
    await stage.admin.post("/api/v1/assignees", {"user_id": user_id})
    await stage.admin.patch(f"/api/v1/assignees/{user_id}", {"takes_leads": takes_leads})


# --- the account at the platform --------------------------------------------------------------------------------


async def connection_of(stage: Stage, platform: SimulatedPlatform | None = None) -> dict[str, Any] | None:
    """The connection of a simulated account (default: of the main platform); None before it was connected."""
    key = (platform or stage.platform).connector.manifest.key
    found = (await stage.admin.get("/api/v1/connections"))["items"]
    return next((each for each in found if each["connector"] == key), None)


async def ensure_connection(stage: Stage, platform: SimulatedPlatform | None = None) -> dict[str, Any]:
    """Connect a simulated account, or sign in again where that is needed; returns the connection."""
    chosen = platform or stage.platform
    known = await connection_of(stage, chosen)
    if known is None or known["state"] == "authorization_needed":
        app_id = (await ensure_app(stage, chosen))["id"]
        if not isinstance(chosen.connector, Authorizes):
            await stage.admin.post(f"/api/v1/apps/{app_id}/connections", {"settings": {}})
        else:
            await authorise(stage, {"app_id": app_id} | ({"connection_id": known["id"]} if known else {}))
    connected = await connection_of(stage, chosen)
    if connected is None or connected["state"] != "active":
        raise DemoError(f"The account could not be connected: {connected and connected['label']}")
    return connected


async def authorise(stage: Stage, body: Mapping[str, str]) -> None:
    """The dance of an administrator: ask the hub, allow at the platform's page, come back with a code."""
    session, origin = stage.admin.session, stage.origin
    url = (await stage.admin.post("/api/v1/authorisations", body))["url"]
    async with session.get(url) as page:
        page.raise_for_status()
    async with session.post(url, data={"decision": "allow"}, allow_redirects=False) as decided:
        back = decided.headers.get("Location", "")
    if not back.startswith(f"{origin}/"):
        raise DemoError(f"The platform's page did not lead back to the hub (status {decided.status}).")
    async with session.get(back) as answer:
        told = re.sub(r"<[^>]*>", " ", await answer.text())
        if answer.status != 200:
            raise DemoError(f"The hub refused the sign-in with {answer.status}: {' '.join(told.split())[:300]}")


async def ensure_app(stage: Stage, platform: SimulatedPlatform) -> dict[str, Any]:
    """The app of a platform, with the address for its deliveries; added if there is none yet."""
    key = platform.connector.manifest.key
    for app in (await stage.admin.get("/api/v1/apps"))["items"]:
        if app["connector"] == key:
            return dict(app)
    body = {"connector": key, "name": "Demonstration", "settings": platform.settings()}
    return dict(await stage.admin.post("/api/v1/apps", body))


# --- the hub's own forms ------------------------------------------------------------------------------------------


async def ensure_forms(stage: Stage) -> dict[str, str]:
    """Publish the forms that lack; the public key of each by its title."""
    known = {each["title"]: each for each in (await stage.admin.get("/api/v1/forms", limit="200"))["items"]}
    keys = {}
    for title in (CONTACT, CALL_BACK):
        form = known.get(title) or await stage.admin.post("/api/v1/forms", _definition(title))
        if form["status"] == "draft":
            form = await stage.admin.post(f"/api/v1/forms/{form['id']}/publish")
        keys[title] = form["public_key"]
    return keys


async def switch_form(stage: Stage, title: str, *, on: bool) -> None:
    """Switch one of the forms on or off, unless it stands so already."""
    form = next(each for each in (await stage.admin.get("/api/v1/forms"))["items"] if each["title"] == title)
    if (form["status"] == "active") is not on:
        await stage.admin.post(f"/api/v1/forms/{form['id']}/{'activate' if on else 'deactivate'}")


def form_address(stage: Stage, key: str) -> str:
    """Where a form is shown."""
    return urljoin(stage.origin, f"/f/{key}")


def _definition(title: str) -> dict[str, Any]:
    def field(key: str, label: str, kind: str, *, required: bool = False) -> dict[str, Any]:
        return {"key": key, "label": label, "kind": kind, "required": required, "maps_to": key}

    consent = {"key": "news", "text": "You may send me news by e-mail.", "purpose": "newsletter"}
    return {
        "title": title,
        "description": "We answer within a working day.",
        "fields": [
            field("full_name", "Your name", "text", required=True),
            field("email", "E-mail", "email", required=True),
            field("phone", "Phone", "phone"),
            field("message", "What can we do for you?", "long_text"),
        ],
        "consents": [consent],
        "allowed_hosts": ["https://www.example.com"],
    }
