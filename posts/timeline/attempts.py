"""Describe a target's attempts for people. Pure.

Each row has the outcome of one step. Whether sending again is safe also depends on the rows before it and on the
target's final state: a lost answer stays open until a look has found the post, or surely found none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_noop as _

from accounts import platforms
from accounts.platforms.base import Recovery
from accounts.platforms.errors import ErrorCode, WhoActs
from ouipost.phrases import Phrase
from posts.advice import Advice, advise
from posts.models import Attempt
from posts.timeline.entries import Cause, Entry

KEYED = {each.id for each in platforms.ALL if each.recovery == Recovery.KEY}
"""Networks that are asked by sending again: an open question stays open until they take it."""
TROUBLE_FREE = ("published", "late", "absent", "later", "still_working")
DEFINITE = ("rejected", "duplicate", "auth_expired", "processing_failed")
WORDS = {
    "sent": _("{name} has published it."),
    "taken": _("{name} has accepted it, and is processing it."),
    "found": _("{name} had published it: what was sent before has arrived."),
    "not_found": _("{name} does not show it yet. It is looked for once more before anything is sent again."),
    "unknown": _("Whether {name} has it is not known. That is found out before anything is sent again."),
    "undecided": _("Whether {name} has it could not be found out. Look at the account, then say if the post is there."),
    "postponed": _("{name} has certainly not accepted it. It will be tried again."),
    "refused": _("{name} has refused it."),
    "not_connected": _("The account is not connected any more: nothing more was sent to {name}."),
    "given_up": _("{name} has certainly not accepted it, and the time for trying is over."),
    "late_answer": _("A response from {name} came after its worker had lost the target to another worker."),
}
"""The kinds of attempts."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """A target's status after one of its runs."""

    at: datetime
    status: str


@dataclass(frozen=True, kw_only=True)
class Past:
    """The history of a target beside its attempts."""

    target_id: str
    platform: str
    fates: Sequence[Fate] = ()
    """The statuses in order of time, the present one last."""

    def fate_of(self, attempt: Attempt) -> str:
        """Return the target's status after this attempt, or empty if it was not settled then."""
        if attempt.next_at is not None:
            return ""
        return next((fate.status for fate in self.fates if fate.at >= attempt.ended_at), "")


def attempt_entries(attempts: Sequence[Attempt], past: Past) -> Iterator[Entry]:
    """Return a line for each attempt of one target, given in the order in which they ended."""
    is_open = False
    for attempt in attempts:
        if attempt.outcome == "late":
            yield _entry(attempt, past, kind="late_answer")
            continue
        is_open = _leaves_open(attempt, past, before=is_open)
        yield _entry(attempt, past, kind=_kind(attempt, is_open=is_open), is_open=is_open)
        is_open = is_open and attempt.next_at is not None  # a finished run leaves no open question


def _leaves_open(attempt: Attempt, past: Past, *, before: bool) -> bool:
    """Return whether, after this attempt, an earlier send may still have arrived."""
    match attempt.outcome, past.fate_of(attempt):
        case "published", _:
            return False
        case _, "failed" | "needs_review" as fate:
            return fate == "needs_review"
        case "unknown" | "undecidable" | "absent" | "still_working", _:
            return True
        case "duplicate", _ if attempt.next_at is not None:
            return True
    return attempt.step == "recover" or (before and past.platform in KEYED)


def _kind(attempt: Attempt, *, is_open: bool) -> str:
    match attempt.outcome:
        case "published":
            return "found" if attempt.step == "recover" else "sent"
        case "absent":
            return "not_found"
        case "still_working" if attempt.next_at is not None:
            return "taken"
        case _ if is_open:
            return "undecided" if attempt.next_at is None else "unknown"
        case _ if attempt.next_at is not None:
            return "postponed"
        case "not_connected":
            return "not_connected"
        case outcome if outcome in DEFINITE:
            return "refused"
    return "given_up"


def _entry(attempt: Attempt, past: Past, *, kind: str, is_open: bool = False) -> Entry:
    advice = _advice(attempt, kind=kind, is_open=is_open)
    is_put_off = attempt.outcome == "later"
    return Entry(
        at=attempt.ended_at,
        kind=kind,
        message=attempt.message if is_put_off else Phrase(WORDS[kind], name=platforms.NAMES[past.platform]),
        target_id=past.target_id,
        platform=past.platform,
        cause=_cause(attempt, is_open=is_open),
        who_acts=advice.who_acts if advice and not is_put_off else None,
        retry_safe=advice.retry_safe if advice else None,
        next_attempt_at=attempt.next_at,
    )


def _advice(attempt: Attempt, *, kind: str, is_open: bool) -> Advice | None:
    match kind:
        case "sent" | "found" | "late_answer":
            return None
        case "not_found" | "unknown" | "taken":
            return advise(ErrorCode.OUTCOME_UNKNOWN, who_acts=WhoActs.NETWORK)
        case "undecided":
            return advise(ErrorCode.OUTCOME_UNKNOWN)
    return advise(attempt.code, who_acts=attempt.who_acts, outcome_unknown=is_open)


def _cause(attempt: Attempt, *, is_open: bool) -> Cause | None:
    if attempt.outcome in TROUBLE_FREE:
        return None
    code = "" if is_open else attempt.code  # a refused look refuses no post
    return Cause(
        code=code or ErrorCode.OUTCOME_UNKNOWN,
        message=attempt.message,
        network_code=attempt.network_code,
        http_status=attempt.http_status,
    )
