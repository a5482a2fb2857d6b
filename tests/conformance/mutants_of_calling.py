"""Mutants that go wrong while pulling, signing in, failing, keeping secrets, or describing themselves."""

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from weakref import WeakKeyDictionary

from pydantic import BaseModel, JsonValue, SecretStr

from hub.connector.access import Access
from hub.connector.clock import Clock
from hub.connector.errors import (
    ErrorRule,
    PartAccessLostError,
    PermanentError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.connector.models import (
    Account,
    Cursor,
    Grant,
    Manifest,
    OAuthProfile,
    Page,
    Pointer,
    RawSubmission,
    SourceForm,
)
from hub.connector.oauth import ClientCredentials, Redirect
from hub.testing.faults import PlatformAnswer
from tests.conformance.mutants import Mutant
from tests.conformance.reference.connector import API, LOGIN, Reference, Settings, lead_time
from tests.conformance.reference.simulator import ReferenceSimulator

Pages = AsyncIterator[Page]


def _renumbered(page: Page, again: set[str]) -> Page:
    submissions = tuple(
        raw.model_copy(update={"source_id": f"{raw.source_id}-2"}) if raw.source_id in again else raw
        for raw in page.submissions
    )
    return page.model_copy(update={"submissions": submissions})


# --- pulling ----------------------------------------------------------------------------------------------


class ReadsOnePage(Reference):
    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        async for page in super().fetch(access, form, since):
            newest = max((lead_time(raw.body) for raw in page.submissions), default=0)
            mark = self.new_mark(access, since.mark if since else None, newest)
            yield page.model_copy(update={"cursor": Cursor(mark=mark)})
            return


class WantsAtLeastOneLead(Reference):
    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        async for page in super().fetch(access, form, since):
            assert max(lead_time(raw.body) for raw in page.submissions) >= 0
            yield page


class NeverEndsTheListing(Reference):
    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        async for page in super().fetch(access, form, since):
            restart = json.dumps({"after": "", "newest": 0})
            yield page.model_copy(
                update={"cursor": page.cursor.model_copy(update={"token": page.cursor.token or restart})}
            )


class MovesTheMarkWithEachPage(Reference):
    """Newest first: after the first page the mark has passed everything that is not read yet."""

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        newest = since.mark if since else None
        async for page in super().fetch(access, form, since):
            times = [datetime.fromtimestamp(lead_time(raw.body), UTC) for raw in page.submissions]
            newest = max([*times, *([newest] if newest else [])], default=None)
            yield Page(submissions=page.submissions, cursor=Cursor(mark=newest))


class EndsQuietly(Reference):
    """A failure behind the first page passes for the end of the list."""

    swallowed: ClassVar[type[Exception]] = RetryableError

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        last: Page | None = None
        try:
            async for page in super().fetch(access, form, since):
                last = page
                yield page
        except self.swallowed:
            if last is None:
                raise
            yield Page(submissions=(), cursor=Cursor(mark=last.cursor.mark))


class EndsQuietlyWithTheToken(EndsQuietly):
    swallowed: ClassVar[type[Exception]] = ReauthorizationNeededError


class RenumbersRepetitions(Reference):
    def __init__(self) -> None:
        self.seen: WeakKeyDictionary[Clock, set[str]] = WeakKeyDictionary()

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        seen = self.seen.setdefault(access.clock, set())
        is_second = since is not None and since.mark is not None and since.token is None
        async for page in super().fetch(access, form, since):
            yield _renumbered(page, seen) if is_second else page
            seen |= {raw.source_id or "" for raw in page.submissions}


class SkipsWhatIsOlderThanTheNewest(Reference):
    def __init__(self) -> None:
        self.newest: WeakKeyDictionary[Clock, int] = WeakKeyDictionary()

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        newest = self.newest.get(access.clock, 0) if since and since.mark else 0
        async for page in super().fetch(access, form, since):
            kept = tuple(raw for raw in page.submissions if lead_time(raw.body) >= newest)
            times = [lead_time(raw.body) for raw in kept]
            self.newest[access.clock] = max([*times, self.newest.get(access.clock, 0)])
            yield page.model_copy(update={"submissions": kept})


class AsksForLaterThanTheMark(Reference):
    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        later = since.mark + timedelta(seconds=1) if since and since.mark else None
        asked = since.model_copy(update={"mark": later}) if since else None
        async for page in super().fetch(access, form, asked):
            is_old = page.cursor.mark == later
            yield (
                page.model_copy(update={"cursor": page.cursor.model_copy(update={"mark": since.mark})})
                if (is_old and since)
                else page
            )


class MarksTheHeadOfTheList(Reference):
    """The mark is the newest lead that the source has at the end, read or not."""

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        async for page in super().fetch(access, form, since):
            if page.cursor.token is not None:
                yield page
                continue
            head, _ = await self.page(access, f"{API}/forms/{form.id}/leads", {"after": ""}, "leads")
            newest = max((lead_time(item) for item in head), default=0)
            yield page.model_copy(update={"cursor": Cursor(mark=self.new_mark(access, page.cursor.mark, newest))})


class MarksNow(Reference):
    def new_mark(self, access: Access, mark: datetime | None, newest: int) -> datetime | None:
        return access.clock.now() if newest else mark


class NeverMovesTheMark(Reference):
    def new_mark(self, access: Access, mark: datetime | None, newest: int) -> datetime | None:
        return mark


class ReadsTheWholePast(Reference):
    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        mark = since.mark if since else None
        whole = since.model_copy(update={"mark": None}) if since else None
        async for page in super().fetch(access, form, whole):
            found = max((each for each in (mark, page.cursor.mark) if each), default=None)
            yield page.model_copy(update={"cursor": page.cursor.model_copy(update={"mark": found})})


class ReadsEveryForm(Reference):
    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        for other in await self.list_forms(access):
            if other.id != form.id:
                async for page in super().fetch(access, other, None):
                    yield page.model_copy(update={"cursor": since or Cursor()})
        async for page in super().fetch(access, form, since):
            yield page


# --- accounts and signing in ------------------------------------------------------------------------------


class CallsEveryAccountMe(Reference):
    async def identify(self, access: Access) -> Account:
        return (await super().identify(access)).model_copy(update={"id": "me"})


class MissesNothing(Reference):
    async def identify(self, access: Access) -> Account:
        return (await super().identify(access)).model_copy(update={"missing_rights": ()})


class BringsItsOwnState(Reference):
    oauth: ClassVar[OAuthProfile] = Reference.oauth.model_copy(
        update={"authorize_url": f"{LOGIN}/authorize?state=fixed"}
    )


class GoesWithoutPkce(Reference):
    oauth: ClassVar[OAuthProfile] = Reference.oauth.model_copy(update={"pkce": False})


class ForgetsTheScopes(Reference):
    async def exchange(self, code: SecretStr, redirect: Redirect, access: Access) -> Grant:
        return (await super().exchange(code, redirect, access)).model_copy(update={"scopes": ()})


class ForgetsTheExpiry(Reference):
    async def exchange(self, code: SecretStr, redirect: Redirect, access: Access) -> Grant:
        return (await super().exchange(code, redirect, access)).model_copy(update={"expires_at": None})


class KeepsTheOldToken(Reference):
    async def renew(self, grant: Grant, access: Access) -> Grant:
        fresh = await super().renew(grant, access)
        return fresh.model_copy(update={"access_token": grant.access_token, "expires_at": grant.expires_at})


class ForgetsTheRenewedExpiry(Reference):
    async def renew(self, grant: Grant, access: Access) -> Grant:
        return (await super().renew(grant, access)).model_copy(update={"expires_at": None})


class KeepsTheOldRefreshToken(Reference):
    async def renew(self, grant: Grant, access: Access) -> Grant:
        return (await super().renew(grant, access)).model_copy(update={"refresh_token": grant.refresh_token})


class NeverGivesBack(Reference):
    async def revoke(self, grant: Grant, access: Access) -> None:
        return


# --- errors -----------------------------------------------------------------------------------------------


class GivesUpOnServerErrors(Reference):
    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        try:
            return await super().list_forms(access)
        except RetryableError as error:
            if error.code == "platform_error":
                raise PermanentError(error.user_message) from None
            raise


class ForgetsTheWait(Reference):
    error_rules: ClassVar[tuple[ErrorRule, ...]] = tuple(
        replace(each, retry_after=None) for each in Reference.error_rules
    )


class TakesSilenceForNothing(Reference):
    code: ClassVar[str] = "timeout"

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        try:
            return await super().list_forms(access)
        except RetryableError as error:
            if error.code == self.code:
                return ()
            raise


class TakesGarbageForNothing(TakesSilenceForNothing):
    code: ClassVar[str] = "garbage"


class GivesUpOnALostGrant(Reference):
    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        try:
            return await super().list_forms(access)
        except ReauthorizationNeededError as error:
            raise PermanentError(error.user_message) from None


class TriesDeadGrantsForEver(Reference):
    async def renew(self, grant: Grant, access: Access) -> Grant:
        try:
            return await super().renew(grant, access)
        except ReauthorizationNeededError as error:
            raise RetryableError(error.user_message) from None


class BlamesTheAdminForTheApp(Reference):
    async def exchange(self, code: SecretStr, redirect: Redirect, access: Access) -> Grant:
        try:
            return await super().exchange(code, redirect, access)
        except PermanentError as error:
            raise ReauthorizationNeededError(error.user_message) from None


class TakesAnOutageForARevocation(Reference):
    async def renew(self, grant: Grant, access: Access) -> Grant:
        try:
            return await super().renew(grant, access)
        except RetryableError as error:
            raise ReauthorizationNeededError(error.user_message) from None


class HasARuleThatNothingReaches(Reference):
    error_rules: ClassVar[tuple[ErrorRule, ...]] = (
        *Reference.error_rules,
        replace(Reference.error_rules[0], name="shadowed", user_message="Slow down, please."),
    )


class ShadowedSimulator(ReferenceSimulator):
    def error_answers(self) -> Mapping[str, PlatformAnswer]:
        known = super().error_answers()
        return {**known, "shadowed": known["slow_down"]}


class FallsOverStrangeAnswers(Reference):
    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        body = (await access.get(f"{API}/forms", params={"after": ""})).body
        assert isinstance(body, dict)
        return await super().list_forms(access)


# --- secrets ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenCredentials(ClientCredentials):
    def __repr__(self) -> str:
        return f"{self.client_id}:{self.client_secret.get_secret_value() if self.client_secret else ''}"


class PrintsItsCredentials(Reference):
    def credentials(self, settings: BaseModel) -> ClientCredentials:
        found = super().credentials(settings)
        return OpenCredentials(found.client_id, found.client_secret)


class TellsTheTokenInErrors(Reference):
    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        try:
            return await super().list_forms(access)
        except RetryableError as error:
            error.detail += f" with {access.token().get_secret_value()}"
            raise


class LogsTheToken(Reference):
    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        logging.getLogger("mutant").debug("listing forms with %s", access.token().get_secret_value())
        return await super().list_forms(access)


class KeepsTheTokenInTheCursor(Reference):
    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        async for page in super().fetch(access, form, since):
            if page.cursor.token is None:
                yield page
                continue
            longer = {**json.loads(page.cursor.token), "with": access.token().get_secret_value()}
            yield page.model_copy(update={"cursor": page.cursor.model_copy(update={"token": json.dumps(longer)})})


# --- what it says about itself ----------------------------------------------------------------------------


def _described(**changes: object) -> type[Reference]:
    manifest = Reference.manifest.model_copy(update=changes)
    return type("Described", (Reference,), {"manifest": manifest})


class Untitled(Settings):
    nickname: str = ""


class UntitledSimulator(ReferenceSimulator):
    def settings(self) -> Settings:
        return Untitled(**dict(super().settings()))


# --- parts ------------------------------------------------------------------------------------------------


class TakesAPartForTheWhole(Reference):
    """One closed part and nobody's leads come any more."""

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> Pages:
        try:
            async for page in super().fetch(access, form, since):
                yield page
        except PartAccessLostError as error:
            raise ReauthorizationNeededError(error.user_message) from None


class TakesALeadOfAPartForTheWhole(Reference):
    async def resolve(self, access: Access, pointer: Pointer) -> RawSubmission:
        try:
            return await super().resolve(access, pointer)
        except PartAccessLostError as error:
            raise ReauthorizationNeededError(error.user_message) from None


class ListsNothingForAClosedPart(Reference):
    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        found = await super().list_forms(access)
        return () if access.skipped_parts else found


class CannotCheckAClosedPart(Reference):
    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        return await super().is_subscribed(access, callback_url) and not access.skipped_parts


class TakesTheWholeForAPart(Reference):
    """Nobody is asked to sign in: each part looks dead by itself."""

    async def of_part(self, access: Access, url: str, part_id: str | None, params: Mapping[str, str]) -> JsonValue:
        try:
            return await super().of_part(access, url, part_id, params)
        except ReauthorizationNeededError as error:
            if part_id is None or error.code == "forbidden":
                raise
            raise self.closed(part_id) from None


MANIFEST: Manifest = Reference.manifest

MUTANTS = (
    Mutant("all_pages_are_read", ReadsOnePage, rows=("L-04",)),
    Mutant("form_without_leads_is_fine", WantsAtLeastOneLead),
    Mutant("last_page_ends_the_listing", NeverEndsTheListing),
    Mutant("resume_after_a_crash_loses_nothing", MovesTheMarkWithEachPage, rows=("L-03",)),
    Mutant("failure_in_mid_listing_is_raised", EndsQuietly, rows=("L-03",)),
    Mutant("expiry_in_mid_listing_is_raised", EndsQuietlyWithTheToken),
    Mutant("overlap_repeats_the_same_ids", RenumbersRepetitions),
    Mutant("late_arrivals_are_found", SkipsWhatIsOlderThanTheNewest),
    Mutant("mark_is_inclusive", AsksForLaterThanTheMark),
    Mutant("leads_during_paging_are_not_skipped", MarksTheHeadOfTheList, rows=("L-03",)),
    Mutant("mark_is_the_sources_time", MarksNow, rows=("L-03",)),
    Mutant("mark_moves_forward", NeverMovesTheMark),
    Mutant("old_leads_are_not_read_again", ReadsTheWholePast),
    Mutant("only_the_asked_form_is_read", ReadsEveryForm),
    Mutant("account_is_identified", CallsEveryAccountMe),
    Mutant("withheld_rights_are_named", MissesNothing),
    Mutant("sign_in_carries_state", BringsItsOwnState),
    Mutant("sign_in_carries_a_challenge", GoesWithoutPkce),
    Mutant("code_becomes_a_grant", ForgetsTheScopes),
    Mutant("expiry_is_read", ForgetsTheExpiry),
    Mutant("renewal_gives_a_fresh_token", KeepsTheOldToken),
    Mutant("expiry_is_read_after_renewal", ForgetsTheRenewedExpiry),
    Mutant("refresh_token_is_kept_or_replaced", KeepsTheOldRefreshToken),
    Mutant("revocation_reaches_the_source", NeverGivesBack),
    Mutant("server_errors_are_retryable", GivesUpOnServerErrors),
    Mutant("throttling_is_a_rate_limit", ForgetsTheWait),
    Mutant("silence_is_retryable", TakesSilenceForNothing),
    Mutant("garbage_is_retryable", TakesGarbageForNothing),
    Mutant("lost_grant_needs_a_sign_in", GivesUpOnALostGrant),
    Mutant("lost_grant_needs_a_sign_in", TakesTheWholeForAPart),
    Mutant("lost_part_is_named_by_a_listing", TakesAPartForTheWhole),
    Mutant("lost_part_is_named_by_a_pointer", TakesALeadOfAPartForTheWhole),
    Mutant("lost_part_is_skipped_when_forms_are_listed", ListsNothingForAClosedPart),
    Mutant("lost_part_is_skipped_when_deliveries_are_checked", CannotCheckAClosedPart),
    Mutant("dead_grant_cannot_be_renewed", TriesDeadGrantsForEver),
    Mutant("refused_client_is_permanent", BlamesTheAdminForTheApp),
    Mutant("trouble_at_the_token_endpoint_is_retryable", TakesAnOutageForARevocation),
    Mutant("every_error_rule_is_hit", HasARuleThatNothingReaches, ShadowedSimulator),
    Mutant("answers_of_another_shape_are_named", FallsOverStrangeAnswers),
    Mutant("no_secret_in_a_repr", PrintsItsCredentials),
    Mutant("no_secret_in_an_error", TellsTheTokenInErrors),
    Mutant("no_secret_in_a_log", LogsTheToken),
    Mutant("no_secret_in_what_is_kept", KeepsTheTokenInTheCursor),
    Mutant("key_is_the_folder", folder_name="another_name"),
    Mutant("key_is_the_entry_point", _described(key="reference_two"), folder_name="reference_two"),
    Mutant("contract_version_is_known", _described(contract=2)),
    Mutant("readme_says_how_to_connect", change_folder={"README.md": "# Reference\n"}),
    Mutant("every_scope_is_explained", _described(access_review=MANIFEST.access_review[:1])),
    Mutant("hosts_are_origins", _described(hosts=(*MANIFEST.hosts, f"{API}/v1"))),
    Mutant("settings_fit_the_model", _described(settings=Untitled), UntitledSimulator),
    Mutant("polling_defaults_are_usable", _described(overlap=timedelta(0))),
    Mutant("imports_only_the_contract", change_folder={"connector.py": "\nimport urllib.request\n"}),
    Mutant(
        "never_asks_the_machine_for_the_time",
        change_folder={"connector.py": "\ndef newest() -> datetime:\n    return datetime.now(UTC)\n"},
    ),
    Mutant("exemptions_have_a_reason", exempt={"mark_is_inclusive": ""}),
)
