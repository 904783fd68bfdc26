"""Read claimed targets, keep their handles, and arm their visible calls: many at once, each under its own fence."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts import pacing, pauses
from accounts.models import Pause, SocialAccount
from accounts.platforms.base import Recovery
from accounts.platforms.shapes import Handles, Media
from ouipost import claims
from ouipost.claims import Claim, engine_time
from ouipost.db.rows import update_each
from posts.lateness import LEASE_SECONDS
from posts.media import files
from posts.models import Target
from posts.publishing.outcomes import recovery_time
from workspaces.models import Workspace

logger = logging.getLogger(__name__)

NEEDED = (
    *("platform", "outcome_unknown", "sends", "absences", "give_up_at", "error", "handles", "sent_text", "armed_at"),
    *("parts", "attempts", "scheduled_at", "sent_at", "forgotten_fence", "remote_id"),
    *("post__content", "post__title", "post__link", "post__hashtags", "post__platform_content", "post__workspace"),
    *("account__workspace", "account__platform", "account__remote_id", "account__username", "account__name"),
    *("account__settings", "account__metadata", "account__status", "account__access_token", "account__refresh_token"),
    *("account__access_expires_at", "account__paced_at"),
    "waits_for",
)
"""The columns read of a target, its post and its account; these have many more."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A claimed target, which nobody can edit until it is settled."""

    target: Target
    media: list[Media]
    at: datetime
    is_paused: bool = False
    """True if a pause forbids new sends; looked up only for targets in doubt."""
    is_restored: bool = False
    """True if that pause is because the database is a restored copy: what follows may be out as well."""


@dataclass(frozen=True, kw_only=True)
class Saving:
    """Handles to keep before the visible call is armed."""

    claim: Claim
    handles: Handles
    seconds: float
    """The length of the claim from then on."""


@dataclass(frozen=True, kw_only=True)
class Arming:
    """The permission for one visible call, with all data to find out about it later."""

    claim: Claim
    account_id: str
    platform: str
    workspace_id: str
    handles: Handles
    sent_text: str
    armed_at: datetime | None
    """When an earlier visible call of this target was armed."""
    sends: int
    uses_place: bool
    """True if it counts for the account's pace; asking, waiting and the engine's own repetitions do not."""
    paced_at: datetime | None
    """The time until which earlier sends use up the account's pace; no other is counted while this one is in flight."""
    replies: int
    recovery: Recovery
    listing_lag: float


def load_all(held: Sequence[Claim]) -> list[Loaded | None]:
    """Read the rows needed to publish; None for a deleted target."""
    now = claims.database_now()
    rows = Target.objects.select_related("post", "account").only(*NEEDED)
    targets = rows.in_bulk([claim.pk for claim in held])
    workspaces = Workspace.objects.in_bulk({target.account.workspace_id for target in targets.values()})
    for target in targets.values():
        target.post.workspace = target.account.workspace = workspaces[target.account.workspace_id]
    media = files.as_contents([target.post for target in targets.values()])
    paused = pauses.in_force() if any(target.outcome_unknown for target in targets.values()) else []
    is_restored = pauses.tell_of_restore(paused)
    found = {
        pk: Loaded(
            target=target,
            media=media[target.post_id],
            at=now,
            is_paused=_is_paused(target, paused),
            is_restored=is_restored,
        )
        for pk, target in targets.items()
    }
    return [found.get(claim.pk) for claim in held]


def _is_paused(target: Target, paused: Sequence[Pause]) -> bool:
    return pauses.holding(paused, target.account_id, target.platform, target.post.workspace_id) is not None


def load_ahead(held: Sequence[Claim]) -> dict[str, Loaded]:
    """Read claimed targets right after their claim, by id; an error of one must not keep the others from going out.

    After an error the result is empty, and each thread reads its own target: nobody else could before the lease ends.
    """
    try:
        return {claim.pk: loaded for claim, loaded in zip(held, load_all(held), strict=True) if loaded}
    except Exception:
        logger.exception("Not all of %s claimed targets could be read ahead", len(held))
        return {}


def save_all(savings: Sequence[Saving]) -> list[Claim | None]:
    """Save the handles of steps that must not be repeated, and renew each lease; None for a lost claim."""
    rows = [(each.claim, {"handles": dict(each.handles)}, engine_time(each.seconds)) for each in savings]
    return claims.renew_each(Target, rows)


def arm_all(armings: Sequence[Arming]) -> list[Claim | Pause | None]:
    """Allow the visible calls: from here on each outcome is unknown until it is settled; None for a lost claim.

    A target that was paused since its claim is not armed; it stays unchanged, and its pause is returned.
    """
    now, paused = claims.database_now(), pauses.in_force()
    stopped = [pauses.holding(paused, each.account_id, each.platform, each.workspace_id) for each in armings]
    allowed = [arming for arming, pause in zip(armings, stopped, strict=True) if pause is None]
    rows = [(arming.claim, _armed(arming, now=now), engine_time(LEASE_SECONDS)) for arming in allowed]
    armed = claims.renew_each(Target, rows) if rows else []
    _count([arming for arming, claim in zip(allowed, armed, strict=True) if claim], now=now)
    answers = iter(armed)
    return [next(answers) if pause is None else pause for pause in stopped]


def _count(armings: Sequence[Arming], *, now: datetime) -> None:
    """Count the sends that use up a place of their accounts."""
    spent = {
        arming.account_id: {"paced_at": at}
        for arming in armings
        if arming.uses_place and (at := pacing.spent(arming.platform, arming.paced_at, now=now))
    }
    update_each(SocialAccount, spent)


def _armed(arming: Arming, *, now: datetime) -> dict[str, Any]:
    return {
        "handles": dict(arming.handles),
        "sent_text": arming.sent_text,
        "armed_at": arming.armed_at or now,
        "sent_at": now,
        "due_at": recovery_time(arming.recovery, arming.listing_lag, now=now),
        "sends": arming.sends,
        "replies": arming.replies,
        "waits_for": "",
        "absences": 0,
        "outcome_unknown": True,
    }
