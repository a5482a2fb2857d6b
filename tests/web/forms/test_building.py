"""Building forms: what can be saved, what can be published, and what publishing makes of it."""

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from hub.core.field_mappings.models import field_mappings, source_forms
from hub.core.forms import queries, service
from hub.core.forms.definition import FormDefinition, InvalidFormError, matches, origin_of
from hub.core.forms.status import FormStatus, FormStatusError
from hub.web.public_forms.sharing import NotShareableError, share
from tests.factories import add_organisation
from tests.web.forms.desk import FormDesk, simple


def problems_of(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Path and code of everything that keeps a definition from being saved."""
    with pytest.raises(InvalidFormError) as caught:
        FormDefinition.read(content)
    return [(problem.path, problem.code) for problem in caught.value.problems]


def field(key: str, **more: Any) -> dict[str, Any]:
    """A text field that is connected."""
    return {"key": key, "label": key, "kind": "text", "maps_to": "plan", **more}


@pytest.mark.proves("Z-132", "Z-133")
def test_title_and_description_are_required() -> None:
    """Each is named when missing or blank."""
    assert problems_of({"title": " ", "fields": []}) == [("title", "string_too_short"), ("description", "missing")]


@pytest.mark.proves("Z-146")
@pytest.mark.parametrize("second", ["Your name", "your NAME", " Your  name "])
def test_a_label_used_twice_blocks_saving(second: str) -> None:
    """The second field is named, and what to do; case and blanks make no difference."""
    content = simple(fields=[field("a", label="Your name"), field("b", label=second)])
    assert problems_of(content) == [("fields[1].label", "duplicate_label")]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"fields": [field("a"), field("a", label="x")]}, ("fields[1].key", "duplicate_key")),
        ({"fields": [field("utm_source")]}, ("fields[0].key", "reserved_key")),
        ({"fields": [field("Not a key")]}, ("fields[0].key", "string_pattern_mismatch")),
        ({"fields": [field("a", kind="nonsense")]}, ("fields[0].kind", "enum")),
        ({"allowed_hosts": ["https://example.com/path"]}, ("allowed_hosts[0]", "host")),
        ({"allowed_hosts": ["a b"]}, ("allowed_hosts[0]", "host")),
        ({"redirect_url": "https://evil.example/"}, ("redirect_url", "host_not_listed")),
        ({"redirect_url": "javascript:alert(1)"}, ("redirect_url", "url")),
        ({"redirect_url": "https://user@evil.example/"}, ("redirect_url", "url")),
    ],
)
def test_what_is_wrong_in_itself_cannot_be_saved(change: dict[str, Any], problem: tuple[str, str]) -> None:
    """The place is named."""
    assert problems_of(simple(**change)) == [problem]


@pytest.mark.proves("Z-122", "Z-138", "Z-142")
def test_an_unmapped_field_keeps_the_form_a_draft(desk: FormDesk) -> None:
    """Publishing names the field and changes nothing; the list shows which fields are not connected."""
    content = simple()
    content["fields"][3]["maps_to"] = None
    form = desk.draft(content)
    with pytest.raises(InvalidFormError) as caught:
        desk.publish(content, form)
    (problem,) = caught.value.problems
    assert (problem.path, problem.code) == ("fields[3].maps_to", "not_connected")
    assert '"Plan"' in problem.message
    (row,) = desk.database.read_now(queries.list_forms, desk.organisation_id)
    assert (row.status, row.unmapped, row.published_version) == (FormStatus.DRAFT, ("plan",), None)


@pytest.mark.proves("Z-134")
@pytest.mark.parametrize(("kind", "target"), [("email", "email"), ("phone", "phone")])
def test_an_email_or_a_phone_field_is_needed(desk: FormDesk, kind: str, target: str) -> None:
    """Either of them is enough; without both, publishing is refused."""
    with pytest.raises(InvalidFormError) as caught:
        desk.publish(simple(fields=[field("plan")]))
    assert [problem.code for problem in caught.value.problems] == ["contact_missing"]
    reachable = desk.publish(simple(fields=[field("contact", kind=kind, maps_to=target)]))
    assert reachable.status is FormStatus.ACTIVE


@pytest.mark.proves("Z-143", "Z-144", "Z-145")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "text", "maps_to": "email"}, "incompatible"),
        ({"kind": "phone", "maps_to": "email"}, "incompatible"),
        ({"kind": "text", "maps_to": "shoe_size"}, "master_field_missing"),
        ({"kind": "multiple_choice", "maps_to": "interests"}, "choices_missing"),
        ({"kind": "file", "maps_to": "plan"}, "kind_unsupported"),
    ],
)
def test_only_fitting_fields_can_be_mapped(desk: FormDesk, change: dict[str, Any], code: str) -> None:
    """Incompatible types and master fields that do not exist are refused, naming the field."""
    fields = [*simple()["fields"][:2], field("x", **change)]
    with pytest.raises(InvalidFormError) as caught:
        desk.publish(simple(fields=fields))
    assert [(each.path.split(".")[0], each.code) for each in caught.value.problems] == [("fields[2]", code)]


@pytest.mark.proves("Z-112", "Z-119", "Z-127")
def test_publishing_shows_the_form_to_the_rest_of_the_hub(desk: FormDesk) -> None:
    """A new form is a Draft; published it has a source form with its questions, and a mapping version."""
    draft = desk.draft(simple())
    assert (draft.status, draft.field_count) == (FormStatus.DRAFT, 4)
    form = desk.publish(simple(), draft)
    of_form = source_forms.c.organisation_id == desk.organisation_id
    (shown,) = desk.database.read_now(lambda c: c.execute(sa.select(source_forms).where(of_form)).all())
    assert (shown.form_id, shown.name, shown.is_live) == (str(form.id), "Book a trial", True)
    assert [question["key"] for question in shown.questions] == ["full_name", "email", "interests", "plan"]
    assert [rule["field"] for rule in mappings(desk)[0].rules["rules"]] == ["full_name", "email", "interests", "plan"]


def test_publishing_again_without_a_change_is_no_new_version(desk: FormDesk) -> None:
    """Neither a form version nor a mapping version is made, so that nothing is held as old."""
    form = desk.publish()
    again = desk.publish(simple(), form)
    assert (again.published_version, again.has_changes, len(mappings(desk))) == (1, False, 1)
    changed = desk.publish(simple(title="Another"), form)
    assert (changed.published_version, changed.title, len(mappings(desk))) == (2, "Another", 1)


@pytest.mark.proves("Z-118", "Z-116")
def test_editing_an_active_form_leaves_what_is_published(desk: FormDesk) -> None:
    """It stays Active under its old title, with a sign that the draft is newer (decision 22)."""
    form = desk.publish()
    edited = desk.database.write_now(
        service.edit_form,
        desk.organisation_id,
        form.id,
        FormDefinition.read(simple(title="New title")),
        actor="user:1",
        now=desk.clock.now(),
    )
    assert (edited.status, edited.title, edited.has_changes) == (FormStatus.ACTIVE, "Book a trial", True)
    assert edited.draft.title == "New title"
    former = desk.database.read_now(queries.find_version, desk.organisation_id, form.id, 1)
    assert former is not None
    assert former.title == "Book a trial"


@pytest.mark.proves("Z-121", "Z-120")
def test_the_toggle_switches_a_published_form(desk: FormDesk) -> None:
    """Active to Inactive and back; a draft cannot be switched."""
    form = desk.publish()
    assert desk.deactivate(form).status is FormStatus.INACTIVE
    active = desk.database.write_now(
        service.activate_form, desk.organisation_id, form.id, actor="user:1", now=desk.clock.now()
    )
    assert active.status is FormStatus.ACTIVE
    with pytest.raises(FormStatusError):
        desk.deactivate(desk.draft(simple()))


@pytest.mark.proves("Z-124", "Z-115", "Z-152", "Z-154")
def test_only_active_forms_can_be_shared(desk: FormDesk) -> None:
    """A link, an iframe and a script; the title cannot break out of the code."""
    form = desk.publish(simple(title='Try "it" <now>'))
    codes = share(form, form.draft, "https://hub.example.com")
    assert codes.link == f"https://hub.example.com/f/{form.public_key}"
    assert f'<iframe src="{codes.link}" title="Try &quot;it&quot; &lt;now&gt;"' in codes.iframe
    opener = f'<a href="{codes.link}" data-leadhub-open="{form.public_key}">Try &quot;it&quot; &lt;now&gt;</a>'
    assert codes.popup.startswith(opener)
    assert 'data-title="Try &quot;it&quot; &lt;now&gt;"' in codes.popup
    assert codes.script == f'<script async src="{codes.link}/embed.js"></script>'
    for other in (desk.draft(simple()), desk.deactivate(form)):
        with pytest.raises(NotShareableError):
            share(other, other.draft, "https://hub.example.com")


@pytest.mark.proves("Z-117")
def test_there_may_be_any_number_of_forms(desk: FormDesk) -> None:
    """Each has a key of its own, and the list is read page by page."""
    made = {desk.draft(simple()).public_key for _ in range(12)}
    assert len(made) == 12
    first = desk.database.read_now(queries.list_forms, desk.organisation_id, limit=10)
    rest = desk.database.read_now(queries.list_forms, desk.organisation_id, before=first[-1].id, limit=10)
    assert {row.public_key for row in (*first, *rest)} == made


@pytest.mark.proves("AD-02")
def test_another_organisation_sees_no_form(desk: FormDesk) -> None:
    """Neither in the list nor by id."""
    form = desk.publish()
    other = desk.database.write_now(add_organisation, "Other")
    assert desk.database.read_now(queries.list_forms, other) == ()
    with pytest.raises(queries.FormNotFoundError):
        desk.database.read_now(queries.get_form, other, form.id)


@pytest.mark.proves("PF-01")
@pytest.mark.parametrize(
    ("origin", "is_listed"),
    [
        ("https://www.example.com", True),
        ("https://www.example.com:443", True),
        ("http://www.example.com", False),
        ("https://example.com", False),
        ("https://a.example.org", True),
        ("https://a.b.example.org", True),
        ("https://example.org", False),
        ("https://evilexample.org", False),
        ("https://www.example.com.evil.net", False),
        ("http://127.0.0.1:8080", True),
        ("http://127.0.0.1:8081", False),
        ("null", False),
        ("https://www.example.com@evil.net", False),
        ("https://[", False),
    ],
)
def test_the_host_list_matches_whole_origins(origin: str, is_listed: bool) -> None:
    """Scheme, host and port count; one wildcard stands for subdomains only."""
    allowed = [origin_of(entry) for entry in ("www.example.com", "*.example.org", "http://127.0.0.1:8080")]
    assert matches(origin, allowed) is is_listed


@given(st.text(max_size=60))
def test_any_text_is_a_host_or_is_refused(text: str) -> None:
    """What is taken as a host is an origin and nothing that could break out of a header."""
    try:
        origin = origin_of(text)
    except ValueError:
        return
    assert not set(origin) & set(" ;,\r\n'\"/") - {"/"}
    assert origin.count("/") == 2


def mappings(desk: FormDesk) -> list[Any]:
    """All mapping versions."""
    statement = sa.select(field_mappings).where(field_mappings.c.organisation_id == desk.organisation_id)
    return list(desk.database.read_now(lambda c: c.execute(statement).all()))
