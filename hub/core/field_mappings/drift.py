"""What changed between two versions of a source form (X-05). Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.connector.models import Question
from mapping.values import fold


class Drift(StrEnum):
    """Kinds of findings."""

    NEW_FORM = "new_form"
    QUESTION_ADDED = "question_added"
    QUESTION_REMOVED = "question_removed"
    QUESTION_RENAMED = "question_renamed"
    CHOICES_CHANGED = "choices_changed"
    UNKNOWN_ANSWER = "unknown_answer"


@dataclass(frozen=True, slots=True)
class Difference:
    """One change of a form. ``detail`` is JSON: labels, a former key, choices that came or went."""

    kind: Drift
    question_key: str
    detail: dict[str, Any]


def compare(before: Sequence[Question], after: Sequence[Question]) -> list[Difference]:
    """All changes, in the order of the questions after and then of those that are gone.

    A question is renamed when its key stays and its label changes, or when one with the same label and kind
    takes its place under another key (``former_key`` in the detail).
    """
    known = {question.key: question for question in before}
    present = {question.key for question in after}
    gone = [question for question in before if question.key not in present]
    found: list[Difference] = []
    for question in after:
        earlier = known.get(question.key)
        if earlier is None:
            found.append(_newcomer(question, gone))
        else:
            found.extend(_changes(earlier, question))
    found.extend(Difference(Drift.QUESTION_REMOVED, question.key, {"label": question.label}) for question in gone)
    return found


def _newcomer(question: Question, gone: list[Question]) -> Difference:
    """Added, or the new name of a question that is gone, which then is no longer counted as gone."""
    for former in gone:
        if fold(former.label) == fold(question.label) and former.kind is question.kind:
            gone.remove(former)
            detail = {"label": question.label, "former_label": former.label, "former_key": former.key}
            return Difference(Drift.QUESTION_RENAMED, question.key, detail)
    return Difference(Drift.QUESTION_ADDED, question.key, {"label": question.label, "kind": question.kind.value})


def _changes(before: Question, after: Question) -> Iterator[Difference]:
    if before.label != after.label:
        detail = {"label": after.label, "former_label": before.label}
        yield Difference(Drift.QUESTION_RENAMED, after.key, detail)
    former, present = ({choice.value: choice.label for choice in question.choices} for question in (before, after))
    if former != present:
        yield Difference(
            Drift.CHOICES_CHANGED,
            after.key,
            {
                "label": after.label,
                "added": [label for value, label in present.items() if value not in former],
                "removed": [label for value, label in former.items() if value not in present],
            },
        )
