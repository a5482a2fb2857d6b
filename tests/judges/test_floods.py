"""Floods: many addresses, one form flooded, bounded memory (PF-08)."""

import asyncio
import itertools
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv6Address

import aiohttp
import pytest

from hub.core.intake.models import refusals
from hub.testing.clock import VirtualClock
from hub.web.limits import MAX_COUNTERS, Claim, Limit, RateLimiter
from hub.web.proxies import network_of
from plugins.web_forms.connector import WebForms
from tests.judges.objects import publish_form
from tests.judges.running import Running, running_hub

MINUTE = timedelta(minutes=1)
PER_FORM, PER_ADDRESS, TOTAL = 20, 5, 60
FORM = "application/x-www-form-urlencoded"


@pytest.mark.proves("PF-08")
def test_a_hundred_thousand_addresses_take_bounded_memory() -> None:
    """The limiter as it is in production: 100,000 addresses within 16 MiB, a limit that is shared by all still holds,
    and a /64 counts once however many addresses it has."""
    limiter = RateLimiter(VirtualClock())
    address, total = Limit("address", 5, MINUTE), Limit("total", 80_000, MINUTE)
    tracemalloc.start()
    admitted = sum(limiter.admit([Claim(total, ""), Claim(address, str(n))]) is None for n in range(100_000))
    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert admitted == 80_000
    assert len(limiter) <= MAX_COUNTERS
    assert held < 16 * 1024 * 1024
    first = int(IPv6Address("2001:db8::"))
    one_network = RateLimiter(VirtualClock())
    claims = [Claim(address, network_of(str(IPv6Address(first + number)))) for number in range(1_000)]
    assert sum(one_network.admit([claim]) is None for claim in claims) == 5
    assert len(one_network) == 1


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A hub behind a proxy that tells who calls, with small limits. Limits touch no database, so one kind will do."""
    folder = tmp_path_factory.mktemp("limited")
    with running_hub(
        f"sqlite:///{folder / 'hub.db'}",
        folder,
        [WebForms()],
        trusted_proxies="127.0.0.1/32",
        form_rate_per_form=PER_FORM,
        form_rate_per_address=PER_ADDRESS,
        form_rate_total=TOTAL,
    ) as found:
        yield found


_number = itertools.count()


async def post(running: Running, client: aiohttp.ClientSession, key: str, address: str) -> int:
    """One submission of somebody at an address; the status."""
    body = f"full_name=Visitor+{next(_number)}".encode()
    answer = await running.post(client, f"/f/{key}", body, {"Content-Type": FORM, "X-Forwarded-For": address})
    if answer.status == 429:
        assert int(answer.headers["Retry-After"]) >= 1
    return answer.status


@pytest.mark.proves("PF-08")
async def test_one_form_flooded_from_everywhere_leaves_another_alone(
    limited: Running, client: aiohttp.ClientSession
) -> None:
    """A thousand addresses flood one form, many times over every limit; the other form takes what comes, also from a
    network that took part."""
    flooded, calm = [(await publish_form(limited, client))["public_key"] for _ in range(2)]
    floods = [post(limited, client, flooded, f"10.0.{number // 250}.{number % 250 + 1}") for number in range(1_000)]
    statuses = Counter(await asyncio.gather(*floods))
    assert statuses[200] <= 2 * PER_FORM
    assert statuses[200] + statuses[429] == 1_000
    assert [await post(limited, client, calm, "192.0.2.1") for _ in range(PER_ADDRESS)] == [200] * PER_ADDRESS
    assert await post(limited, client, calm, "10.0.0.1") == 200
    await limited.settled()
    counted = {(row.endpoint, row.reason): row.requests for row in limited.rows(refusals)}
    assert counted[f"form:{flooded}", "too-many"] == statuses[429]


@pytest.mark.proves("PF-08")
async def test_one_network_is_one_sender(limited: Running, client: aiohttp.ClientSession) -> None:
    """All addresses of one /64 share one limit; the next /64 has its own."""
    key = (await publish_form(limited, client))["public_key"]
    same = [await post(limited, client, key, f"2001:db8:1:1::{number:x}") for number in range(1, PER_ADDRESS + 4)]
    assert same.count(429) >= 2
    assert same[:PER_ADDRESS] == [200] * PER_ADDRESS
    assert await post(limited, client, key, "2001:db8:1:2::1") == 200
