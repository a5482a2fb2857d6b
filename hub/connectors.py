"""The registry of connectors: finds them by entry point, checks them, and lists them.

Built-in connectors and those of third parties arrive the same way: a distribution names a module under the
entry-point group ``hub.connectors``, the module hands over its connector in the ``hub_connectors`` hook.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from urllib.parse import urlsplit

import pluggy

from hub.connector import hookspecs
from hub.connector.base import Authorizes, Connector, HostsForms, Polls, Receives
from hub.connector.models import Manifest, OAuthProfile

ENTRY_POINT_GROUP = "hub.connectors"
SUPPORTED_CONTRACTS = frozenset({1})


class ConnectorRegistrationError(Exception):
    """A connector that cannot be used. The text names the distribution, the problem and the way out."""


class UnknownConnectorError(LookupError):
    """There is no connector of this key."""


@dataclass(frozen=True)
class Origin:
    """Where a connector comes from, so that another process can make it too.

    ``value`` is that of the entry point (``acme.connector``) or names the class (``acme.connector:Acme``);
    ``distribution`` is what was installed, None for a connector that a program brought itself.
    """

    value: str
    distribution: str | None

    def load(self, key: str) -> Connector:
        """Import and make the connector. Raises whatever its module raises, and ``UnknownConnectorError``."""
        loaded = EntryPoint(key, self.value, ENTRY_POINT_GROUP).load()
        if isinstance(loaded, type) and issubclass(loaded, Connector):
            return loaded()
        manager = _new_manager()
        manager.register(loaded)
        connectors: list[Connector] = [each for handed in manager.hook.hub_connectors() for each in handed]
        for connector in connectors:
            if connector.manifest.key == key:
                return connector
        raise UnknownConnectorError(f"{self.value} hands over no connector {key!r}.")


class Registry:
    """The connectors of this process, by key. Made once, at start."""

    def __init__(self, connectors: Iterable[Connector], origins: Mapping[str, Origin] | None = None) -> None:
        self._by_key: dict[str, Connector] = {}
        self._origins = dict(origins or {})
        for connector in connectors:
            self._add(connector)
        hosting = [each.manifest.key for each in self.all() if isinstance(each, HostsForms)]
        if len(hosting) > 1:
            raise ConnectorRegistrationError(
                f"The connectors {' and '.join(hosting)} both host the hub's own forms; remove all but one of them."
            )

    @classmethod
    def from_entry_points(cls) -> "Registry":
        """All installed connectors. Raises ``ConnectorRegistrationError`` for one that cannot be used."""
        found = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda each: each.name)
        origins = {each.name: Origin(each.value, each.dist.name if each.dist else "unknown") for each in found}
        return cls(_handed_over(found), origins)

    @classmethod
    def from_connectors(cls, connectors: Iterable[Connector]) -> "Registry":
        """Exactly these, checked in the same way; for tests and for programs that bring their own."""
        return cls(connectors)

    def get(self, key: str) -> Connector:
        """The connector of this key. Raises ``UnknownConnectorError``."""
        if key not in self._by_key:
            known = ", ".join(sorted(self._by_key)) or "none"
            raise UnknownConnectorError(f"There is no connector {key!r}. Installed: {known}.")
        return self._by_key[key]

    def origin(self, key: str) -> Origin:
        """Where the connector of this key comes from. Raises ``UnknownConnectorError``."""
        kind = type(self.get(key))
        return self._origins.get(key) or Origin(f"{kind.__module__}:{kind.__qualname__}", None)

    def all(self) -> tuple[Connector, ...]:
        """Every connector, in the order of their keys."""
        return tuple(self._by_key[key] for key in sorted(self._by_key))

    def hosting_forms(self) -> HostsForms | None:
        """The connector for the hub's own published forms, if one is installed."""
        return next((each for each in self.all() if isinstance(each, HostsForms)), None)

    def __iter__(self) -> Iterator[Connector]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self._by_key)

    def _add(self, connector: Connector) -> None:
        problem = next(_problems(connector), None)
        if problem is not None:
            raise ConnectorRegistrationError(f"{_name_of(connector)}: {problem}")
        key = connector.manifest.key
        if key in self._by_key:
            raise ConnectorRegistrationError(
                f"{_name_of(connector)} and {_name_of(self._by_key[key])} both have the key {key!r}; "
                "uninstall one of their distributions."
            )
        self._by_key[key] = connector


@dataclass(frozen=True)
class _Source:
    """Where a plugin module came from, for error texts."""

    entry_point: EntryPoint

    def error(self, problem: str) -> ConnectorRegistrationError:
        found = self.entry_point
        distribution = f"{found.dist.name} {found.dist.version}" if found.dist else "an unknown distribution"
        return ConnectorRegistrationError(
            f"{distribution}, entry point {found.name!r} = {found.value!r}: {problem}. "
            "Correct that distribution, or uninstall it."
        )


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("hub")
    manager.add_hookspecs(hookspecs)
    return manager


def _handed_over(found: Iterable[EntryPoint]) -> Iterator[Connector]:
    manager = _new_manager()
    sources: dict[str, _Source] = {}
    for entry_point in found:
        source = _Source(entry_point)
        if entry_point.name in sources:
            other = sources[entry_point.name].entry_point
            raise source.error(f"the name is taken by {other.dist.name if other.dist else other.value}")
        sources[entry_point.name] = source
        _register(manager, source)
    for name, source in sources.items():
        others = [plugin for other, plugin in manager.list_name_plugin() if other != name]
        yield from _connectors_of(manager.subset_hook_caller("hub_connectors", remove_plugins=others), source)


def _register(manager: pluggy.PluginManager, source: _Source) -> None:
    try:
        module = source.entry_point.load()
    except (Exception, SystemExit) as error:
        raise source.error(f"its module cannot be imported ({type(error).__name__}: {error})") from error
    try:
        manager.register(module, name=source.entry_point.name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        raise source.error(f"its hooks are wrong ({error}); the one hook is hub_connectors()") from error


def _connectors_of(hook: pluggy.HookCaller, source: _Source) -> list[Connector]:
    try:
        connectors = [each for handed in hook() for each in handed]
    except (Exception, SystemExit) as error:
        raise source.error(f"hub_connectors() raised {type(error).__name__}: {error}") from error
    if not connectors:
        raise source.error("it hands over no connector; mark a function hub_connectors with hookimpl and return one")
    for connector in connectors:
        problem = next(_problems(connector), None)
        if problem is not None:
            raise source.error(f"{_name_of(connector)}: {problem}")
        if connector.manifest.key != source.entry_point.name:
            raise source.error(f"the manifest's key is {connector.manifest.key!r}; key and entry point must be equal")
    return connectors


def _problems(connector: object) -> Iterator[str]:
    if isinstance(connector, type) and issubclass(connector, Connector):
        yield f"a class was handed over; hand over an instance, {connector.__name__}()"
        return
    if not isinstance(connector, Connector):
        yield "not a connector; derive its class from hub.connector.base.Connector"
        return
    manifest = getattr(connector, "manifest", None)
    if not isinstance(manifest, Manifest):
        yield "its class has no manifest"
        return
    if manifest.contract not in SUPPORTED_CONTRACTS:
        known = ", ".join(map(str, sorted(SUPPORTED_CONTRACTS)))
        yield f"it is written for contract {manifest.contract}; this hub knows {known}"
    if not isinstance(connector, Polls | Receives):
        yield "no submission can come from it; it must be Polls, Receives or both"
    names = [rule.name for rule in connector.error_rules]
    if len(set(names)) != len(names):
        yield "two of its error rules have the same name"
    if isinstance(connector, Authorizes):
        yield from _sign_in_problems(connector, manifest)


def _sign_in_problems(connector: Authorizes, manifest: Manifest) -> Iterator[str]:
    profile = getattr(connector, "oauth", None)
    if not isinstance(profile, OAuthProfile):
        yield "it is Authorizes, but its class has no oauth profile"
        return
    if manifest.settings is None:
        yield "it is Authorizes, but its manifest names no settings model for the app credentials"
    if type(connector).identify is Connector.identify:  # type: ignore[attr-defined]  # it is a Connector as well
        yield "it is Authorizes, but does not override identify(); the hub must know whom a grant reaches"
    parts = urlsplit(profile.token_url)
    if "{" not in parts.netloc and f"{parts.scheme}://{parts.netloc}" not in manifest.hosts:
        yield f"its manifest's hosts lack {parts.scheme}://{parts.netloc}, the address of its token endpoint"


def _name_of(connector: object) -> str:
    kind = connector if isinstance(connector, type) else type(connector)
    return f"{kind.__module__}.{kind.__qualname__}"
