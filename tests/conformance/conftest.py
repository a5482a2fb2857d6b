"""The reference connector's distribution, as an installer would have left it."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def installed_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points are read from a real ``dist-info`` folder on the path."""
    folder = tmp_path / "installed" / "leadhub_reference-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: leadhub-reference\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[hub.connectors]\nreference = tests.conformance.reference\nminimal = tests.conformance.minimal\n"
    )
    monkeypatch.syspath_prepend(str(folder.parent))
