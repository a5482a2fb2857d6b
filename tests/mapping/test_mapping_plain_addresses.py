"""Addresses that are read without the library's full look give what it would give."""

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from mapping.contacts import read_email

_LABEL = st.text(st.sampled_from("abcxn019-"), min_size=1, max_size=70)
_DOMAIN = st.lists(_LABEL, min_size=1, max_size=4).map(".".join) | st.sampled_from(
    [
        "gmail.com",
        "xn--bcher-kva.de",
        "mail.test",
        "box.local",
        "printer.arpa",
        "a.invalid",
        "under_score.com",
        "1.2.3.4",
    ]
)
_LOCAL = st.text(st.sampled_from("abz019._%+-'"), min_size=1, max_size=90) | st.sampled_from(
    ["info", "INFO", "Postmaster"]
)


@given(_LOCAL, _DOMAIN)
@example("a", "xn--a.de")
@example("a" * 65, "example.de")
@example("a" * 200, "b" * 60 + ".de")
@example("Sales", "example.de")
def test_a_plain_address_is_read_as_the_library_reads_it(local: str, domain: str) -> None:
    """The short way and the long one lead to the same address, or to none."""
    address = f"{local}@{domain}"
    try:
        expected: str | None = validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError:
        expected = None
    read, code = read_email(address)
    assert (None if code == "not_an_email" else read) == expected
