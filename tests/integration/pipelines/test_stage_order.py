"""The order of stages: no gap, no collision among open stages, won and lost may share."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.pipelines.stage_order import Placed, StageKind, insert, move, remove

_KINDS = st.sampled_from(StageKind)


def _shape(stages: list[Placed]) -> list[tuple[int, str]]:
    return [(stage.position, stage.kind.value) for stage in stages]


START = [
    Placed(UUID(int=1), StageKind.OPEN, 1),
    Placed(UUID(int=2), StageKind.OPEN, 2),
    Placed(UUID(int=3), StageKind.WON, 3),
    Placed(UUID(int=4), StageKind.LOST, 3),
]


@pytest.mark.proves("Z-050", "Z-054")
def test_an_open_stage_at_an_occupied_place_moves_all_following_on() -> None:
    """Won and lost move together and go on sharing."""
    after = insert(START, Placed(UUID(int=5), StageKind.OPEN, 2))
    assert [(stage.id.int, stage.position) for stage in after] == [(1, 1), (5, 2), (2, 3), (3, 4), (4, 4)]


def test_an_open_stage_never_shares_with_a_closing_one() -> None:
    """At the place of won and lost, both move on."""
    after = insert(START, Placed(UUID(int=5), StageKind.OPEN, 3))
    assert _shape(after) == [(1, "open"), (2, "open"), (3, "open"), (4, "won"), (4, "lost")]


def test_two_won_stages_do_not_share() -> None:
    """Only a won and a lost stage may share a place."""
    after = insert(START[:3], Placed(UUID(int=5), StageKind.WON, 3))
    assert _shape(after) == [(1, "open"), (2, "open"), (3, "won"), (4, "won")]


def test_a_place_beyond_the_end_is_refused() -> None:
    """A gap would arise."""
    with pytest.raises(ValueError, match="from 1 to 4"):
        insert(START, Placed(UUID(int=5), StageKind.OPEN, 5))


@pytest.mark.proves("Z-051")
@given(st.lists(st.tuples(st.sampled_from(["insert", "move", "remove"]), _KINDS, st.integers(0, 99)), max_size=30))
def test_no_gap_and_no_collision_whatever_is_done(changes: list[tuple[str, StageKind, int]]) -> None:
    """After any row of changes places run from 1 without gaps and open stages stand alone."""
    stages: list[Placed] = []
    for number, (change, kind, choice) in enumerate(changes):
        places = len({stage.position for stage in stages})
        if change == "insert" or not stages:
            wanted = choice % (places + 1) + 1
            stages = insert(stages, Placed(UUID(int=number), kind, wanted))
            assert next(stage.position for stage in stages if stage.id.int == number) == wanted
        elif change == "remove":
            stages = remove(stages, stages[choice % len(stages)].id)
        else:
            moved = stages[choice % len(stages)]
            left = len({stage.position for stage in remove(stages, moved.id)})
            stages = move(stages, moved.id, choice % (left + 1) + 1)
        positions = [stage.position for stage in stages]
        assert sorted(set(positions)) == list(range(1, len(set(positions)) + 1))
        for stage in stages:
            together = [other.kind for other in stages if other.position == stage.position]
            assert len(together) == 1 or sorted(together) == [StageKind.LOST, StageKind.WON]
