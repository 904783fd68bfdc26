"""Who may do and see what, by the contract's sentences alone: workspaces, keys and people, as a stranger believes of
them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

GRACE = timedelta(hours=24)
TOKEN_LIVES = timedelta(hours=24)
LEEWAY = timedelta(seconds=30)
"""For how long a token's own end is not believed, where nothing else is known of it any more."""
LOGINS_COUNT_FOR, MOST_LOGINS = timedelta(minutes=15), 5
EVERYTHING = (
    "users.manage",
    "api_keys.manage",
    "workspaces.manage",
    "webhooks.manage",
    "posts.manage",
    "accounts.manage",
    "analytics.view",
    "audit.view",
    "system.view",
    "system.manage",
)
ROLES = {
    "admin": EVERYTHING,
    "editor": ("posts.manage", "accounts.manage", "analytics.view"),
    "viewer": ("analytics.view",),
}


@dataclass(eq=False, kw_only=True)
class Place:
    """A workspace, with one row of everything."""

    id: str
    mode: str
    name: str
    ids: dict[str, str] = field(default_factory=dict)
    """By collection."""
    is_there: bool = True
    paused: str = ""
    """Why it is paused, if it is."""


@dataclass(eq=False, kw_only=True)
class Key:
    """An API key."""

    id: str
    mode: str
    tier: str
    may: set[str]
    places: list[Place]
    """Those that it is limited to; none: all."""
    is_active: bool
    ends_at: datetime | None
    secrets: list[tuple[str, datetime | None]]
    """The newest first, each with when it ends because of a rotation."""
    is_there: bool = True
    uses: Counter[date] = field(default_factory=Counter)

    def refusal(self, secret: str, now: datetime) -> str:
        """Return with which word a request is refused that shows this secret; empty where it is taken."""
        ends = dict(self.secrets).get(secret, now)
        if not (self.is_there and self.is_active) or (ends is not None and ends <= now):
            return "INVALID_API_KEY"
        return "API_KEY_EXPIRED" if self.has_ended(now) else ""

    def has_ended(self, now: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= now

    def sees(self, place: Place) -> bool:
        is_its_own = not self.places or place in self.places
        return place.is_there and is_its_own and (self.mode == "live" or place.mode == "sandbox")

    def rotate(self, secret: str, now: datetime) -> datetime:
        """Have another secret, and return until when the present one is valid."""
        until = min(now + GRACE, self.ends_at or now + GRACE)
        self.secrets = [(secret, None), (self.secrets[0][0], until), *((old, now) for old, _ in self.secrets[1:])]
        return until


@dataclass(eq=False, kw_only=True)
class Hook:
    """A webhook."""

    id: str
    places: list[Place]
    is_there: bool = True


@dataclass(kw_only=True)
class Login:
    """A token, and a visit to the console that began with it."""

    token: str
    at: datetime
    cookie: str = ""
    is_over: bool = False
    is_logged_out: bool = False


@dataclass(eq=False, kw_only=True)
class Person:
    """A user."""

    id: str
    email: str
    password: str
    role: str
    own: list[str] | None = None
    """The permissions that replace those of the role."""
    is_active: bool = True
    is_there: bool = True
    places: list[Place] = field(default_factory=list)
    """Where they are a member."""
    logins: list[Login] = field(default_factory=list)

    @property
    def may(self) -> set[str]:
        return set(ROLES[self.role] if self.own is None else self.own)

    @property
    def rules(self) -> bool:
        """Whether they are an administrator who can manage the others."""
        return self.is_there and self.is_active and self.role == "admin" and "users.manage" in self.may

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def sees(self, place: Place) -> bool:
        return place.is_there and (self.is_admin or place in self.places)

    def manages(self, thing: Key | Hook) -> bool:
        """Whether a key or webhook is one that they see: others than administrators, if it is for theirs alone."""
        present = [place for place in thing.places if place.is_there]
        return thing.is_there and (self.is_admin or (present != [] and all(map(self.sees, present))))

    def refusal(self, login: Login, now: datetime) -> str:
        """Return with which word a request is refused that shows this token; empty where it is taken."""
        if now - login.at >= TOKEN_LIVES + (timedelta() if self.is_there else LEEWAY):
            return "TOKEN_EXPIRED"
        if not self.is_there:
            return "INVALID_TOKEN"
        return "INVALID_TOKEN" if login.is_over or login.is_logged_out else ""

    def sign_out(self) -> None:
        """Let all of their sessions end."""
        for login in self.logins:
            login.is_over = True


@dataclass
class Town:
    """All that there is, or was."""

    places: list[Place] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    owners: dict[str, Place] = field(default_factory=dict)
    """Of which workspace an id or a name tells."""
    failures: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """When a login failed, by address."""

    def settle(self, place: Place) -> Place:
        self.places.append(place)
        self.owners |= dict.fromkeys([place.id, place.name, *place.ids.values()], place)
        return place

    def present(self) -> list[Person]:
        return [person for person in self.people if person.is_there]

    def rulers(self) -> list[Person]:
        return [person for person in self.people if person.rules]

    def is_tried_too_often(self, email: str, now: datetime) -> bool:
        return len([at for at in self.failures[email] if now - at < LOGINS_COUNT_FOR]) >= MOST_LOGINS

    def managers(self, key: Key) -> list[Person]:
        """Return who manages a limited key, and is no administrator."""
        able = [each for each in self.present() if not each.is_admin and "api_keys.manage" in each.may]
        return [each for each in able if each.manages(key)]

    def with_address(self, email: str) -> Person | None:
        return next((person for person in self.present() if person.email == email), None)


def ids(things: Iterable[Any]) -> set[str]:
    return {thing.id for thing in things}
