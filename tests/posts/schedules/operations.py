"""What people do to the times of posts, through the API and in the console's calendar."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.posts.schedules.clocks import DAY, clock, next_doubt, offsets_in_turn, readings, shown_at, told, told_in
from tests.posts.schedules.invariants import HOUR, MINUTE, SCHEDULABLE, Invariants
from tests.posts.schedules.model import Plan, Post

When = tuple[Any, ...]
"""A time: an instant with the offset of a zone, the local time of one or, without it, of the workspace, or one that the
clocks skip or show twice."""


class Operations(Invariants):
    """Somebody who writes posts, and says when they are to go out."""

    texts = 0
    is_striking = False
    """Whether this happens while a worker works."""

    def create(self, names: set[str], when: When | None) -> None:
        if len(self.posts) == 8:
            return
        body: dict[str, Any] = {"content": self.text(), "platforms": sorted(names)}
        given_zone = self.zone
        if when is not None:
            written, given_zone = self.written(when)
            body |= written
        status, data = self.office.ask("POST", "/api/posts", body)
        if when is not None and self.is_refused(body, given_zone, status, data):
            return
        if when is not None and not self.named(names) <= self.connected:
            assert (status, data["code"]) == (422, "ACCOUNT_NOT_CONNECTED"), data
            return
        assert status == 201, data
        post = Post(id=data["post"]["id"], text=body["content"], created_at=self.now, names=names)
        self.posts.append(post)
        if when is not None:
            post.accounts = self.named(names)
            self.give_time(post, body, given_zone)

    def text(self) -> str:
        self.texts += 1
        return f"Bread number {self.texts}"

    def written(self, when: When) -> tuple[dict[str, str], str]:
        """Return a time as it is sent, and the zone in which it is meant and kept."""
        kind, *values = when
        if kind == "in":
            seconds, zone = values
            at = told_in(self.now + timedelta(seconds=seconds), zone)
            return {"scheduled_at": at} | (
                {} if zone == "UTC" else {"timezone": zone}
            ), self.zone if zone == "UTC" else zone
        zone = values[-1]
        if kind == "doubt":
            local = (next_doubt(self.now, zone or self.zone) + values[0] * MINUTE).isoformat()
        else:
            local = f"{clock(self.now, zone or self.zone).date() + values[0] * DAY}T{values[1]}"
        return {"scheduled_at": local} | ({"timezone": zone} if zone else {}), zone or self.zone

    def meanings(self, body: dict[str, Any], zone: str) -> list[datetime]:
        moment = datetime.fromisoformat(body["scheduled_at"])
        return [moment.astimezone(UTC)] if moment.tzinfo else shown_at(moment, zone)

    def give_time(self, post: Post, body: dict[str, Any], zone: str) -> None:
        """Believe that the post has this time; one without an offset is what the zone's clocks are to show."""
        (at,), moment = self.meanings(body, zone), datetime.fromisoformat(body["scheduled_at"])
        post.go_out_at(at, zone, local=None if moment.tzinfo else moment)

    def is_refused(self, body: dict[str, Any], zone: str, status: int, data: Any) -> bool:
        """Whether a time is none, two or over; believe that the answer says so."""
        found = self.meanings(body, zone)
        if len(found) == 1 and found[0] >= self.now - MINUTE:
            return False
        assert (status, data["code"]) == (400, "VALIDATION_ERROR"), (body, data)
        assert [*data["details"]["fields"]] == ["scheduled_at"], data
        if len(found) != 1:
            message = data["details"]["fields"]["scheduled_at"][0]
            for each in readings(datetime.fromisoformat(body["scheduled_at"]), zone):
                assert told_in(each, zone) in message, (body, data)
        return True

    def schedule(self, which: int, when: When) -> None:
        if (post := self.chosen(which)) is None:
            return
        body, zone = self.written(when)
        status, data = self.office.ask("POST", f"/api/posts/{post.id}/schedule", body)
        if post.status not in SCHEDULABLE:  # comes before the questions which time is meant, and whether it is over
            self.may_go(post, status, data)
        elif not self.is_refused(body, zone, status, data) and self.may_go(post, status, data):
            assert status == 200, data
            self.give_time(post, body, zone)

    def drag(self, which: int, when: When) -> None:
        """Move a post in the console's calendar, to a time of the workspace's zone."""
        if (post := self.chosen(which)) is None:
            return
        body, zone = self.written(when)
        local = datetime.fromisoformat(body["scheduled_at"])
        status, data = self.office.move(post.id, body["scheduled_at"])
        found = shown_at(local, zone)
        if post.status not in SCHEDULABLE:
            assert status == 409, data
        elif len(found) != 1:
            assert (status, [each["at"] for each in data["choices"]]) == (400, self.choices(local, zone)), data
        elif found[0] < self.now - MINUTE:
            assert status == 400, data
        elif post.status == "draft" and not self.named(post.names) <= self.connected:
            assert status == 422, data
        else:
            assert status == 200, data
            post.go_to(self.named(post.names) & self.connected)
            self.give_time(post, body, zone)

    def choices(self, local: datetime, zone: str) -> list[str]:
        """Return what a doubtful time may mean: the clocks' earlier offset first."""
        return [told_in(local.replace(tzinfo=UTC) - offset, zone) for offset in offsets_in_turn(local, zone)]

    def may_go(self, post: Post, status: int, data: Any) -> bool:
        """Whether the post's status and its accounts let it have a time; believe that the answer agrees."""
        if post.status not in SCHEDULABLE:
            assert (status, data["code"], data["details"]["status"]) == (409, "CONFLICT", post.status), data
            return False
        accounts = self.named(post.names)
        if post.status == "draft" and not accounts <= self.connected:
            assert (status, data["code"]) == (422, "ACCOUNT_NOT_CONNECTED"), data
            return False
        if status in (200, 202):
            post.go_to(accounts & self.connected)
        return True

    def queue_in(self, post: Post, plan: Plan) -> None:
        body, key = {"schedule_id": plan.id}, {"Idempotency_Key": f"{post.id} {self.now.timestamp()}"}
        status, data = self.office.ask("POST", f"/api/posts/{post.id}/schedule", body, **key)
        at = self.now
        if status < 500:
            assert self.office.ask("POST", f"/api/posts/{post.id}/schedule", body, **key) == (status, data)
        if not plan.is_active:
            assert (status, data["code"]) == (409, "CONFLICT"), data
            return
        if not self.may_go(post, status, data):
            return
        place, post.place = post.place, None
        coming = self.free(plan, self.named(post.names) & self.connected, now=at)
        if coming is None:
            assert (status, data["code"]) == (422, "POST_NOT_PUBLISHABLE"), data
            refusing = [each for each in data["details"]["issues"] if each["severity"] == "error"]
            assert {each["rule"] for each in refusing} == {"no_slot_fits"}, data
            post.place = place
            return
        assert status == 200, data
        post.take(coming, plan)

    def queue(self, which: int, plan: int) -> None:
        post, chosen = self.chosen(which), self.chosen_plan(plan)
        if post is not None and chosen is not None:
            self.queue_in(post, chosen)

    def fill(self, which: int) -> None:
        """Write several posts for one queue."""
        for _ in range(3):
            if len(self.posts) < 11 and (plan := self.chosen_plan(which)):
                status, data = self.office.ask("POST", "/api/posts", {"content": self.text(), "platforms": ["twitter"]})
                assert status == 201, data
                shown = data["post"]
                post = Post(id=shown["id"], text=shown["content"], created_at=self.now, names={"twitter"})
                self.posts.append(post)
                self.queue_in(post, plan)

    def send_post_back(self, which: int, with_other_time: bool) -> None:
        """Send a post as it is shown, or with another time: that is refused, and says where to send it."""
        if (post := self.chosen(which)) is None or not self.named(post.names) <= self.connected:
            return
        shown = self.office.get(f"/api/posts/{post.id}")["post"]
        if with_other_time:
            shown["scheduled_at"] = told((post.at or self.now) + 2 * HOUR)
        status, data = self.office.ask("PUT", f"/api/posts/{post.id}", shown)
        if post.status not in ("draft", "scheduled"):
            assert status in (400, 409), data
        elif with_other_time:
            assert (status, [*data["details"]["fields"]]) == (400, ["scheduled_at"]), data
        else:
            assert status == 200, data

    def edit(self, which: int) -> None:
        """Say something else; the time stays as it is."""
        self.change(which, {"content": self.text()})

    def redirect(self, which: int, names: set[str]) -> None:
        """Let a post go to other networks; it keeps its time, and its place even if that is not for them."""
        if self.connected != set(self.network_of):
            return
        post = self.chosen(which)
        if (
            post is None
            or (post.at and post.at < self.now)
            or self.named(post.names) != (post.accounts or self.named(post.names))
        ):
            return
        self.change(which, {"platforms": sorted(names)})

    def change(self, which: int, body: dict[str, Any]) -> None:
        if (post := self.chosen(which)) is None:
            return
        status, data = self.office.ask("PUT", f"/api/posts/{post.id}", body)
        if post.status not in ("draft", "scheduled"):
            assert (status, data["code"]) == (409, "POST_NOT_EDITABLE"), data
            return
        assert status == 200, data
        post.text = body.get("content", post.text)
        if "platforms" in body:
            post.names = {*body["platforms"]}
            post.accounts = self.named(post.names) if post.status == "scheduled" else set()

    def unschedule(self, which: int) -> None:
        if (post := self.chosen(which)) is None:
            return
        status, data = self.office.ask("POST", f"/api/posts/{post.id}/unschedule")
        if post.status not in ("scheduled", "missed"):
            assert (status, data["code"]) == (409, "CONFLICT"), data
            return
        assert status == 200, data
        post.become_draft()

    def delete(self, which: int) -> None:
        if (post := self.chosen(which)) is not None:
            status, data = self.office.ask("DELETE", f"/api/posts/{post.id}")
            if post.status == "publishing":
                assert (status, data["code"]) == (409, "CONFLICT"), data
                return
            assert status == 200, data
            self.posts.remove(post)
            self.gone |= {post.text} if post.status == "published" else set()

    def chosen(self, which: int) -> Post | None:
        """Return one of the posts, mostly one that is not out."""
        open_ones = [post for post in self.posts if post.status != "published"] if which % 6 else []
        among = open_ones or self.posts
        return among[which % len(among)] if among else None

    def chosen_plan(self, which: int) -> Plan | None:
        return self.plans[which % len(self.plans)] if self.plans else None
