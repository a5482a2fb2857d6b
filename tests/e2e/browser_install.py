"""A Chromium for the tests in a real browser, also where none is installed and nobody is root.

``find_or_install`` looks, in this order, at the program that the environment variable ``CHROMIUM`` names, at what is
installed on the machine, and at what an earlier run unpacked. Where there is nothing, root installs Debian's package
``chromium``; anybody else fetches that package and the libraries the machine lacks with ``apt-get`` in a folder of
its own and unpacks them below the cache folder, changing nothing else on the machine.

``python -m tests.e2e.browser_install`` does the same by hand and prints the path of the program.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
INSTALLED_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-dejavu-core")
# The loader that starts the program belongs to the machine, and the C library must be of the same make as its loader.
_LEFT_TO_THE_MACHINE = ("libc6_", "libc-bin_")
_HOW_TO = (
    "This test needs Chromium, and there is none. Do one of these and run it again: install it (Debian: "
    "apt-get install chromium), or name the program of a Chromium or Chrome in the environment variable CHROMIUM."
)


class BrowserMissingError(Exception):
    """There is no Chromium and none could be fetched; the text says why and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{_HOW_TO}\n{reason}")


def find_or_install() -> str:
    """The path of a Chromium that starts; fetches one (about 200 MB on a bare Debian) where there is none.

    Safe to call from several processes at once: one fetches, the others wait.

    Raises:
        BrowserMissingError: there is none and none could be fetched.
    """
    named = os.environ.get("CHROMIUM")
    if named and not _starts(named):
        raise BrowserMissingError(f"CHROMIUM names {named}, which does not start.")
    found = find()
    if found:
        return found
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise BrowserMissingError("It is fetched by itself only where apt-get and dpkg-deb are: on Debian.")
    folder = cache_folder()
    with _one_at_a_time(folder):
        return find() or _install_for_everybody() or _unpack_for_oneself(folder)


def find() -> str | None:
    """The path of a Chromium that is at hand and starts; None where there is none."""
    unpacked = [str(_launcher(folder)) for folder in _cache_folders()]
    candidates = (os.environ.get("CHROMIUM"), *map(shutil.which, INSTALLED_NAMES), *unpacked)
    return next((path for path in candidates if path and _starts(path)), None)


def cache_folder() -> Path:
    """Where a Chromium is unpacked: in the user's cache, or in the checkout where there is no such place."""
    for folder in _cache_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise BrowserMissingError(f"It can be written to none of {', '.join(map(str, _cache_folders()))}.")


def _cache_folders() -> tuple[Path, ...]:
    """Best first."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return (caches / "leadhub" / "chromium", CHECKOUT / ".venv" / "chromium")


def write_launcher(folder: Path) -> Path:
    """A program in ``folder`` that runs the Chromium unpacked there with its own libraries and fonts."""
    unpacked = folder / "unpacked"
    fonts = folder / "fonts.conf"
    fonts.write_text(
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n<fontconfig>\n'
        f"  <dir>{unpacked}/usr/share/fonts</dir>\n  <dir>/usr/share/fonts</dir>\n"
        f"  <cachedir>{folder}/font-cache</cachedir>\n</fontconfig>\n"
    )
    libraries = ":".join(str(path) for path in _library_folders(unpacked))
    launcher = _launcher(folder)
    launcher.write_text(
        "#!/bin/sh\n"
        f'export LD_LIBRARY_PATH="{libraries}"\nexport FONTCONFIG_FILE="{fonts}"\n'
        f'exec "{unpacked}/usr/lib/chromium/chromium" "$@"\n'
    )
    launcher.chmod(0o755)
    return launcher


def _launcher(folder: Path) -> Path:
    return folder / "chromium"


def _starts(program: str) -> bool:
    """Whether it can say its version, for which every library it needs must be there."""
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install_for_everybody() -> str | None:
    """Debian's package, as root would install it; None for anybody else and where that fails."""
    if os.geteuid() != 0:
        return None
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run(command, check=False, capture_output=True, env=quiet)
    return find()


def _unpack_for_oneself(folder: Path) -> str:
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as name:
        work = Path(name)
        said = _download(work)
        packages = sorted((work / "cache" / "archives").glob("*.deb"))
        if not any(package.name.startswith("chromium_") for package in packages):
            raise BrowserMissingError(f"apt-get could not fetch it as an ordinary user and said:\n{said[-2_000:]}")
        for package in packages:
            if not package.name.startswith(_LEFT_TO_THE_MACHINE):
                subprocess.run(["dpkg-deb", "-x", package, work / "unpacked"], check=True)
        shutil.rmtree(folder / "unpacked", ignore_errors=True)
        (work / "unpacked").rename(folder / "unpacked")
    launcher = str(write_launcher(folder))
    if not _starts(launcher):
        raise BrowserMissingError(f"It was unpacked to {folder}, but does not start there: {_complaint(launcher)}")
    return launcher


def _download(work: Path) -> str:
    """Fetch the packages into ``work``/cache/archives; what ``apt-get`` said."""
    settings = work / "apt.conf"
    settings.write_text(_apt_settings(work))
    for folder in ("state/lists/partial", "cache/archives/partial", "log"):
        (work / folder).mkdir(parents=True)
    said = ""
    # An update that misses one of the machine's sources may still have brought what is needed: the second step tells.
    for step in (["update"], ["install", "--download-only", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", "-c", settings, "-q", *step],
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        said += done.stdout
    return said


def _apt_settings(work: Path) -> str:
    """The machine's sources, keys and installed packages, but every place that is written to is ours."""
    return (
        f'Dir::State "{work}/state";\nDir::State::status "/var/lib/dpkg/status";\n'
        f'Dir::Cache "{work}/cache";\nDir::Log "{work}/log";\n'
        'Debug::NoLocking "true";\nAPT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n'
        'APT::Sandbox::User "";\nAcquire::Languages "none";\nAcquire::Retries "3";\n'
        # Steps that distributions add after an update, such as emptying the machine's cache: they are root's.
        "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
    )


def _library_folders(unpacked: Path) -> list[Path]:
    """The folders with shared libraries, those that belong to no single program first."""
    roots = (unpacked / "usr" / "lib", unpacked / "lib")
    levels = [folder for pattern in ("*-linux-*", "*-linux-*/*") for root in roots for folder in root.glob(pattern)]
    return [folder for folder in levels if folder.is_dir() and any(folder.glob("*.so*"))]


def _complaint(program: str) -> str:
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return asked.stderr.strip()[-500:]


if __name__ == "__main__":
    try:
        print(find_or_install())  # noqa: T201 - the answer of the command
    except BrowserMissingError as missing:
        sys.exit(str(missing))
