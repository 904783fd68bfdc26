"""Numbers of all nine networks, through the product and against the simulator: correct, or their lack explained."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from pytest_django import Settings

from accounts import platforms, tokens
from accounts.models import SocialAccount
from accounts.platforms.errors import Rejected, Unavailable, Unknown
from accounts.platforms.limits import Allowance
from accounts.platforms.shapes import PostNumbers
from analytics.gains import COUNTED
from analytics.models import DayTotal, HourTotal, InstallationDay, Snapshot, TargetDay, TargetNumbers
from ouipost.events.models import Event
from ouipost.simulator import models as networks
from ouipost.simulator.networks import twitter
from ouipost.simulator.networks.facebook import insights as facebook
from ouipost.simulator.networks.instagram import insights as instagram
from ouipost.simulator.networks.threads import insights as threads
from ouipost.simulator.networks.youtube import videos as youtube
from posts.models import Post, Target
from tests.analytics.expected_numbers import expected_numbers
from tests.analytics.sums import what_is_wrong
from tests.analytics.world import World, copy_posts, numbers_of, simulated, sync_of
from tests.conftest import ApiClient
from tests.foundation.threads import wait_until
from tests.in_process import BASE, Send
from tests.networks.kinds import KINDS, UPRIGHT, kind

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.any_database]

ALL = [platform.id for platform in platforms.ALL]
OPTIONS = {
    "tiktok": {"options": {"privacy_level": "PUBLIC_TO_EVERYONE"}},
    "youtube": {"options": {"made_for_kids": False}},
}


RENEWALS = {
    "twitter": "POST api.x.com/2/oauth2/token",
    "linkedin": "POST www.linkedin.com/oauth/v2/accessToken",
    "bluesky": "com.atproto.server.refreshSession",
}


@pytest.fixture
def world(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with simulated(api, monkeypatch) as world:
        yield world


def publish_everywhere(world: World) -> Post:
    """Publish one video on all nine networks."""
    accounts = {network: world.connect(network) for network in ALL}
    board = accounts["pinterest"]["metadata"]["boards"][0]["id"]
    options = OPTIONS | {"pinterest": {"options": {"board_id": board}}}
    everything = kind("facebook", "video", UPRIGHT, body={"title": "Bread", "platform_content": options})
    return world.publish(everything, *accounts.values())


def expected(post: Post, at: datetime) -> dict[str, PostNumbers]:
    """Return what each network says at this moment of the one post that it has."""
    there = {each.network: each for each in networks.Post.objects.filter(kind=networks.Post.POST)}
    return {network: expected_numbers(network, there[network], at, is_video=True) for network in ALL}


def counted(numbers: Any) -> dict[str, int | None]:
    return {name: getattr(numbers, name) for name in COUNTED}


def gained(rows: Any, *, by: str) -> dict[Any, dict[str, int]]:
    """Return the sums of what was gained, by the value of a column."""
    sums: dict[Any, Counter[str]] = {}
    for row in rows:
        sums.setdefault(getattr(row, by), Counter()).update({name: getattr(row, name) or 0 for name in COUNTED})
    return {key: dict(found) for key, found in sums.items()}


def as_shown(moment: datetime) -> str:
    """Return a moment as answers show it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def test_all_numbers_of_all_networks_are_what_the_networks_say(world: World) -> None:
    post = publish_everywhere(world)
    by_day: dict[Any, Counter[str]] = {}
    before: dict[str, dict[str, int]] = {network: dict.fromkeys(COUNTED, 0) for network in ALL}

    for passed in (
        timedelta(minutes=15),
        timedelta(hours=2),
        timedelta(hours=11),
        timedelta(days=3),
        timedelta(days=9),
    ):
        at = world.time.pass_by(seconds=passed.total_seconds())
        reports = world.sync()

        assert [report.error for report in reports] == [None] * len(ALL)
        network_says = expected(post, at)
        for target in Target.objects.filter(post=post).select_related("numbers"):
            says, numbers = network_says[target.platform], target.numbers
            assert (counted(numbers), numbers.own) == (counted(says), dict(says.own)), target.platform
            assert target.metrics == {**counted(says), "read_at": as_shown(at), "removed_at": None}
            told, metrics = counted(says), set(platforms.BY_ID[target.platform].metrics)
            assert {name for name in told if told[name] is not None} == metrics & {*COUNTED}, target.platform
            assert {*says.own} <= metrics, target.platform
            now = {name: count or 0 for name, count in counted(says).items()}
            day = by_day.setdefault(at.date(), Counter())
            day.update({name: now[name] - before[target.platform][name] for name in COUNTED})
            before[target.platform] = now
        totals = Counter[str]()
        for each in before.values():
            totals.update(each)
        post = Post.objects.get(pk=post.pk)
        assert (post.impressions, post.engagement, post.clicks) == tuple(
            totals[name] for name in ("impressions", "engagement", "clicks")
        )
        days = gained(DayTotal.objects.all(), by="day")  # one that ended since it was published has gained nothing
        assert {day: sums for day, sums in days.items() if any(sums.values())} == {
            day: dict(sums) for day, sums in by_day.items() if any(sums.values())
        }
        assert gained(InstallationDay.objects.all(), by="platform") == before
        assert gained(HourTotal.objects.all(), by="platform") == before
        assert gained(Snapshot.objects.select_related("numbers"), by="numbers_id") == gained(
            TargetDay.objects.all(), by="numbers_id"
        )
    assert Snapshot.objects.count() == 5 * len(ALL)
    assert sum(DayTotal.objects.values_list("posts", flat=True)) == len(ALL)


def publish_text(world: World, network: str, **values: Any) -> tuple[dict[str, Any], Post]:
    account = world.connect(network, **values)
    return account, world.publish(kind(network, "text"), account)


def says_now(world: World, network: str) -> PostNumbers:
    post = networks.Post.objects.get(network=network, kind=networks.Post.POST)
    return expected_numbers(network, post, world.time.now)


def health(account: dict[str, Any]) -> tuple[str, Any]:
    row = SocialAccount.objects.get(pk=account["id"])
    return row.status, row.last_error


def failure_of(account: dict[str, Any]) -> dict[str, Any]:
    """Return why the last reading of an account failed; it must have."""
    error = sync_of(account).error
    assert error is not None
    return dict(error)


def told(*types: str) -> int:
    return Event.objects.filter(type__in=types).count()


def assert_read(world: World, post: Post) -> None:
    """The numbers of a post are what its network says now."""
    numbers = numbers_of(post)
    says = says_now(world, numbers.platform)
    assert (numbers.read_at, counted(numbers), numbers.own) == (world.time.now, counted(says), dict(says.own))


def assert_counted_once() -> None:
    assert what_is_wrong() == []


def assert_all_as_expected(world: World, network: str, targets: Sequence[Target]) -> None:
    """The numbers of all these targets are what their network says now."""
    there = {each.external_id: each for each in networks.Post.objects.filter(network=network)}
    rows = TargetNumbers.objects.filter(target__in=targets).select_related("target")
    says = {
        each.target.remote_id: expected_numbers(network, there[each.target.remote_id], world.time.now) for each in rows
    }
    assert {each.target.remote_id: counted(each) for each in rows} == {pk: counted(each) for pk, each in says.items()}
    assert len(says) == len(targets)


def is_renewal(asked: str) -> bool:
    return any(renewal in asked for renewal in RENEWALS.values())


def http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


@pytest.mark.parametrize("network", ["facebook", "twitter"])
def test_a_network_that_asks_for_patience_is_read_again_exactly_then_and_the_others_go_on(
    world: World, network: str
) -> None:
    account, post = publish_text(world, network)
    _, others = publish_text(world, "twitter" if network != "twitter" else "bluesky")
    world.time.pass_by(minutes=15)
    world.time.now = world.time.now.replace(microsecond=0)
    reset = world.time.now + timedelta(seconds=400)
    headers = {"Date": http_date(world.time.now), "Retry-After": "400"}
    headers |= {"x-rate-limit-reset": str(int(reset.timestamp()))}
    world.order(network, "/", "status", status=429, body={"title": "Too many requests"}, headers=headers)

    world.sync()

    assert_read(world, others)
    assert (numbers_of(post).read_at, sync_of(account).due_at) == (None, reset)
    assert health(account) == ("active", None)
    assert failure_of(account)["code"] == "RATE_LIMITED_BY_PLATFORM"
    asked = len(world.watch.asked)
    world.time.pass_by(seconds=399)
    world.sync()
    assert len(world.watch.asked) == asked
    world.time.pass_by(seconds=1)
    world.sync()
    assert_read(world, post)
    assert (sync_of(account).failures, sync_of(account).error, told("account.error")) == (0, None, 0)


def test_a_limit_that_all_accounts_of_an_app_share_puts_off_reading_and_no_post(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X counts the reads of an app in 15 minutes."""
    monkeypatch.setitem(twitter.OF_AN_APP, twitter.views.lookup, 1)
    (first, one), (second, other) = (publish_text(world, "twitter", person=person) for person in ("Demo", "Ada"))
    world.time.pass_by(minutes=15)

    world.sync(threads=1)

    late, unread = (second, other) if numbers_of(one).read_at else (first, one)
    assert [numbers_of(post).read_at is None for post in (one, other)].count(True) == 1
    assert (failure_of(late)["code"], health(late)) == ("RATE_LIMITED_BY_PLATFORM", ("active", None))
    world.publish(kind("twitter", "text"), late, content="More bread")
    monkeypatch.setitem(twitter.OF_AN_APP, twitter.views.lookup, 9)
    world.time.now = sync_of(late).due_at or world.time.now
    world.sync()
    assert numbers_of(unread).read_at == world.time.now


@pytest.mark.parametrize("network", ["twitter", "linkedin", "bluesky"])
def test_a_token_that_has_ended_is_renewed_once_and_the_numbers_are_read(world: World, network: str) -> None:
    account, post = publish_text(world, network)
    world.time.pass_by(minutes=15)
    world.watch.asked.clear()
    fault = world.order(network, "/", "expire_token")

    world.sync()

    fault.refresh_from_db()
    assert fault.fired == 1
    assert_read(world, post)
    assert health(account) == ("active", None)
    assert sum(is_renewal(asked) for asked in world.watch.asked) == 1


def test_a_revoked_grant_expires_the_account_and_says_so_once_and_the_others_go_on(world: World) -> None:
    account, post = publish_text(world, "twitter")
    _, others = publish_text(world, "bluesky")
    world.time.pass_by(minutes=15)
    world.order("twitter", "/", "revoke")

    for _ in range(3):
        world.sync()
        world.time.pass_by(minutes=15)

    status, error = health(account)
    assert (status, error["code"], told("account.expired"), told("account.error")) == ("expired", "TOKEN_REVOKED", 1, 0)
    assert failure_of(account)["code"] == "TOKEN_REVOKED"
    assert (numbers_of(post).read_at, numbers_of(others).read_at is None) == (None, False)


@pytest.mark.parametrize(
    ("network", "table", "bad", "ours"),
    [
        ("facebook", facebook.POST_METRICS, "post_clicks", "clicks"),
        ("instagram", instagram.COMMON, "reach", "reach"),
    ],
)
def test_one_metric_that_a_network_does_not_know_any_more_does_not_cost_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, network: str, table: dict[str, int], bad: str, ours: str
) -> None:
    account = world.connect(network)
    post = world.publish(next(each for each in KINDS if each.network == network and each.name == "image"), account)
    world.time.pass_by(hours=3)
    says = says_now(world, network)
    for known in (table, *instagram.MEDIA_METRICS.values()):
        monkeypatch.delitem(known, bad, raising=False)

    [report] = world.sync()

    assert report.error is None
    numbers = numbers_of(post)
    assert (counted(numbers), numbers.own) == (counted(says) | {ours: None}, dict(says.own))
    assert (health(account), sync_of(account).failures) == (("active", None), 0)


@pytest.mark.parametrize(
    ("network", "table", "left_out"),
    [
        ("threads", threads.MEDIA_METRICS, "likes"),
        ("twitter", twitter.views.PUBLIC_METRICS, "like_count"),
        ("youtube", youtube.NUMBERS, "likeCount"),
    ],
)
def test_a_number_that_a_network_leaves_out_once_is_neither_lost_engagement_nor_gained_again(
    world: World, monkeypatch: pytest.MonkeyPatch, network: str, table: dict[str, int], left_out: str
) -> None:
    account = world.connect(network)
    post = world.publish(next(each for each in KINDS if each.network == network), account)
    world.time.pass_by(days=3)
    world.sync()
    known = numbers_of(post)

    with monkeypatch.context() as without:
        without.delitem(table, left_out)
        world.time.pass_by(days=1)
        world.sync()
    meanwhile = numbers_of(post)
    world.time.pass_by(days=1)
    world.sync()

    assert meanwhile.own["likes"] == known.own["likes"]
    assert meanwhile.engagement == sum(count or 0 for count in meanwhile.own.values())
    assert_read(world, post)
    assert_counted_once()


def test_connecting_or_refreshing_an_account_reads_no_numbers(world: World, api: ApiClient) -> None:
    account, _ = publish_text(world, "bluesky")
    before = as_of(api)
    at = world.time.pass_by(hours=3)
    world.sync()
    world.time.pass_by(hours=1)

    refreshed = api.post(f"/api/accounts/{account['id']}/refresh").json()["data"]["account"]

    assert refreshed["health"]["last_sync"] != as_shown(at)
    assert (before, as_of(api)) == (None, as_shown(at))


def as_of(api: ApiClient) -> str | None:
    moment: str | None = api.get("/api/analytics").json()["data"]["as_of"]
    return moment


TROUBLES: dict[str, dict[str, Any]] = {
    "facebook": {"effect": "status", "status": 500, "body": {"error": "internal"}},
    "twitter": {"effect": "status", "status": 503, "body": ""},
    "bluesky": {"effect": "cut_json"},
}
"""One of a network each: what each network makes of each of them is tried in `tests/networks`."""


@pytest.mark.parametrize("network", TROUBLES)
def test_an_answer_that_is_none_is_explained_and_the_numbers_are_read_a_minute_later(
    world: World, network: str
) -> None:
    account, post = publish_text(world, network)
    at = world.time.pass_by(minutes=15)
    world.order(network, "/", times=20, **TROUBLES[network])

    [report] = world.sync()

    assert isinstance(report.error, Unavailable | Unknown)
    sync = sync_of(account)
    assert (sync.failures, sync.due_at) == (1, at + timedelta(minutes=1))
    assert sync.error == {"code": report.error.code, "message": report.error.message, "who_acts": "network"}
    assert sync.error["message"]
    assert (health(account), told("account.error")) == (("active", None), 0)
    networks.Fault.objects.all().delete()
    world.time.pass_by(minutes=1)
    world.sync()
    assert_read(world, post)
    assert (sync_of(account).failures, sync_of(account).error) == (0, None)


def test_while_one_network_hangs_the_others_are_read(world: World) -> None:
    account, post = publish_text(world, "facebook")
    _, on_x = publish_text(world, "twitter")
    _, on_bluesky = publish_text(world, "bluesky")
    at = world.time.pass_by(minutes=15)
    meanwhile: list[Any] = []

    def hang(request: requests.PreparedRequest, send: Send) -> requests.Response:
        if "facebook" not in str(request.url):
            return send(request)
        wait_until(lambda: len(world.results) == 2)
        meanwhile.extend([numbers_of(on_x).read_at, numbers_of(on_bluesky).read_at])
        raise ConnectionError("It never answered.")

    world.watch.befall = hang
    world.sync()

    assert meanwhile == [at, at]
    assert (numbers_of(post).read_at, sync_of(account).due_at) == (None, at + timedelta(minutes=1))
    world.watch.befall = None
    world.time.pass_by(minutes=1)
    world.sync()
    assert_read(world, post)


def test_a_slow_network_is_asked_until_the_lease_is_nearly_over_and_the_rest_stays_due(
    world: World, settings: Settings
) -> None:
    account, post = publish_text(world, "facebook")
    targets = copy_posts(post, 14)
    at = world.time.pass_by(minutes=15)
    settings.ENGINE_SPEED = 20  # in a lease of six seconds three are for asking

    def crawl(request: requests.PreparedRequest, send: Send) -> requests.Response:
        time.sleep(0.15)
        return send(request)

    world.watch.befall = crawl
    first, *others = world.sync()

    assert 0 < len(first.answers.posts) < len(targets)
    assert others
    assert [report.error for report in (first, *others)] == [None] * (1 + len(others))
    assert set(TargetNumbers.objects.filter(target__in=targets).values_list("read_at", flat=True)) == {at}
    assert sync_of(account).failures == 0
    assert_counted_once()


def test_an_account_that_may_not_be_read_is_in_error_with_the_reason_until_it_can_be_read_again(world: World) -> None:
    account, post = publish_text(world, "facebook")
    world.time.pass_by(minutes=15)
    message = "(#200) Requires read_insights permission"
    refusal = {"error": {"message": message, "code": 200, "type": "OAuthException"}}
    world.order("facebook", "/", "status", times=1000, status=403, body=refusal)

    [report] = world.sync()

    status, error = health(account)
    assert isinstance(report.error, Rejected)
    assert status == "error"
    assert error == {
        "code": report.error.code,
        "message": report.error.message,
        "who_acts": str(report.error.who_acts),
    }
    assert message in error["message"]
    for _ in range(3):
        world.time.pass_by(hours=2)
        world.sync()
    [event] = Event.objects.filter(type="account.error")
    assert (event.resource_id, event.details["message"]) == (account["id"], error["message"])
    shown = world.client.call("GET", f"/api/accounts/{account['id']}")["account"]
    assert (shown["status"], shown["health"]["errors"]) == ("error", [error])
    networks.Fault.objects.all().delete()
    world.time.pass_by(hours=7)
    world.sync()
    assert health(account) == ("active", None)
    assert_read(world, post)
    assert told("account.error") == 1


def test_the_tokens_of_an_account_that_may_not_be_read_are_renewed_all_the_same(world: World) -> None:
    account, _ = publish_text(world, "twitter")
    world.time.pass_by(minutes=15)
    world.order("twitter", "GET /2/", "status", times=1000, status=403, body={"title": "Forbidden", "detail": "No."})
    world.sync()
    before = SocialAccount.objects.get(pk=account["id"])
    assert before.status == "error"
    SocialAccount.objects.update(due_at=world.time.now)

    assert tokens.refresh_due() == 1

    after = SocialAccount.objects.get(pk=account["id"])
    assert after.access_token != before.access_token
    assert (after.status, after.last_error) == ("error", before.last_error)


@pytest.mark.parametrize(("network", "choose"), [*((network, 0) for network in ALL), ("linkedin", 1)])
def test_a_post_that_is_removed_at_the_network_is_told_once_and_shown_again_when_it_is_back(
    world: World, network: str, choose: int
) -> None:
    account = world.connect(network, choose=choose)
    post = world.publish(next(each for each in KINDS if (each.network, each.choose) == (network, choose)), account)
    world.time.pass_by(minutes=15)
    world.sync()
    assert_read(world, post)
    before = numbers_of(post)
    networks.Post.objects.update(deleted_at=world.time.now)

    removed_at = world.time.pass_by(minutes=15)
    world.sync()
    world.time.pass_by(minutes=15)
    world.sync()

    numbers = numbers_of(post)
    assert (numbers.removed_at, numbers.read_at, counted(numbers)) == (removed_at, before.read_at, counted(before))
    [event] = Event.objects.filter(type="post.removed")
    assert (event.resource_id, event.details["platform"]) == (post.pk, network)
    assert Target.objects.values_list("metrics__removed_at", flat=True).get() == as_shown(removed_at)
    assert (Target.objects.get().status, health(account)) == ("published", ("active", None))
    networks.Post.objects.update(deleted_at=None)
    world.time.pass_by(hours=12)  # LinkedIn's budget is used up until then
    world.sync()
    assert_read(world, post)
    assert (numbers_of(post).removed_at, told("post.removed")) == (None, 1)


@pytest.mark.parametrize(
    ("network", "batch", "path", "choose"),
    [
        ("twitter", 100, "GET api.x.com/2/tweets", 0),
        ("youtube", 50, "GET youtube.googleapis.com/youtube/v3/videos", 0),
        ("bluesky", 25, "app.bsky.feed.getPosts", 0),
        ("tiktok", 20, "POST open.tiktokapis.com/v2/video/query/", 0),
        ("linkedin", 10, "GET api.linkedin.com/rest/organizationalEntityShareStatistics", 1),
    ],
)
def test_more_posts_than_a_network_takes_at_once_are_read_in_as_many_calls_as_needed(
    world: World, network: str, batch: int, path: str, choose: int
) -> None:
    account = world.connect(network, choose=choose)
    wanted = next(each for each in KINDS if each.network == network and each.choose == choose)
    post = world.publish(wanted, account)
    world.time.pass_by(minutes=10)
    world.sync()
    targets = copy_posts(post, 2 * batch - 1)
    world.time.pass_by(minutes=5)
    world.watch.asked.clear()

    [report] = world.sync()

    assert len(report.answers.posts) == len(targets) == 2 * batch
    assert sum(path in asked for asked in world.watch.asked) == 2
    assert_all_as_expected(world, network, targets)
    assert_counted_once()


def test_a_post_that_gets_its_id_late_opens_at_its_own_address_from_then_on(world: World) -> None:
    account = world.connect("tiktok")
    post = world.publish(kind("tiktok", "video", UPRIGHT, privacy_level="SELF_ONLY"), account)
    there = networks.Post.objects.get(network="tiktok")
    assert not Target.objects.get().url.endswith(there.external_id)
    networks.Post.objects.update(data=there.data | {"privacy": "PUBLIC_TO_EVERYONE"})
    world.time.pass_by(minutes=15)

    world.sync()

    target = Target.objects.get()
    assert (target.remote_id, target.url) == (there.external_id, f"{BASE}/sandbox/{there.url.removeprefix('https://')}")
    assert_read(world, post)


def test_the_reports_of_single_videos_are_within_the_budget_of_their_account(world: World, settings: Settings) -> None:
    settings.NETWORK_READ_BUDGET = settings.NETWORK_READ_BUDGET | {"youtube": Allowance(most=20, seconds=3600)}
    account = world.connect("youtube")
    post = world.publish(kind("youtube", "video", UPRIGHT, body={"title": "Bread"}, made_for_kids=False), account)
    targets = copy_posts(post, 15)
    world.time.pass_by(minutes=15)
    world.watch.asked.clear()

    world.sync()

    assert len(world.watch.asked) == 9  # two for the channel; one of ten is kept for counters that are asked for twice
    assert TargetNumbers.objects.filter(target__in=targets).exclude(read_at=None).count() == 6


def test_no_day_sees_more_requests_for_a_linkedin_account_than_its_budget_and_all_is_read_in_the_end(
    world: World, settings: Settings
) -> None:
    budget = settings.NETWORK_READ_BUDGET["linkedin"]
    _, post = publish_text(world, "linkedin")
    asked_at: list[datetime] = []

    def go_on(*, hours: int) -> None:
        for _ in range(hours):
            before = len(world.watch.asked)
            world.time.pass_by(hours=1)
            world.sync()
            asked_at.extend([world.time.now] * (len(world.watch.asked) - before))

    go_on(hours=1)
    targets = copy_posts(post, 15)
    Target.objects.filter(pk__in=[target.pk for target in targets]).update(published_at=world.time.now)
    go_on(hours=4 * 24)

    window = timedelta(seconds=budget.seconds)
    most = max(sum(start <= at < start + window for at in asked_at) for start in asked_at)
    assert most <= budget.most
    rows = TargetNumbers.objects.filter(target__in=targets)
    assert len(rows) == 16
    assert all(row.read_at for row in rows)
    assert_counted_once()
