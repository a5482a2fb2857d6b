"""Do the senders' journals and the hub's ledger agree? Read from outside, over the API (invariants I1 to I5)."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from hub.demo.errors import DemoError
from hub.demo.stage import Stage

ENDED = frozenset({"lead_created", "attached", "test"})
"""Dispositions of the one receipt of an id that made or joined a lead."""
READINGS = 20


@dataclass
class Findings:
    """What the hub holds, and every way in which it differs from what the senders know."""

    ledger: dict[str, Any]
    receipts: list[dict[str, Any]]
    leads: list[dict[str, Any]]
    differences: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether nothing is missing, double, pending or unknown."""
        return not self.differences


@dataclass(frozen=True)
class Expected:
    """What must have become of one id: a lead, a test lead, or held as spam."""

    source_id: str
    outcome: str
    must_be_there: bool
    ways: frozenset[str] = frozenset()
    """Ways in by which it was acknowledged, so that a receipt of each must stand there."""


async def compare(stage: Stage) -> Findings:
    """Read everything, and compare it with both journals."""
    found = await _read(stage)
    expected = [*_of_platforms(stage), *_of_visitors(stage)]
    _compare_ids(found, expected)
    _compare_leads(found)
    _compare_sums(found)
    return found


async def _read(stage: Stage) -> Findings:
    """Everything as it stood at one moment: read again while polls, which go on, bring further receipts."""
    ledger = await stage.admin.get("/api/v1/ledger")
    for _ in range(READINGS):
        receipts = [each async for each in stage.admin.receipts()]
        leads = [each async for each in stage.admin.leads()]
        before, ledger = ledger, await stage.admin.get("/api/v1/ledger")
        if ledger == before:
            return Findings(ledger, receipts, leads)
    raise DemoError("Receipts go on coming in, so that nothing can be compared. Start it again.")


async def missing_ids(stage: Stage) -> list[str]:
    """What the senders know and the ledger has no receipt of yet."""
    there = {each["source_id"] async for each in stage.admin.receipts()}
    expected = [*_of_platforms(stage), *_of_visitors(stage)]
    return [each.source_id for each in expected if each.must_be_there and each.source_id not in there]


def _of_platforms(stage: Stage) -> list[Expected]:
    """Every lead that a platform holds: what no delivery brought must have been read from its list."""
    return [
        Expected(
            source_id,
            "test" if is_test else "lead",
            must_be_there=True,
            ways=frozenset({"webhook"}) if source_id in acknowledged else frozenset(),
        )
        for platform in stage.platforms
        for acknowledged in (platform.acknowledged,)
        for source_id, is_test in platform.leads.items()
    ]


def _of_visitors(stage: Stage) -> list[Expected]:
    acknowledged = stage.visitors.acknowledged
    return [
        Expected(
            each.key,
            "spam" if each.way == "spam" else "lead",
            must_be_there=each.key in acknowledged,
            ways=frozenset({"form"}) if each.key in acknowledged else frozenset(),
        )
        for each in stage.visitors.posts
    ]


def _compare_ids(found: Findings, expected: list[Expected]) -> None:
    by_id: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for receipt in found.receipts:
        if receipt["source_id"] is not None:
            by_id[receipt["source_id"]].append(receipt)
    for each in expected:
        own = by_id.pop(each.source_id, [])
        if not own and each.must_be_there:
            found.differences.append(f"I1: {each.source_id} was acknowledged and has no receipt")
        for way in sorted(each.ways - {receipt["path"] for receipt in own}):
            found.differences.append(f"I1: {each.source_id} was acknowledged by {way} and has no receipt of it")
        if own:
            _compare_outcome(found, each, own)
    for source_id in sorted(by_id):
        found.differences.append(f"I4: nobody knows of sending {source_id}, yet it has a receipt")


def _compare_outcome(found: Findings, each: Expected, own: list[dict[str, Any]]) -> None:
    counts = Counter(receipt["disposition"] for receipt in own)
    told = f"{each.source_id} (expected: {each.outcome}) ended as {dict(counts)}"
    leads = {receipt["lead_id"] for receipt in own if receipt["lead_id"] is not None}
    if each.outcome == "spam":
        if set(counts) != {"spam"} or leads:
            found.differences.append(f"I2: {told}")
        return
    made = sum(counts[disposition] for disposition in ENDED)
    if made != 1 or len(leads) != 1:
        found.differences.append(f"I3: {told}, on {len(leads)} leads")
    if set(counts) - ENDED - {"duplicate"}:
        found.differences.append(f"I2: {told}")
    if (counts["test"] == 1) is not (each.outcome == "test"):
        found.differences.append(f"I2: {told}")


def _compare_leads(found: Findings) -> None:
    made = Counter(each["lead_id"] for each in found.receipts if each["disposition"] in ("lead_created", "test"))
    known = {lead["id"] for lead in found.leads}
    found.differences += [f"I4: lead {lead} has no receipt that made it" for lead in sorted(known - set(made))]
    found.differences += [f"I4: a receipt made lead {lead}, which is not there" for lead in sorted(set(made) - known)]
    found.differences += [f"I3: lead {lead} was made {times} times" for lead, times in made.items() if times > 1]
    people = Counter(lead["email"] or lead["phone"] for lead in found.leads if not lead["is_test"])
    found.differences += [f"I3: {person} has {times} leads" for person, times in people.items() if times > 1]
    for lead in found.leads:
        if not lead["is_test"] and lead["assignee_id"] is None and lead["queue_id"] is None:
            found.differences.append(f"lead {lead['id']} has neither an assignee nor a queue")


def _compare_sums(found: Findings) -> None:
    totals = dict(found.ledger["totals"])
    received = totals.pop("received")
    counted = Counter(each["disposition"] for each in found.receipts)
    if not found.ledger["holds"] or received != sum(totals.values()):
        found.differences.append(f"I2: the balance does not hold: received {received}, accounted for {totals}")
    if received != len(found.receipts) or any(totals[name] != counted[name] for name in totals):
        found.differences.append(f"I2: the balance says {totals}, the receipts {dict(counted)}")
    if totals["pending"]:
        found.differences.append(f"I5: {totals['pending']} receipts are pending")
