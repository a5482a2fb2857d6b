"""A process among others: it beats, watches the others, and takes over from one that died (DG-06).

A process killed right after a beat is noticed ``silence`` seconds later, its work released in the same
transaction that claims it, and handed out at the next look of any engine: within 35 s with the defaults.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.connector.clock import Clock
from hub.core.processes import service
from hub.core.processes.identity import HeldName, NameLostError
from hub.core.processes.queries import heartbeats
from hub.core.processes.service import Releases
from hub.core.processes.watch import Watch
from hub.db.engine import Database, DatabaseUnavailableError
from hub.db.schema import new_id

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds of the machine: between beats, between looks at the others, and of silence until one is dead.

    The silence is a little below 30 s, so that a busy machine, too, has the work running again within 35 s.
    """

    beat_every: float = 5.0
    look_every: float = 2.0
    silence: float = 27.0


class Presence:
    """Keeps one process registered.

    ``releases`` take a dead process's work from it inside the claiming transaction, ``gives_back`` is what is done
    with this one's open work when it leaves in good order; ``on_taken_over`` is told a dead process's name
    afterwards; ``on_name_lost`` is called when this process must end because another has its name, and
    ``lost_name`` says so from then on.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        name: HeldName,
        *,
        releases: Sequence[Releases],
        gives_back: Sequence[Releases],
        on_taken_over: Callable[[str], Awaitable[None]],
        on_name_lost: Callable[[], None],
        rhythm: Rhythm = Rhythm(),
    ) -> None:
        self._database = database
        self._clock = clock
        self._held = name
        self._releases = tuple(releases)
        self._gives_back = tuple(gives_back)
        self._on_taken_over = on_taken_over
        self._on_name_lost = on_name_lost
        self._rhythm = rhythm
        self._watch = Watch(ceil(rhythm.silence / rhythm.look_every))
        self._incarnation = str(new_id())
        self._tasks: list[asyncio.Task[None]] = []
        self.lost_name: NameLostError | None = None

    @property
    def name(self) -> str:
        """The name of this process."""
        return self._held.name

    async def start(self) -> None:
        """Register, release what a predecessor of this name left, and begin to beat and to watch."""
        await self._register(self._releases)
        self._tasks = [
            asyncio.create_task(self._forever(self._beat, self._rhythm.beat_every)),
            asyncio.create_task(self._forever(self._look, self._rhythm.look_every)),
        ]

    async def stop(self) -> None:
        """Leave in good order: what is still open is released at once, then the name is free."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._database.write(service.leave, self.name, self._incarnation, self._gives_back)
        except DatabaseUnavailableError:
            log.warning("this process could not sign off; another one takes over after its silence")
        await asyncio.to_thread(self._held.close)

    async def _register(self, releases: Sequence[Releases]) -> None:
        now = self._clock.now()
        await self._database.write(service.register, self.name, self._incarnation, now, releases)

    async def _beat(self) -> None:
        await asyncio.to_thread(self._held.confirm)
        if not await self._database.write(service.beat, self.name, self._incarnation, self._clock.now()):
            log.warning("this process was taken for dead and goes on without its former work", process=self.name)
            await self._register(())

    async def _look(self) -> None:
        seen = await self._database.read(heartbeats)
        for dead in self._watch.look(each for each in seen if each.name != self.name):
            if await self._database.write(service.take_over, dead, self._releases):
                log.warning("a process is dead; its work goes on elsewhere", process=dead.name)
                await self._on_taken_over(dead.name)

    async def _forever(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                await work()
            except NameLostError as lost:
                log.error("another process has this name; this one ends", process=self.name)
                self.lost_name = lost
                self._on_name_lost()
                return
            except (DatabaseUnavailableError, SQLAlchemyError) as failure:
                log.warning("the database is out of reach for the heartbeat", error=type(failure).__name__)
            except Exception:
                log.exception("the heartbeat failed and goes on")
