"""What counts as a change of a form."""

from hub.connector.models import Choice, FieldType, Question
from hub.core.field_mappings.drift import Drift, compare

EMAIL = Question(key="email", label="E-mail", kind=FieldType.EMAIL)
COLOUR = Question(
    key="colour",
    label="Colour",
    kind=FieldType.SINGLE_CHOICE,
    choices=(Choice(value="r", label="Red"), Choice(value="b", label="Blue")),
)


def _kinds(before: list[Question], after: list[Question]) -> list[tuple[str, str]]:
    return [(difference.kind.value, difference.question_key) for difference in compare(before, after)]


def test_the_same_form_in_another_order_did_not_change() -> None:
    """Order is nothing that anybody must know."""
    assert compare([EMAIL, COLOUR], [COLOUR, EMAIL]) == []


def test_added_and_removed_questions_are_told_apart() -> None:
    """Each with its key."""
    assert _kinds([EMAIL], [COLOUR]) == [("question_added", "colour"), ("question_removed", "email")]


def test_a_new_label_is_a_new_name() -> None:
    """The key stays, so the mapping stays."""
    (difference,) = compare([EMAIL], [EMAIL.model_copy(update={"label": "Your e-mail"})])
    assert difference.kind is Drift.QUESTION_RENAMED
    assert difference.detail == {"label": "Your e-mail", "former_label": "E-mail"}


def test_a_new_key_under_the_same_label_is_a_new_name_too() -> None:
    """It is not an addition and a removal: the answers go on under another key."""
    (difference,) = compare([EMAIL, COLOUR], [EMAIL.model_copy(update={"key": "email_2"}), COLOUR])
    assert (difference.kind, difference.question_key) == (Drift.QUESTION_RENAMED, "email_2")
    assert difference.detail["former_key"] == "email"


def test_the_same_label_of_another_kind_is_another_question() -> None:
    """A text is not the e-mail question under a new key."""
    text = Question(key="e", label="E-mail", kind=FieldType.TEXT)
    assert _kinds([EMAIL], [text]) == [("question_added", "e"), ("question_removed", "email")]


def test_changed_choices_are_listed() -> None:
    """What came and what went, as people saw it."""
    changed = COLOUR.model_copy(update={"choices": (Choice(value="r", label="Red"), Choice(value="g", label="Green"))})
    (difference,) = compare([COLOUR], [changed])
    assert difference.kind is Drift.CHOICES_CHANGED
    assert (difference.detail["added"], difference.detail["removed"]) == (["Green"], ["Blue"])
