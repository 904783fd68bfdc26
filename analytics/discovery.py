"""Take up published targets: from then on they count as posts, and their numbers are read."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Exists, OuterRef

from accounts.models import SocialAccount
from analytics.models import AccountSync, TargetNumbers
from analytics.periods import day_of, hour_of
from analytics.plan import READ_FOR, first_reading
from analytics.totals import Gain, add_all
from ouipost.db.locks import is_lock_error, lock_free
from posts.models import Post, Target, TargetStatus
from workspaces.models import Workspace

logger = logging.getLogger(__name__)

AT_ONCE = 500
JUST_NOW = timedelta(minutes=2)
"""A post appears in the database moments after its publishing time."""
AHEAD = timedelta(days=1)
"""A wrong clock may be set right again. Publishing times later than this from now were written by hand."""


def discover(*, now: datetime, since: timedelta = JUST_NOW, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Take up targets that were published in this time, until `is_ending`, and new accounts; returns the number of
    targets."""
    _plan_accounts(now=now)
    found = 0
    while not is_ending() and (taken := _take_up(now - since, now + AHEAD)):
        found += taken
    return found


def discover_all(*, now: datetime, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Take up every target that is young enough to be read, including those missed during an outage."""
    return discover(now=now, since=READ_FOR, is_ending=is_ending)


def _take_up(after: datetime, before: datetime) -> int:
    """Take up some targets published in this time; none if another worker takes up the same ones."""
    new = _new(after, before)
    if not new:
        return 0
    try:
        with transaction.atomic():
            targets = _lock(new)
            numbers = [_first_numbers(target) for target in targets]
            _make_due(numbers)  # first: reading numbers locks these rows first, too
            TargetNumbers.objects.bulk_create(numbers)
            _count_posts(numbers)
            return len(targets)
    except IntegrityError as error:  # they were taken up between our look and our lock: the next turn sees it
        logger.warning("Targets were not taken up: %s", error)
    except OperationalError as error:
        if not is_lock_error(error):
            raise
    return 0


def _new(after: datetime, before: datetime) -> list[str]:
    """Return the ids of targets published in this time that are not taken up yet."""
    known = TargetNumbers.objects.filter(target=OuterRef("pk"))
    present = Post.objects.filter(pk=OuterRef("post"), workspace__deleted_at=None)
    published = Target.objects.filter(status=TargetStatus.PUBLISHED, published_at__gt=after, published_at__lt=before)
    new = published.filter(~Exists(known), Exists(present)).order_by("published_at")
    return list(new.values_list("pk", flat=True)[:AT_ONCE])


def _lock(pks: Sequence[str]) -> list[Target]:
    """Lock the unlocked targets by primary key. A locking search would lock every row it scans."""
    free = list(lock_free(Target.objects.filter(pk__in=pks)).values_list("pk", flat=True))
    columns = ("account_id", "platform", "published_at", "remote_id", "post__workspace__settings")
    still_new = Target.objects.filter(pk__in=free, numbers=None)
    return list(still_new.select_related("post__workspace").only(*columns).order_by("pk"))


def _first_numbers(target: Target) -> TargetNumbers:
    workspace, published_at = target.post.workspace, target.published_at
    assert published_at is not None
    return TargetNumbers(
        target=target,
        workspace=workspace,
        account_id=target.account_id,
        platform=target.platform,
        published_at=published_at,
        published_hour=hour_of(published_at, zone=workspace.timezone),
        due_at=first_reading(published_at) if target.remote_id else None,
    )


def _count_posts(numbers: list[TargetNumbers]) -> None:
    known = TargetNumbers.objects.in_bulk([each.target_id for each in numbers], field_name="target_id")
    add_all(_post(known[each.target_id], each.workspace) for each in numbers)


def _post(numbers: TargetNumbers, workspace: Workspace) -> Gain:
    return Gain(
        numbers_id=numbers.pk,
        workspace_id=numbers.workspace_id,
        platform=numbers.platform,
        day=day_of(numbers.published_at, zone=workspace.timezone),
        hour=numbers.published_hour,
        posts=1,
    )


def _make_due(numbers: list[TargetNumbers]) -> None:
    """Make accounts due by the first reading of their new targets at the latest."""
    due: dict[Any, datetime] = {}
    for each in numbers:
        if each.due_at is not None:
            due[each.account_id] = min(each.due_at, due.get(each.account_id, each.due_at))
    for account_id, due_at in sorted(due.items()):
        AccountSync.objects.filter(account=account_id, due_at__gt=due_at).update(due_at=due_at)


def _plan_accounts(*, now: datetime) -> None:
    """Plan readings of newly connected accounts, due at once."""
    new = SocialAccount.objects.connected().filter(sync=None, workspace__deleted_at=None)
    rows = [AccountSync(account_id=pk, due_at=now, account_due_at=now) for pk in new.values_list("pk", flat=True)]
    AccountSync.objects.bulk_create(rows, ignore_conflicts=True)
