"""Rules on forms and accounts: what is there is listed, what changes is seen, what is missing is named."""

from collections.abc import Sequence

from hub.connector.access import Access
from hub.connector.errors import ReauthorizationNeededError
from hub.connector.models import Account, Choice, FieldType, Question, SourceForm
from hub.testing.connected import connect
from hub.testing.rules import AUTHORIZES, FREE_QUESTIONS, LISTS_FORMS, WITHHOLDS, Rules, require, rule

QUESTIONS = (
    Question(key="full_name", label="Your full name"),
    Question(
        key="services",
        label="Which services?",
        kind=FieldType.MULTIPLE_CHOICE,
        choices=(Choice(value="roof", label="Roof"), Choice(value="gutter", label="Gutter and drain")),
    ),
)
NEW_QUESTION = Question(key="どのサービス?", label="どのサービスをご希望ですか?")


class FormRules(Rules):
    """``list_forms`` and ``identify``."""

    @rule(LISTS_FORMS)
    async def test_forms_are_listed(self) -> None:
        """Every form of the account is listed with its id and name."""
        async with connect(self) as source:
            ids = {source.form(name).id: name for name in ("First form", "Второй", "Third")}
            found = {form.id: form.name for form in await self.connector.list_forms(source.access)}
            require(found == ids, f"forms {found}, expected {ids}")

    @rule(LISTS_FORMS, FREE_QUESTIONS)
    async def test_questions_are_listed(self) -> None:
        """A form is listed with its questions: key, label and choices, in the source's order."""
        async with connect(self) as source:
            form_id = source.simulator.add_form("Kit form", QUESTIONS)
            found = _form(await self.connector.list_forms(source.access), form_id)
            got = [(each.key, each.label, each.choices) for each in found.questions] if found else None
            expected = [(each.key, each.label, each.choices) for each in QUESTIONS]
            require(found is None or got == expected, f"questions {got}, expected {expected}")

    @rule(LISTS_FORMS)
    async def test_every_page_of_forms_is_read(self) -> None:
        """An account with more forms than fit on a page is listed to its end."""
        async with connect(self, largest_page=2) as source:
            ids = {source.form(f"Form {number}").id for number in range(7)}
            found = {form.id for form in await self.connector.list_forms(source.access)}
            require(ids <= found, f"{len(ids)} forms at the source, {len(ids & found)} listed")

    @rule(LISTS_FORMS)
    async def test_account_without_forms_is_fine(self) -> None:
        """An account without any form gives an empty list and no error."""
        async with connect(self) as source:
            found = await self.connector.list_forms(source.access)
            require(len(found) == 0, f"an empty account listed {len(found)} forms")

    @rule(LISTS_FORMS)
    async def test_new_forms_are_picked_up(self) -> None:
        """A form made after the first listing is in the next one."""
        async with connect(self) as source:
            source.form("First form")
            await self.connector.list_forms(source.access)
            new = source.form("Second form").id
            require(
                _form(await self.connector.list_forms(source.access), new) is not None,
                "a form made after the first listing was not listed",
            )

    @rule(LISTS_FORMS, FREE_QUESTIONS)
    async def test_changed_questions_are_picked_up(self) -> None:
        """A question added to a form after the first listing is in the next one."""
        async with connect(self) as source:
            form_id = source.simulator.add_form("Kit form", QUESTIONS)
            before = _form(await self.connector.list_forms(source.access), form_id)
            source.simulator.add_form("Kit form", (*QUESTIONS, NEW_QUESTION), form_id=form_id)
            after = _form(await self.connector.list_forms(source.access), form_id)
            if before is not None and after is not None:
                require(
                    len(after.questions) == len(before.questions) + 1,
                    f"{len(before.questions)} questions before, {len(after.questions)} after one was added",
                )

    @rule(AUTHORIZES)
    async def test_account_is_identified(self) -> None:
        """identify names the account that signed in, and finds nothing missing when all was granted."""
        async with connect(self) as source:
            source.form()
            found = await self.connector.identify(source.access)
            require(found.id == source.simulator.account_id(), f"account {found.id}")
            require(not _missing(found), f"all was granted, but these are said to be missing: {_missing(found)}")

    @rule(AUTHORIZES, WITHHOLDS)
    async def test_withheld_rights_are_named(self) -> None:
        """A scope that the person unticked is named by identify as a missing right, whichever it is."""
        async with connect(self) as source:
            for item in self.connector.manifest.access_review:
                for scope in item.scopes:
                    await source.sign_in(withhold=(scope,))
                    require(await self._names_a_lack(source.access), f"nothing said that {scope} was withheld")

    async def _names_a_lack(self, access: Access) -> bool:
        try:
            return bool(_missing(await self.connector.identify(access)))
        except ReauthorizationNeededError:
            return True


def _form(forms: Sequence[SourceForm], form_id: str) -> SourceForm | None:
    return next((form for form in forms if form.id == form_id), None)


def _missing(account: Account) -> tuple[str, ...]:
    return (*account.missing_rights, *(right for part in account.parts for right in part.missing_rights))
