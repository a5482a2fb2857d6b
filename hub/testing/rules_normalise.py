"""Rules on reading one submission: nothing that a person answered is lost."""

import copy
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from pydantic import JsonValue

from hub.connector.errors import BadPayloadError
from hub.connector.models import RawSubmission, Submission
from hub.testing.connected import ConnectedSource, answers_of, connect
from hub.testing.json_variants import with_novelty
from hub.testing.rules import (
    FREE_QUESTIONS,
    MULTIPLE_CHOICE,
    TELLS_TIME,
    TEST_LEADS,
    RuleBrokenError,
    Rules,
    require,
    rule,
)

LONG_ID = str(2**63 - 25)
OTHER_SCRIPTS = {
    "どのサービスをご希望ですか?": ("屋根の修理",),
    "какая_услуга_вас_интересует": ("Крыша",),
    "איזה_שירות": ("גג",),
    "ما_هي_الخدمة": ("سقف",),
    "🏠": ("👍🏽",),
}


class NormaliseRules(Rules):
    """What ``normalise`` makes of a raw submission."""

    ignored_keys: ClassVar[frozenset[str]] = frozenset()
    """Question keys that deliberately do not become answers (a consent box that becomes a consent)."""

    @rule()
    async def test_normalise_is_pure(self) -> None:
        """The same raw submission gives the same submission twice, and is not changed on the way."""
        async with connect(self) as source:
            for raw in await _samples(source):
                before = copy.deepcopy(raw.body)
                first, second = self.connector.normalise(raw), self.connector.normalise(raw)
                require(first == second, f"normalise() gave two different submissions for {raw.source_id}")
                require(raw.body == before, f"normalise() changed the raw body of {raw.source_id}")

    @rule()
    async def test_every_answer_is_kept(self) -> None:
        """Each answer of an ordinary lead is among the answers, under the source's own key, and by each path."""
        async with connect(self) as source:
            answers = source.simulator.sample_answers(7)
            lead = source.simulator.add_submission(source.form().id, answers)
            await self._check_answers(source, lead, answers)

    @rule(FREE_QUESTIONS)
    async def test_answers_to_unknown_questions_are_kept(self) -> None:
        """An answer to a question that the form never listed is kept like any other."""
        async with connect(self) as source:
            unknown = {"a_question_nobody_mapped": ("the answer counts",)}
            answers = source.simulator.sample_answers(8) | unknown
            lead = source.simulator.add_submission(source.form().id, answers)
            await self._check_answers(source, lead, unknown)

    @rule(FREE_QUESTIONS, MULTIPLE_CHOICE)
    async def test_multiple_choice_stays_whole(self) -> None:
        """All values of a multiple choice are kept, in their order."""
        async with connect(self) as source:
            lead = source.simulator.add_submission(
                source.form().id, source.simulator.sample_answers() | {"services": ("roof", "gutter", "chimney, tall")}
            )
            for found in await source.normalised(lead):
                values = answers_of(found).get("services")
                require(values == ("roof", "gutter", "chimney, tall"), f"three choices were read as {values}")

    @rule(FREE_QUESTIONS)
    async def test_empty_answers_spare_the_others(self) -> None:
        """Unanswered questions, as an empty list or an empty text, do no harm to the other answers."""
        async with connect(self) as source:
            form_id, answers = source.form().id, source.simulator.sample_answers(9)
            whole = source.simulator.add_submission(form_id, answers)
            empty = {"left_out": (), "left_blank": ("",), **answers, "left_out_too": ()}
            patchy = source.simulator.add_submission(form_id, empty)
            expected = answers_of((await source.normalised(whole))[0])
            for found in await source.normalised(patchy):
                lost = [key for key, values in expected.items() if answers_of(found).get(key) != values]
                require(not lost, f"beside empty answers, these were lost: {lost}")

    @rule(FREE_QUESTIONS)
    async def test_questions_in_any_script_are_kept(self) -> None:
        """Questions without a Latin letter, and answers with emoji, arrive unchanged."""
        async with connect(self) as source:
            lead = source.simulator.add_submission(source.form().id, OTHER_SCRIPTS)
            await self._check_answers(source, lead, OTHER_SCRIPTS)

    @rule()
    async def test_long_ids_are_exact(self) -> None:
        """A 64-bit id survives to its last digit, on every path."""
        async with connect(self) as source:
            lead = source.simulator.add_submission(
                source.form().id, source.simulator.sample_answers(), source_id=LONG_ID
            )
            for found in await source.normalised(lead):
                require(found.source_id == LONG_ID, f"id {LONG_ID} was read as {found.source_id}")

    @rule()
    async def test_source_id_is_the_sources_own(self) -> None:
        """A submission keeps the id and the form that the raw submission was stored under."""
        async with connect(self) as source:
            for raw in await _samples(source):
                found = self.connector.normalise(raw)
                require(found.source_id == raw.source_id, f"raw {raw.source_id} became {found.source_id}")
                require(found.form_id == raw.form_id, f"raw form {raw.form_id} became {found.form_id}")

    @rule(TELLS_TIME)
    async def test_submitted_at_is_the_sources_time(self) -> None:
        """The time of a submission is when the person sent it, not when it was read."""
        async with connect(self) as source:
            moment = source.clock.now() - timedelta(hours=5, minutes=17)
            lead = source.simulator.add_submission(
                source.form().id, source.simulator.sample_answers(), submitted_at=moment
            )
            source.clock.advance(timedelta(minutes=3))
            for found in await source.normalised(lead):
                require(found.submitted_at == moment, f"sent at {moment}, read as {found.submitted_at}")

    @rule()
    async def test_unknown_fields_do_no_harm(self) -> None:
        """A field that the source adds tomorrow, at any place of the body, loses neither the submission nor an
        answer."""
        async with connect(self) as source:
            for raw in await _samples(source):
                known = answers_of(self.connector.normalise(raw))
                for body in with_novelty(raw.body):
                    found = self._read(raw, body)
                    lost = [key for key, values in known.items() if answers_of(found).get(key) != values]
                    require(not lost, f"with an unknown field, these answers were lost: {lost}")

    @rule(TEST_LEADS)
    async def test_test_leads_are_marked(self) -> None:
        """A test lead of the source is marked as one, an ordinary lead is not."""
        async with connect(self) as source:
            form_id = source.form().id
            for is_test in (True, False):
                lead = source.simulator.add_submission(form_id, source.simulator.sample_answers(), is_test=is_test)
                for found in await source.normalised(lead):
                    require(found.is_test is is_test, f"is_test was read as {found.is_test}, but is {is_test}")

    # --- how ----------------------------------------------------------------------------------------------

    def _read(self, raw: RawSubmission, body: JsonValue) -> Submission:
        try:
            return self.connector.normalise(raw.model_copy(update={"body": body}))
        except BadPayloadError as error:
            raise RuleBrokenError(f"an unknown field made the whole submission unreadable: {error}") from error

    async def _check_answers(self, source: ConnectedSource, lead: str, answers: Mapping[str, tuple[str, ...]]) -> None:
        for found in await source.normalised(lead):
            kept = answers_of(found)
            for key, values in answers.items():
                if key not in self.ignored_keys:
                    require(kept.get(key) == values, f"question {key!r}: answered {values}, read as {kept.get(key)}")


async def _samples(source: ConnectedSource) -> list[RawSubmission]:
    form = source.form()
    return [raw for lead in source.add(form, 2) for raw in await source.readings(lead)]
