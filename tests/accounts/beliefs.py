"""What the contract lets a stranger believe of connected accounts, whatever was done to them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Connection, SocialAccount
from ouipost.events.models import Event
from ouipost.simulator import models as networks
from tests.accounts.living import EVENTS, HELD, Town, is_alive, tokens_of

NO_REVOKING = ("pinterest", "threads")
"""Networks that have no call for it."""
EVERYWHERE = ("instagram", "tiktok", "youtube")
"""Networks that end all that the app has of an account at once."""
BY_PERSON = ("facebook", "linkedin")
"""Networks at which one consent opens several accounts."""
RENEWING = {
    "facebook": "me/accounts",
    "instagram": "access_token",
    "twitter": "oauth2/token",
    "linkedin": "accessToken",
    "tiktok": "oauth/token",
    "youtube": "/token",
    "pinterest": "oauth/token",
    "threads": "access_token",
    "bluesky": "refreshSession",
}
"""Words in the addresses at which tokens are renewed."""


CONNECTED = {"active", "expired", "error"}
FOLLOWS: dict[str, tuple[set[str], str]] = {
    "connected": ({"gone", *CONNECTED}, "active"),
    "disconnected": (CONNECTED, "gone"),
    "expired": ({"active", "error"}, "expired"),
    "expiring": ({"active", "error"}, ""),
    "error": ({"active"}, "error"),
    "recovered": ({"error"}, "active"),
}
"""After which status each line of the journal may come, and what it makes of that; nothing: it stays."""


@dataclass
class Account:
    """What a stranger believes of an account that is connected."""

    id: str
    where: int
    network: str
    remote_id: str
    person: str
    shown: dict[str, Any] = field(default_factory=dict)
    lacks: bool = False
    """Whether a scope was left out, or a role was lost: who needs it is refused."""

    @property
    def path(self) -> str:
        return f"/api/accounts/{self.id}"


class Beliefs:
    """Some accounts, what follows from what was done to them, and whether it is so."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.accounts: list[Account] = []
        self.known: dict[tuple[str, str, str], str] = {}
        """Ids by workspace, network and id there: they stay."""
        self.names: dict[str, str] = {}
        """Given by hand: they stay, too, even while an account is disconnected."""
        self.connected: Counter[str] = Counter()
        self.disconnected: Counter[str] = Counter()
        self.posts: dict[str, Account] = {}
        """The account of each post."""
        self.paused: list[dict[str, str]] = []
        self.keys = 0
        self.stored: dict[str, Any] = {}

    def chosen(self, which: int) -> Account | None:
        return self.accounts[which % len(self.accounts)] if self.accounts else None

    def at(self, pk: str) -> Account | None:
        return next((each for each in self.accounts if each.id == pk), None)

    def network_of(self, pk: str) -> str:
        return next(each.network for each in self.accounts if each.id == pk)

    def kept(self, account: Account) -> list[networks.Token]:
        return tokens_of(self.town.rows()[account.id])

    def faulty(self, network: str) -> bool:
        names = {network} | ({"facebook", "instagram"} if network in ("facebook", "instagram") else set())
        return any(each.fired < each.times for each in networks.Fault.objects.filter(network__in=names))

    def can_be_told(self, account: Account, row: SocialAccount) -> bool:
        """Whether the network will hear what it is told of an account, and take the token that proves it."""
        found = tokens_of(row)
        return not self.faulty(account.network) and bool(found) and is_alive(found[-1], self.town.clock)

    def post(self, pk: str) -> dict[str, Any]:
        where = self.posts[pk].where
        status, data = self.town.ask_in(where, "GET", f"/api/posts/{pk}")
        assert status == 200, data
        found: dict[str, Any] = data["post"]
        return found

    def unsent(self, account: Account) -> list[str]:
        """Return the posts that wait for their time to go out to an account."""
        mine = [pk for pk, each in self.posts.items() if each.id == account.id]
        return [pk for pk in mine if self.post(pk)["status"] == "scheduled"]

    def grants_of(self, row: SocialAccount) -> set[tuple[str, str]]:
        return {(each.network, each.grant) for each in tokens_of(row)}

    def living_of_others(self, account: Account | None) -> dict[str, list[int]]:
        """Return the living tokens of all other accounts."""
        rows = self.town.rows()
        others = [each for each in self.accounts if each is not account]
        return {
            each.id: [token.pk for token in tokens_of(rows[each.id]) if is_alive(token, self.town.clock)]
            for each in others
        }

    def others_are_untouched(self, before: dict[str, list[int]]) -> None:
        """Nothing was revoked that another account still needs."""
        for pk, tokens in before.items():
            revoked = networks.Token.objects.filter(pk__in=tokens).exclude(revoked_at=None)
            kept = {token.pk for token in tokens_of(self.town.rows()[pk])}
            assert not [each for each in revoked if each.pk in kept], (self.at(pk), "lost its tokens")

    def is_revoked(self, account: Account, grants: set[tuple[str, str]]) -> None:
        """What nobody uses any more is not good at the network either, where it can be told so."""
        if account.network in NO_REVOKING or self.consent_of(account) in self.consents():
            return
        mine = networks.Token.objects.filter(kind__in=HELD)
        if account.network in EVERYWHERE:
            rest = mine.filter(network=account.network, account=account.remote_id)
        else:
            rest = mine.filter(grant__in={grant for _, grant in grants})
        rest = rest.exclude(kind="access") if account.network == "bluesky" else rest  # which lives until its end
        alive = [each for each in rest if is_alive(each, self.town.clock)]
        assert not alive, (account, alive, "is still good at the network")

    def consents(self) -> set[tuple[str, str]]:
        return {self.consent_of(each) for each in self.accounts}

    def consent_of(self, account: Account) -> tuple[str, str]:
        """Return what ends as a whole at its network: what one person granted, or of one account, or one sign-in."""
        linked = account.shown["metadata"].get("login") == "facebook"
        if account.network in BY_PERSON or linked:
            return ("facebook" if linked else account.network, account.person)
        return (account.network, account.remote_id if account.network in EVERYWHERE else account.id)

    def everything_shown(self) -> list[Any]:
        found = [self.town.ask_in(where, "GET", "/api/accounts?limit=100") for where in (0, 1)]
        return [data["accounts"] for _, data in found]

    def check(self) -> None:
        """Hold what is shown against what the networks know, and look for secrets."""
        rows = self.town.rows()
        stored = {each["id"]: each for each in SocialAccount.objects.connected().values()}
        for account in self.accounts:
            if stored[account.id] != self.stored.get(account.id):
                self.read(account, rows[account.id])
        if stored.keys() != self.stored.keys():
            self.lists_agree()
        self.stored = stored
        self.nothing_old_is_kept(rows)
        self.town.retire()
        leaks = self.town.leaks()
        assert not leaks, leaks[:3]

    def lists_agree(self) -> None:
        """The lists show what the accounts' own pages do, and one default of each network."""
        for where, shown in enumerate(self.everything_shown()):
            mine = {each.id: each.shown for each in self.accounts if each.where == where}
            assert sorted(mine) == sorted(each["id"] for each in shown)
            moments = [each["connected_at"] for each in shown]
            assert moments == sorted(moments)
            for row in shown:
                assert row.items() <= (mine[row["id"]] | {"stats": row["stats"]}).items(), row
            defaults = Counter(row["platform"] for row in shown if row["is_default"])
            assert defaults == dict.fromkeys({row["platform"] for row in shown}, 1), shown

    def read(self, account: Account, row: SocialAccount) -> None:
        status, data = self.town.ask_in(account.where, "GET", account.path)
        assert status == 200, data
        shown = account.shown = data["account"]
        assert shown["remote_id"] == account.remote_id
        assert shown["name"] == (self.names.get(account.id, shown["name"]))
        health, ends = shown["health"], shown["expires_at"]
        is_over = ends is not None and datetime.fromisoformat(ends) <= self.town.clock.now
        assert health["token_valid"] == (shown["status"] != "expired" and not is_over), shown
        assert health["errors"] or shown["status"] == "active", shown
        assert all(each["code"] and each["message"] and each["who_acts"] for each in health["errors"]), shown
        found = tokens_of(row)
        if shown["permissions"] and found:
            assert set(shown["permissions"]) == set(found[0].scopes), shown
        if shown["status"] == "expired" and not account.lacks:
            assert not self.still_holds(account, found), (shown, "the network would have taken its tokens")
        self.end_is_true(account, shown, found)

    def still_holds(self, account: Account, found: list[networks.Token]) -> bool:
        """Whether the network would still take the tokens that are kept, or renew them."""
        if not found:
            return False
        is_page = found[0].kind == "page"  # whose person's token brings no other one
        return is_alive(found[0] if is_page else found[-1], self.town.clock)

    def end_is_true(self, account: Account, shown: dict[str, Any], found: list[networks.Token]) -> None:
        """`expires_at` is when the refresh token ends, or the only token, where that is known and still to come."""
        known = {"twitter", "linkedin", "tiktok", "pinterest", "bluesky"}
        if account.network not in known or not found:
            return
        end = found[-1].expires_at
        assert end is not None
        assert (shown["expires_at"] is None) == (shown["status"] == "expired"), shown
        was_answered = "next" not in found[-1].data  # else Bluesky's server gave a new one, and nobody got it
        if shown["expires_at"] and was_answered and (len(found) == 2 or account.network == "linkedin"):
            room = timedelta(days=3 if account.network == "twitter" else 0, minutes=3)  # X does not tell
            away = abs(datetime.fromisoformat(shown["expires_at"]) - end)
            assert away <= room or end <= self.town.clock.now, (shown, end)

    def nothing_old_is_kept(self, rows: dict[str, SocialAccount]) -> None:
        """Whoever has the keys reads nothing but what is in use: tokens of accounts and of sign-ins that are open."""
        in_use = {f"accounts_socialaccount {pk}" for pk, row in rows.items() if row.disconnected_at is None}
        in_use |= {
            f"accounts_connection {pk}" for pk in Connection.objects.filter(used_at=None).values_list("pk", flat=True)
        }
        assert not self.town.readable() - in_use

    def all_agree(self) -> None:
        """What works at its network works here, and what does not has expired."""
        self.lists_agree()
        for account in self.accounts:
            found = self.kept(account)
            status = account.shown["status"]
            is_held = self.still_holds(account, found)
            assert is_held or status == "expired", (account, found)
            assert not is_held or account.lacks or status == "active", (account, found)
            if status == "active" and not account.lacks:
                self.shows_itself(account)
        self.posts_agree()
        self.events_agree()

    def shows_itself(self, account: Account) -> None:
        """An account that can be read is shown as its network shows it, but for the name that it was given here."""
        there = networks.Account.objects.get(network=account.network, external_id=account.remote_id)
        assert account.shown["name"] == (self.names.get(account.id, there.name)), (account, there)
        assert account.shown["health"]["last_sync"] is not None

    def posts_agree(self) -> None:
        """Each post is out once, or not at all with a cause, and an account that is over is one."""
        for pk, account in self.posts.items():
            shown = self.post(pk)
            copies = networks.Post.objects.alive().filter(network=account.network, text__startswith=shown["content"])
            copies = copies.exclude(kind=networks.Post.RECORD)
            assert copies.count() <= 1, shown
            assert shown["status"] in ("draft", "scheduled", "published", "failed", "missed", "needs_review"), shown
            for target in shown["targets"]:
                assert (target["status"] == "published") <= (copies.count() == 1), shown
                assert target["error"] or target["status"] not in ("failed", "missed", "needs_review"), shown
                assert not self.is_late(shown) or target["status"] != "scheduled", shown

    def is_late(self, shown: dict[str, Any]) -> bool:
        at = shown["scheduled_at"]
        return at is not None and datetime.fromisoformat(at) < self.town.clock.now - timedelta(hours=1)

    def events_agree(self) -> None:
        """The journal tells each account's life as it was, and webhooks tell the same."""
        self.town.deliver()
        told = sorted(self.town.told, key=lambda each: each["sequence"])
        rows = list(Event.objects.filter(type__startswith="account.").order_by("pk"))
        for pk in {*self.connected, *self.disconnected}:
            mine = [row for row in rows if row.resource_id == pk]
            heard = [each["type"] for each in told if each["data"]["account"]["id"] == pk]
            types = [row.type for row in mine if row.type in EVENTS]
            assert Counter(heard) == Counter(types), (heard, types)
            assert Counter(types)["account.connected"] == self.connected[pk], types
            last = replayed(mine)
            account = self.at(pk)
            assert last == (account.shown["status"] if account else "gone"), (account, types)

    @contextmanager
    def alone_in(self, where: int) -> Iterator[None]:
        """Whatever is done in one workspace changes nothing of the other's accounts."""
        others = SocialAccount.objects.filter(workspace=self.town.workspaces[1 - where].pk).order_by("pk").values()
        before = list(others)
        yield
        assert list(others.all()) == before

    def paused_ones_are_left_alone(self, before: int) -> None:
        """Nobody is asked for numbers at a network that is paused; tokens are renewed all the same."""
        asked = networks.Request.objects.order_by("pk")[before:]
        for pause in self.paused:
            renewing = RENEWING[pause["id"]]
            assert not [
                each for each in asked if each.network == pause["id"] and renewing not in f"{each.host}{each.path}"
            ]

    def all_ends_are_told(self) -> None:
        """Of each account that ends within a week it is told, with the posts that wait for a time behind that."""
        soon = self.town.clock.now + timedelta(days=7)
        rows = SocialAccount.objects.connected().exclude(status="expired")
        for row in rows.filter(expires_at__gt=self.town.clock.now, expires_at__lte=soon):
            told = Event.objects.filter(type="account.expiring", resource_id=row.pk).order_by("pk").last()
            assert told is not None, row
            assert told.details["expires_at"] == f"{row.expires_at:%Y-%m-%dT%H:%M:%SZ}", (row, told.details)


def replayed(rows: list[Event]) -> str:
    """Return an account's status by its journal, in which every line must follow from those before it."""
    status, told, ends = "gone", [row.type.removeprefix("account.") for row in rows], set()
    for row, name in zip(rows, told, strict=True):
        before, after = FOLLOWS.get(name, (CONNECTED, ""))
        assert status in before, (name, told)
        if name == "expiring":
            assert row.details["expires_at"] not in ends, told
            ends.add(row.details["expires_at"])
        status = after or row.details.get("after", {}).get("status", status)
    return status
