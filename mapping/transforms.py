"""The named transforms of a field rule, as they are stored (P-23).

Each says how the answers of a rule become the value of its field. The ones that take *one* answer take the
first question of the rule that was answered; further answered questions stay unmapped, and so stay visible.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DecimalSign = Literal[".", ","]
DateOrder = Literal["dmy", "mdy"]


class _Transform(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Identity(_Transform):
    """The answer as it is, whole and in order. A phone number still becomes E.164 with the form's country."""

    kind: Literal["identity"] = "identity"


class Join(_Transform):
    """All answers of the rule, in the rule's order, with the separator between."""

    kind: Literal["join"] = "join"
    separator: str = " "


class Split(_Transform):
    """The answer cut at each separator. ``index`` picks one part (-1 is the last); None takes all of them."""

    kind: Literal["split"] = "split"
    separator: Annotated[str, Field(min_length=1)]
    index: int | None = None


class NamePart(_Transform):
    """A part of a person's name; ``given`` and ``family`` together hold every word of the whole name."""

    kind: Literal["name_part"] = "name_part"
    part: Literal["given", "family", "whole"]


class Email(_Transform):
    """The answer read as an e-mail address, with a quality mark; never refused."""

    kind: Literal["email"] = "email"


class Phone(_Transform):
    """The answer as E.164. ``country`` (ISO 3166-1 alpha-2) is for numbers without a country code; None takes
    the country of the form."""

    kind: Literal["phone"] = "phone"
    country: str | None = None


class Url(_Transform):
    """The answer read as a web address."""

    kind: Literal["url"] = "url"


class ChoiceLookup(_Transform):
    """Each value of the answer looked up in ``choices``, exactly and then without regard to case.

    A value that is not there becomes ``otherwise``, or is kept where that is None.
    """

    kind: Literal["choice_lookup"] = "choice_lookup"
    choices: Mapping[str, str]
    otherwise: str | None = None


class Fixed(_Transform):
    """The same value for each submission; the rule has no questions."""

    kind: Literal["fixed"] = "fixed"
    value: str | tuple[str, ...]


class Formula(_Transform):
    """A CEL expression over the answers of the rule's questions; see ``mapping.formulas``."""

    kind: Literal["formula"] = "formula"
    expression: str


class Number(_Transform):
    """The answer as a decimal number; ``decimal`` decides what ``1.234`` means."""

    kind: Literal["number"] = "number"
    decimal: DecimalSign | None = None


class Money(_Transform):
    """The answer as an amount; ``currency`` (ISO 4217) is for amounts that name none or share their sign."""

    kind: Literal["money"] = "money"
    currency: str | None = None
    decimal: DecimalSign | None = None


class Date(_Transform):
    """The answer as a day; ``order`` decides what ``05/06/2026`` means."""

    kind: Literal["date"] = "date"
    order: DateOrder | None = None


class DateTime(_Transform):
    """The answer as a moment; ``zone`` (IANA name) is for times without an offset."""

    kind: Literal["date_time"] = "date_time"
    order: DateOrder | None = None
    zone: str | None = None


class YesNo(_Transform):
    """The answer as yes or no, in the words of several languages."""

    kind: Literal["yes_no"] = "yes_no"


Transform = Annotated[
    Identity
    | Join
    | Split
    | NamePart
    | Email
    | Phone
    | Url
    | ChoiceLookup
    | Fixed
    | Formula
    | Number
    | Money
    | Date
    | DateTime
    | YesNo,
    Field(discriminator="kind"),
]
"""Any of the transforms; the stored ``kind`` says which."""

AS_IS = Identity()
