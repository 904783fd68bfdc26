"""The engine's database work on the way to the network: many targets at once, each under its own fence."""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from accounts import pacing, pauses
from accounts.models import Pause, SocialAccount
from accounts.platforms.base import Connector, Recovery
from accounts.platforms.shapes import Handles, Media
from ouipost import claims
from ouipost.claims import Claim, engine_time
from ouipost.db.rows import update_each
from posts.lateness import LEASE_SECONDS
from posts.media import files
from posts.models import Target, TargetStatus
from posts.publishing.outcomes import recovery_time
from workspaces.models import Workspace

logger = logging.getLogger(__name__)

LONGEST_REVIEW = timedelta(days=1)
"""The longest time for which a network may hide a published post from its lists: TikTok says hours."""
NEEDED = (
    *("platform", "outcome_unknown", "sends", "absences", "give_up_at", "error", "handles", "sent_text", "armed_at"),
    *("parts", "attempts", "scheduled_at", "sent_at", "forgotten_fence"),
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


@dataclass(frozen=True, kw_only=True)
class Search:
    """Ids that a look for a target found at its account; other workspaces may have connected that account, too."""

    target_id: str
    platform: str
    account_remote_id: str
    remote_ids: Sequence[str]
    armed_at: datetime | None
    """When the target was first sent."""
    sent_text: str
    is_taken: bool
    """True if the network has given its own handle of the target since: then a look finds nothing else."""
    has_other_ids: bool
    """Whether the network may list posts by other ids than those that it gave for them."""

    @classmethod
    def of(cls, target: Target, connector: Connector, remote_ids: Sequence[str]) -> "Search":
        account = target.account
        return cls(
            target_id=target.pk,
            platform=account.platform,
            account_remote_id=account.remote_id,
            remote_ids=remote_ids,
            armed_at=target.armed_at,
            sent_text=target.sent_text,
            is_taken=bool(target.waits_for),
            has_other_ids=connector.may_list_by_other_ids,
        )

    @property
    def account(self) -> tuple[str, str]:
        return (self.platform, self.account_remote_id)

    def is_before(self, other: Target) -> bool:
        """Return whether the other target was sent later, to the same account."""
        is_there = self.account == (other.account.platform, other.account.remote_id)
        return is_there and bool(self.armed_at and other.armed_at and other.armed_at > self.armed_at)


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
    found = {
        pk: Loaded(target=target, media=media[target.post_id], at=now, is_paused=_is_paused(target, paused))
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


@dataclass(frozen=True, kw_only=True)
class Others:
    """The other targets of an account of a network, in all workspaces that have it."""

    remote_ids: Collection[str]
    """Found posts that are known to be theirs."""
    alike: Collection[str]
    """Their recent posts of the same text that were not found by these ids: the network may list them by others."""
    in_doubt: Sequence[str]
    """Targets that may own one of the found posts: a worker is at them; or several posts were found and they were sent
    later; or one post was found and the network may still work on theirs, of the same text.

    A look finds nothing older than its target's own send. Of several targets with equal text, the one sent last finds
    only its own post and is settled first. Its post is then known, and the target before it can be settled.
    """


def others(searches: Sequence[Search]) -> list[Others]:
    """Return, for each search, the other targets that own or may own the found posts."""
    theirs, in_doubt = defaultdict[tuple[str, ...], set[str]](set), defaultdict[tuple[str, ...], set[str]](set)
    accounts = _accounts_of(searches)
    # Read first: a target that settles between the two queries is found by the second.
    busy = Target.objects.filter(in_flight__in=accounts.values("pk"), outcome_unknown=True)
    for pk, *place in busy.values_list("pk", "account__platform", "account__remote_id"):
        in_doubt[tuple(place)].add(pk)
    found = {remote_id for search in searches for remote_id in search.remote_ids}
    rows = Target.objects.filter(account__in=accounts, remote_id__in=found)  # the index begins with the account
    for pk, *place in rows.values_list("pk", "account__platform", "account__remote_id", "remote_id"):
        theirs[tuple(place)].add(pk)
    known = [
        {each for each in search.remote_ids if theirs[(*search.account, each)] - {search.target_id}}
        for search in searches
    ]
    unknown = [search for search, ids in zip(searches, known, strict=True) if set(search.remote_ids) - ids]
    alike = _alike([search for search in unknown if search.has_other_ids])
    later = _sent_later(
        [(search, len(search.remote_ids) - len(ids)) for search, ids in zip(searches, known, strict=True)]
    )
    return [
        Others(
            remote_ids=ids,
            alike=alike[search.target_id] - set(search.remote_ids),
            in_doubt=sorted((in_doubt[search.account] | later[search.target_id]) - {search.target_id}),
        )
        for search, ids in zip(searches, known, strict=True)
    ]


def _alike(searches: Sequence[Search]) -> dict[str, set[str]]:
    """Return, for each target, its account's posts of the same text since it was sent, or up to LONGEST_REVIEW before:
    a network's review may have hidden these until then."""
    alike = defaultdict[str, set[str]](set)
    since = min((search.armed_at for search in searches if search.armed_at), default=None)
    if since is None:
        return alike
    rows = Target.objects.filter(account__in=_accounts_of(searches), published_at__gte=since - LONGEST_REVIEW)
    rows = rows.filter(sent_text__in={search.sent_text for search in searches}).exclude(remote_id="")
    columns = ("account__platform", "account__remote_id", "sent_text", "remote_id")
    for platform, account, text, remote_id in rows.values_list(*columns):
        for search in searches:
            if (*search.account, search.sent_text) == (platform, account, text):
                alike[search.target_id].add(remote_id)
    return alike


def _sent_later(searches: Sequence[tuple[Search, int]]) -> dict[str, set[str]]:
    """Return, for each target with so many found posts, the account's other targets in doubt that were sent later and
    may own one of them."""
    later = defaultdict[str, set[str]](set)
    open_ones = [(search, count) for search, count in searches if count > (1 if search.is_taken else 0)]
    if not open_ones:
        return later
    accounts = _accounts_of([search for search, _ in open_ones])
    rows = Target.objects.filter(account__in=accounts, published_at=None, outcome_unknown=True)
    rows = rows.filter(status=TargetStatus.PUBLISHING).select_related("account")
    for target in rows.only("armed_at", "handles", "sent_text", "account__platform", "account__remote_id"):
        for search, count in open_ones:
            may_have_it = count > 1 or (target.handles and target.sent_text == search.sent_text)
            if may_have_it and search.is_before(target):
                later[search.target_id].add(target.pk)
    return later


def _accounts_of(searches: Sequence[Search]) -> "QuerySet[SocialAccount]":
    """Match the rows of the searched accounts in all workspaces, and perhaps some more."""
    return SocialAccount.objects.filter(
        platform__in={search.platform for search in searches},
        remote_id__in={search.account_remote_id for search in searches},
    )
