"""The servers that Leadhub is measured against: ``python -m bench.baselines bare|commit PORT [DATABASE_URL]``.

``bare`` reads the body and answers 200. ``commit`` stores the body as one row before it answers, and shares commits
among concurrent requests as well as can be done in a few lines: the fairest durable competitor.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
from aiohttp import web

Store = Callable[[list[bytes]], None]


def sqlite_store(path: str) -> Store:
    """One INSERT per body and one durable commit per group."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY, body BLOB)")

    def store(bodies: list[bytes]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO bodies (body) VALUES (?)", [(body,) for body in bodies])
        connection.execute("COMMIT")

    return store


def postgres_store(url: str) -> Store:
    """The same on PostgreSQL."""
    connection = psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"))
    connection.execute("CREATE TABLE IF NOT EXISTS bodies (id bigserial PRIMARY KEY, body bytea)")
    connection.commit()

    def store(bodies: list[bytes]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO bodies (body) VALUES (%s)", [(body,) for body in bodies])
        connection.commit()

    return store


class GroupCommit:
    """Bodies that came while the last commit ran go into the next one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, body: bytes) -> None:
        """Return once the body is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._commit())
        await done

    async def _commit(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(self._thread, self._store, [body for body, _ in group])
            for _, done in group:
                done.set_result(None)


def application(commit: GroupCommit | None) -> web.Application:
    """The server: every POST is read, stored where a store is given, and answered 200."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        if commit is not None:
            await commit.put(body)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{tail:.*}", handle)
    return app


if __name__ == "__main__":
    kind, port, url = sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""
    group = None
    if kind == "commit":
        group = GroupCommit(
            sqlite_store(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else postgres_store(url)
        )
    web.run_app(application(group), host="127.0.0.1", port=port, access_log=None, print=None)
