"""Who is asking: forwarded headers count only when a listed proxy sent them (WH-11)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

UNKNOWN = "unknown"
Address = IPv4Address | IPv6Address


class TrustedProxies:
    """Networks whose ``X-Forwarded-For`` is believed. Host and scheme are never taken from a header.

    Raises ``ValueError`` for an entry that is not an address or a network.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ip_network(text, strict=False) for text in networks]

    def trusts(self, address: str) -> bool:
        """Whether the address is one of the listed proxies."""
        found = parse_address(address)
        return found is not None and any(found in network for network in self._networks)

    def client_address(self, peer: str | None, forwarded_for: Sequence[str]) -> str:
        """The address of the client: the last one that no listed proxy has, read from the nearest hop backwards.

        ``forwarded_for`` are the values of every ``X-Forwarded-For`` header. Without a trusted peer, or from the
        first entry that is not an address, nothing further is believed.
        """
        if peer is None:
            return UNKNOWN
        if not self._networks or not forwarded_for or not self.trusts(peer):
            return peer
        nearest = peer
        for entry in reversed(",".join(forwarded_for).split(",")):
            hop = parse_address(entry.strip())
            if hop is None:
                return nearest
            nearest = str(hop)
            if not any(hop in network for network in self._networks):
                return nearest
        return nearest


def peer_address(request: web.BaseRequest) -> str | None:
    """The other end of the connection; None for a socket without an address."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(peer[0]) if isinstance(peer, tuple) else None


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """An IP address, an IPv4 one in IPv6 clothes undressed; None for anything else."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What limits count by: an IPv4 address, or the /64 of an IPv6 address (one customer has at least that)."""
    found = parse_address(address)
    if isinstance(found, IPv6Address):
        return f"{ip_network((int(found) >> 64 << 64, 64))}"
    return UNKNOWN if found is None else str(found)
