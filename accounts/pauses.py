"""An operator's pauses: the accounts that they hold up, and for how long."""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache

from django.db.models import Q, QuerySet

from accounts.models import Pause, PauseScope, SocialAccount
from accounts.platforms import NAMES
from ouipost.db.prepared import fetch
from ouipost.phrases import Phrase, joined

logger = logging.getLogger(__name__)

Span = tuple[datetime, datetime]


def in_force() -> list[Pause]:
    """Return the pauses in force, the oldest first."""
    return sorted(_known(fetch(_in_force)), key=_begun)


def of_all() -> Pause | None:
    """Return the pause of everything; None if there is none."""
    return _of_all(in_force())


def _of_all(pauses: Iterable[Pause]) -> Pause | None:
    return next((each for each in pauses if each.scope == PauseScope.ALL), None)


def is_after_restore() -> bool:
    """Whether everything is paused because the database is a restored copy, which lacks later changes."""
    return tell_of_restore(in_force())


def tell_of_restore(pauses: Iterable[Pause]) -> bool:
    """Whether one of these pauses is of everything, because the database is a restored copy."""
    paused = _of_all(pauses)
    return paused is not None and paused.is_after_restore


def _in_force() -> QuerySet[Pause]:
    return Pause.objects.in_force().order_by()


def after(moment: datetime) -> list[Pause]:
    """Return the pauses that were in force at any time after this, including those that still are."""
    return _known(Pause.objects.after(moment).order_by())


def _known(pauses: Iterable[Pause]) -> list[Pause]:
    """Leave out pauses of a scope that this version does not know, since it cannot apply them; they are logged once."""
    found = list(pauses)
    for each in found:
        if each.scope not in PauseScope.values:
            _log_unknown(each.pk, each.scope)
    return [each for each in found if each.scope in PauseScope.values]


@cache
def _log_unknown(pk: str, scope: str) -> None:
    logger.error("%s holds up nothing: this version does not know its scope, %r", pk, scope)


def _begun(pause: Pause) -> tuple[datetime, str]:
    return pause.paused_at, pause.pk


def holding(pauses: Iterable[Pause], account_id: str, platform: str, workspace_id: str) -> Pause | None:
    """Return the first of these pauses that holds up posts to this account."""
    return next(iter(all_holding(pauses, account_id, platform, workspace_id)), None)


def all_holding(pauses: Iterable[Pause], account_id: str, platform: str, workspace_id: str) -> list[Pause]:
    """Return the pauses among these that hold up posts to this account."""
    return [each for each in pauses if each.covers(account_id, platform, workspace_id)]


def rows_held_up(pauses: Iterable[Pause]) -> Q:
    """Match rows with an account and a platform that one of these pauses holds up."""
    paused: dict[str, list[str]] = {scope: [] for scope in PauseScope.values}
    for each in pauses:
        paused[each.scope].append(each.subject_id)
    if paused[PauseScope.ALL]:
        return ~Q(pk__in=[])
    return (
        Q(platform__in=paused[PauseScope.NETWORK])
        | Q(account__in=paused[PauseScope.ACCOUNT])
        | Q(account__in=SocialAccount.objects.filter(workspace__in=paused[PauseScope.WORKSPACE]))
    )


def time_paused(
    pauses: Collection[Pause], *, since: datetime, until: datetime, besides: Collection[Span] = ()
) -> timedelta:
    """Return for how long, within this time, at least one of the pauses was in force, or one of the other spans ran."""
    total, counted_to = timedelta(0), since
    spans = [(each.paused_at, each.resumed_at or until) for each in pauses]
    for first, last in sorted([*spans, *besides]):
        begun, ended = max(first, counted_to), min(last, until)
        if ended > begun:
            total, counted_to = total + (ended - begun), ended
    return total


def describe(pause: Pause) -> str:
    """Describe a pause and its reason, for a page that shows the paused workspace or account itself."""
    what = {
        PauseScope.WORKSPACE: Phrase("all publishing of this workspace"),
        PauseScope.ACCOUNT: Phrase("all publishing to this account"),
    }
    return _describe(pause, what.get(PauseScope(pause.scope)) or _named(pause))


def describe_all(found: Sequence[Pause]) -> str:
    """Describe several pauses with their reasons, one after the other."""
    return joined([describe(each) for each in found], " ")


def describe_with_id(pause: Pause) -> str:
    """Describe a pause and its reason, with the id of the paused workspace or account."""
    return _describe(pause, _named(pause))


def _named(pause: Pause) -> str:
    match pause.scope:
        case PauseScope.ALL:
            return Phrase("all publishing")
        case PauseScope.NETWORK:
            return Phrase("all publishing to {network}", network=NAMES[pause.subject_id])
        case _:
            return Phrase("all publishing of {id}", id=pause.subject_id)


def _describe(pause: Pause, what: str) -> str:
    return Phrase("The operator has paused {what}: {noted}", what=what, noted=f"{pause.reason.rstrip('.')}.")


def left_alone(pauses: Sequence[Pause]) -> tuple[list[str], list[str]]:
    """Return the networks and accounts that are paused themselves, to which calls that can wait are not made."""
    networks = [each.subject_id for each in pauses if each.scope == PauseScope.NETWORK]
    return networks, [each.subject_id for each in pauses if each.scope == PauseScope.ACCOUNT]
