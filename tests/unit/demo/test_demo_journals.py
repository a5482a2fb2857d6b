"""What senders remember, after any end."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from hub.demo.journal import Journal
from hub.demo.people import Writer
from hub.demo.tokens import JournaledTokenBook
from hub.testing.clock import VirtualClock


def test_a_half_written_line_is_cut_off_and_the_rest_is_kept(tmp_path: Path) -> None:
    """A kill in mid-write costs the line that was not on the disk, and the next line starts anew."""
    path = tmp_path / "journal.jsonl"
    with closing(Journal(path)) as first:
        first.note("post", key="a")
    with path.open("ab") as file:
        file.write(b'{"kind":"post","ke')
    with closing(Journal(path)) as second:
        second.note("post", key="b")
    with closing(Journal(path)) as third:
        assert [each["key"] for each in third.of("post")] == ["a", "b"]


def test_a_platform_knows_its_tokens_again(tmp_path: Path, clock: VirtualClock) -> None:
    """What was issued, used up and expired is so after a restart, and new tokens differ from old ones."""
    path = tmp_path / "tokens.jsonl"
    with closing(Journal(path)) as journal:
        book = JournaledTokenBook(clock, journal)
        used = book.issue("code", lifetime=timedelta(minutes=5))
        assert book.take(used, "code") is not None
        over = book.issue("access", lifetime=timedelta(hours=1), scopes=("leads",), facts={"person": "1"})
        book.expire(("access",))
        alive = book.issue("access", scopes=("leads",), facts={"person": "1"})
    with closing(Journal(path)) as journal:
        again = JournaledTokenBook(clock, journal)
        assert [again.is_live(each) for each in (used, over, alive)] == [False, False, True]
        found = again.find(alive, "access")
        assert found is not None
        assert (found.scopes, dict(found.facts)) == (("leads",), {"person": "1"})
        assert again.issue("access") not in (used, over, alive)


def test_invented_people_share_neither_address_nor_number() -> None:
    """Else the hub would rightly take them for one."""
    writers = [Writer(number) for number in (*range(3_000), 5_000_000, 7_000_000)]
    assert len({each.email for each in writers}) == len({each.phone for each in writers}) == len(writers)
