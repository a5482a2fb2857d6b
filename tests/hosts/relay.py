"""A TCP relay: joins namespaces to this machine, and cuts connections at the worst moments.

As a program: ``python -m tests.hosts.relay LISTEN_ADDRESS:PORT TARGET_ADDRESS:PORT``.
"""

import asyncio
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""COMMIT as a simple query of the PostgreSQL protocol, version 3."""


class Relay:
    """Passes bytes on between whoever connects and a target. Use ``async with``.

    ``cut_after(what, wanted)``: the next time these bytes went to the target while ``wanted`` says yes, the
    target's answers are kept back and the connection to the client is cut once the target has answered.
    """

    def __init__(self, target: tuple[str, int], listen: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self._target, self._listen = target, listen
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._is_silent = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._sign: bytes | None = None
        self._wanted: Callable[[bytes], bool] = lambda seen: True
        self.cuts = 0
        self.passed_before = b""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, *self._listen)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut_all()
        await asyncio.gather(*self._tasks)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def cut_after(self, sign: bytes, wanted: Callable[[bytes], bool] = lambda seen: True) -> None:
        """Cut one connection after these bytes; ``wanted`` is given what the client sent on it since its last one."""
        self._sign, self._wanted = sign, wanted

    def cut_all(self) -> None:
        """Break every connection off."""
        self._is_silent = False
        for writer in list(self._open):
            writer.transport.abort()

    def cut_clients(self) -> None:
        """Break every connection off on the client's side only: the target learns nothing of it."""
        self._is_silent = True
        for writer in self._clients:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            onward_reader, onward = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, onward}
        self._clients.add(writer)
        self._is_silent = False
        line = _Line()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(reader, onward, line))
                group.create_task(self._down(onward_reader, writer, line))
        except* (OSError, _CutError):
            pass
        finally:
            self._clients.discard(writer)
            for each in (writer,) if self._is_silent else (writer, onward):
                self._open.discard(each)
                each.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: "_Line") -> None:
        while data := await reader.read(65_536):
            line.sent += data
            if self._sign is not None and data.endswith(self._sign):
                if self._wanted(bytes(line.sent)):
                    self._sign, line.is_doomed = None, True
                line.sent.clear()
            del line.sent[:-1_000_000]
            writer.write(data)
            await writer.drain()
        raise _CutError

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: "_Line") -> None:
        while data := await reader.read(65_536):
            if line.is_doomed:
                self.cuts += 1
                raise _CutError
            writer.write(data)
            await writer.drain()
        raise _CutError


class _Line:
    def __init__(self) -> None:
        self.sent = bytearray()
        self.is_doomed = False


class _CutError(Exception):
    """This connection is over."""


async def _forever(listen: tuple[str, int], target: tuple[str, int]) -> None:
    async with Relay(target, listen):
        await asyncio.Event().wait()


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(_forever(_place(sys.argv[1]), _place(sys.argv[2])))
