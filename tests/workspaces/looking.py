"""Asking both APIs and the console as every key and every person, and holding what they are shown against the model."""

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ouipost.ids import new_id
from tests.contract.routes import Route, admin_routes, api_routes
from tests.contract.test_permissions import required_for
from tests.contract.test_tenants import asked, what_stands_at
from tests.contract.world import error_of
from tests.workspaces.believing import TOKEN_LIVES, Key, Login, Person, Place, Town, ids
from tests.workspaces.living import Caller, Site

TELLING = re.compile(r"(?:ws|post|media|acc|sched|tgt)_[0-9a-f-]{36}|Bakery \d+z")
"""What tells of a workspace, in whatever answer."""
LIMITS = {"starter": 100_000, "professional": 200_000, "enterprise": 300_000}
"""Tiers that nobody uses up, and that can be told from each other."""
NEEDED = {
    "users": "users.manage",
    "keys": "api_keys.manage",
    "workspaces": "workspaces.manage",
    "webhooks": "webhooks.manage",
    "analytics": "analytics.view",
    "dashboard": "analytics.view",
    "stats": "analytics.view",
    "audit": "audit.view",
    "pauses": "system.view",
    "platform-health": "system.view",
    "system": "system.view",
    "pause": "system.manage",
    "resume": "system.manage",
    "profile": "",
}
"""What is needed below /admin; health is asked for by threads of its own, and logging out is an act."""
QUERIES = {"/admin/audit": ["?limit=100", "?format=csv"]}
PAGES = {
    "": "",
    "jobs/": "",
    "workspaces/workspace/": "workspaces.manage",
    "workspaces/apikey/": "api_keys.manage",
    "workspaces/user/": "users.manage",
    "posts/post/": "posts.manage",
    "posts/schedule/": "posts.manage",
    "posts/target/": "posts.manage",
    "accounts/socialaccount/": "accounts.manage",
    "connect/": "accounts.manage",
    "calendar/": "posts.manage",
    "compose/": "posts.manage",
    "analytics/": "analytics.view",
    "events/event/": "audit.view",
    "audit.csv": "audit.view",
    "events/webhook/": "webhooks.manage",
    "pauses/": "system.manage",
    "posts/post/{posts}/change/": "posts.manage",
    "posts/schedule/{schedules}/change/": "posts.manage",
    "accounts/socialaccount/{accounts}/change/": "accounts.manage",
    "workspaces/workspace/{workspaces}/change/": "workspaces.manage",
    "calendar/?workspace={workspaces}": "posts.manage",
    "analytics/?workspace={workspaces}": "analytics.view",
}
"""Pages of the console, and what opens them."""
API = api_routes()
ADMIN = [route for route in admin_routes() if route.resource in NEEDED and route.action != "replay"]
Said = tuple[int, str]
"""A status, and the code where it is a refusal."""
FOUND = (200, "")


def said(answer: Any) -> Said:
    return error_of(answer) if answer.status_code >= 400 else (answer.status_code, "")


@dataclass(kw_only=True)
class Looker:
    """Whoever looks at what there is."""

    site: Site
    town: Town
    chance: random.Random

    def look(self, times: int) -> None:
        """Ask for something as somebody, so many times."""
        for _ in range(times):
            self.chance.choices([self.look_by_key, self.look_by_token, self.look_at_page], [6, 6, 1])[0]()

    # As a key

    def look_by_key(self) -> None:
        key = self.chance.choice(self.town.keys)
        secret, _ = self.chance.choice(key.secrets)
        header, place = self.chance.choice([*self.town.places, None]), self.chance.choice(self.town.places)
        self.ask_by_key(key, secret, self.chance.choice(API), header, self.chance.choice([place, header or place]))

    def ask_by_key(self, key: Key, secret: str, route: Route, header: Place | None, place: Place) -> None:
        """Ask for what is in a place, with another one in the header or none; what would change something is not."""
        wanted = self.wanted_of_key(key, secret, route, header, place)
        if wanted == FOUND and route.method != "GET":
            return
        path_ids = {each: place.ids[what_stands_at(route, each)] for each in route.places}
        headers = {"X_API_Key": secret} | ({"X_Workspace_ID": header.id} if header else {})
        answer = self.site.answered(lambda caller: asked(caller, route, **path_ids), address=key.id, **headers)
        told = f"{route} with {key.id} in {header and header.name} of {place.name}"
        assert said(answer) == wanted, f"{told}: {said(answer)} instead of {wanted}"
        self.tells_only(answer, key.sees, told)
        if wanted[1] not in ("INVALID_API_KEY", "API_KEY_EXPIRED"):
            key.uses[self.site.clock.now.date()] += 1
        if wanted[1] != "INVALID_API_KEY":
            assert answer.headers["X-RateLimit-Limit"] == str(LIMITS[key.tier]), told
        if wanted == FOUND and route.action == "list":
            self.lists_agree(key, route, header, answer.json()["data"][route.resource], told)

    def lists_agree(self, key: Key, route: Route, header: Place | None, shown: list[dict[str, Any]], told: str) -> None:
        """Hold what is listed against what a key sees, and in the workspace of the header against what is in that."""
        if route.resource == "workspaces":
            seen = {place.id: place.name for place in self.town.places if key.sees(place)}
            assert {each["id"]: each["name"] for each in shown} == seen, told
        elif header is not None and route.takes_workspace_header:
            assert [each["id"] for each in shown] == [header.ids[route.resource]], told

    def wanted_of_key(self, key: Key, secret: str, route: Route, header: Place | None, place: Place) -> Said:
        """Return what the contract says of a request."""
        if refusal := key.refusal(secret, self.site.clock.now):
            return (401, refusal)
        if route.resource != "platforms" and required_for(route) not in key.may:
            return (403, "PERMISSION_DENIED")
        if not route.takes_workspace_header:
            return FOUND if not route.places or key.sees(place) else (404, "NOT_FOUND")
        if header is None:
            return (400, "WORKSPACE_REQUIRED")
        if not key.sees(header):
            return (404, "WORKSPACE_NOT_FOUND")
        return FOUND if not route.places or place is header else (404, "NOT_FOUND")

    # As a person

    def look_by_token(self) -> None:
        person = self.chance.choice([each for each in self.town.people if each.logins])
        self.ask_by_token(person, self.chance.choice(person.logins), self.chance.choice(ADMIN))

    def ask_by_token(self, person: Person, login: Login, route: Route) -> None:
        """Ask for something of whoever it is; what would change something is not asked."""
        things: dict[str, list[Any]] = {
            "users": self.town.people,
            "keys": self.town.keys,
            "webhooks": self.town.hooks,
            "workspaces": self.town.places,
        }
        named = self.chance.choice(things.get(route.resource) or [None])
        wanted = self.wanted_of_token(person, login, route, named)
        if wanted == FOUND and route.method != "GET":
            return
        path_ids = {each: named.id if each == route.places[0] else new_id("dlv") for each in route.places}
        headers = {"Authorization": f"Bearer {login.token}"}
        body: dict[str, Any] = {"members": []} if route.template.endswith("/members") else {}
        path = route.template.format(**path_ids) + self.chance.choice(QUERIES.get(route.template, [""]))
        answer = self.site.ask(route.method, path, None if route.method == "GET" else body, **headers)
        told = f"{route} as {person.email} about {named and named.id}"
        assert said(answer) == wanted, f"{told}: {answer.content}"
        self.tells_person(answer, person, told)
        if wanted == FOUND and not answer.streaming:
            self.agrees(person, route, answer.json()["data"], named, told)

    def wanted_of_token(self, person: Person, login: Login, route: Route, named: Any) -> Said:
        if refusal := person.refusal(login, self.site.clock.now):
            return (401, refusal)
        if NEEDED[route.resource] and NEEDED[route.resource] not in person.may:
            return (403, "PERMISSION_DENIED")
        if not route.places:
            return FOUND
        is_deep = len(route.places) > 1
        if isinstance(named, Person):
            is_seen = named.is_there
        else:
            is_seen = person.sees(named) if isinstance(named, Place) else person.manages(named)
        return FOUND if is_seen and not is_deep else (404, "NOT_FOUND")

    def agrees(self, person: Person, route: Route, data: dict[str, Any], named: Any, told: str) -> None:
        """Hold what is shown against the model."""
        lists = {
            "users": ids(self.town.present()),
            "keys": ids(filter(person.manages, self.town.keys)),
            "webhooks": ids(filter(person.manages, self.town.hooks)),
        }
        if route.action == "list" and route.resource in lists and not route.places:
            assert {each["id"] for each in data[route.resource]} == lists[route.resource], told
        if route.template.endswith("/members"):
            members = ids(each for each in self.town.present() if named in each.places)
            assert {each["id"] for each in data["members"]} == members, told
        elif route.template == "/admin/keys/{pk}":
            self.key_agrees(named, data["key"], told)
        elif route.template == "/admin/profile":
            assert (data["user"]["role"], set(data["user"]["permissions"])) == (person.role, person.may), told
        elif route.resource == "dashboard":
            self.dashboard_agrees(person, data, told)

    def key_agrees(self, key: Key, shown: dict[str, Any], told: str) -> None:
        today = self.site.clock.now.date()
        month = sum(count for day, count in key.uses.items() if day.month == today.month)
        usage = {"requests_today": key.uses[today], "requests_this_month": month}
        assert shown["usage"] == usage or self.site.is_away, (told, shown["usage"], usage)
        assert (shown["tier"], shown["is_active"], set(shown["permissions"])) == (key.tier, key.is_active, key.may)
        assert shown["workspaces"] == [place.id for place in key.places], told

    def dashboard_agrees(self, person: Person, data: dict[str, Any], told: str) -> None:
        """Nothing of what somebody does not see is counted."""
        seen = [place for place in self.town.places if person.sees(place)]
        people = [
            each for each in self.town.present() if person.is_admin or any(place in seen for place in each.places)
        ]
        totals = {"workspaces": len(seen), "posts": len(seen), "accounts": len(seen), "users": len(people)}
        assert data["overview"] == {f"total_{name}": count for name, count in totals.items()}, told
        keys = [key for key in self.town.keys if key.is_active and not key.has_ended(self.site.clock.now)]
        assert data["api_usage"]["active_keys"] == len([key for key in keys if person.manages(key)]), told
        assert {each["id"] for each in data["paused"]} == ids(place for place in seen if place.paused), told

    # At the console

    def look_at_page(self) -> None:
        """Open a page of the console in a visit of somebody's, maybe about a workspace."""
        person = self.chance.choice([each for each in self.town.people if each.logins])
        login, place = self.chance.choice(person.logins), self.chance.choice(self.town.places)
        page, needed = self.chance.choice([*PAGES.items()])
        self.open_page(person, login, page, needed, place)

    def open_page(self, person: Person, login: Login, page: str, needed: str, place: Place) -> None:
        def get(caller: Caller) -> Any:
            caller.client.cookies["sessionid"] = login.cookie
            return caller.client.get(f"/console/{page.format(**place.ids)}")

        answer = self.site.answered(get)
        told = f"{page} as {person.email} about {place.name}"
        is_in = person.is_there and not login.is_over and self.site.clock.now - login.at < TOKEN_LIVES
        if not is_in:
            assert (answer.status_code, "login" in answer.headers["Location"]) == (302, True), told
        elif needed and needed not in person.may:
            assert answer.status_code in (302, 403), told
        elif "{" not in page or person.sees(place):
            assert answer.status_code == 200, (told, answer.status_code, answer.headers.get("Location"))
        else:
            assert answer.status_code in (302, 404), (told, answer.status_code)
        self.tells_person(answer, person, told, names_only=True)

    # What is told

    def tells_person(self, answer: Any, person: Person, told: str, *, names_only: bool = False) -> None:
        """Let a person be told of what they see; a key or webhook of theirs may list what was deleted meanwhile."""
        text = b"".join(answer) if answer.streaming else answer.content
        lists_ids = "/admin/keys" in told or "/admin/webhooks" in told
        if not person.is_admin and not ("pauses" in told and "system.manage" in person.may):  # who may end them all
            for found in self.told_in(text.decode()):
                place = self.town.owners[found]
                if names_only and found != place.name:
                    continue
                assert person.sees(place) or (lists_ids and found == place.id and not place.is_there), (told, found)

    def tells_only(self, answer: Any, sees: Callable[[Place], bool], told: str) -> None:
        for found in self.told_in(answer.content.decode()):
            assert sees(self.town.owners[found]), (told, found)

    def told_in(self, text: str) -> Iterable[str]:
        return [found for found in set(TELLING.findall(text)) if found in self.town.owners]
