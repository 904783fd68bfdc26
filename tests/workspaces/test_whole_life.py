"""Whatever is done to keys, people and workspaces, and whether Redis remembers a key, is empty or away: who may do and
see what is as the contract says with the next request.

`Life` and `Acting` have the acts, `believing` what follows, and `Looker` asks. Two short lives are tried, the same in
every run; other ones, and as many as you like: `LIVES=500 pytest --hypothesis-profile=new
tests/workspaces/test_whole_life.py`.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from posts.models import Target
from tests.contract.world import PASSWORD, error_of, fields_of
from tests.factories import make_account, make_media, make_post, make_schedule, make_user, make_workspace
from tests.posts.living import Acts, drawn, lived
from tests.workspaces.acts import UNSAID, Acting
from tests.workspaces.believing import EVERYTHING, ROLES, Hook, Key, Person, Place, Town
from tests.workspaces.living import Site, open_site
from tests.workspaces.looking import API, LIMITS
from workspaces import services
from workspaces.keys import usage
from workspaces.models import Workspace

IS_USUAL = "LIVES" not in os.environ
LIVES = int(os.environ.get("LIVES", "2"))
FEWEST_ACTS, MOST_ACTS, LOOKS, LAST_LOOKS = (20, 20, 4, 40) if IS_USUAL else (20, 40, 8, 100)
pytestmark = [pytest.mark.any_database, pytest.mark.thorough, pytest.mark.timeout(60 + 20 * LIVES)]
MINUTE, HOUR, DAY = 60, 3600, 86_400
WHO, WHICH = range(20), range(20)
LISTS: Sequence[list[int] | None] = ([], [0], [1], [0, 1], [0, 2], [3], None)
MODES, TIERS = ("live", "live", "test"), ("starter", "professional", "enterprise")
MAY: Sequence[list[str] | None] = (None, None, ["posts.read"], ["workspaces.read", "workspaces.write"], [])
OWN: Sequence[list[str] | None] = (
    None,
    [*EVERYTHING],
    ["api_keys.manage", "workspaces.manage", "webhooks.manage"],
    ["audit.view", "analytics.view", "api_keys.manage"],
    ["users.manage"],
    [],
)
PLATFORMS = next(route for route in API if route.resource == "platforms")
ACTS: Acts = {
    "create_key": (5, (WHO, MODES, LISTS, MAY, TIERS, (None, None, HOUR, 2 * DAY))),
    "limit_key": (4, (WHO, WHICH, LISTS)),
    "change_key": (5, (WHO, WHICH, MAY, TIERS)),
    "switch_key": (5, (WHO, WHICH, (True, False))),
    "end_key": (3, (WHO, WHICH, (None, -1, 3, HOUR, DAY))),
    "rotate_key": (5, (WHO, WHICH)),
    "revoke_key": (2, (WHO, WHICH)),
    "create_user": (3, (WHO, WHICH, tuple(ROLES), OWN)),
    "change_role": (5, (WHO, WHICH, tuple(ROLES), (UNSAID, UNSAID, UNSAID, *OWN))),
    "give_permissions": (5, (WHO, WHICH, OWN)),
    "switch_user": (4, (WHO, WHICH, (True, False))),
    "set_password": (2, (WHO, WHICH)),
    "delete_user": (2, (WHO, WHICH)),
    "log_in": (9, (WHICH, (True, True, True, False), (False, False, True))),
    "guess": (1, (WHICH, (3, 6))),
    "log_out": (2, (WHO, WHICH)),
    "change_own_password": (2, (WHO, (True, True, False))),
    "set_members": (7, (WHO, WHICH, ([], [0], [1], [1, 2], [0, 3], [2, 4], [1, 2, 3, 4, 5]))),
    "create_workspace": (4, (WHICH, ("live", "sandbox", None))),
    "rename_workspace": (2, (WHICH, WHICH)),
    "repeat": (3, (WHICH,)),
    "insist": (1, (WHICH,)),
    "delete_workspace": (1, (WHICH, WHICH)),
    "purge": (1, ()),
    "create_hook": (2, (WHO, LISTS)),
    "pause": (2, (WHO, WHICH)),
    "empty_redis": (3, ()),
    "lose_redis": (2, ()),
    "find_redis": (4, ()),
    "be_another_process": (3, ()),
    "write_use": (2, ()),
    "wait": (8, ((1, 6, 13, MINUTE, HOUR, 11 * HOUR, 25 * HOUR),)),
}


@dataclass(frozen=True)
class Done:
    """What a key did to workspaces, and what it was answered."""

    key: Key
    method: str
    path: str
    body: Any
    once: str
    at: datetime
    content: bytes


@dataclass(kw_only=True)
class Life(Acting):
    """What is done to keys, people and workspaces."""

    done: list[Done] = field(default_factory=list)

    def check(self) -> None:
        self.look(LOOKS)

    def end(self) -> None:
        self.find_redis()
        self.look(LAST_LOOKS)

    # Workspaces

    def set_members(self, who: int, which: int, numbers: list[int]) -> None:
        place = self.town.places[which % len(self.town.places)]
        members = list(dict.fromkeys(self.town.people[number % len(self.town.people)] for number in numbers))
        body = {"members": [member.id for member in members]}
        person, answer = self.operate(who, "PUT", f"/admin/workspaces/{place.id}/members", body)
        if answer is None:
            return
        gone = {f"members.{number}" for number, member in enumerate(members) if not member.is_there}
        if gone:
            assert set(fields_of(answer)) == gone, answer.content
        elif not person.sees(place):
            assert error_of(answer) == (404, "NOT_FOUND")
        else:
            assert answer.status_code == 200, answer.content
            self.has_members(place, members)

    def has_members(self, place: Place, members: Sequence[Person]) -> None:
        for person in self.town.people:
            person.places = [each for each in person.places if each is not place]
            person.places += [place] if person in members else []

    def by_key(self, which: int, method: str, path: str, body: Any = None) -> tuple[Key, Any]:
        """Ask the API with a key, and return it and the answer, None if refused for what the key is."""
        key, once = self.town.keys[which % len(self.town.keys)], f"once {self.site.addresses}"
        secret = key.secrets[0][0]
        headers = {"X_API_Key": secret, "Idempotency_Key": once}
        answer = self.site.ask(method, path, body, address=key.id, **headers)
        if answer.status_code < 300:
            self.done.append(Done(key, method, path, body, once, self.now, answer.content))
        if refusal := key.refusal(secret, self.now):
            assert error_of(answer) == (401, refusal), (key.id, answer.content)
            return key, None
        key.uses[self.now.date()] += 1
        if "workspaces.write" not in key.may:
            assert error_of(answer) == (403, "PERMISSION_DENIED")
            return key, None
        return key, answer

    def create_workspace(self, which: int, mode: str | None) -> None:
        if len(self.town.places) > 9:
            return
        name = f"Bakery {len(self.town.owners)}z"
        body = {"name": name} | ({"mode": mode} if mode else {})
        key, answer = self.by_key(which, "POST", "/api/workspaces", body)
        if answer is None:
            return
        if key.mode == "test" and mode == "live":
            assert set(fields_of(answer)) == {"mode"}
            return
        assert answer.status_code == 201, answer.content
        made = answer.json()["data"]["workspace"]
        assert made["mode"] == mode or (mode is None and made["mode"] == {"live": "live", "test": "sandbox"}[key.mode])
        place = furnished(Place(id=made["id"], mode=made["mode"], name=name))
        managers = self.town.managers(key) if key.places else []
        self.town.settle(place)
        self.has_members(place, managers)
        key.places += [place] if key.places else []

    def insist(self, which: int) -> None:
        """Ask so often within a minute that a key which does not work could be taken for a guess."""
        key, anywhere = self.town.keys[which % len(self.town.keys)], self.town.places[0]
        for _ in range(21):
            self.ask_by_key(key, key.secrets[0][0], PLATFORMS, None, anywhere)

    def repeat(self, which: int) -> None:
        """Ask again for what was done before, with the same Idempotency-Key: only who still may gets the answer."""
        recent = [each for each in self.done if self.now - each.at < timedelta(hours=23)]
        if not recent:
            return
        done = recent[which % len(recent)]
        key, place = done.key, self.town.owners.get(done.path.rpartition("/")[2])
        headers = {"X_API_Key": key.secrets[0][0], "Idempotency_Key": done.once}
        answer = self.site.ask(done.method, done.path, done.body, address=key.id, **headers)
        if refusal := key.refusal(key.secrets[0][0], self.now):
            assert error_of(answer) == (401, refusal)
            return
        key.uses[self.now.date()] += 1
        if "workspaces.write" not in key.may:
            assert error_of(answer) == (403, "PERMISSION_DENIED")
        elif done.method == "PUT" and place and not key.sees(place):
            assert error_of(answer) == (404, "NOT_FOUND")
        else:
            assert (answer.content, answer.headers["Idempotent-Replayed"]) == (done.content, "true")

    def rename_workspace(self, which: int, where: int) -> None:
        place, name = self.town.places[where % len(self.town.places)], f"Bakery {len(self.town.owners)}z"
        key, answer = self.by_key(which, "PUT", f"/api/workspaces/{place.id}", {"name": name})
        if answer is None:
            return
        if not key.sees(place):
            assert error_of(answer) == (404, "NOT_FOUND")
            return
        assert answer.status_code == 200, answer.content
        place.name = name
        self.town.owners[name] = place

    def delete_workspace(self, which: int, where: int) -> None:
        place = self.town.places[where % len(self.town.places)]
        key, answer = self.by_key(which, "DELETE", f"/api/workspaces/{place.id}")
        if answer is None:
            return
        if not key.sees(place):
            assert error_of(answer) == (404, "NOT_FOUND")
            return
        assert answer.status_code == 200, answer.content
        place.is_there, place.paused = False, ""

    def purge(self) -> None:
        for _ in range(5):
            services.purge_deleted()

    # Webhooks and pauses

    def create_hook(self, who: int, numbers: list[int] | None) -> None:
        places = self.places_at(numbers or [])
        body = {"url": "https://1.1.1.1/hook", "events": ["post.failed"], "workspaces": [place.id for place in places]}
        person, answer = self.operate(who, "POST", "/admin/webhooks", body)
        if answer is None or self.refused_places(person, answer, places, mode="live"):
            return
        self.town.hooks.append(Hook(id=answer.json()["data"]["webhook"]["id"], places=places))

    def pause(self, who: int, which: int) -> None:
        place = self.town.places[which % len(self.town.places)]
        body = {"scope": "workspace", "id": place.id, "reason": "Why not"}
        _, answer = self.operate(who, "POST", "/admin/pause", body)
        if answer is None:
            return
        if not place.is_there:
            assert set(fields_of(answer)) == {"id"}, answer.content
            return
        assert answer.status_code == 200, answer.content
        place.paused = "Why not"

    # Redis, processes and time

    def empty_redis(self) -> None:
        """Lose what Redis had, but for what was used: that is written first."""
        if not self.site.is_away:
            self.write_use()
            self.site.redis.flushdb()

    def lose_redis(self) -> None:
        self.site.is_away = True

    def find_redis(self) -> None:
        """Redis comes back with what it had; what is older than its records may be is gone."""
        if self.site.is_away:
            self.site.go_on(6)
            self.site.is_away = False

    def be_another_process(self) -> None:
        usage.write_counted()
        self.site.be_another_process()

    def write_use(self) -> None:
        usage.write_counted()
        usage.flush_shared()

    def wait(self, seconds: int) -> None:
        self.site.go_on(seconds)


def furnished(place: Place) -> Place:
    """Have one row of everything in a workspace, named like it."""
    workspace = Workspace.objects.get(pk=place.id)
    account = make_account(workspace, name=place.name, username="baker")
    post = make_post(workspace, accounts=[account], content=f"From {place.name}")
    media, schedule = make_media(post, alt_text=place.name), make_schedule(workspace, name=place.name)
    target = Target.objects.get(post=post)
    rows = {"workspaces": workspace, "accounts": account, "posts": post, "media": media, "target": target}
    place.ids = {name: row.pk for name, row in rows.items()} | {"schedules": schedule.pk}
    return place


def founded(site: Site) -> Life:
    """Begin a life with an administrator, two others, three workspaces and some keys."""
    life = Life(site=site, town=Town(), chance=random.Random(random.random()))
    boss = make_user(email="boss@example.com")
    life.town.people.append(Person(id=boss.pk, email=boss.email, password=PASSWORD, role="admin"))
    life.log_in(0, True, False)
    for number, mode in enumerate(("live", "sandbox", "live")):
        workspace = make_workspace(name=f"Bakery {number}z", mode=mode)
        life.town.settle(furnished(Place(id=workspace.pk, mode=mode, name=workspace.name)))
    for number, own in enumerate((None, [*EVERYTHING])):
        life.create_user(0, number, "editor", own)
        life.log_in(number + 1, True, False)
    life.set_members(0, 0, [1, 2])
    life.set_members(0, 1, [2])
    for mode, places in (("live", None), ("live", [0]), ("test", None), ("live", [0, 1])):
        life.create_key(0, mode, places, None, "professional", None)
    for places in ([0], [0, 1]):
        life.create_hook(0, places)
    assert (len(life.town.keys), len(life.town.hooks)) == (4, 2)
    return life


class WholeLifeTest(TestCase):
    site: Site
    url: str

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(open_site())

    @pytest.fixture(autouse=True)
    def _redis(self, redis_url: str) -> None:
        type(self).url = redis_url

    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 10**9))
    def test_access_is_as_the_contract_says_with_the_next_request(self, seed: int) -> None:
        random.seed(seed)
        has_redis = random.random() < 0.8
        self.site.begin_anew(self.url)
        with self.settings(REDIS_URL=self.url if has_redis else "", RATE_LIMITS=LIMITS):
            acts = drawn(ACTS, random.randint(FEWEST_ACTS, MOST_ACTS))
            lived(founded(self.site), acts, which=f"of the seed {seed}, {has_redis=}")
