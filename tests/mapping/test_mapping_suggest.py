"""What is proposed for a new source form."""

import pytest
from mapping_cases import by_key, field, question, submission

from hub.connector.models import Choice, FieldType, Question
from mapping.engine import MappingContext, apply
from mapping.rules import check
from mapping.suggest import CONFIDENT, propose, suggest

T = FieldType
MASTER = by_key(
    field("full_name"),
    field("email", T.EMAIL),
    field("phone", T.PHONE),
    field("city"),
    field("company"),
    field("birth_date", T.DATE),
    field("interest", T.SINGLE_CHOICE, ("yoga", "pilates", "gym")),
    field("message", T.LONG_TEXT),
)


def pairs(*questions: Question) -> dict[str, str]:
    """The confident suggestions."""
    found = suggest(questions, MASTER)
    return {each.question_key: each.field_key for each in found if each.confidence >= CONFIDENT}


@pytest.mark.parametrize(
    ("name", "mail", "phone", "city", "message"),
    [
        ("Full name", "E-mail address", "Phone number", "City", "Comments"),
        ("Vor- und Nachname", "E-Mail-Adresse", "Telefonnummer", "Wohnort", "Ihre Nachricht"),
        ("Nimi", "Sähköposti", "Puhelinnumero", "Paikkakunta", "Viesti"),
        ("Nombre completo", "Correo electrónico", "Teléfono", "Ciudad", "Mensaje"),
        ("Nom et prénom", "Adresse e-mail", "Numéro de téléphone", "Ville", "Votre message"),
        ("Полное имя", "Электронная почта", "Телефон", "Город", "Сообщение"),
    ],
)
def test_free_text_questions_are_recognised_in_several_languages(
    name: str, mail: str, phone: str, city: str, message: str
) -> None:
    """Labels alone suffice, whatever the keys are."""
    asked = [question(f"q{place}", T.TEXT, label) for place, label in enumerate((name, mail, phone, city, message))]
    assert pairs(*asked) == {"q0": "full_name", "q1": "email", "q2": "phone", "q3": "city", "q4": "message"}


@pytest.mark.proves("L-09")
def test_contact_questions_are_recognised_by_type_in_any_script() -> None:
    """An e-mail and a phone question find their fields though no word of them is known."""
    asked = [question("იმეილი", T.EMAIL), question("ტელეფონი", T.PHONE), question("რჩევა", T.TEXT)]
    assert pairs(*asked) == {"იმეილი": "email", "ტელეფონი": "phone"}


def test_a_reason_and_a_confidence_come_with_each_suggestion() -> None:
    """The same key is surer than the same meaning, which is surer than a mention."""
    asked = [question("email", T.EMAIL), question("q", T.TEXT, "Wohnort"), question("r", T.TEXT, "May we phone you?")]
    first, second, third = suggest(asked, MASTER)
    assert first.confidence > second.confidence > CONFIDENT > third.confidence
    assert "same key" in first.reason
    assert '"city"' in second.reason


def test_unlike_questions_get_no_confident_suggestion() -> None:
    """Words that merely hold a known word are not mapped by the machine."""
    assert pairs(question("name_of_your_dog"), question("shoe_size"), question("why?", T.LONG_TEXT, "Why us?")) == {}


def test_an_archived_field_is_never_suggested() -> None:
    """Fields out of use take no new questions."""
    assert suggest([question("city")], by_key(field("city", is_archived=True))) == ()


def test_choices_are_looked_up_by_value_or_label() -> None:
    """Options of the platform become the choices of the field."""
    asked = Question(
        key="which_class",
        label="Which class?",
        kind=T.SINGLE_CHOICE,
        choices=tuple(
            Choice(value=f"opt{place}", label=label) for place, label in enumerate(["Yoga", "Pilates", "Gym"])
        ),
    )
    proposed = propose([asked], MASTER)
    assert check(proposed, [asked], MASTER) == []
    mapped = apply(submission({"which_class": "opt1"}), proposed, MASTER, MappingContext())
    assert mapped.values == {"interest": "pilates"}


def test_name_parts_make_a_full_name_and_the_reverse() -> None:
    """Either way to ask for a name fills either way to keep it."""
    parts = [question("vorname", label="Vorname"), question("nachname", label="Nachname")]
    joined = apply(submission({"vorname": "Ada", "nachname": "L"}), propose(parts, MASTER), MASTER, MappingContext())
    assert joined.values == {"full_name": "Ada L"}
    assert joined.unmapped == ()
    split_form = by_key(field("first_name"), field("last_name"))
    proposed = propose([question("full_name")], split_form)
    split = apply(submission({"full_name": "Ada King Lovelace"}), proposed, split_form, MappingContext())
    assert split.values == {"first_name": "Ada King", "last_name": "Lovelace"}


def test_a_typical_form_is_mapped_whole() -> None:
    """A form with standard questions of an ad platform needs no hand."""
    asked = [
        question("full_name", label="Full name"),
        question("email", T.EMAIL, "Email"),
        question("phone_number", T.PHONE, "Phone number"),
        question("dob", T.TEXT, "Date of birth"),
        question("company_name", label="Company name"),
    ]
    proposed = propose(asked, MASTER, version=4)
    assert proposed.version == 4
    assert proposed.question_keys() == {each.key for each in asked}
    sent = submission(
        {"full_name": "Ada L", "phone_number": "040 1234567", "dob": "1815-12-10", "email": "a@kirjasto.fi"}
    )
    assert apply(sent, proposed, MASTER, MappingContext(country="FI")).values == {
        "full_name": "Ada L",
        "email": "a@kirjasto.fi",
        "phone": "+358401234567",
        "birth_date": "1815-12-10",
    }
