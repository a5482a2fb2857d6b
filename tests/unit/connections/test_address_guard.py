"""Which addresses are refused: as written in a URL, and as found behind a name."""

from ipaddress import ip_address

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.address_guard import AddressRefusedError, check_address, read_target, refusal
from hub.connector.errors import PermanentError
from hub.connector.outgoing import GuardedResolver, OutgoingClient, open_session

REFUSED_URLS = [
    # not https, or not a plain authority
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "//example.com/",
    "example.com",
    "",
    "https://",
    "https:///path",
    "https:example.com",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com:99999/",
    "https://exa mple.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com\t/",
    "https://example.com\r\nhost: x/",
    # addresses in their ordinary spelling
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://127.0.0.1/",
    "https://127.255.255.254/",
    "https://168.63.129.16/",
    "https://169.254.169.254/latest/meta-data/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://192.168.1.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::808:808]/",
    "https://[64:ff9b:1::1]/",
    "https://[100::1]/",
    "https://[2001::1]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[2001:db8::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:808:808::1]/",
    "https://[3fff::1]/",
    "https://[4000::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[2606:4700::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[2606:4700::5efe:7f00:1]/",
    "https://[2606:4700::200:5efe:a00:1]/",
    "https://[v1.example]/",
    # other spellings of addresses
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://8.8.8.010/",
    "https://1.2.3.4.5/",
    "https://example.0x7f/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://127\u30020\u30020\u30021/",
    "https://\u2460\u2461\u2466.0.0.1/",
    # names that mean this host or this network
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
    "https://app.localhost/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://intranet/",
    "https://router.lan/",
    "https://example.com./",
    "https://example..com/",
    "https://-example.com/",
]

ALLOWED_URLS = [
    "https://example.com",
    "https://example.com/",
    "https://example.com:8443/path?x=1",
    "https://8.8.8.8/",
    "https://[2606:4700:4700::1111]/",
    "https://b\u00fccher.example/",
    "https://a_b.example.com/",
    "https://1and1.example/",
    "https://example.com/a@b",
]


@pytest.mark.proves("AD-09")
@pytest.mark.parametrize("url", REFUSED_URLS)
def test_such_a_target_is_refused(url: str) -> None:
    """Before any name is asked for."""
    with pytest.raises(AddressRefusedError):
        read_target(url)


@pytest.mark.parametrize("url", ALLOWED_URLS)
def test_ordinary_targets_are_let_pass(url: str) -> None:
    """The guard does not stand in the way of what platforms use."""
    assert read_target(url).url.scheme == "https"


@pytest.mark.proves("AD-09")
@given(st.integers(min_value=0, max_value=2**128 - 1))
def test_an_ipv6_address_that_is_let_pass_is_global_unicast(number: int) -> None:
    """Whatever the table says, nothing outside 2000::/3 passes."""
    address = ip_address(number.to_bytes(16, "big"))
    if refusal(address) is None:
        assert number >> 125 == 1


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_refused(address) -> None:
    """Our table is at least as strict, in both families."""
    if address.is_private or address.is_loopback or address.is_multicast or address.is_link_local:
        with pytest.raises(AddressRefusedError):
            check_address(address)


class Names(AbstractResolver):
    """A name service with answers of our choice; the last one is given for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, family=0):
        """The next answer."""
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": each, "port": port, "family": 10 if ":" in each else 2, "proto": 6, "flags": 0}
            for each in found
        ]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.proves("AD-09")
@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["10.0.0.1", "8.8.8.8"],
        ["2606:4700::1", "::1"],
        ["169.254.169.254"],
        ["64:ff9b::7f00:1"],
        ["::ffff:10.0.0.1"],
        ["2002:7f00:1::"],
        ["fd00:ec2::254"],
        ["100.64.0.9"],
    ],
)
async def test_a_name_is_refused_for_one_bad_address_among_all(found: list[str]) -> None:
    """Good addresses beside it do not help."""
    with pytest.raises(AddressRefusedError):
        await GuardedResolver(Names(found)).resolve("platform.example", 443)


@pytest.mark.proves("AD-09")
async def test_a_name_that_changes_its_answer_reaches_nothing_private(monkeypatch) -> None:
    """Rebinding: the connection goes to the addresses that were checked, and each connection checks anew."""
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    connected: list[str] = []

    async def connect(addr_infos, **_):
        connected.extend(info[4][0] for info in addr_infos)
        raise OSError("no network in this test")

    monkeypatch.setattr(aiohttp.connector.aiohappyeyeballs, "start_connection", connect)
    async with open_session(names) as session:
        client = OutgoingClient(session)
        with pytest.raises(Exception, match="connection"):
            await client.send("GET", "https://rebinding.example/")
        assert (connected, names.asked) == (["8.8.8.8"], 1)
        with pytest.raises(PermanentError, match="address_refused"):
            await client.send("GET", "https://rebinding.example/")
        assert (connected, names.asked) == (["8.8.8.8"], 2)
