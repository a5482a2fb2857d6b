"""The one client through which the hub calls other hosts (AD-09).

People can set addresses (a token endpoint, a platform's host, a delivery address), so every request is guarded:
https only, the name is resolved once, all its addresses are checked against our own table, the connection goes to
exactly those addresses, redirects and the environment's proxies are not followed, cookies are not kept.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from socket import AF_UNSPEC, AddressFamily

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from hub.connector.access import HttpAnswer
from hub.connector.address_guard import AddressRefusedError, check_address, read_target
from hub.connector.errors import ConnectorError, PermanentError, RetryableError

TIME_LIMIT_SECONDS = 15.0
ANSWER_LIMIT = 1024 * 1024


class GuardedResolver(AbstractResolver):
    """Resolves a name and lets it pass only where every one of its addresses is allowed.

    One bad address among good ones condemns the name: the connection might go to any of them.
    """

    def __init__(self, dns: AbstractResolver) -> None:
        self._dns = dns

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_UNSPEC) -> list[ResolveResult]:
        """The addresses of a name; raises ``AddressRefusedError``, or ``OSError`` where it has none."""
        found = await self._dns.resolve(host, port, family)
        for each in found:
            check_address(ip_address(each["host"]))
        return found

    async def close(self) -> None:
        """Close the resolver within."""
        await self._dns.close()


class GuardedConnector(aiohttp.TCPConnector):
    """Opens connections only through a ``GuardedResolver``; without a cache of names, whose entries would be
    answers given for an earlier check."""

    def __init__(self, dns: AbstractResolver) -> None:
        super().__init__(resolver=GuardedResolver(dns), use_dns_cache=False)


def open_session(dns: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """The session that a process shares among all its outgoing requests; must be called inside a running loop.

    ``dns`` replaces the operating system's name service.
    """
    return aiohttp.ClientSession(
        connector=GuardedConnector(dns or aiohttp.ThreadedResolver()),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=TIME_LIMIT_SECONDS),
        raise_for_status=False,
    )


_PATH_AND_QUERY = re.compile(r"https?://[^/?#]+(/(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)")


class OutgoingClient:
    """Sends guarded requests; the ``Transport`` behind every ``Access``.

    ``origin_overrides`` sends requests for one origin to another on this host (``{"https://graph.example.com":
    "http://127.0.0.1:5001"}``); this is how simulators are reached, and it needs ``allow_loopback``. No other
    request reaches the loopback addresses, even then.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        allow_loopback: bool = False,
        origin_overrides: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(session.connector, GuardedConnector):
            raise TypeError("the session must come from open_session(), else nothing checks its addresses")
        if origin_overrides and not allow_loopback:
            raise ValueError("origin overrides lead to this host: they need allow_loopback")
        self._session = session
        self._overrides = {asked.rstrip("/"): _override(given) for asked, given in (origin_overrides or {}).items()}

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send one request and read the whole answer, whatever its status.

        Raises ``RetryableError`` (codes ``timeout``, ``dns``, ``untrusted_certificate``, ``connection``) where no
        answer came and ``PermanentError`` (``address_refused``, ``answer_too_large``) where trying again is of no
        use.
        """
        try:
            target = self._route(url)
            asked = target.update_query(params) if params else target
            async with self._session.request(
                method, asked, headers=headers, data=body, allow_redirects=False, proxy=None
            ) as answer:
                return HttpAnswer(answer.status, _flat(answer), await self._read(answer))
        except AddressRefusedError as refused:
            raise PermanentError(
                f"The hub does not call this address: {refused}. Check the address in the settings.",
                detail=_named(method, url),
                code="address_refused",
            ) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise _failure(failure, _named(method, url)) from None

    def _route(self, url: str) -> URL:
        for asked, stand_in in self._overrides.items():
            if url.startswith((f"{asked}/", f"{asked}?")) or url == asked:
                written = stand_in + url[len(asked) :]
                return _as_written(URL(written), written)
        return _as_written(read_target(url).url, url)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        length = 0
        async for part in answer.content.iter_chunked(64 * 1024):
            length += len(part)
            if length > ANSWER_LIMIT:
                answer.close()
                raise PermanentError(
                    f"The platform's answer is larger than {ANSWER_LIMIT} bytes.", code="answer_too_large"
                )
            parts.append(part)
        return b"".join(parts)


def _as_written(target: URL, given: str) -> URL:
    """The target with path and query exactly as the connector wrote them, where they are written in URL characters
    (RFC 3986 section 2): some platforms tell ``%3A`` from ``:``, which yarl's own spelling does not."""
    place = _PATH_AND_QUERY.fullmatch(given)
    if place is None:
        return target
    return URL(str(target.origin()) + place[1], encoded=True)


def _override(given: str) -> str:
    url = URL(given)
    try:
        is_ours = url.raw_host == "localhost" or ip_address(url.raw_host or "").is_loopback
    except ValueError:
        is_ours = False
    if url.scheme not in ("http", "https") or not is_ours or url != url.origin():
        raise ValueError(f"an origin override must be http(s)://127.0.0.1:port or http(s)://[::1]:port, not {given!r}")
    return str(url.with_host("127.0.0.1") if url.raw_host == "localhost" else url).rstrip("/")


def _flat(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Header names in lower case; values of a name that stands several times joined (RFC 9110 section 5.2)."""
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _failure(failure: Exception, detail: str) -> ConnectorError:
    """No answer is never a reason to sign in again, so each of these may be tried again."""
    detail = f"{detail}: {type(failure).__name__}"
    if isinstance(failure, asyncio.TimeoutError | TimeoutError):
        return RetryableError("The platform did not answer in time.", detail=detail, code="timeout")
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return RetryableError("The platform's host name could not be resolved.", detail=detail, code="dns")
    if isinstance(failure, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        return RetryableError(
            "The platform's certificate could not be verified.", detail=detail, code="untrusted_certificate"
        )
    return RetryableError("The connection to the platform failed.", detail=detail, code="connection")


def _named(method: str, url: str) -> str:
    """Method and host only: paths and queries may hold tokens."""
    try:
        return f"{method} {URL(url).host}"
    except ValueError:
        return method
