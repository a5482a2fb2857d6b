"""The keys by which a person is found again."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.provisional import domains
from mapping_cases import FINLAND, by_key, field, map_one, odd_text

from hub.connector.models import FieldType
from mapping.contacts import ContactPoint, contact_points, email_key, phone_key, read_email

T = FieldType
FIELDS = by_key(field("email", T.EMAIL), field("other", T.EMAIL), field("phone", T.PHONE), field("note"))


def test_contact_points_are_normalised_and_each_once() -> None:
    """Case and IDNA form do not make another person; only contact fields count."""
    values = {
        "email": "Ada.L@BÜCHER.de",
        "other": "ada.l@xn--bcher-kva.de",
        "phone": "+358401234567",
        "note": "eve@kirjasto.fi",
        "unknown": "eve@kirjasto.fi",
    }
    assert contact_points(values, FIELDS) == (
        ContactPoint("email", "ada.l@xn--bcher-kva.de"),
        ContactPoint("phone", "+358401234567"),
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "none",
        "ada@",
        "a b@kirjasto.fi",
        "<test lead: dummy data for email>",
        "ada@localhost",
        None,
        ["a@b.fi"],
        "é@",
        "@é.fi",
    ],
)
def test_what_is_no_address_gives_no_key(value: str | list[str] | None) -> None:
    """Two people who both typed nonsense are not one person."""
    assert contact_points({"email": value}, FIELDS) == ()  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "value", ["0401234567", "+358", "+35840123456789012345", "+99912345678", "12", "+ 358401234567"]
)
def test_what_is_no_valid_e164_gives_no_key(value: str) -> None:
    """A number counts only when it is valid and international."""
    assert contact_points({"phone": value}, FIELDS) == ()


@given(st.text("abcXYZ.!+'-_09", min_size=1, max_size=70), domains())
@example("a", "kirjasto.fi")
def test_the_quick_rule_agrees_with_the_validator(local: str, domain: str) -> None:
    """What the validator calls an address has a key, and the key does not depend on case."""
    address = f"{local}@{domain}"
    if read_email(address)[1] != "not_an_email":
        assert email_key(address) == email_key(address.upper()) == address.lower()


@given(odd_text)
def test_keys_of_read_values_are_stable(text: str) -> None:
    """A key of a key is the key itself, for whatever a person typed."""
    for kind, key_of in (("email", email_key), ("phone", phone_key)):
        mapped = map_one(field("f", FieldType(kind)), text, context=FINLAND)
        if (value := mapped.values.get("f")) and (key := key_of(str(value))):
            assert key_of(key) == key
            assert key.isascii() or kind == "email"
