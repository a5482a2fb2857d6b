"""What the web layer works with, made once by the composition root."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from hub.connector.clock import Clock
from hub.connectors import Registry
from hub.core.accounts.first_run import SetUp
from hub.core.accounts.passwords import PasswordHashing
from hub.db.engine import Database
from hub.web.limits import Limit, RateLimiter
from hub.web.proxies import TrustedProxies, peer_address

T = TypeVar("T")
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """Settings of the web layer. Raises ``ValueError`` naming the setting and what to write there.

    ``public_url``: how browsers and platforms reach the hub, for example ``https://leads.example.com``; links and
    the same-origin check are made from it, never from a ``Host`` header. ``trusted_proxies``: addresses or networks
    whose ``X-Forwarded-For`` is believed. ``insecure_cookies``: session cookies without ``Secure`` and without the
    ``__Host-`` prefix, for a demo over plain http; refused unless ``public_url`` is on the loopback interface.
    """

    public_url: str
    trusted_proxies: tuple[str, ...] = ()
    insecure_cookies: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("public_url must be scheme and host only, for example https://leads.example.com")
        if self.insecure_cookies and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            raise ValueError(
                "insecure_cookies is only for plain http on the loopback interface (http://127.0.0.1:8080); "
                "remove it, or change public_url"
            )
        try:
            _ = self.proxies
        except ValueError as error:
            raise ValueError(f"trusted_proxies: {error}; write addresses or networks such as 10.0.0.0/8") from None

    @cached_property
    def proxies(self) -> TrustedProxies:
        """``trusted_proxies``, parsed."""
        return TrustedProxies(self.trusted_proxies)

    @cached_property
    def origin(self) -> str:
        """Scheme, host and, where it is not the scheme's own, port: as browsers write ``Origin``."""
        parts = urlsplit(self.public_url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        default = {"http": 80, "https": 443}[parts.scheme]
        return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the hub over TLS."""
        return self.public_url.startswith("https:")


class RateClass(StrEnum):
    """Which limit a route falls under; every route has one."""

    READ = "read"
    CHANGE = "change"
    ANONYMOUS = "anonymous"


API_LIMITS: Mapping[RateClass, Limit] = {
    RateClass.READ: Limit("read", 30_000, _MINUTE),
    RateClass.CHANGE: Limit("change", 6_000, _MINUTE),
    RateClass.ANONYMOUS: Limit("anonymous", 3_000, _MINUTE),
}
"""How much one caller (a session, a key, or without either an address) may ask; it sheds mistakes and floods only."""


@dataclass(eq=False)
class Lifecycle:
    """Whether this process takes requests; ``stopping`` ends open streams."""

    is_ready: bool = False
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """From now on the process is not ready and its streams end."""
        self.is_ready = False
        self.stopping.set()


@dataclass(frozen=True, kw_only=True)
class WebServices:
    """Everything a route may use. Add a field when a route needs another service; routes never build one.

    ``set_up`` runs in the transaction that makes an organisation (default pipeline, master form ...).
    """

    database: Database
    clock: Clock
    settings: WebSettings
    passwords: PasswordHashing
    limiter: RateLimiter
    registry: Registry = field(default_factory=lambda: Registry(()))
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    api_limits: Mapping[RateClass, Limit] = field(default_factory=lambda: API_LIMITS)
    set_up: tuple[SetUp, ...] = ()
    others: Mapping[type, object] = field(default_factory=dict)

    def get(self, kind: type[T]) -> T:
        """A service that only some routes use, by its type. Raises ``LookupError`` where the process has none."""
        found = self.others.get(kind)
        if not isinstance(found, kind):
            raise LookupError(f"this process has no {kind.__name__}")
        return found


SERVICES = web.AppKey("services", WebServices)
"""Where an application keeps its services: ``request.app[SERVICES]``."""


def client_address(request: web.Request) -> str:
    """The address of whoever sent the request, behind listed proxies as they tell it."""
    forwarded = request.headers.getall("X-Forwarded-For", ())
    return request.app[SERVICES].settings.proxies.client_address(peer_address(request), forwarded)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
