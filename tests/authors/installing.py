"""A fresh virtual environment beside the one that runs the tests, into which a connector is installed, offline."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.settings import PREFIX

PATIENCE_S = 120


@dataclass(frozen=True)
class Environment:
    """A virtual environment that sees the hub and everything it needs, and has its own place for distributions."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "Environment":
        """A new one. The site-packages of this process are added behind its own; nothing is fetched."""
        venv.create(folder, with_pip=True, symlinks=True)
        made = cls(folder)
        purelib = made.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
        ours = sysconfig.get_path("purelib")
        Path(purelib, "the_hub.pth").write_text(f"import site; site.addsitedir({ours!r})\n", "utf-8")
        return made

    def run(self, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Python of this environment."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PYTHON"))}
        return subprocess.run(
            [str(self.folder / "bin" / "python"), *words],
            cwd=path or self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def install(self, distribution: Path) -> None:
        """``pip install`` of a folder, from nowhere but that folder."""
        alone = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
        done = self.run("-m", "pip", "install", *alone, str(distribution))
        assert done.returncode == 0, done.stdout + done.stderr

    def leadhub(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The hub's command, as this environment sees it."""
        return self.run("-c", "from hub.cli import main; main()", *words)

    def check(self, key: str) -> dict[str, dict[str, Any]]:
        """The conformance kit's report on a connector: its rules by name. Fails where one does not hold."""
        done = self.leadhub("connectors", "check", key, "--json")
        assert done.stdout.startswith("{"), done.stdout + done.stderr
        rules = {each["rule"]: each for each in json.loads(done.stdout)["rules"]}
        broken = {name: each["message"] for name, each in rules.items() if each["outcome"] == "failed"}
        assert (done.returncode, broken) == (0, {}), done.stderr
        return rules


def beside_the_hub(folder: Path, key: str, distribution: str) -> None:
    """What an installer writes about a distribution whose package stands in ``folder``: enough to be found there."""
    facts = folder / f"{distribution.replace('-', '_')}-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1.0\n", "utf-8")
    (facts / "entry_points.txt").write_text(f"[hub.connectors]\n{key} = {key}\n", "utf-8")


def check_in(folder: Path, key: str) -> tuple[int, dict[str, str]]:
    """Exit code and broken rules of ``connectors check`` for a package in ``folder``, in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    done = subprocess.run(
        [sys.executable, "-c", "from hub.cli import main; main()", "connectors", "check", key, "--json"],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    rules = json.loads(done.stdout)["rules"]
    return done.returncode, {each["rule"]: each["message"] for each in rules if each["outcome"] == "failed"}
