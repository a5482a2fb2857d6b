"""The registry: connectors arrive by entry point, and a wrong one is named with its distribution."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.connector.base import Connector, FormPost, HostsForms
from hub.connector.models import InboundRequest, Manifest, RawSubmission, Received, Submission
from hub.connectors import ConnectorRegistrationError, Registry, UnknownConnectorError
from tests.conformance.minimal.connector import Minimal
from tests.conformance.reference.connector import Reference

Install = Callable[[str, str], None]
HONEST = """
from hub.connector.hookspecs import hookimpl
from tests.conformance.minimal.connector import Minimal
from tests.conformance.reference.connector import Reference

@hookimpl
def hub_connectors():
    return [{what}]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution with one module and one entry point of the same name on the path."""

    def put(name: str, source: str) -> None:
        root = tmp_path / f"of_{name}"
        folder = root / f"acme_{name}-2.5.dist-info"
        folder.mkdir(parents=True)
        (root / f"{name}_module_of_{tmp_path.name}.py").write_text(source)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 2.5\n")
        (folder / "entry_points.txt").write_text(f"[hub.connectors]\n{name} = {name}_module_of_{tmp_path.name}\n")
        monkeypatch.syspath_prepend(str(root))

    return put


def _manifest(**changes: object) -> Manifest:
    return Reference.manifest.model_copy(update=changes)


class Hosting(Connector, HostsForms):
    """The least connector that hosts forms."""

    manifest = Manifest(key="hosting", name="Hosting", contract=1, source_code="hosting")

    def receive(self, request: InboundRequest, secret: object) -> Received:
        return Received()

    def read_post(self, request: InboundRequest, secret: object) -> FormPost:
        raise NotImplementedError

    def issue_token(self, form_key: str, version: int, **given: object) -> str:
        raise NotImplementedError

    def renew_token(self, text: str, **given: object) -> str | None:
        raise NotImplementedError

    def normalise(self, raw: RawSubmission) -> Submission:
        raise NotImplementedError


class OtherHosting(Hosting):
    manifest = Manifest(key="other_hosting", name="Other", contract=1, source_code="other")


class OnlyReads(Connector):
    manifest = Manifest(key="only_reads", name="Only reads", contract=1, source_code="x")

    def normalise(self, raw: RawSubmission) -> Submission:
        raise NotImplementedError


def test_installed_connectors_are_found() -> None:
    """Built-in and third-party connectors arrive by the same entry-point group, sorted by key."""
    found = Registry.from_entry_points()
    keys = [each.manifest.key for each in found]
    assert keys == sorted(keys)
    assert {"meta_ads", "minimal", "reference", "web_forms"} <= set(keys)
    assert len(found) == len(keys)
    assert found.get("reference").manifest.name == "Reference"


def test_unknown_key_names_the_installed_ones() -> None:
    """The error lists what there is."""
    with pytest.raises(UnknownConnectorError, match=r"'nobody'\. Installed: minimal, reference"):
        Registry.from_connectors([Reference(), Minimal()]).get("nobody")


def test_hosting_connector_is_told_apart() -> None:
    """The one connector for the hub's own forms is found; without it there is none."""
    hosting = Hosting()
    assert Registry.from_connectors([Reference(), hosting]).hosting_forms() is hosting
    assert Registry.from_connectors([Reference()]).hosting_forms() is None


def test_two_hosting_connectors_are_refused() -> None:
    """Only one connector can host the hub's forms."""
    with pytest.raises(ConnectorRegistrationError, match="hosting and other_hosting both host"):
        Registry.from_connectors([Hosting(), OtherHosting()])


def test_two_connectors_of_one_key_are_refused() -> None:
    """Both are named."""
    other = type("Other", (Reference,), {})
    with pytest.raises(ConnectorRegistrationError, match=r"Other and .*Reference both have the key 'reference'"):
        Registry.from_connectors([Reference(), other()])


@pytest.mark.parametrize(
    ("connector", "problem"),
    [
        (Reference, "hand over an instance, Reference"),
        (object(), "not a connector"),
        (type("Bare", (Reference,), {"manifest": None})(), "has no manifest"),
        (type("New", (Reference,), {"manifest": _manifest(contract=2)})(), "written for contract 2; this hub knows 1"),
        (OnlyReads(), "no submission can come from it"),
        (type("Twice", (Reference,), {"error_rules": Reference.error_rules * 2})(), "have the same name"),
        (type("NoOAuth", (Reference,), {"oauth": None})(), "has no oauth profile"),
        (type("NoSettings", (Reference,), {"manifest": _manifest(settings=None)})(), "names no settings model"),
        (type("NoFace", (Reference,), {"identify": Connector.identify})(), "does not override identify"),
        (type("NoHost", (Reference,), {"manifest": _manifest(hosts=())})(), "hosts lack https://login.reference"),
    ],
)
def test_unusable_connector_is_named(connector: Connector, problem: str) -> None:
    """The error says which class is wrong and what about it."""
    with pytest.raises(ConnectorRegistrationError, match=problem):
        Registry.from_connectors([connector])


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module_anywhere", "cannot be imported .ModuleNotFoundError"),
        (HONEST.format(what=""), "hands over no connector"),
        (HONEST.format(what="Reference()"), "key is 'reference'; key and entry point must be equal"),
        (HONEST.format(what="Minimal"), "a class was handed over"),
        (HONEST.format(what="1 / 0"), "hub_connectors.. raised ZeroDivisionError"),
        (HONEST.replace("hub_connectors", "hub_conectors").format(what="Minimal()"), "unknown hook 'hub_conectors'"),
        (HONEST.replace("hub_connectors()", "hub_connectors(app)").format(what="Minimal()"), "its hooks are wrong"),
    ],
)
def test_unusable_distribution_is_named(install: Install, source: str, problem: str) -> None:
    """The error names the distribution, its version and the entry point, and says what to do."""
    install("acme", source)
    with pytest.raises(ConnectorRegistrationError, match=problem) as caught:
        Registry.from_entry_points()
    assert "acme-acme 2.5, entry point 'acme' = 'acme_module" in str(caught.value)
    assert "Correct that distribution, or uninstall it." in str(caught.value)


def test_entry_point_name_taken_twice_is_named(install: Install) -> None:
    """Two distributions cannot bring the same connector."""
    install("minimal", HONEST.format(what="Minimal()"))
    with pytest.raises(ConnectorRegistrationError, match="the name is taken by"):
        Registry.from_entry_points()


def test_another_process_can_make_a_connector_from_its_origin() -> None:
    """By the value of its entry point where it was installed, by its class where a program brought it."""
    installed = Registry.from_entry_points()
    origin = installed.origin("minimal")
    assert origin.distribution == "leadhub-reference"
    assert isinstance(origin.load("minimal"), type(installed.get("minimal")))
    with pytest.raises(UnknownConnectorError, match="hands over no connector 'another'"):
        origin.load("another")
    brought = Registry.from_connectors([installed.get("minimal")]).origin("minimal")
    assert brought.distribution is None
    assert isinstance(brought.load("minimal"), type(installed.get("minimal")))
