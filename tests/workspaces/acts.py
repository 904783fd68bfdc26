"""What people do to keys and to each other through the admin API, and what follows from it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.test import Client

from tests.contract.world import PASSWORD, error_of, fields_of
from tests.factories import make_token
from tests.workspaces.believing import Key, Login, Person, Place
from tests.workspaces.looking import NEEDED, Looker, said
from workspaces.models import User
from workspaces.permissions import KEY_PERMISSIONS

UNSAID = "unsaid"


class Acting(Looker):
    """What is done to keys and people."""

    @property
    def now(self) -> datetime:
        return self.site.clock.now

    # Who does it

    def logged_in(self) -> list[tuple[Person, Login]]:
        """Return who has ever logged in, with each of their tokens."""
        return [(person, login) for person in self.town.people for login in person.logins]

    def operate(self, who: int, method: str, path: str, body: Any = None) -> tuple[Person, Any]:
        """Ask the admin API as somebody, mostly with a token that holds, and return who it was and what was answered:
        None where it was refused for who they are."""
        everybody = self.logged_in()
        valid = [(person, login) for person, login in everybody if not person.refusal(login, self.now)]
        rulers = [(person, login) for person, login in valid if person.rules]
        candidates = [*rulers[:1] * 2, *valid * 2, *everybody]
        person, login = candidates[who % len(candidates)]
        answer = self.site.ask(method, path, body, Authorization=f"Bearer {login.token}")
        needed = NEEDED[path.split("/")[2]]
        if refusal := person.refusal(login, self.now):
            assert said(answer) == (401, refusal), (person.email, answer.content)
        elif needed not in person.may:
            assert said(answer) == (403, "PERMISSION_DENIED"), (person.email, answer.content)
        else:
            return person, answer
        return person, None

    def places_at(self, numbers: Sequence[int]) -> list[Place]:
        found = [self.town.places[number % len(self.town.places)] for number in numbers]
        return list(dict.fromkeys(found))

    # Keys

    def create_key(
        self, who: int, mode: str, numbers: list[int] | None, may: list[str] | None, tier: str, lives: int | None
    ) -> None:
        places, ends_at = self.places_at(numbers or []), self.moment(lives)
        body = {"name": "A key", "mode": mode, "tier": tier, "permissions": may, "expires_at": shown(ends_at)}
        body |= {} if numbers is None else {"workspaces": [place.id for place in places]}
        body = {name: value for name, value in body.items() if value is not None}
        person, answer = self.operate(who, "POST", "/admin/keys", body)
        if answer is None or self.refused_places(person, answer, places, mode=mode):
            return
        made = answer.json()["data"]["key"]
        self.town.keys.append(
            Key(
                id=made["id"],
                mode=mode,
                tier=tier,
                may=set(KEY_PERMISSIONS if may is None else may),
                places=places,
                is_active=True,
                ends_at=ends_at,
                secrets=[(made["api_key"], None)],
            )
        )

    def moment(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else (self.now + timedelta(seconds=seconds)).replace(microsecond=0)

    def refused_places(
        self,
        person: Person,
        answer: Any,
        places: list[Place],
        *,
        mode: str,
        present: Sequence[Place] = (),
    ) -> bool:
        """Whether these places are refused, as they must be where they are not the person's or not for such a key."""
        wrong = {
            f"workspaces.{number}"
            for number, place in enumerate(places)
            if place not in present and (not person.sees(place) or (mode == "test" and place.mode == "live"))
        }
        if not places and not person.is_admin:
            wrong = {"workspaces"}
        if wrong:
            assert set(fields_of(answer)) == wrong, answer.content
        else:
            assert answer.status_code in (200, 201), answer.content
        return bool(wrong)

    def change(self, who: int, which: int, method: str, body: Any, path: str = "") -> tuple[Key, Any, Person]:
        """Do something to a key, and return it and the answer, None where it was refused for who asks."""
        key = self.town.keys[which % len(self.town.keys)]
        person, answer = self.operate(who, method, f"/admin/keys/{key.id}{path}", body)
        if answer is not None and not person.manages(key):
            assert error_of(answer) == (404, "NOT_FOUND"), (person.email, key.id, answer.content)
            answer = None
        return key, answer, person

    def limit_key(self, who: int, which: int, numbers: list[int] | None) -> None:
        places = self.places_at(numbers or [])
        key, answer, person = self.change(who, which, "PUT", {"workspaces": [place.id for place in places]})
        if answer is None:
            return
        if not self.refused_places(person, answer, places, mode=key.mode, present=key.places):
            key.places = places

    def change_key(self, who: int, which: int, may: list[str] | None, tier: str) -> None:
        names = [*KEY_PERMISSIONS] if may is None else may
        key, answer, _ = self.change(who, which, "PUT", {"permissions": names, "tier": tier})
        if answer is not None:
            assert answer.status_code == 200, answer.content
            key.may, key.tier = set(names), tier

    def switch_key(self, who: int, which: int, is_active: bool) -> None:
        key, answer, _ = self.change(who, which, "PATCH", {"is_active": is_active})
        if answer is not None:
            assert answer.status_code == 200, answer.content
            key.is_active = is_active

    def end_key(self, who: int, which: int, seconds: int | None) -> None:
        ends_at = self.moment(seconds)
        key, answer, _ = self.change(who, which, "PUT", {"expires_at": shown(ends_at)})
        if answer is not None:
            assert answer.status_code == 200, answer.content
            key.ends_at = ends_at

    def rotate_key(self, who: int, which: int) -> None:
        key, answer, _ = self.change(who, which, "POST", None, "/rotate")
        if answer is None:
            return
        if not key.is_active or key.has_ended(self.now):
            assert error_of(answer) == (409, "CONFLICT"), answer.content
            return
        assert answer.status_code == 200, answer.content
        made = answer.json()["data"]["key"]
        until = key.rotate(made["new_api_key"], self.now)
        assert made["old_key_expires_at"] == shown(until)

    def revoke_key(self, who: int, which: int) -> None:
        key, answer, _ = self.change(who, which, "DELETE", None)
        if answer is not None:
            assert answer.status_code == 200, answer.content
            key.is_there = key.is_active = False

    # People

    def create_user(self, who: int, which: int, role: str, own: list[str] | None) -> None:
        email = f"user{which % 9}@example.com"
        body = {"email": email, "password": PASSWORD, "role": role, "permissions": own}
        _, answer = self.operate(who, "POST", "/admin/users", body)
        if answer is None:
            return
        if self.town.with_address(email):
            assert error_of(answer) == (409, "EMAIL_TAKEN")
            return
        assert answer.status_code == 201, answer.content
        pk = answer.json()["data"]["user"]["id"]
        self.town.people.append(Person(id=pk, email=email, password=PASSWORD, role=role, own=own))

    def change_user(self, who: int, which: int, **body: Any) -> None:
        """Change a user; the last administrator stays one."""
        target = self.town.people[which % len(self.town.people)]
        rulers = self.town.rulers()
        _, answer = self.operate(who, "PUT", f"/admin/users/{target.id}", body)
        if answer is None:
            return
        if not target.is_there:
            assert error_of(answer) == (404, "NOT_FOUND")
            return
        before = (target.role, target.own, target.is_active)
        target.role, target.is_active = body.get("role", target.role), body.get("is_active", target.is_active)
        target.own = body.get("permissions", None if target.role != before[0] else target.own)
        if rulers == [target] and not target.rules:
            assert error_of(answer) == (409, "LAST_ADMIN"), answer.content
            target.role, target.own, target.is_active = before
            return
        assert answer.status_code == 200, answer.content
        assert set(answer.json()["data"]["user"]["permissions"]) == target.may, answer.content
        target.password = body.get("password", target.password)
        if (before[0], before[2]) != (target.role, target.is_active) or "password" in body:
            target.sign_out()

    def change_role(self, who: int, which: int, role: str, own: Any) -> None:
        self.change_user(who, which, role=role, **({} if own == UNSAID else {"permissions": own}))

    def give_permissions(self, who: int, which: int, own: list[str] | None) -> None:
        self.change_user(who, which, permissions=own)

    def switch_user(self, who: int, which: int, is_active: bool) -> None:
        self.change_user(who, which, is_active=is_active)

    def set_password(self, who: int, which: int) -> None:
        self.change_user(who, which, password=f"{PASSWORD} {self.site.addresses}")

    def delete_user(self, who: int, which: int) -> None:
        target = self.town.people[which % len(self.town.people)]
        rulers = self.town.rulers()
        person, answer = self.operate(who, "DELETE", f"/admin/users/{target.id}")
        if answer is None:
            return
        if target is person:
            assert error_of(answer) == (409, "CONFLICT")
        elif not target.is_there:
            assert error_of(answer) == (404, "NOT_FOUND")
        elif rulers == [target]:
            assert error_of(answer) == (409, "LAST_ADMIN")
        else:
            assert answer.status_code == 200, answer.content
            target.is_there, target.places = False, []

    def guess(self, which: int, times: int) -> None:
        """Try a wrong password so many times, in turns at the admin API and at the console."""
        for number in range(times):
            self.log_in(which, False, number % 2 == 1)

    def log_in(self, which: int, is_right: bool, at_console: bool) -> None:
        """Log in, at the admin API or at the console, which count what fails together."""
        target = self.town.people[which % len(self.town.people)]
        person = self.town.with_address(target.email) or target
        password = target.password if is_right else "a wrong pass phrase"
        is_known = person.is_there and person.is_active and person.password == password
        is_too_often = self.town.is_tried_too_often(target.email, self.now)
        form = {"username": target.email, "password": password}
        if at_console:
            answer = self.site.answered(lambda caller: caller.client.post("/console/login/", form))
            assert answer.status_code == (302 if is_known and not is_too_often else 200), answer.content
        else:
            answer = self.site.ask("POST", "/admin/login", {"email": target.email, "password": password})
            refusal = (429, "TOO_MANY_LOGIN_ATTEMPTS") if is_too_often else (401, "INVALID_CREDENTIALS")
            assert said(answer) == (refusal if is_too_often or not is_known else (200, "")), answer.content
        if is_known and not is_too_often:
            self.is_in(person, "" if at_console else answer.json()["data"]["token"])
        elif not is_too_often:
            self.town.failures[target.email].append(self.now)

    def is_in(self, person: Person, token: str) -> None:
        """Have somebody logged in, here as well as there."""
        user, visit = User.objects.get(pk=person.id), Client()
        visit.force_login(user, backend="adminapi.backends.CountedBackend")
        cookie = "" if token else self.site.client.cookies["sessionid"].value
        login = Login(token=token or make_token(user), at=self.now, cookie=cookie or visit.cookies["sessionid"].value)
        person.logins.append(login)
        self.town.failures[person.email].clear()

    def log_out(self, who: int, which: int) -> None:
        everybody = self.logged_in()
        person, login = everybody[which % len(everybody)]
        answer = self.site.ask("POST", "/admin/logout", Authorization=f"Bearer {login.token}")
        refusal = person.refusal(login, self.now)
        if refusal == "" or (login.is_logged_out and person.is_there and refusal == "INVALID_TOKEN"):
            assert answer.status_code == 200, answer.content
            login.is_logged_out = True
        else:
            assert error_of(answer) == (401, refusal)

    def change_own_password(self, who: int, is_right: bool) -> None:
        new = f"{PASSWORD} {self.site.addresses}"
        everybody = self.logged_in()
        person, login = everybody[who % len(everybody)]
        body = {"password": new, "current_password": person.password if is_right else "a wrong pass phrase"}
        answer = self.site.ask("PUT", "/admin/profile", body, Authorization=f"Bearer {login.token}")
        if refusal := person.refusal(login, self.now):
            assert error_of(answer) == (401, refusal)
        elif self.town.is_tried_too_often(person.email, self.now):
            assert error_of(answer) == (429, "TOO_MANY_LOGIN_ATTEMPTS")
        elif is_right:
            assert answer.status_code == 200, answer.content
            person.password = new
            self.town.failures[person.email].clear()
            person.sign_out()
        else:
            assert set(fields_of(answer)) == {"current_password"}
            self.town.failures[person.email].append(self.now)


def shown(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None
