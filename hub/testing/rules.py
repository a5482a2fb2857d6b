"""What a rule of the conformance kit is, and for which connectors it speaks.

A rule is a plain method called ``test_<rule>`` whose docstring states it. Rules for capabilities that a
connector or its source lacks are taken away from the class when it is defined, so that pytest does not
collect them and the command lists them as not applicable.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from unittest import SkipTest

from hub.connector.base import Authorizes, Connector, HostsForms, Polls, Receives, ReportsConversions, Sends, Subscribes
from hub.connector.delivery import DeliveryStatus
from hub.connector.models import NoticeKind, Renewal
from hub.testing.clock import VirtualClock
from hub.testing.simulator import Simulator

KitT = TypeVar("KitT", bound="Rules")
Body = Callable[[KitT], Awaitable[None] | None]
PREFIX = "test_"


class RuleBrokenError(AssertionError):
    """The connector does not keep a rule; the text says what was expected and what came."""


def require(is_kept: bool, problem: str) -> None:
    """Raise ``RuleBrokenError`` with the problem unless the condition holds (in optimised runs too)."""
    if not is_kept:
        raise RuleBrokenError(problem)


@dataclass(frozen=True)
class Need:
    """What a rule needs from the connector or its source, and how to say that it is not there."""

    lacking: str
    is_met: Callable[["type[Rules]", Simulator], bool]


POLLS = Need("the connector does not poll", lambda kit, source: _polls(kit.connector, source))
RECEIVES = Need("the connector receives nothing", lambda kit, _: isinstance(kit.connector, Receives))
SIGNED = Need(
    "the source does not sign its deliveries",
    lambda kit, _: isinstance(kit.connector, Receives) and not isinstance(kit.connector, HostsForms),
)
SUBSCRIBES = Need("the connector does not subscribe", lambda kit, _: isinstance(kit.connector, Subscribes))
REPORTS = Need(
    "the source is told nothing about its leads", lambda kit, _: isinstance(kit.connector, ReportsConversions)
)
WINDOW = Need("reports are taken for ever", lambda kit, _: _has_window(kit.connector))
SENDS = Need(
    "nothing can be sent through the connector",
    lambda kit, source: isinstance(kit.connector, Sends) and bool(source.channels),
)
KNOWS_MESSAGE_IDS = Need("the source knows no ids of ours", lambda _, source: source.knows_message_ids)
KNOWS_OPT_OUTS = Need("the source tells of no opt-outs", lambda _, source: source.knows_opt_outs)
TELLS_DELIVERY = Need("the source tells nothing of sent messages", lambda _, source: _tells_delivery(source))
AUTHORIZES = Need("there is no sign-in", lambda kit, _: isinstance(kit.connector, Authorizes))
CALLS = Need(
    "the connector calls no platform",
    lambda kit, source: isinstance(kit.connector, Polls | Authorizes | Subscribes | Sends) and bool(source.origins),
)
LISTS_FORMS = Need(
    "the connector lists no forms",
    lambda kit, source: type(kit.connector).list_forms is not Connector.list_forms and source.lists_forms,
)
RESOLVES = Need("deliveries are whole", lambda kit, _: _overrides(kit.connector, "resolve", Receives))
REVOKES = Need("the source has no revocation", lambda kit, _: _can_revoke(kit.connector))
RENEWS = Need("grants are not renewed by the hub", lambda kit, _: _renewal(kit) not in (None, Renewal.BY_ADMIN))
REFRESHES = Need("there is no refresh token", lambda kit, _: _renewal(kit) is Renewal.REFRESH_TOKEN)
ERROR_RULES = Need("the connector has no error rules", lambda kit, _: bool(kit.connector.error_rules))
SETTINGS = Need("the connector has no settings", lambda kit, _: kit.connector.manifest.settings is not None)
PARTS = Need("the account has no parts that can be lost alone", lambda _, source: len(source.part_ids()) > 1)
PKCE = Need("the source has no PKCE", lambda _, source: source.supports_pkce)
FREE_QUESTIONS = Need("the source has no free questions", lambda _, source: source.has_free_questions)
MULTIPLE_CHOICE = Need("the source has no multiple choice", lambda _, source: source.has_multiple_choice)
TEST_LEADS = Need("the source marks no test leads", lambda _, source: source.has_test_leads)
TELLS_TIME = Need("the source does not say when a person submitted", lambda _, source: source.tells_time)
LISTS_TIME = Need("the source's list says no times", lambda _, source: source.lists_time)
SIGNS_BODY = Need("the source does not sign bodies", lambda _, source: source.signs_body)
SIGNS_TIME = Need("the source signs no time", lambda _, source: source.signs_time)
SIGNS_HEADERS = Need("the source signs in the body", lambda _, source: bool(source.signature_headers))
ROTATES = Need("the source knows one secret at a time", lambda _, source: source.previous_webhook_secret is not None)
WITHHOLDS = Need("consent is all or nothing", lambda _, source: source.withholds_scopes)
BATCHES = Need("the source does not batch", lambda _, source: _batches(source))
UNREADABLE_ELEMENTS = Need("the source does not batch", lambda _, source: _can_send_unreadable(source))
UNKNOWN_EVENTS = Need("the source sends only submissions", lambda _, source: source.unknown_event() is not None)
CHALLENGES = Need("the source makes no handshake", lambda _, source: source.challenge() is not None)
TELLS_REVOCATION = Need(
    "the source does not tell of withdrawn grants", lambda _, source: _tells(source, NoticeKind.GRANT_REVOKED)
)
TELLS_ERASURE = Need("the source asks for no erasure", lambda _, source: _tells(source, NoticeKind.ERASURE_REQUESTED))


def rule(*needs: Need) -> Callable[[Body[KitT]], Callable[[KitT], None]]:
    """Make a method a rule. A coroutine method gets an event loop of its own, so the rule itself is plain."""

    def make(body: Body[KitT]) -> Callable[[KitT], None]:
        @functools.wraps(body)
        def check(self: KitT) -> None:
            reason = self.exempt.get(body.__name__.removeprefix(PREFIX))
            if reason:
                raise SkipTest(f"exempt: {reason}")
            found = body(self)
            if inspect.iscoroutine(found):
                asyncio.run(found)

        # A wrapper of a coroutine function must not look like one, or pytest plugins would run it as such.
        del check.__wrapped__
        check.needs = needs  # type: ignore[attr-defined]
        return check

    return make


class Rules:
    """Base of the rule groups. See ``hub.testing.conformance`` for what a connector author writes."""

    connector: ClassVar[Connector]
    simulator: ClassVar[type[Simulator]]
    fixtures: ClassVar[Path]
    exempt: ClassVar[Mapping[str, str]] = {}
    not_applicable: ClassVar[Mapping[str, str]] = {}
    """Rule name to the reason why it does not speak about this connector; filled when the class is defined."""

    @property
    def folder(self) -> Path:
        """The plugin's folder."""
        return Path(inspect.getfile(type(self.connector))).parent

    @property
    def package(self) -> str:
        """The plugin's import package."""
        return type(self.connector).__module__.rpartition(".")[0] or type(self.connector).__module__


def rule_names(kit: type[Rules]) -> tuple[str, ...]:
    """Every rule of the kit by name without ``test_``, in the order in which they are written."""
    names = {name: None for base in kit.__mro__ for name in vars(base) if hasattr(_rule(base, name), "needs")}
    return tuple(name.removeprefix(PREFIX) for name in names)


def lacking(kit: type[Rules]) -> dict[str, str]:
    """The rules that do not speak about this connector, with the reason."""
    source = kit.simulator(VirtualClock())
    found = {}
    for name in rule_names(kit):
        needs: tuple[Need, ...] = next(
            _rule(base, PREFIX + name).needs for base in kit.__mro__ if _rule(base, PREFIX + name) is not None
        )
        missing = next((each for each in needs if not each.is_met(kit, source)), None)
        if missing is not None:
            found[name] = missing.lacking
    return found


def _rule(kit: type, name: str) -> Any:
    return vars(kit).get(name)


def _polls(connector: Connector, source: Simulator) -> bool:
    settings = source.settings()
    return isinstance(connector, Polls) and (settings is None or connector.lists(settings))


def _overrides(connector: Connector, method: str, base: type) -> bool:
    return isinstance(connector, base) and getattr(type(connector), method) is not getattr(base, method)


def _tells_delivery(source: Simulator) -> bool:
    return any(source.delivery_report("any", status) is not None for status in DeliveryStatus)


def _has_window(connector: Connector) -> bool:
    if not isinstance(connector, ReportsConversions):
        return False
    return bool(connector.conversions.event_window or connector.conversions.lead_window)


def _can_revoke(connector: Connector) -> bool:
    if not isinstance(connector, Authorizes):
        return False
    return connector.oauth.revoke_url is not None or type(connector).revoke is not Authorizes.revoke


def _renewal(kit: type[Rules]) -> Renewal | None:
    return kit.connector.oauth.renewal if isinstance(kit.connector, Authorizes) else None


def _tells(source: Simulator, kind: NoticeKind) -> bool:
    return source.notice_request(kind) is not None


def _batches(source: Simulator) -> bool:
    form_id = source.add_form("Kit form")
    ids = [source.add_submission(form_id, source.sample_answers(number)) for number in (1, 2)]
    try:
        return len(source.delivery(ids)) == 1
    except NotImplementedError:
        return False


def _can_send_unreadable(source: Simulator) -> bool:
    form_id = source.add_form("Kit form")
    ids = [source.add_submission(form_id, source.sample_answers(number)) for number in (1, 2)]
    return source.unreadable_delivery(ids) is not None
