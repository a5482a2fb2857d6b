"""The organisation guard: a statement that names no organisation raises."""

from uuid import uuid4

import pytest
import sqlalchemy as sa

from hub.core.leads.models import leads, persons
from hub.core.organisations.models import organisations
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS, MissingOrganisationError, check


@pytest.mark.proves("AD-02")
@pytest.mark.parametrize(
    "statement",
    [
        sa.select(leads),
        sa.select(sa.func.count()).select_from(leads),
        sa.update(leads).values(name="x"),
        sa.delete(leads).where(leads.c.id == uuid4()),
        sa.select(leads).join(persons, persons.c.id == leads.c.person_id).where(persons.c.organisation_id == uuid4()),
        sa.select(organisations.c.id, sa.select(leads.c.id).scalar_subquery()),
        sa.select(leads).where(leads.c.organisation_id != uuid4()),
        sa.select(leads).where(sa.or_(leads.c.organisation_id == uuid4(), leads.c.name == "Ada")),
        sa.select(leads).where(leads.c.name == sa.case((leads.c.organisation_id == uuid4(), "Ada"), else_="Ben")),
        sa.update(leads).where(sa.or_(leads.c.organisation_id == uuid4(), leads.c.name == "Ada")).values(name="x"),
    ],
)
def test_a_statement_without_organisation_raises(statement: sa.Executable) -> None:
    """Reads, counts, updates, deletes, joins and subqueries are all refused."""
    with pytest.raises(MissingOrganisationError):
        check(statement)


@pytest.mark.parametrize(
    "statement",
    [
        sa.select(leads).where(leads.c.organisation_id == uuid4()),
        sa.select(leads).where(leads.c.organisation_id == sa.bindparam("organisation")),
        sa.select(leads)
        .join(persons, sa.and_(persons.c.id == leads.c.person_id, persons.c.organisation_id == leads.c.organisation_id))
        .where(leads.c.organisation_id == uuid4()),
        sa.update(leads).where(leads.c.organisation_id == uuid4()).values(name="x"),
        sa.select(leads).where(
            leads.c.organisation_id == uuid4(),
            sa.or_(leads.c.name == "Ada", sa.select(persons.c.id).where(persons.c.organisation_id == uuid4()).exists()),
        ),
        sa.select(organisations),
    ],
)
def test_a_statement_with_organisation_passes(statement: sa.Executable) -> None:
    """The filter may be a value, a parameter, or reached through a join."""
    check(statement)


@pytest.mark.proves("AD-02")
def test_the_engine_refuses(database: Database) -> None:
    """The engine itself asks, so that no code path can forget; a reason lets a statement see all."""
    with pytest.raises(MissingOrganisationError):
        database.read_now(lambda c: c.execute(sa.select(leads)).all())
    seen = sa.select(leads).execution_options(**{ALL_ORGANISATIONS: "test of the guard"})
    assert database.read_now(lambda c: c.execute(seen).all()) == []
