"""The whole system on one machine that reaches nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = """
import ipaddress, os, sys

def local(host):
    try:
        return ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host in (None, "", "localhost")

def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and not local(arguments[1][0]):
        left(event, arguments[1][0])
    if event == "socket.getaddrinfo" and not local(arguments[0]):
        left(event, arguments[0])
    if event in ("subprocess.Popen", "os.system", "os.exec") and "/" in str(arguments[0]):
        left(event, str(arguments[0]))

def left(event, where):
    print("LEFT THE MACHINE OR THE PROGRAM:", event, where, file=sys.stderr, flush=True)
    os._exit(99)

sys.addaudithook(watch)
"""
"""Ends the process at its first step to another machine or another program. One that is only asked for by its name
is not found: the path to search is empty."""


def run(tmp_path: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with nothing in its environment, behind the guard."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    bare = {"PYTHONPATH": str(tmp_path / "guard"), "PATH": "", "HOME": str(tmp_path)}
    given = [sys.executable, *command]
    return subprocess.run(given, cwd=tmp_path, env=bare, capture_output=True, text=True, check=False)


@pytest.mark.proves("D-019")
@pytest.mark.timeout(180)
def test_everything_runs_on_one_machine_without_any_other_program_or_service(tmp_path: Path) -> None:
    """Server, database, jobs, forms, webhooks, pulls and sign-in at a platform: one Python process and its files."""
    start = "from hub.cli.main import app; app()"
    done = run(tmp_path, "-c", start, "demo", "--once", "--json", "--data", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["leads"]["all"] > 200
    assert {path for path, share in report["paths"].items() if share["found_first"]} == {"form", "pull", "webhook"}


@pytest.mark.parametrize(
    "step",
    [
        "import socket; socket.create_connection(('192.0.2.1', 443), 1)",
        "import socket; socket.getaddrinfo('platform.example', 443)",
        "import subprocess; subprocess.run(['/bin/true'])",
    ],
)
def test_the_guard_ends_a_process_that_leaves(tmp_path: Path, step: str) -> None:
    """Else the test above would show nothing."""
    assert run(tmp_path, "-c", step).returncode == 99
