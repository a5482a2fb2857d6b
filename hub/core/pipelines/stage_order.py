"""The order of the stages of a pipeline. Pure.

A place is a number from 1, without gaps. An open stage has its place for itself; a won and a lost stage may share
one (Z-054). A stage put at an occupied place moves that stage and all following ones on by one (Z-050).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from uuid import UUID


class StageKind(StrEnum):
    """Open, or one of the two ways in which a lead ends."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Placed:
    """A stage and its place."""

    id: UUID
    kind: StageKind
    position: int


def insert(stages: Sequence[Placed], new: Placed) -> list[Placed]:
    """All stages with ``new`` at its place, counted among the others: from 1 to one behind the last."""
    places = _places(stages)
    index = new.position - 1
    if not 0 <= index <= len(places):
        raise ValueError(f"the order must be from 1 to {len(places) + 1}")
    if index < len(places) and _may_share(places[index], new):
        places[index].append(new)
    else:
        places.insert(index, [new])
    return _numbered(places)


def remove(stages: Sequence[Placed], stage_id: UUID) -> list[Placed]:
    """The other stages, closed up."""
    return _numbered(_places([stage for stage in stages if stage.id != stage_id]))


def move(stages: Sequence[Placed], stage_id: UUID, position: int) -> list[Placed]:
    """All stages with one of them at another place; the others close up and then make room."""
    moved = next(stage for stage in stages if stage.id == stage_id)
    if moved.position == position:
        return _numbered(_places(stages))
    rest = remove(stages, stage_id)
    return insert(rest, Placed(moved.id, moved.kind, position))


def _places(stages: Iterable[Placed]) -> list[list[Placed]]:
    ordered = sorted(stages, key=lambda stage: stage.position)
    return [list(group) for _, group in groupby(ordered, key=lambda stage: stage.position)]


def _may_share(place: Sequence[Placed], new: Placed) -> bool:
    closing = {StageKind.WON, StageKind.LOST}
    return len(place) == 1 and {place[0].kind, new.kind} == closing


def _numbered(places: Iterable[Sequence[Placed]]) -> list[Placed]:
    return [Placed(stage.id, stage.kind, number) for number, place in enumerate(places, start=1) for stage in place]
