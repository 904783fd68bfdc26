"""The posts that gained most in a period are found without adding up all others, and are the same ones."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import SocialAccount
from accounts.platforms.shapes import PostNumbers
from analytics import top
from analytics.models import TargetDay, TargetNumbers
from analytics.periods import A_DAY, Period
from ouipost.events.journal import SYSTEM
from posts import services
from posts.models import Target
from tests.analytics.readings import publish, read
from tests.factories import make_account, make_workspace
from workspaces.models import Workspace

BEGINNING = datetime(2026, 6, 1, 12, tzinfo=UTC)
POSTS, DAYS = 30, 12


@pytest.fixture
def few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top, "TOP", 3)
    monkeypatch.setattr(top, "LOOKS", (5, 10))


def fill(workspace: Workspace, chance: random.Random) -> None:
    """Publish posts of very different success, some of them corrected later."""
    account = make_account(workspace)
    for number in range(POSTS):
        target = publish(account, at=BEGINNING + number % 5 * A_DAY)
        engagement, most = 0, int(chance.paretovariate(0.7) * 10)
        for day in sorted(chance.sample(range(5, DAYS), 3)):
            engagement = max(engagement + chance.randint(-most // 3, most), 0)
            numbers = PostNumbers(impressions=engagement * 10, engagement=engagement)
            read(account, at=BEGINNING + day * A_DAY, posts={target.pk: numbers})


def by_adding_up(workspace: Workspace, period: Period) -> list[tuple[int, int]]:
    gains: dict[int, int] = {}
    rows = TargetDay.objects.filter(total__workspace=workspace, total__day__range=(period.first, period.last))
    for numbers, engagement in rows.exclude(engagement=None).values_list("numbers", "engagement"):
        gains[numbers] = gains.get(numbers, 0) + (engagement or 0)
    return sorted(gains.items(), key=lambda pair: (-pair[1], -pair[0]))[:3]


def days(first: int, last: int) -> Period:
    begins = BEGINNING.date()
    return Period(first=begins + first * A_DAY, last=begins + last * A_DAY, zone="UTC")


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(3))
def test_they_are_those_that_adding_up_everything_finds(workspace: Workspace, few_looks: None, seed: int) -> None:
    fill(workspace, random.Random(seed))

    for first in range(5, DAYS):
        for last in range(first, DAYS):
            found = top.top_targets(workspace, days(first, last))
            assert [(each.numbers_id, each.engagement) for each in found] == by_adding_up(workspace, days(first, last))


def test_a_long_period_is_not_added_up(workspace: Workspace, few_looks: None, django_assert_num_queries: Any) -> None:
    account = make_account(workspace)
    for number in range(POSTS):
        target = publish(account, at=BEGINNING)
        read(account, at=BEGINNING + A_DAY, posts={target.pk: PostNumbers(engagement=2**number)})

    with django_assert_num_queries(2):  # the most successful, and what the first of them gained
        found = top.top_targets(workspace, days(0, DAYS))

    assert [each.engagement for each in found] == [2**29, 2**28, 2**27]


def make_old(account: SocialAccount) -> None:
    """Publish more posts than are looked at, which gained all that they have on the second day."""
    for target in [publish(account, at=BEGINNING) for _ in range(12)]:
        read(account, at=BEGINNING + A_DAY, posts={target.pk: PostNumbers(engagement=1000)})


def make_young(account: SocialAccount) -> Target:
    target = publish(account, at=BEGINNING + 2 * A_DAY)
    read(account, at=BEGINNING + 3 * A_DAY, posts={target.pk: PostNumbers(engagement=5)})
    return target


def test_who_gained_much_before_and_little_in_the_period_is_passed_over(workspace: Workspace, few_looks: None) -> None:
    account = make_account(workspace)
    make_old(account)
    young = make_young(account)

    found = top.top_targets(workspace, days(2, DAYS))

    assert [target_of(each.numbers_id) for each in found] == [young.pk]


def test_a_period_that_is_added_up_has_no_post_of_another_workspace_or_network(
    workspace: Workspace, few_looks: None
) -> None:
    account = make_account(workspace)
    make_old(account)
    young = make_young(account)
    for other in (make_account(make_workspace()), make_account(workspace, platform="twitter")):
        make_young(other)

    found = top.top_targets(workspace, days(2, DAYS), platform="facebook")

    assert [target_of(each.numbers_id) for each in found] == [young.pk]


def test_what_a_target_gained_and_lost_again_counts_for_the_days_on_which_it_did(
    workspace: Workspace, few_looks: None
) -> None:
    account = make_account(workspace)
    for number in range(8):
        target = publish(account, at=BEGINNING)
        read(account, at=BEGINNING + A_DAY, posts={target.pk: PostNumbers(engagement=50 + number)})
    fallen = publish(account, at=BEGINNING)
    read(account, at=BEGINNING + A_DAY, posts={fallen.pk: PostNumbers(engagement=900)})
    read(account, at=BEGINNING + 4 * A_DAY, posts={fallen.pk: PostNumbers(engagement=1)})

    best = top.top_targets(workspace, days(1, 2))[0]

    assert (target_of(best.numbers_id), best.engagement) == (fallen.pk, 900)


def test_what_counts_for_a_day_is_among_its_best_though_the_workspace_has_another_zone_since(
    workspace: Workspace,
) -> None:
    Workspace.objects.update(settings={"timezone": "Pacific/Niue"})
    target = publish(make_account(Workspace.objects.get()), at=BEGINNING + timedelta(hours=22))
    read(target.account, at=BEGINNING + timedelta(hours=22.5), posts={target.pk: PostNumbers(engagement=5)})
    day = BEGINNING.date()

    [found] = top.top_targets(workspace, Period(first=day, last=day, zone="Pacific/Kiritimati"))

    assert target_of(found.numbers_id) == target.pk


def test_what_an_account_gained_while_it_was_away_counts_when_it_is_back(workspace: Workspace) -> None:
    account = make_account(workspace)
    target = publish(account, at=BEGINNING)
    back = 200
    read(account, at=BEGINNING + back * A_DAY, posts={target.pk: PostNumbers(engagement=5)})

    [found] = top.top_targets(workspace, days(back, back))

    assert (target_of(found.numbers_id), found.engagement) == (target.pk, 5)
    assert top.top_targets(workspace, days(back + 3, back + 3)) == []


def target_of(numbers_id: int) -> str:
    return str(Target.objects.get(numbers__in=TargetNumbers.objects.filter(pk=numbers_id)).pk)


def test_a_post_that_is_deleted_while_the_best_are_read_is_not_among_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(workspace)
    kept, gone = (publish(account, at=BEGINNING) for _ in range(2))
    for target in (kept, gone):
        read(account, at=BEGINNING + A_DAY, posts={target.pk: PostNumbers(impressions=10, engagement=5)})
    found = top.top_targets(workspace, days(0, 2))
    services.delete_post(gone.post, actor=SYSTEM)
    monkeypatch.setattr(top, "top_targets", lambda *_args, **_options: found)

    assert [each["id"] for each in top.top_posts(workspace, days(0, 2))] == [kept.post_id]


def test_a_post_is_shown_with_all_of_its_text(workspace: Workspace) -> None:
    account, content = make_account(workspace), "Bread. " * 100 + "Butter."
    target = publish(account, at=BEGINNING, content=content)
    read(account, at=BEGINNING + A_DAY, posts={target.pk: PostNumbers(impressions=10, engagement=5)})

    assert [each["content"] for each in top.top_posts(workspace, days(0, 2))] == [content]
