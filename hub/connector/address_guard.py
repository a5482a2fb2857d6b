"""Which addresses the hub calls: our own table, and a strict reading of URLs.

The table follows IANA's registries of special-purpose addresses (RFC 6890 and its updates). It is our own because
what the standard library calls "global" changes between Python releases, and because addresses that carry another
one inside (NAT64, 6to4, Teredo, ISATAP) or serve a cloud's metadata are of no use to a platform.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from yarl import URL

Address = IPv4Address | IPv6Address

_REFUSED_V4: Sequence[tuple[IPv4Network, str]] = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by carriers"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")
"""The only part of IPv6 handed out for hosts (RFC 4291 section 2.4); everything outside is refused."""

_NAMED_V6: Sequence[tuple[IPv6Network, str]] = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4 inside IPv6"),
        ("::/96", "IPv4 inside IPv6"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discard"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "reserved"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""Bits 64 to 95 of an address that carries an IPv4 address (RFC 5214 section 6.1)."""

_LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "localdomain", "home.arpa")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z", re.ASCII)
_AUTHORITY = re.compile(r"[^/?#]*//([^/?#]*)")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


class AddressRefusedError(Exception):
    """The hub does not call this address; the text says why, in words for an admin."""


@dataclass(frozen=True)
class Target:
    """A URL that may be called, and its address where the host is written as one."""

    url: URL
    address: Address | None


def refusal(address: Address) -> str | None:
    """Why an address is not to be called (``"loopback"``, ``"NAT64"`` ...), or None where it may be."""
    if isinstance(address, IPv4Address):
        return next((why for network, why in _REFUSED_V4 if address in network), None)
    named = next((why for network, why in _NAMED_V6 if address in network), None)
    if named is None and address not in _UNICAST_V6:
        return "reserved"
    if named is None and (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return "IPv4 inside IPv6"
    return named


def check_address(address: Address) -> None:
    """Raise ``AddressRefusedError`` for an address of the table."""
    why = refusal(address)
    if why is not None:
        raise AddressRefusedError(f"the address {address} is refused ({why})")


def read_target(url: str) -> Target:
    """Read a URL that people may have set.

    Only ``https``, without user information, and with a host that is a plain name with a dot or an address in its
    ordinary spelling (RFC 3986 section 3.2.2): shortened, octal, hexadecimal and single-number addresses, zone ids
    and trailing dots are read differently by different programs, so they are refused. The host is looked at after
    IDNA mapping, because that turns other scripts' digits and dots into ordinary ones.

    Raises ``AddressRefusedError``.
    """
    parsed = _parse(url)
    if parsed.scheme != "https":
        raise AddressRefusedError("only https addresses are called")
    authority = _AUTHORITY.match(url)
    if authority is None:
        raise AddressRefusedError("the address has no host")
    if "@" in authority[1]:
        raise AddressRefusedError("an address with a user name or password in it is refused")
    host = (parsed.raw_host or "").lower()
    address = read_address(host)
    if address is None:
        _check_name(host, bracketed="[" in authority[1])
    else:
        check_address(address)
    return Target(parsed, address)


def read_address(host: str) -> Address | None:
    """The address that a host is, None for a name. Raises ``AddressRefusedError`` for odd spellings."""
    if "%" in host:
        raise AddressRefusedError("an address with a zone is refused")
    try:
        return ip_address(host)
    except ValueError:
        pass
    if ":" in host or _NUMBER.match(host.rstrip(".").rpartition(".")[2]):
        raise AddressRefusedError("the address is written in an unusual way; write it as a name")
    return None


def _parse(url: str) -> URL:
    if _FORBIDDEN.search(url):
        raise AddressRefusedError("the address holds a blank, a control character or a backslash")
    try:
        parsed = URL(url)
        parsed.port  # noqa: B018 - reading the port is what checks it
    except ValueError as problem:
        raise AddressRefusedError("the address cannot be read as a URL") from problem
    return parsed


def _check_name(host: str, *, bracketed: bool) -> None:
    if not host:
        raise AddressRefusedError("the address has no host")
    labels = host.split(".")
    if bracketed or any(not _LABEL.match(label) for label in labels):
        raise AddressRefusedError("the host name is not written in the ordinary way")
    if len(labels) == 1 or any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES):
        raise AddressRefusedError("a name of a local network is refused")
