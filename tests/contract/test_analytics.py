"""/api/analytics and /api/posts/{id}/analytics, field by field as the reference shows them, and what we add."""

import copy
import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import SocialAccount
from accounts.platforms.shapes import AccountNumbers, Demographics, PostNumbers
from analytics.models import TargetNumbers
from posts.models import Target
from tests.analytics.readings import counts, publish, publish_to, read
from tests.conftest import ApiClient
from tests.contract.seed import assert_matches, sample
from tests.contract.world import connect_all, data_of, fields_of
from tests.factories import make_post, make_workspace
from workspaces.models import Workspace

NOW = datetime(2024, 1, 22, 18, 0, tzinfo=UTC)
PERIOD = "from=2024-01-01&to=2024-01-22"
POSTS = {"facebook": 15, "instagram": 18, "twitter": 12}
FOLLOWERS = {"facebook": (15_000, 15_420), "instagram": (20_000, 20_470), "twitter": (9_640, 10_000)}
"""Of each network's account, before the period and at its end: 45,890 in all, 1,250 more than before."""
AGES = {"18-24": 15, "25-34": 35, "35-44": 28, "45-54": 15, "55+": 7}
COUNTRIES = {"FR": 45, "BE": 12, "CA": 10}


@pytest.fixture(autouse=True)
def at_the_end_of_the_sample() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def day(number: int, hour: int = 12) -> datetime:
    return datetime(2024, 1, number, hour, tzinfo=UTC)


def get(api: ApiClient, path: str) -> Any:
    return data_of(api.get(path))


def table(response: Any) -> list[dict[str, str]]:
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def shares(total: int, parts: int) -> list[int]:
    """Cut a number into whole parts that differ by one at most."""
    return [total // parts + (number < total % parts) for number in range(parts)]


def tell(account: SocialAccount, at: datetime, targets: list[Target], numbers: dict[str, int]) -> None:
    """Have a reading give these numbers to posts, in parts as even as can be."""
    cut: dict[str, Any] = {name: shares(number, len(targets)) for name, number in numbers.items()}
    found = {
        target.pk: PostNumbers(**{name: parts[place] for name, parts in cut.items()})
        for place, target in enumerate(targets)
    }
    read(account, at=at, posts=found)


def less(total: dict[str, int], given: dict[str, int]) -> dict[str, int]:
    return {name: number - given.get(name, 0) for name, number in total.items()}


def as_in_the_reference(workspace: Workspace) -> None:
    """Publish and read what the reference's sample adds up to."""
    wanted = sample("GET /api/analytics")["by_platform"]
    accounts = {account.platform: account for account in connect_all(workspace, *POSTS)}
    for platform, account in accounts.items():
        before, _ = FOLLOWERS[platform]
        read(account, at=datetime(2023, 12, 31, 12, tzinfo=UTC), numbers=AccountNumbers(followers=before))
    first = {"impressions": 5200, "engagement": 380}
    tell(accounts["facebook"], day(1), [publish(accounts["facebook"], at=day(1, 9)) for _ in range(2)], first)
    second = {"impressions": 6100, "engagement": 450}
    tell(accounts["twitter"], day(2), [publish(accounts["twitter"], at=day(2, 9)) for _ in range(3)], second)
    best = publish(accounts["instagram"], at=day(15, 10), content="Our biggest announcement yet!")
    third = {"impressions": 12_500, "engagement": 1250}
    tell(accounts["instagram"], day(16), [best], third)
    given = {"facebook": (2, first), "twitter": (3, second), "instagram": (1, third)}
    for platform, account in accounts.items():
        published, counted = given[platform]
        total = {name: wanted[platform][name] for name in ("impressions", "reach", "engagement", "clicks")}
        rest = [publish(account, at=day(17)) for _ in range(POSTS[platform] - published)]
        tell(account, day(18), rest, less(total, counted))
    earlier = Demographics(age_groups={"18-24": 100}, countries={"DE": 100})
    read(accounts["instagram"], at=day(20), numbers=AccountNumbers(followers=1, demographics=earlier))
    said = Demographics(age_groups=AGES, countries=COUNTRIES)
    for platform, account in accounts.items():
        numbers = AccountNumbers(followers=FOLLOWERS[platform][1])
        if platform == "instagram":
            numbers = AccountNumbers(followers=FOLLOWERS[platform][1], demographics=said)
        read(account, at=day(22), numbers=numbers)


def test_a_report_is_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    as_in_the_reference(workspace)

    response = api.get(f"/api/analytics?{PERIOD}")

    shown, wanted = response.json()["data"], sample("GET /api/analytics")
    assert [len(shown["timeline"]), len(shown["top_posts"])] == [22, 10]
    cut = copy.deepcopy(response.json())
    cut["data"]["timeline"], cut["data"]["top_posts"] = shown["timeline"][:2], shown["top_posts"][:1]
    response.json = lambda: cut
    assert_matches(response, "GET /api/analytics", made=["summary.avg_engagement_rate"])
    assert shown["summary"]["avg_engagement_rate"] == 7.11  # the reference's 7.12 is a slip
    assert list(shown["summary"]) == list(wanted["summary"])
    assert shown["as_of"] == "2024-01-22T12:00:00Z"


def test_a_posts_numbers_are_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    accounts = connect_all(workspace, "facebook", "twitter")
    published_at = datetime(2024, 1, 20, 14, 30, tzinfo=UTC)
    targets = dict(zip(("facebook", "twitter"), publish_to(accounts, at=published_at), strict=True))
    wanted = sample("GET /api/posts/{id}/analytics")["analytics"]["by_platform"]
    counted = ("impressions", "reach", "engagement", "clicks")
    early = {"facebook": counts(300, 25), "twitter": counts(200, 20)}
    last = {"facebook": 17, "twitter": 16}
    another = publish(accounts[0], at=published_at)
    read(accounts[0], at=datetime(2024, 1, 20, 15, 10, tzinfo=UTC), posts={another.pk: counts(9, 1)})
    for account in accounts:
        target = targets[account.platform]
        read(account, at=datetime(2024, 1, 20, 15, 10, tzinfo=UTC), posts={target.pk: early[account.platform]})
        numbers = wanted[account.platform]
        own = {name: number for name, number in numbers.items() if name not in counted}
        told = PostNumbers(own=own, **{name: numbers[name] for name in counted})
        read(account, at=datetime(2024, 1, 20, last[account.platform], 5, tzinfo=UTC), posts={target.pk: told})

    response = api.get(f"/api/posts/{targets['facebook'].post_id}/analytics")

    shown, cut = response.json()["data"]["analytics"], copy.deepcopy(response.json())
    assert [each["timestamp"][11:13] for each in shown["timeline"]] == ["14", "15", "16", "17"]
    cut["data"]["analytics"]["timeline"] = shown["timeline"][1:2]
    response.json = lambda: cut
    assert_matches(response, "GET /api/posts/{id}/analytics", made=["post_id"])
    assert sum(each["impressions"] for each in shown["timeline"]) == 15_420
    assert shown["as_of"] == "2024-01-20T17:05:00Z"


def test_a_posts_numbers_stand_in_its_own_answers(api: ApiClient, workspace: Workspace) -> None:
    accounts = connect_all(workspace, "facebook", "twitter")
    [one, other] = publish_to(accounts, at=day(20))
    read(accounts[0], at=day(21), posts={one.pk: counts(5000, 300, clicks=90)})
    read(accounts[1], at=day(21), posts={other.pk: counts(3500, 223, clicks=66)})

    post = get(api, f"/api/posts/{one.post_id}")["post"]
    [row] = get(api, "/api/posts")["posts"]

    as_of = {"as_of": "2024-01-21T12:00:00Z"}
    assert post["analytics"] == sample("GET /api/posts/{id}")["post"]["analytics"] | as_of
    assert row["analytics"] == {"impressions": 8500, "engagement": 523, "clicks": 156}


def test_a_post_that_its_network_has_not_any_more_says_so(api: ApiClient, workspace: Workspace) -> None:
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=day(20))
    read(account, at=day(21), posts={target.pk: counts(10, 1)})
    read(account, at=day(22), posts={target.pk: None})

    shown = get(api, f"/api/posts/{target.post_id}")["post"]
    told = get(api, f"/api/posts/{target.post_id}/timeline")["timeline"]

    assert shown["targets"][0]["removed_at"] == "2024-01-22T12:00:00Z"
    assert shown["analytics"]["total_impressions"] == 10
    assert [(each["kind"], each["target_id"]) for each in told if each["kind"] == "removed"] == [("removed", target.pk)]


def test_an_accounts_followers_stand_in_its_own_answers(api: ApiClient, workspace: Workspace) -> None:
    [account] = connect_all(workspace, "facebook")
    read(account, at=day(21), numbers=AccountNumbers(followers=15_420, following=250))

    shown = get(api, f"/api/accounts/{account.pk}")["account"]

    assert (shown["stats"]["followers"], shown["stats"]["following"]) == (15_420, 250)
    assert shown["health"]["last_sync"] == "2024-01-21T12:00:00Z"


def test_without_a_period_it_is_the_last_thirty_days_by_the_day(api: ApiClient) -> None:
    shown = get(api, "/api/analytics")

    assert shown["period"] == {"from": "2023-12-24T00:00:00Z", "to": "2024-01-22T23:59:59Z"}
    assert [shown["timeline"][place]["date"] for place in (0, -1)] == ["2023-12-24", "2024-01-22"]
    assert len(shown["timeline"]) == 30


def test_a_workspace_without_posts_has_zeros(api: ApiClient) -> None:
    shown = get(api, f"/api/analytics?{PERIOD}")

    assert shown["summary"] == {
        "total_posts": 0,
        "total_impressions": 0,
        "total_reach": 0,
        "total_engagement": 0,
        "total_clicks": 0,
        "avg_engagement_rate": 0.0,
        "best_performing_platform": None,
    }
    assert shown["by_platform"] == {}
    assert shown["timeline"][0] == {"date": "2024-01-01", "impressions": 0, "engagement": 0, "posts": 0}
    assert shown["audience"] == {
        "total_followers": 0,
        "follower_growth": 0,
        "growth_rate": 0.0,
        "demographics": {"age_groups": {}, "top_locations": []},
    }
    assert (shown["top_posts"], shown["as_of"]) == ([], None)


def test_followers_grow_from_the_last_reading_before_the_period_or_else_from_the_first_in_it(
    api: ApiClient, workspace: Workspace
) -> None:
    known, new = connect_all(workspace, "facebook", "twitter")
    read_on = {known: {-2: 5, -1: 10, 3: 12}, new: {5: 100, 6: 103, 7: 104}}
    for account, readings in read_on.items():
        for days, followers in readings.items():
            read(account, at=day(1) + timedelta(days=days), numbers=AccountNumbers(followers=followers))

    shown = get(api, f"/api/analytics?{PERIOD}")

    followers, growth = shown["audience"]["total_followers"], shown["audience"]["follower_growth"]
    assert (followers, growth) == (12 + 104, (12 - 10) + (104 - 100))
    assert shown["as_of"] == "2024-01-08T12:00:00Z"  # when the last of both was read


def test_ages_stand_in_their_order_and_countries_of_one_share_in_that_of_their_codes(
    api: ApiClient, workspace: Workspace
) -> None:
    [account] = connect_all(workspace, "facebook")
    said = Demographics(age_groups={"25-34": 60, "18-24": 40}, countries={"FR": 20, "BE": 20, "CA": 60})
    read(account, at=day(3), numbers=AccountNumbers(followers=10, demographics=said))

    shown = get(api, f"/api/analytics?{PERIOD}")["audience"]["demographics"]

    assert list(shown["age_groups"]) == ["18-24", "25-34"]
    assert [each["country"] for each in shown["top_locations"]] == ["Canada", "Belgium", "France"]


def test_what_a_network_does_not_give_is_null(api: ApiClient, workspace: Workspace) -> None:
    [account] = connect_all(workspace, "bluesky")
    target = publish(account, at=day(20))
    read(account, at=day(21), posts={target.pk: counts(None, 50)})

    shown = get(api, f"/api/analytics?{PERIOD}")

    assert shown["by_platform"]["bluesky"] == {
        "posts": 1,
        "impressions": None,
        "reach": None,
        "engagement": 50,
        "clicks": None,
        "engagement_rate": None,
    }
    assert shown["summary"]["total_impressions"] is None
    assert shown["summary"]["best_performing_platform"] is None
    assert shown["audience"]["total_followers"] is None
    assert shown["top_posts"][0]["impressions"] is None


def test_networks_whose_engagement_is_unknown_are_not_the_best(api: ApiClient, workspace: Workspace) -> None:
    for account in connect_all(workspace, "facebook", "twitter"):
        target = publish(account, at=day(20))
        read(account, at=day(21), posts={target.pk: counts(100, None)})

    shown = get(api, f"/api/analytics?{PERIOD}")

    assert shown["summary"]["best_performing_platform"] is None
    assert shown["by_platform"]["twitter"]["impressions"] == 100


def test_networks_stand_in_their_usual_order_and_of_equals_the_first_is_the_best(
    api: ApiClient, workspace: Workspace
) -> None:
    for account in connect_all(workspace, "linkedin", "twitter"):
        target = publish(account, at=day(20))
        read(account, at=day(21), posts={target.pk: counts(100, 10)})

    shown = get(api, f"/api/analytics?{PERIOD}")

    assert list(shown["by_platform"]) == ["twitter", "linkedin"]
    assert shown["summary"]["best_performing_platform"] == "twitter"


@pytest.mark.parametrize(
    ("facebook", "twitter", "best"),
    [
        ((-50, 0), None, None),
        ((50, -5), None, None),
        ((-50, 5), (50, -5), None),
        ((-50, 5), (50, 0), "twitter"),
        ((-50, -5), (50, 1), "twitter"),
    ],
)
def test_a_network_that_took_back_more_than_it_gave_is_not_the_best(
    api: ApiClient,
    workspace: Workspace,
    facebook: tuple[int, int],
    twitter: tuple[int, int] | None,
    best: str | None,
) -> None:
    gains = {"facebook": facebook, **({"twitter": twitter} if twitter else {})}
    for account in connect_all(workspace, *gains):
        seen, engaged = gains[account.platform]
        target = publish(account, at=day(10))
        read(account, at=day(11), posts={target.pk: counts(100, 10)})
        read(account, at=day(21), posts={target.pk: counts(100 + seen, 10 + engaged)})

    summary = get(api, "/api/analytics?from=2024-01-21&to=2024-01-21")["summary"]

    assert summary["best_performing_platform"] == best


def test_a_network_that_says_nothing_was_gained_has_zeros(api: ApiClient, workspace: Workspace) -> None:
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=day(20))
    read(account, at=day(21), posts={target.pk: counts(0, 0, clicks=0)})

    shown = get(api, f"/api/analytics?{PERIOD}")

    assert shown["by_platform"]["facebook"] == {
        "posts": 1,
        "impressions": 0,
        "reach": None,
        "engagement": 0,
        "clicks": 0,
        "engagement_rate": 0.0,
    }


def test_numbers_of_a_period_are_what_was_gained_in_it(api: ApiClient, workspace: Workspace) -> None:
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=datetime(2023, 12, 28, tzinfo=UTC))
    read(account, at=datetime(2023, 12, 30, tzinfo=UTC), posts={target.pk: counts(1000, 100)})
    read(account, at=day(5), posts={target.pk: counts(1500, 130)})

    shown = get(api, f"/api/analytics?{PERIOD}")

    assert (shown["summary"]["total_impressions"], shown["summary"]["total_posts"]) == (500, 0)
    assert [(top["impressions"], top["engagement"]) for top in shown["top_posts"]] == [(500, 30)]


def test_a_number_that_falls_corrects_its_bucket(api: ApiClient, workspace: Workspace) -> None:
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=day(5, 8))
    read(account, at=day(5), posts={target.pk: counts(1000, 100)})
    read(account, at=day(6), posts={target.pk: counts(940, 90)})

    shown = get(api, "/api/analytics?from=2024-01-05&to=2024-01-06")

    assert [each["impressions"] for each in shown["timeline"]] == [1000, -60]
    assert shown["summary"]["total_impressions"] == 940


@pytest.mark.parametrize(
    ("query", "dates"),
    [
        ("granularity=day&from=2024-01-20&to=2024-01-22", ["2024-01-20", "2024-01-21", "2024-01-22"]),
        ("granularity=week&from=2024-01-10&to=2024-01-22", ["2024-01-08", "2024-01-15", "2024-01-22"]),
        ("granularity=month&from=2023-11-30&to=2024-01-01", ["2023-11-01", "2023-12-01", "2024-01-01"]),
    ],
)
def test_a_bucket_is_named_by_its_first_day(api: ApiClient, query: str, dates: list[str]) -> None:
    assert [each["date"] for each in get(api, f"/api/analytics?{query}")["timeline"]] == dates


def test_hours_are_instants_and_a_long_day_has_twenty_five(api: ApiClient, workspace: Workspace) -> None:
    workspace.settings = {"timezone": "Europe/Paris"}
    workspace.save()
    [account] = connect_all(workspace, "facebook")
    with time_machine.travel(datetime(2024, 10, 28, tzinfo=UTC), tick=False):
        target = publish(account, at=datetime(2024, 10, 26, tzinfo=UTC))
        read(account, at=datetime(2024, 10, 27, 0, 30, tzinfo=UTC), posts={target.pk: counts(10, 1)})
        read(account, at=datetime(2024, 10, 27, 1, 30, tzinfo=UTC), posts={target.pk: counts(30, 3)})

        shown = get(api, "/api/analytics?granularity=hour&from=2024-10-27&to=2024-10-27")

    assert shown["period"] == {"from": "2024-10-26T22:00:00Z", "to": "2024-10-27T22:59:59Z"}
    assert len(shown["timeline"]) == 25
    found = {each["date"]: each["impressions"] for each in shown["timeline"] if each["impressions"]}
    assert found == {"2024-10-27T00:00:00Z": 10, "2024-10-27T01:00:00Z": 20}


def test_a_day_is_one_of_the_workspaces_calendar(api: ApiClient, workspace: Workspace) -> None:
    workspace.settings = {"timezone": "Asia/Kathmandu"}
    workspace.save()
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=day(10, 17))
    read(account, at=datetime(2024, 1, 10, 18, 20, tzinfo=UTC), posts={target.pk: counts(7, 1)})

    shown = get(api, "/api/analytics?from=2024-01-10&to=2024-01-11")

    assert shown["period"] == {"from": "2024-01-09T18:15:00Z", "to": "2024-01-11T18:14:59Z"}
    assert [(each["posts"], each["impressions"]) for each in shown["timeline"]] == [(1, 0), (0, 7)]


def test_one_network_can_be_asked_for_and_a_table(api: ApiClient, workspace: Workspace) -> None:
    as_in_the_reference(workspace)

    shown = get(api, f"/api/analytics?{PERIOD}&platform=twitter")
    rows = table(api.get(f"/api/analytics?{PERIOD}&format=csv&granularity=week"))

    assert list(shown["by_platform"]) == ["twitter"]
    assert shown["summary"]["total_impressions"] == 28_420
    assert {top["platform"] for top in shown["top_posts"]} == {"twitter"}
    assert (shown["audience"]["total_followers"], shown["audience"]["follower_growth"]) == (10_000, 360)
    assert shown["audience"]["demographics"] == {"age_groups": {}, "top_locations": []}
    assert list(rows[0]) == ["date", "platform", "posts", "impressions", "reach", "engagement", "clicks"]
    assert rows[0] == {
        "date": "2024-01-01",
        "platform": "facebook",
        "posts": "2",
        "impressions": "5200",
        "reach": "",
        "engagement": "380",
        "clicks": "",
    }
    assert sum(int(row["impressions"] or 0) for row in rows) == 125_420


def test_a_posts_numbers_are_a_table_too(api: ApiClient, workspace: Workspace) -> None:
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=day(21, 9))
    read(account, at=day(21, 10), posts={target.pk: counts(10, 1)})
    read(account, at=day(21, 13), posts={target.pk: counts(25, 4, clicks=2)})

    response = api.get(f"/api/posts/{target.post_id}/analytics?format=csv")

    assert response["Content-Disposition"] == f'attachment; filename="{target.post_id}.csv"'
    assert [tuple(row.values()) for row in table(response)] == [
        ("2024-01-21T10:00:00Z", "facebook", "10", "", "1", ""),
        ("2024-01-21T13:00:00Z", "facebook", "15", "", "3", "2"),
    ]


def test_an_older_post_is_shown_by_the_day(api: ApiClient, workspace: Workspace) -> None:
    [account] = connect_all(workspace, "facebook")
    target, another = publish(account, at=day(10)), publish(account, at=day(10))
    read(account, at=day(11), posts={target.pk: counts(10, 1), another.pk: counts(7, 1)})
    read(account, at=day(13), posts={target.pk: counts(15, 1)})

    by_day = get(api, f"/api/posts/{target.post_id}/analytics")["analytics"]["timeline"]
    by_week = get(api, f"/api/posts/{target.post_id}/analytics?granularity=week")["analytics"]["timeline"]

    assert [(each["timestamp"][:10], each["impressions"]) for each in by_day] == [
        ("2024-01-10", 0),
        ("2024-01-11", 10),
        ("2024-01-12", 0),
        ("2024-01-13", 5),
    ]
    assert by_week == [{"timestamp": "2024-01-08T00:00:00Z", "impressions": 15, "engagement": 1}]


@pytest.mark.parametrize("cut", ["hour", "day"])
@pytest.mark.parametrize(
    ("before", "after", "published_at"),
    [
        ("UTC", "Europe/Paris", datetime(2024, 1, 20, 23, 30, tzinfo=UTC)),
        ("UTC", "Asia/Kolkata", datetime(2024, 1, 20, 18, 40, tzinfo=UTC)),
        ("Asia/Kolkata", "UTC", datetime(2024, 1, 20, 18, 40, tzinfo=UTC)),
        ("Pacific/Auckland", "America/New_York", datetime(2024, 1, 20, 23, 30, tzinfo=UTC)),
    ],
    ids=["a later day", "a later half hour", "an earlier half hour", "an earlier day"],
)
def test_what_a_post_gained_first_stays_first_when_its_workspace_gets_another_zone(
    api: ApiClient, workspace: Workspace, cut: str, before: str, after: str, published_at: datetime
) -> None:
    workspace.settings = {"timezone": before}
    workspace.save()
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=published_at)
    read(account, at=published_at + timedelta(minutes=15), posts={target.pk: counts(100, 8)})
    workspace.settings = {"timezone": after}
    workspace.save()
    read(account, at=day(22), posts={target.pk: counts(130, 9)})
    path = f"/api/posts/{target.post_id}/analytics?granularity={cut}"

    shown, rows = get(api, path)["analytics"]["timeline"], table(api.get(f"{path}&format=csv"))

    assert [each["impressions"] for each in shown if each["impressions"]] == [100, 30]
    assert [row["impressions"] for row in rows] == ["100", "30"]


@pytest.mark.parametrize(
    ("cut", "timestamps"),
    [("hour", ["2024-01-21T14:00:00Z", "2024-01-21T15:00:00Z"]), ("day", ["2024-01-21T00:00:00Z"])],
)
def test_what_was_read_before_a_clock_was_set_back_counts_from_the_publication(
    api: ApiClient, workspace: Workspace, cut: str, timestamps: list[str]
) -> None:
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=day(21, 14))
    path = f"/api/posts/{target.post_id}/analytics?granularity={cut}"

    for at, gained in ((day(20, 23), 10), (day(21, 12), 20), (day(21, 15), 40)):
        read(account, at=at, posts={target.pk: counts(gained, 1)})
        timeline = get(api, path)["analytics"]["timeline"]
        assert sum(each["impressions"] for each in timeline) == gained

    assert [each["timestamp"] for each in timeline] == timestamps


@pytest.mark.parametrize("cut", ["hour", "day", "week", "month"])
def test_a_post_that_gained_nothing_has_zeros_of_what_its_network_tells(
    api: ApiClient, workspace: Workspace, cut: str
) -> None:
    [account] = connect_all(workspace, "bluesky")
    target = publish(account, at=day(21, 9))
    read(account, at=day(21, 10), posts={target.pk: counts(None, 0)})
    path = f"/api/posts/{target.post_id}/analytics?granularity={cut}"

    last, rows = get(api, path)["analytics"]["timeline"][-1], table(api.get(f"{path}&format=csv"))

    assert (last["impressions"], last["engagement"]) == (None, 0)
    assert [(row["impressions"], row["engagement"]) for row in rows] == [("", "0")]


def test_a_network_that_was_not_read_yet_holds_up_none(api: ApiClient, workspace: Workspace) -> None:
    accounts = connect_all(workspace, "facebook", "twitter")
    [target, _] = publish_to(accounts, at=day(21, 9))
    read(accounts[0], at=day(21, 10), posts={target.pk: counts(10, 1)})

    shown = get(api, f"/api/posts/{target.post_id}/analytics")["analytics"]

    assert (shown["as_of"], shown["by_platform"]["twitter"]["impressions"]) == ("2024-01-21T10:00:00Z", None)
    assert [(each["timestamp"][11:13], each["impressions"]) for each in shown["timeline"]] == [("09", 0), ("10", 10)]


def test_a_post_that_is_not_out_has_no_numbers_yet(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "facebook")
    made = api.post("/api/posts", {"content": "Bread", "platforms": ["facebook"]}).json()["data"]["post"]

    shown = get(api, f"/api/posts/{made['id']}/analytics")

    assert shown["analytics"] == {
        "summary": {
            "total_impressions": None,
            "total_reach": None,
            "total_engagement": None,
            "total_clicks": None,
            "engagement_rate": None,
        },
        "by_platform": {},
        "timeline": [],
        "as_of": None,
    }


def test_a_post_that_has_just_gone_out_has_its_networks(api: ApiClient, workspace: Workspace) -> None:
    wanted = sample("GET /api/posts/{id}/analytics")["analytics"]["by_platform"]
    post = make_post(workspace, accounts=connect_all(workspace, *wanted), status="published")

    shown = get(api, f"/api/posts/{post.pk}/analytics")["analytics"]["by_platform"]

    assert shown.keys() == wanted.keys()
    assert all(shown[name].keys() >= wanted[name].keys() for name in wanted)
    assert {number for numbers in shown.values() for number in numbers.values()} == {None}


def test_two_accounts_of_a_network_are_summed(api: ApiClient, workspace: Workspace) -> None:
    [one] = connect_all(workspace, "facebook")
    other = SocialAccount.objects.create(
        workspace=workspace, platform="facebook", type="page", remote_id="2", connected_at=NOW
    )
    targets = publish_to([one, other], at=day(21))
    read(one, at=day(22), posts={targets[0].pk: counts(10, 1, own={"reactions": 1})})
    read(other, at=day(22), posts={targets[1].pk: counts(20, 4, own={"reactions": 3, "shares": 1})})

    shown = get(api, f"/api/posts/{targets[0].post_id}/analytics")["analytics"]["by_platform"]["facebook"]

    assert (shown["impressions"], shown["engagement"], shown["reactions"], shown["shares"]) == (30, 5, 4, 1)
    assert shown["comments"] is None


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("from=yesterday", "from", "Must be an ISO 8601 date or moment"),
        ("to=2024-02-30", "to", "There is no such moment."),
        ("from=2024-01-10&to=2024-01-09", "from", "Must not be later than `to`."),
        ("platform=myspace", "platform", "Must be one of: facebook, instagram"),
        ("granularity=year", "granularity", "Must be one of: hour, day, week, month."),
        ("format=xml", "format", "Must be json or csv."),
        ("granularity=hour&from=2023-12-01", "granularity", "Hours are kept for 35 days"),
        ("from=2020-01-01&to=2024-01-01", "granularity", "At most 1100 buckets"),
        ("from=2001-01-01&granularity=month", "from", "At most 3660 days"),
        ("from=2024-01-10&to=2033-12-31&granularity=hour", "from", "At most 45 days of hours"),
        ("from=2023-12-01&granularity=hour", "from", "At most 45 days of hours"),
        ("limit=10", "limit", "Unknown query parameter."),
        ("from=", "from", "Give a value, or leave it out."),
    ],
)
def test_a_bad_query_is_told(api: ApiClient, query: str, field: str, told: str) -> None:
    assert fields_of(api.get(f"/api/analytics?{query}"))[field][0].startswith(told)


def test_hours_of_a_post_of_which_one_network_had_it_too_long_ago_are_refused(
    api: ApiClient, workspace: Workspace
) -> None:
    late, early = connect_all(workspace, "facebook", "twitter")
    first, second = publish_to([late, early], at=datetime(2023, 12, 1, tzinfo=UTC))
    TargetNumbers.objects.filter(target=first).update(published_at=day(20))
    read(early, at=day(21), posts={second.pk: counts(1, 1)})

    found = fields_of(api.get(f"/api/posts/{first.post_id}/analytics?granularity=hour"))

    assert found["granularity"][0].startswith("Hours are kept for 35 days")


def test_the_numbers_of_an_account_say_when_they_were_read_after_it_was_disconnected(
    api: ApiClient, workspace: Workspace
) -> None:
    [account] = connect_all(workspace, "facebook")
    target = publish(account, at=day(20))
    read(account, at=day(21), posts={target.pk: counts(10, 1)}, numbers=AccountNumbers(followers=5))

    assert api.delete(f"/api/accounts/{account.pk}").status_code == 200
    shown = get(api, f"/api/analytics?{PERIOD}")

    assert (shown["summary"]["total_impressions"], shown["as_of"]) == (10, "2024-01-21T12:00:00Z")
    assert shown["audience"]["total_followers"] == 0


def test_nobody_elses_numbers_are_in_it(api: ApiClient) -> None:
    [account] = connect_all(make_workspace(name="Other"), "facebook")
    target = publish(account, at=day(20))
    read(account, at=day(21), posts={target.pk: counts(10, 1)}, numbers=AccountNumbers(followers=5))

    shown = get(api, f"/api/analytics?{PERIOD}")

    assert shown["summary"]["total_posts"] == shown["audience"]["total_followers"] == 0
    assert shown["top_posts"] == []
    assert api.get(f"/api/posts/{target.post_id}/analytics").status_code == 404


@pytest.mark.parametrize("posts", [1, 5])
def test_a_report_costs_less_than_ten_queries(
    api: ApiClient, workspace: Workspace, django_assert_max_num_queries: Any, posts: int
) -> None:
    accounts = connect_all(workspace, *POSTS)
    for number in range(posts):
        for account in accounts:
            target = publish(account, at=day(1 + number % 20))
            read(account, at=day(21), posts={target.pk: counts(100, number)}, numbers=AccountNumbers(followers=number))
    api.get("/api/platforms")

    with django_assert_max_num_queries(8):
        get(api, f"/api/analytics?{PERIOD}")
