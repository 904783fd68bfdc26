"""Read the due numbers of one claimed account: the account itself, then its posts in batches.

The threads that run this talk to networks; their database work goes through a writer.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import BooleanField, ExpressionWrapper, F, Q

from accounts import allowance, calls, registry, tokens
from accounts.platforms.base import Connector
from accounts.platforms.errors import PlatformError, Rejected, Unavailable, WhoActs
from accounts.platforms.shapes import Account, PostNumbers, Profile, Published
from accounts.session import NetworkSession
from analytics.models import AccountSync, TargetNumbers
from analytics.plan import QUARTER, budget_of
from analytics.settling import Answers, SyncResult, settle_all
from ouipost.claims import Claim, database_now, engine_time
from ouipost.crypto import CannotDecrypt
from ouipost.phrases import Phrase
from ouipost.writer import Runs

logger = logging.getLogger(__name__)
work = logging.getLogger("ouipost.work")

LEASE_SECONDS = 120
SETTLE_SECONDS, CALL_SECONDS = 30, 30
"""The last part of the lease is kept for settling, and the part before it for the last call."""
AT_ONCE = 200
"""Posts that one claim reads at most."""
AHEAD = QUARTER / 15
"""Posts due this soon are read along: they cost few further requests, or none."""
NEW = Q(due_at__lte=F("published_at") + QUARTER)
"""Posts that were never asked for go first: where a budget allows few requests, the old ones may take days."""
TOKEN_WAIT_SECONDS = 5
REFUSALS = 3
"""After so many refused batches in a row, an account is left alone."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """The due readings of an account, as read right after the claim."""

    sync: AccountSync
    targets: Sequence[tuple[int, str]]
    """For each target the id of its numbers, and its id at the network."""
    urls: Mapping[str, str]
    """The known address of each id at the network; empty if it could not be read when the post was published."""
    wants_account: bool
    at: datetime


def read(claim: Claim, *, writer: Runs, is_ending: Callable[[], bool]) -> SyncResult | None:
    """Read the due numbers of a claimed account and settle them; returns the result, None for a lost claim.

    Once the process `is_ending`, no further call is begun, and the rest stays due.
    """
    due = writer.run(load_all, claim)
    result = _result(claim, due, is_ending) if due else None
    if not due or result is None or not writer.run(settle_all, result):
        logger.warning("The numbers of %s are read by another worker", claim.pk)
        return None
    account = due.sync.account
    network = registry.network_of(account.platform, account.workspace)
    outcome = calls.word(result.error) if result.error else calls.READ
    work.info("Numbers settled", extra={"outcome": outcome})
    calls.note(network, kind=calls.SYNC, outcome=outcome)
    return result


def load_all(held: Sequence[Claim]) -> list[Due | None]:
    """Return the due readings of these accounts; None for a deleted one."""
    now = database_now()
    syncs = AccountSync.objects.select_related("account__workspace").in_bulk([claim.pk for claim in held])
    return [_due(syncs[claim.pk], now=now) if claim.pk in syncs else None for claim in held]


def _due(sync: AccountSync, *, now: datetime) -> Due:
    rows = TargetNumbers.objects.filter(account=sync.account, due_at__lte=now + AHEAD)
    rows = rows.order_by(ExpressionWrapper(NEW, output_field=BooleanField()).desc(), "due_at", "pk")
    found = list(rows.values_list("pk", "target__remote_id", "target__url")[:AT_ONCE])
    wants_account = sync.account_due_at <= now + AHEAD
    return Due(
        sync=sync,
        targets=[(pk, remote_id) for pk, remote_id, _ in found],
        urls={remote_id: url for _, remote_id, url in found},
        wants_account=wants_account,
        at=now,
    )


def _result(claim: Claim, due: Due, is_ending: Callable[[], bool]) -> SyncResult:
    deadline = claim.deadline - engine_time(SETTLE_SECONDS).total_seconds()
    reading = Reading(due, deadline=deadline, is_ending=is_ending)
    error: PlatformError | None = None
    try:
        reading.run()
    except PlatformError as refusal:
        error = refusal
    except tokens.BeingRenewed:
        wait = engine_time(TOKEN_WAIT_SECONDS).total_seconds()
        error = Unavailable(Phrase("The account's token is being renewed."), retry_after=wait)
    except (registry.PlatformNotConfigured, CannotDecrypt) as trouble:
        logger.warning("The numbers of %s were not read: %s", claim.pk, trouble)
        error = tokens.obstacle(trouble)
    except Exception:
        logger.exception("Reading the numbers of %s met an error of ours", claim.pk)
        error = Unavailable(
            Phrase("An internal error stopped it; the operator's log has it."), who_acts=WhoActs.OPERATOR
        )
    return SyncResult(
        claim=claim,
        at=due.at,
        answers=reading.answers,
        error=error or reading.refusal,
        requests=reading.session.requests,
        access_token=reading.account.access_token,
    )


@dataclass
class Reading:
    """The reading of one account: the requests so far, and the network's answers."""

    due: Due
    deadline: float
    """A time on this process's monotonic clock: numbers without an answer by then stay due."""
    is_ending: Callable[[], bool]
    answers: Answers = field(default_factory=Answers)
    refusal: Rejected | None = None
    """The refusal of the account's own numbers or of one batch, while the rest was read."""

    def __post_init__(self) -> None:
        self.account = self.due.sync.account
        self.session: NetworkSession = registry.session(
            self.account.platform, self.account.workspace, deadline=self.deadline
        )
        self.budget = budget_of(self.account.platform)
        self.requests_left = allowance.left(self.budget, self.due.sync.paced_at, now=self.due.at)

    def run(self) -> None:
        """Read everything that is due; raises the error that stops it, and keeps the numbers found before."""
        connector = registry.connector(self.account.platform, self.account.workspace)
        if self.due.wants_account:
            if not self._may_ask(connector, posts=0):
                return  # posts, which cost less, would use up the budget again and again
            try:
                self._read_account(connector)
            finally:
                self._size(connector, self.due.targets)  # the posts are next: this notes what they lack
        self._read_posts(connector)

    def _read_account(self, connector: Connector) -> None:
        """Ask for the account's own numbers and its profile; if that is refused, its posts are still read."""
        self.answers.asked_account = True
        try:
            self.answers.account = tokens.authorized(
                self.account,
                lambda account: connector.account_metrics(self.session, account, now=self.due.at),
                now=self.due.at,
            )
        except Rejected as error:
            self.refusal = error
            return
        self.answers.profile = None if self.is_ending() else self._read_profile(connector)

    def _read_profile(self, connector: Connector) -> Profile | None:
        """Ask for the account's profile and its owner's options; without an answer both stay unchanged."""
        try:
            profile = tokens.authorized(
                self.account, lambda account: connector.profile(self.session, account), now=self.due.at
            )
        except (PlatformError, tokens.BeingRenewed) as error:
            logger.info("The profile of %s was not read: %s", self.account.pk, error)
            return None
        return profile if profile.name or profile.username else None

    def _read_posts(self, connector: Connector) -> None:
        """Ask batch by batch; a refused batch is put off, and the rest goes on."""
        refusals, targets = 0, list(self.due.targets)
        while targets and (size := self._size(connector, targets)):
            batch, targets = targets[:size], targets[size:]
            self.answers.asked += [pk for pk, _ in batch]
            try:
                self._read_batch(connector, dict(batch))
                refusals = 0
            except Rejected as error:
                self.refusal, refusals = error, refusals + 1
                if refusals == REFUSALS:
                    raise

    def _read_batch(self, connector: Connector, batch: dict[int, str]) -> None:
        ids = list(batch.values())
        numbers = tokens.authorized(
            self.account, lambda account: self._numbers(connector, account, ids), now=self.due.at
        )
        self.answers.posts |= {pk: self._found_at(remote_id, numbers.get(remote_id)) for pk, remote_id in batch.items()}

    def _numbers(self, connector: Connector, account: Account, ids: Sequence[str]) -> dict[str, PostNumbers]:
        """Ask for the numbers of these posts, and for the address of those that were published without one."""
        numbers = connector.post_metrics(self.session, account, ids, now=self.due.at)
        for remote_id in (each for each in ids if each in numbers and not self.due.urls[each]):
            if url := connector.permalink(self.session, account, remote_id):
                published = Published(remote_id=remote_id, url=url)
                numbers[remote_id] = replace(numbers[remote_id], published=published)
        return numbers

    def _found_at(self, remote_id: str, numbers: PostNumbers | None) -> PostNumbers | None:
        """Return the numbers with the post's public address, or without it if it is known already."""
        if numbers is None or numbers.published is None:
            return numbers
        published = replace(numbers.published, url=self.session.public_url(numbers.published.url))
        is_known = (published.remote_id, published.url) == (remote_id, self.due.urls[remote_id])
        return replace(numbers, published=None if is_known else published)

    def _size(self, connector: Connector, targets: Sequence[tuple[int, str]]) -> int:
        """Return for how many posts the next call may ask, 0 if the rest must wait."""
        sizes = range(min(connector.metrics_batch, len(targets)), 0, -1)
        return next((size for size in sizes if self._may_ask(connector, posts=size)), 0)

    def _may_ask(self, connector: Connector, *, posts: int) -> bool:
        """Return whether time and budget allow a call for so many posts; 0 means the call for the account itself."""
        if self.is_ending():
            return False
        requests = connector.metrics_requests(self.account.remote_id, posts)
        left = self.requests_left - self.session.requests
        is_allowed = left >= (requests if posts > 1 else allowance.at_once(self.budget, requests))
        if not is_allowed and posts <= 1:
            self.answers.lacking = requests
        return is_allowed and time.monotonic() < self.deadline - engine_time(CALL_SECONDS).total_seconds()
