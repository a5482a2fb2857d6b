"""Operators and admins see how connectors are doing."""

from pathlib import Path

import pytest

from hub.bootstrap import StartRefusedError, open_hub
from hub.connectors import Registry
from hub.core.connections.apart import FaultKind
from hub.core.connector_health.recording import Recorder
from hub.settings import Settings
from hub.web.metrics import Measuring
from tests.conformance.reference.connector import Reference
from tests.integration.hub.conftest import Served


async def test_trusting_a_connector_that_is_not_installed_stops_the_start(tmp_path: Path) -> None:
    """A misspelt key would leave the connector where it was without a word."""
    settings = Settings(data_dir=tmp_path, connector_trusted=("refrence",))
    with pytest.raises(StartRefusedError, match=r"refrence.*Installed are: reference"):
        async with open_hub(settings, "worker", registry=Registry.from_connectors([Reference()])):
            raise AssertionError("it started")


@pytest.mark.proves("OP-09")
async def test_the_health_of_connectors_is_told_by_the_api(served: Served) -> None:
    """Every installed connector, with its faults by function and kind, and until when it rests."""
    before = (await served.ask("GET", "/api/v1/connector-health"))["items"]
    assert {each["connector"]: (each["is_failing"], each["runs_apart"], each["faults"]) for each in before} == {
        "reference": (False, False, []),
        "web_forms": (False, False, []),
    }
    faults = served.hub.services.get(Measuring).faults
    for _ in range(3):
        faults.note("reference", "normalise", FaultKind.ENDED, "its process ended", rest=60)
    await Recorder(served.hub.database, faults, served.hub.process_name).record()
    faults.note("reference", "normalise", FaultKind.ENDED, "its process ended once more", rest=60)
    await Recorder(served.hub.database, faults, served.hub.process_name).record()
    (found,) = [
        each
        for each in (await served.ask("GET", "/api/v1/connector-health"))["items"]
        if each["connector"] == "reference"
    ]
    assert found["is_failing"]
    assert found["rests_until"] is not None
    (line,) = found["faults"]
    assert (line["step"], line["kind"], line["number"]) == ("normalise", "ended", 4)
    assert line["reason"] == "its process ended once more"
