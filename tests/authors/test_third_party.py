"""A connector of somebody else, in its own distribution, installed beside the hub: nothing in the hub knows it."""

import json
import shutil

import pytest

from tests.acceptance import ROOT
from tests.authors.installing import Environment

KEY = "linkedin_lead_sync"
DISTRIBUTION = ROOT / "docs" / "examples" / "leadhub-linkedin-lead-sync"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh virtual environment with the hub and that distribution, installed without any network."""
    folder = tmp_path_factory.mktemp("third-party")
    made = Environment.create(folder / "venv")
    copied = shutil.copytree(DISTRIBUTION, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    made.install(copied)
    shutil.rmtree(copied)
    return made


def test_it_is_listed_beside_the_built_in_connectors(environment: Environment) -> None:
    """``connectors list`` shows it with its capabilities, and the others as before."""
    listed = {each["key"]: each for each in json.loads(environment.leadhub("connectors", "list", "--json").stdout)}
    assert {"Authorizes", "Polls", "Receives", "Subscribes"} <= set(listed[KEY]["capabilities"])
    assert {"meta_ads", "google_ads", "web_forms"} <= set(listed)


def test_it_passes_the_conformance_kit(environment: Environment) -> None:
    """``connectors check`` finds its kit in the installed distribution, and every rule holds."""
    rules = environment.check(KEY)
    assert len([each for each in rules.values() if each["outcome"] == "passed"]) > 70


def test_its_own_tests_pass_where_it_is_installed(environment: Environment) -> None:
    """Beside the kit it has tests of its own, which run from the installed package."""
    alone = (
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "-W",
        "error",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
    )
    done = environment.run("-m", "pytest", "-q", *alone, "--pyargs", f"{KEY}.tests.test_listing")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.proves("D-008", "D-017")
def test_a_hub_with_it_receives_a_lead(environment: Environment) -> None:
    """Signed in through the hub's pages, a notification becomes one lead, and the balance holds."""
    done = environment.run("-m", "tests.authors.receiving", f"{KEY}.simulator:LinkedInSimulator", KEY, path=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [lead["email"] for lead in found["leads"]] == ["ada.1@example.com"]
    assert found["label"] == "Integration is active"
    assert found["balance"]["holds"]
    assert found["balance"]["totals"]["lead_created"] == 1


def test_it_imports_nothing_of_the_hub_but_the_contract() -> None:
    """Its modules import ``hub.connector``, its simulator and tests ``hub.testing`` as well."""
    for path in DISTRIBUTION.rglob("*.py"):
        lines = [line.split()[1] for line in path.read_text("utf-8").splitlines() if line.startswith("from hub")]
        helps_testing = path.name == "simulator.py" or "tests" in path.parts
        allowed = ("hub.connector", "hub.testing") if helps_testing else ("hub.connector",)
        assert all(line.startswith(allowed) for line in lines), path
