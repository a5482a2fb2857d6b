"""Finding a Chromium, and unpacking one without being root."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e import browser_install
from tests.e2e.browser_install import BrowserMissingError, cache_folder, find, find_or_install, write_launcher


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing on the path, nothing unpacked; gives the user's cache folder."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(browser_install, "CHECKOUT", tmp_path / "checkout")
    return tmp_path / "cache"


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_what_was_unpacked_runs_with_its_own_libraries_and_fonts(bare_machine: Path) -> None:
    """The launcher passes its arguments on, and the folders with libraries, those in general use first."""
    folder = cache_folder()
    say = 'echo "$LD_LIBRARY_PATH|$FONTCONFIG_FILE|$@"'
    _program(folder / "unpacked" / "usr" / "lib" / "chromium" / "chromium", say)
    for name in ("x86_64-linux-gnu/nss/libsoftokn3.so", "x86_64-linux-gnu/libnss3.so", "x86_64-linux-gnu/icons/a.png"):
        path = folder / "unpacked" / "usr" / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    launcher = write_launcher(folder)
    said = subprocess.run([launcher, "--headless", "a b"], capture_output=True, text=True, check=True).stdout
    libraries = folder / "unpacked" / "usr" / "lib" / "x86_64-linux-gnu"
    assert said == f"{libraries}:{libraries / 'nss'}|{folder / 'fonts.conf'}|--headless a b\n"
    assert find() == str(launcher)


def test_one_that_does_not_start_is_passed_over(bare_machine: Path, tmp_path: Path) -> None:
    """Such as a place holder for a package that is not there."""
    _program(tmp_path / "bin" / "chromium", "exit 1")
    good = _program(tmp_path / "bin" / "google-chrome", "exit 0")
    assert find() == str(good)


def test_a_wrong_name_in_the_environment_is_an_error(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names a program wants that one and no other."""
    _program(tmp_path / "bin" / "chromium", "exit 0")
    monkeypatch.setenv("CHROMIUM", "/no/such/program")
    with pytest.raises(BrowserMissingError, match="CHROMIUM names /no/such/program, which does not start"):
        find_or_install()


def test_a_machine_without_the_tools_is_told_what_to_do(bare_machine: Path) -> None:
    """Nothing is skipped and nothing is guessed."""
    with pytest.raises(BrowserMissingError, match="apt-get install chromium"):
        find_or_install()


def test_what_the_package_tool_said_stands_in_the_error(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network, say; and nothing half fetched is left."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for name in ("apt-get", "dpkg-deb"):
        _program(tmp_path / "bin" / name, "echo 'Could not resolve host'; exit 100")
    with pytest.raises(BrowserMissingError, match="Could not resolve host"):
        find_or_install()
    assert [path.name for path in cache_folder().iterdir()] == ["lock"]


def test_a_user_without_a_cache_gets_one_in_the_checkout(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service user's home often does not exist."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_folder() == tmp_path / "checkout" / ".venv" / "chromium"
