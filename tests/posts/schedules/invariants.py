"""Holding what the product shows of times, wherever it shows them, against what is believed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.posts.schedules.clocks import DAY, begins, changes_between, clock, shown_at, told, told_in
from tests.posts.schedules.model import WEEK, Beliefs, Plan, Post
from tests.posts.schedules.system import Office

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SOON = timedelta(seconds=40)
"""Within this a post is out after its time, also one of several that one account sends one after the other."""
SCHEDULABLE = ("draft", "scheduled", "missed")


class Invariants(Beliefs):
    """Somebody who looks at everything that tells of times."""

    def __init__(self, office: Office, zone: str) -> None:
        super().__init__(office.accounts)
        self.office, self.zone = office, zone
        self.late_up_to = 360 * MINUTE
        self.pauses: list[list[datetime]] = []
        self.gone: set[str] = set()
        """The texts of posts that were published, and then deleted."""
        self.is_paused = False

    @property
    def now(self) -> datetime:
        return self.office.clock.now

    def posts_agree(self) -> None:
        for post in self.posts:
            shown = self.office.get(f"/api/posts/{post.id}")["post"]
            found = (shown["status"], shown["scheduled_at"], shown["scheduled_timezone"] or "")
            assert found == (post.status, told(post.at), post.zone), (post, shown)
            going = {each["account_id"] for each in shown["targets"] if each["status"] == post.status}
            assert post.status == "draft" or going == post.accounts, (post, shown)

    def networks_agree(self) -> None:
        """Each published post is at each of its accounts once, since its time, and nothing else is there."""
        copies = [(pk, row.text, row.created_at) for pk, rows in self.office.copies().items() for row in rows]
        texts = {row for _, row, _ in copies} - self.gone
        out = {(pk, post.text): post for post in self.posts if post.status == "published" for pk in post.accounts}
        found = [(pk, text) for pk, text, _ in copies if text in texts]
        assert sorted(found) == sorted(out)
        for pk, text, at in copies:
            if text in texts:
                post = out[pk, text]
                assert post.at is None or at >= post.at, (post, at)

    def plan_agrees(self, plan: Plan) -> None:
        shown = self.office.get(f"/api/schedules/{plan.id}")["schedule"]
        assert (shown["timezone"], shown["is_active"]) == (plan.zone, plan.is_active)
        waiting = [(told_in(post.at, plan.zone), post.id) for post in self.waiting(plan) if post.at]
        upcoming = [(each["slot_time"], each["post_id"]) for each in shown["upcoming_posts"]]
        assert upcoming == (waiting if plan.is_active else []), (plan, shown)
        following = plan.first(1, after=self.now)
        stats = {
            "total_published": sum(post.plan is plan and post.status == "published" for post in self.posts),
            "this_week": self.this_week(plan),
            "next_slot": told_in(following[0][0], plan.zone) if plan.is_active and following else None,
        }
        assert shown["stats"] == stats, (plan, self.now)
        self.slots_agree(plan)

    def this_week(self, plan: Plan) -> int:
        today = clock(self.now, plan.zone).date()
        monday = today - today.weekday() * DAY
        first, end = begins(monday, plan.zone), begins(monday + WEEK, plan.zone)
        mine = [post for post in self.posts if post.plan is plan and post.status in ("scheduled", "published")]
        return sum(first <= post.moment < end for post in mine)

    def slots_agree(self, plan: Plan) -> None:
        shown = self.office.get(f"/api/schedules/{plan.id}/slots?count=9")["slots"]
        takers = {post.place: post.id for post in self.posts if post.place}
        expected = [
            (told_in(at, plan.zone), slot, f"{day}", takers.get((slot, day)))
            for at, slot, day in plan.first(9, after=self.now)
        ]
        found = [(each["slot_time"], each["slot_id"], each["date"], each["post_id"]) for each in shown]
        assert found == expected, (plan, self.now)

    def list_agrees(self, query: str, posts: Sequence[Post]) -> None:
        shown = self.office.get(f"/api/posts{query}")["posts"]
        ordered = sorted(posts, key=lambda post: (post.moment.replace(microsecond=0), post.id), reverse=True)
        key = [(each["published_at"] or each["scheduled_at"] or each["created_at"], each["id"]) for each in shown]
        assert {pk for _, pk in key} == {post.id for post in ordered}, (query, self.zone)
        assert [moment for moment, _ in key] == [told(post.moment) for post in ordered], query

    def look_at_waits(self) -> None:
        """See in the timelines what posts wait for."""
        for post in self.posts:
            lines = self.office.get(f"/api/posts/{post.id}/timeline")["timeline"]
            waits = [each for each in lines if each["kind"] == "waiting" and each["target_id"]]
            assert len(waits) == (len(post.accounts) if post.status == "scheduled" else 0), (post, lines)
            for each in waits:
                who = "caller" if post.is_held else "operator" if self.is_paused else None
                next_at = None if who else told(post.at)
                assert (each["who_acts"], each["next_attempt_at"]) == (who, next_at), (post, each)

    def look_at_days(self, start: int, more: int) -> None:
        """List the posts of some days of the workspace's zone."""
        first = clock(self.now, self.zone).date() + start * DAY
        last = first + more * DAY
        if (since := begins(first, self.zone)) < (end := begins(last + DAY, self.zone)):
            mine = [post for post in self.posts if since <= post.moment < end]
            self.list_agrees(f"?from={first}&to={last}", mine)

    def look_at_calendar(self, start: int, more: int) -> None:
        """Look at some days in the console."""
        first = clock(self.now, self.zone).date() - start * DAY
        last = first + more * DAY
        since, end = begins(first, self.zone), begins(last + DAY, self.zone)
        if begins(last, self.zone) == end:
            return  # the zone leaves this day out
        shown = self.office.calendar(first, last)
        posts = {each["id"]: (each["start"], each["state"], each["held"], each["movable"]) for each in shown["posts"]}
        there = [post for post in self.posts if post.status != "draft" and since <= post.moment < end]
        assert posts == {
            post.id: (self.on_wall(post.moment), post.status, post.is_held, post.status in SCHEDULABLE)
            for post in there
        }, (self.zone, first, last)
        twice = {each["id"] for each in shown["posts"] if each["offset"]}
        assert twice == {post.id for post in there if len(shown_at(clock(post.moment, self.zone), self.zone)) == 2}
        free = {each["id"]: each["start"] for each in shown["free"]}
        assert free == self.free_between(max(since, self.now), end), (self.zone, first, last)
        assert {each["id"] for each in shown["drafts"]} == {post.id for post in self.posts if post.status == "draft"}
        assert [each["day"] for each in shown["changes"]] == changes_between(first, last, self.zone)

    def free_between(self, after: datetime, end: datetime) -> dict[str, str]:
        taken = {post.place for post in self.posts}
        coming = [each for plan in self.plans if plan.is_active for each in plan.between(after, end)]
        return {f"{slot}-{day}": self.on_wall(at) for at, slot, day in coming if (slot, day) not in taken}

    def on_wall(self, at: datetime) -> str:
        return clock(at, self.zone).replace(microsecond=0).isoformat()

    def has_ended(self, post: Post, began: datetime) -> None:
        """Believe that a post has gone out just now, or was too late for that."""
        shown = self.office.get(f"/api/posts/{post.id}")["post"]
        late = began - post.at - self.paused_since(post.at) if post.at else timedelta()
        if abs(late - self.late_up_to) > 2 * MINUTE:
            assert shown["status"] == ("missed" if late > self.late_up_to else "published"), (post, late, shown)
        post.status = shown["status"]
        assert post.status in ("published", "missed"), shown
        if post.status == "published":
            post.published_at = datetime.fromisoformat(shown["published_at"])
            earliest = max(began, post.at or began).replace(microsecond=0)
            assert earliest <= post.published_at <= earliest + SOON, (post, began, shown)

    def paused_since(self, since: datetime) -> timedelta:
        spans = [(max(began, since), ended) for began, ended in (each for each in self.pauses if len(each) == 2)]
        return sum((ended - began for began, ended in spans if ended > began), timedelta())
