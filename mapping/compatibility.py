"""Which question may feed which master field (Z-143, Z-144).

Mapped directly, a question goes to a field of the same type, and a few types may also go where nothing of
the answer is lost:

================  =====================================================
question          field, mapped directly
================  =====================================================
text, long text   text, long text, address
e-mail            e-mail
phone             phone
number            number, text, long text
money             money, text, long text
date              date, text, long text
date-time         date-time, text, long text
single choice     single choice, multiple choice, text, long text
multiple choice   multiple choice, text, long text (all values, joined)
yes/no            yes/no, text, long text
consent           consent, yes/no
URL               URL, text, long text
address           address, text, long text
file              file
================  =====================================================

A transform is a recorded decision to read an answer as something else. So a free text question, as which many
ad platforms deliver e-mail addresses and phone numbers, reaches an e-mail or phone field with the ``email`` or
``phone`` transform, and not directly; the table ``_BY_TRANSFORM`` lists what each transform takes and gives.
An e-mail question feeds e-mail fields and a phone question phone fields, whatever the transform; a formula may
read them to make something else, but never an e-mail of a phone or the reverse. A consent is only ever taken
from what a person answered: no fixed value and no formula makes one.
"""

from collections.abc import Mapping

from mapping.fields import FieldType
from mapping.transforms import AS_IS, Split, Transform

_T = FieldType
_TEXTS = frozenset({_T.TEXT, _T.LONG_TEXT})
_CONTACTS = frozenset({_T.EMAIL, _T.PHONE})
_ALL = frozenset(FieldType)

_DIRECT: Mapping[FieldType, frozenset[FieldType]] = {
    _T.TEXT: _TEXTS | {_T.ADDRESS},
    _T.LONG_TEXT: _TEXTS | {_T.ADDRESS},
    _T.EMAIL: frozenset({_T.EMAIL}),
    _T.PHONE: frozenset({_T.PHONE}),
    _T.NUMBER: _TEXTS | {_T.NUMBER},
    _T.MONEY: _TEXTS | {_T.MONEY},
    _T.DATE: _TEXTS | {_T.DATE},
    _T.DATE_TIME: _TEXTS | {_T.DATE_TIME},
    _T.SINGLE_CHOICE: _TEXTS | {_T.SINGLE_CHOICE, _T.MULTIPLE_CHOICE},
    _T.MULTIPLE_CHOICE: _TEXTS | {_T.MULTIPLE_CHOICE},
    _T.YES_NO: _TEXTS | {_T.YES_NO},
    _T.CONSENT: frozenset({_T.CONSENT, _T.YES_NO}),
    _T.URL: _TEXTS | {_T.URL},
    _T.ADDRESS: _TEXTS | {_T.ADDRESS},
    _T.FILE: frozenset({_T.FILE}),
}

_CHOICES = frozenset({_T.SINGLE_CHOICE, _T.MULTIPLE_CHOICE})

_BY_TRANSFORM: Mapping[str, tuple[frozenset[FieldType], frozenset[FieldType]]] = {
    "join": (_ALL - _CONTACTS - {_T.FILE, _T.CONSENT}, _TEXTS | {_T.ADDRESS}),
    "split": (_TEXTS | {_T.ADDRESS, _T.SINGLE_CHOICE}, _TEXTS | _CHOICES | {_T.ADDRESS}),
    "name_part": (_TEXTS, _TEXTS),
    "email": (_TEXTS | {_T.EMAIL}, frozenset({_T.EMAIL})),
    "phone": (_TEXTS | {_T.PHONE}, frozenset({_T.PHONE})),
    "url": (_TEXTS | {_T.URL}, frozenset({_T.URL})),
    "choice_lookup": (_TEXTS | _CHOICES | {_T.YES_NO}, _TEXTS | _CHOICES | {_T.YES_NO}),
    "fixed": (frozenset(), _ALL - {_T.CONSENT, _T.FILE}),
    "formula": (_ALL - {_T.FILE}, _ALL - {_T.CONSENT, _T.FILE}),
    "number": (_TEXTS | {_T.NUMBER, _T.SINGLE_CHOICE}, frozenset({_T.NUMBER})),
    "money": (_TEXTS | {_T.MONEY, _T.NUMBER, _T.SINGLE_CHOICE}, frozenset({_T.MONEY})),
    "date": (_TEXTS | {_T.DATE, _T.DATE_TIME}, frozenset({_T.DATE})),
    "date_time": (_TEXTS | {_T.DATE_TIME}, frozenset({_T.DATE_TIME})),
    "yes_no": (_TEXTS | {_T.YES_NO, _T.SINGLE_CHOICE, _T.CONSENT}, frozenset({_T.YES_NO, _T.CONSENT})),
}
"""What each transform takes, and the types of field that it can fill."""


def is_compatible(question_kind: FieldType, field_type: FieldType, transform: Transform = AS_IS) -> bool:
    """Whether a question of that kind may feed a field of that type with this transform."""
    return not why_not(question_kind, field_type, transform)


def why_not(question_kind: FieldType, field_type: FieldType, transform: Transform = AS_IS) -> str:
    """Why the two cannot be mapped to each other, in words for an admin; empty where they can."""
    if transform.kind == "identity":
        if field_type in _DIRECT[question_kind]:
            return ""
        allowed = _listed(_DIRECT[question_kind])
        return f"{_named(question_kind)} question can only be mapped to a field of type {allowed}"
    if not can_fill(transform, field_type):
        return f'the transform "{transform.kind}" cannot fill a field of type {_plain(field_type)}'
    if question_kind not in _BY_TRANSFORM[transform.kind][0]:
        return f'the transform "{transform.kind}" cannot be used on {_named(question_kind).lower()} question'
    if {question_kind, field_type} == _CONTACTS or (
        question_kind is _T.MULTIPLE_CHOICE
        and transform.kind == "choice_lookup"
        and field_type in {_T.SINGLE_CHOICE, _T.YES_NO}
    ):
        return f"{_named(question_kind)} question cannot be mapped to a field of type {_plain(field_type)}"
    return ""


def can_fill(transform: Transform, field_type: FieldType) -> bool:
    """Whether the transform can make a value for a field of that type, from any question at all."""
    if transform.kind == "identity":
        return True
    if isinstance(transform, Split) and (transform.index is None) != (field_type is _T.MULTIPLE_CHOICE):
        return False
    return field_type in _BY_TRANSFORM[transform.kind][1]


def _plain(field_type: FieldType) -> str:
    return field_type.value.replace("_", " ")


def _named(kind: FieldType) -> str:
    name = _plain(kind)
    return ("An " if name[0] in "aeio" else "A ") + name


def _listed(types: frozenset[FieldType]) -> str:
    return ", ".join(_plain(each) for each in FieldType if each in types)
