"""Where a submission goes: the lead that it joins, a new one, or none at all."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.connector.conversations import NEVER_BEGIN, MessageKind, Preference
from hub.core.conversations.threads import Thread, names_advertisement
from hub.core.leads.incoming import Incoming

Row = dict[str, Any]

STILL_THE_SAME_TALK = timedelta(days=7)
"""A message so soon after its lead was closed joins it: thanks, a question about what was agreed, a change of mind.
What is written later is a new interest, and somebody has to be given the lead."""


@dataclass(frozen=True, slots=True)
class Place:
    """The lead to join; without one a new lead, unless there is a ``refusal``: the reason for none."""

    lead: Row | None = None
    refusal: str | None = None


def place_of(item: Incoming, thread: Thread | None, thread_lead: Row | None, latest: Row | None) -> Place:
    """Where an item goes. ``latest`` is the open lead of its person, else the last one; ``thread_lead`` the lead of
    its thread (or of the message that it amends), if it is a piece of a conversation.

    Outside of conversations an open lead is joined, and a new one made else. Tests join nothing.
    """
    if thread is not None:
        return _place_of_piece(item, thread, thread_lead, latest)
    return Place(latest if latest is not None and _is_open(latest) and not item.submission.is_test else None)


def _place_of_piece(item: Incoming, thread: Thread, thread_lead: Row | None, latest: Row | None) -> Place:
    """A message joins the open lead of its thread, else that of its person, else a lead of its thread closed lately.

    Whatever else belongs to the thread (a recording, a transcript, an edit) joins its lead, however long that is
    closed: it tells of what happened then. What may not begin a lead joins the last one there is.
    """
    if not _is_message(item):
        if thread_lead is not None:
            return Place(thread_lead)
        if thread.is_begun:
            return Place(refusal=refusal_of(item, thread))
    for lead in (thread_lead, latest):
        if lead is not None and _is_open(lead):
            return Place(lead)
    if thread_lead is not None and _is_lately_closed(thread_lead, item.submission.submitted_at):
        return Place(thread_lead)
    if may_begin(item):
        return Place()
    last = thread_lead or latest
    return Place(last) if last is not None else Place(refusal=refusal_of(item, thread))


def may_begin(item: Incoming) -> bool:
    """Whether a piece begins a lead where nobody is known.

    A message that is nothing but a word such as stop does not. The word by which an advertisement asks to write in
    (start, yes) does, where the platform says that an advertisement led to it.
    """
    message, wish = item.submission.message, item.wish
    if message is not None and message.kind in NEVER_BEGIN:
        return False
    if wish is None or not wish.is_alone:
        return True
    campaign = item.submission.campaign
    return wish.preference is Preference.OPT_IN and campaign is not None and names_advertisement(campaign)


def refusal_of(item: Incoming, thread: Thread) -> str:
    """The reason for which a piece that may not begin a lead ends without one."""
    if thread.is_begun and not _is_message(item):
        return "lead_deleted"
    if item.wish is not None:
        return "opt_out_without_lead" if item.wish.preference is Preference.OPT_OUT else "opt_in_without_lead"
    message = item.submission.message
    if message is not None and message.kind is MessageKind.PREFERENCE:
        return "preference_without_lead"
    is_identity = message is not None and message.kind is MessageKind.IDENTITY
    return "identity_without_lead" if is_identity else "amends_nothing_known"


def _is_message(item: Incoming) -> bool:
    return item.submission.message is not None and item.submission.message.kind is MessageKind.MESSAGE


def _is_open(lead: Row) -> bool:
    return bool(lead["stage_kind"] == "open")


def _is_lately_closed(lead: Row, said_at: datetime) -> bool:
    closed_at: datetime = lead.get("closed_at") or lead["processed_at"]
    return said_at - closed_at <= STILL_THE_SAME_TALK
