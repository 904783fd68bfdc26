"""A post that was given a local time keeps it when a country changes its rules; one that has an exact moment, that."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ouipost.claims import database_now
from ouipost.events.models import Event
from posts import services
from posts.lateness import GIVE_UP_AFTER
from posts.models import Post, Target
from posts.schedules import slots
from posts.schedules.services import follow_zones, queue_post
from tests.conftest import ApiClient
from tests.contract.world import at, connect_all
from tests.factories import make_schedule
from tests.posts.fakes import ACTOR, told
from workspaces.models import Workspace

pytestmark = pytest.mark.any_database
BODY = {"content": "Hi", "platforms": ["facebook", "twitter"]}
GAP, FOLD = "2090-03-26T02:30:00", "2090-10-29T02:30:00"
Rules = Callable[[int | None], None]


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Rules:
    """Give all zones the rules of an offset from UTC, or with None their own ones."""
    own = slots._clocks

    def change(hours: int | None) -> None:
        clocks: Any = own if hours is None else lambda _: timezone(timedelta(hours=hours))
        monkeypatch.setattr(slots, "_clocks", clocks)

    return change


@pytest.fixture
def give(api: ApiClient, workspace: Workspace) -> Callable[..., Post]:
    """Create a post that goes out then in Paris, at once or in two steps, on two networks."""
    connect_all(workspace, "facebook", "twitter")

    def create(moment: str, *, at_once: bool = True) -> Post:
        when = {"scheduled_at": moment, "timezone": "Europe/Paris"}
        answer = api.post("/api/posts", BODY | (when if at_once else {}))
        pk = answer.json()["data"]["post"]["id"]
        if not at_once:
            assert api.post(f"/api/posts/{pk}/schedule", when).status_code == 200
        return Post.objects.get(pk=pk)

    return create


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("moment", "was", "becomes"),
    [
        ("2090-02-01T09:00:00", "2090-02-01T09:00:00Z", "2090-02-01T08:00:00Z"),
        (GAP, "2090-03-26T02:30:00Z", "2090-03-26T01:30:00Z"),
        (FOLD, "2090-10-29T02:30:00Z", "2090-10-29T00:30:00Z"),
    ],
    ids=["plain", "gap", "fold"],
)
def test_a_local_time_stays_what_the_clocks_show_when_the_rules_change(
    give: Callable[..., Post], rules: Rules, moment: str, was: str, becomes: str, at_once: bool
) -> None:
    rules(0)
    post = give(moment, at_once=at_once)
    done = Target.objects.filter(post=post).order_by("pk")[0]
    Target.objects.filter(pk=done.pk).update(status="failed")
    rules(None)

    assert (post.scheduled_at, follow_zones(database_now()), follow_zones(database_now())) == (at(was), 1, 0)

    moved, new = Post.objects.get(pk=post.pk), at(becomes)
    assert (moved.scheduled_at, moved.moment, moved.scheduled_timezone) == (new, new, "Europe/Paris")
    rows = Target.objects.filter(post=post).values_list("scheduled_at", "due_at", "give_up_at").order_by("pk")
    assert list(rows) == [(at(was), at(was), at(was) + GIVE_UP_AFTER), (new, new, new + GIVE_UP_AFTER)]
    line = Event.objects.filter(type="post.scheduled").order_by("pk")[1]
    assert (line.resource_id, line.key_id, line.details["before"]) == (post.pk, "", {"scheduled_at": was})
    assert line.details["after"] == {"scheduled_at": becomes}
    rules(0)
    assert (follow_zones(database_now()), Post.objects.get(pk=post.pk).scheduled_at) == (1, at(was))


def test_a_time_that_new_rules_move_into_the_past_is_now(give: Callable[..., Post], rules: Rules) -> None:
    rules(0)
    post = give(f"{database_now() + timedelta(minutes=30):%Y-%m-%dT%H:%M:%S}")
    rules(10)
    now = database_now()

    assert (follow_zones(now), follow_zones(now)) == (1, 0)

    rows = Target.objects.filter(post=post).values_list("due_at", "give_up_at")
    assert list(rows) == [(now, now + GIVE_UP_AFTER)] * 2
    assert Post.objects.filter(pk=post.pk, scheduled_at__lt=now - 9 * timedelta(hours=1)).exists()


def test_nothing_else_follows_the_rules(give: Callable[..., Post], rules: Rules, workspace: Workspace) -> None:
    rules(0)
    exact, draft, queued, changed, lost, due = (give("2090-02-01T09:00:00" + "Z" * (n == 0)) for n in range(6))
    in_line = give(f"{database_now() + timedelta(minutes=30):%Y-%m-%dT%H:%M:%S}")
    services.unschedule_post(draft, actor=ACTOR)
    hour = timedelta(hours=1)
    Post.objects.filter(pk=changed.pk).update(scheduled_at=at("2090-02-01T12:00:00Z"))  # by a version before this
    Post.objects.filter(pk=lost.pk).update(scheduled_timezone="Mars/Olympus")
    Target.objects.filter(post=due).update(due_at=database_now() - hour)
    Target.objects.filter(post=in_line).update(due_at=database_now() + 5 * hour)
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook", "twitter"])], timezone="Europe/Paris")
    rules(None)
    queue_post(queued, schedule, actor=ACTOR, now=database_now())
    before = dict(Post.objects.values_list("pk", "scheduled_at"))

    assert follow_zones(database_now() + hour) == 0

    assert dict(Post.objects.values_list("pk", "scheduled_at")) == before
    assert before[exact.pk] == datetime(2090, 2, 1, 9, tzinfo=UTC)
    assert set(Post.objects.filter(pk__in=[exact.pk, draft.pk, queued.pk]).values_list("scheduled_local")) == {("",)}
    assert "schedule.zone_followed" not in told()
