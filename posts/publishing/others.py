"""Posts that looks for targets found at a network: tell which of them belong, or may belong, to other targets."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.models import SocialAccount
from accounts.platforms.base import Connector
from posts.models import Target, TargetStatus

LONGEST_REVIEW = timedelta(days=1)
"""The longest time for which a network may hide a published post from its lists: TikTok says hours."""


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


@dataclass(frozen=True, kw_only=True)
class Others:
    """The other targets of an account of a network, in all workspaces that have it."""

    remote_ids: Collection[str]
    """Ids of found posts that are known to be theirs."""
    alike: Collection[str]
    """Ids of their other recent posts with the same text: the network may list one of these by an id that was found."""
    in_doubt: Sequence[str]
    """Ids of targets of which one may own a found post. Their outcome is unknown, and one of these is true:

    - a worker has the target,
    - several posts were found, and the target was sent later,
    - one post was found, and the target was sent later with the same text: the network may still work on it.

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
    """Return, for each target, the account's targets in doubt that were sent later and may own a post that it found.

    Each search comes with the number of found posts that are not known to be another target's.
    """
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
