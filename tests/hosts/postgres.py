"""A PostgreSQL server on the network, which tests may stop, restart and take away."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.postgres import cluster_options, programs_for, run_program, server_user

NETWORK = "10.77.0.0/24"


@dataclass(frozen=True)
class PostgresServer:
    """A running server, reached by every address of ``addresses`` without a password."""

    programs: Path
    folder: Path
    port: int
    addresses: tuple[str, ...]

    def url(self, name: str, port: int | None = None) -> str:
        """The address of one of its databases, for SQLAlchemy; ``port`` where a relay stands in front of it."""
        return f"postgresql+psycopg://postgres@{self.addresses[0]}:{port or self.port}/{name}"

    def make_database(self, name: str) -> None:
        """An empty database."""
        self._run("createdb", "-h", self.addresses[0], "-p", str(self.port), "-U", "postgres", name)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._run("pg_ctl", "-w", "-D", self.folder / "cluster", "-l", self.folder / "log", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` is as good as a crash of the server."""
        self._run("pg_ctl", "-w", "-m", mode, "-D", self.folder / "cluster", "stop")

    def _run(self, program: str, *arguments: str | Path) -> None:
        run_program(server_user(), self.programs / program, *arguments)


@contextmanager
def postgres_server(*addresses: str, below: Path | None = None) -> Iterator[PostgresServer]:
    """A new server in a new folder (in ``below``), which goes with it. It listens on loopback unless told otherwise."""
    folder = Path(tempfile.mkdtemp(prefix="leadhub-hosts-pg-", dir=below))
    if user := server_user():
        shutil.chown(folder, user)
    try:
        with programs_for(user) as programs:
            server = PostgresServer(programs, folder, free_port(), addresses or ("127.0.0.1",))
            run_program(user, programs / "initdb", "-D", folder / "cluster", *cluster_options())
            _configure(server)
            server.start()
            try:
                yield server
            finally:
                server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _configure(server: PostgresServer) -> None:
    with (server.folder / "cluster" / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all postgres {NETWORK} trust\n")
    with (server.folder / "cluster" / "postgresql.conf").open("a") as settings:
        settings.write(f"listen_addresses = '{','.join(server.addresses)}'\nport = {server.port}\n")
        settings.write(f"unix_socket_directories = '{server.folder}'\n")
