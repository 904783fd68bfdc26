"""Whatever is done with accounts, by their owners, by clients and by the networks: what the contract lets a stranger
believe of them holds after each step and in the end.

`Life` has the acts, `Beliefs` what follows. One life is tried, the same in every run; other ones, and as many as you
like: `LIVES=500 pytest --hypothesis-profile=new tests/accounts/test_whole_life.py`.
"""

import base64
import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.conf import settings as product
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ouipost.simulator import models as networks
from ouipost.simulator.networks import ALL
from tests.accounts.beliefs import RENEWING, Account, Beliefs
from tests.accounts.living import CALLBACK, NETWORKS, OTHER_PRODUCTS, Town, at_home, gone
from tests.posts.living import lived
from workspaces.models import Workspace

LIVES = int(os.environ.get("LIVES", "1"))
pytestmark = [pytest.mark.any_database, pytest.mark.thorough, pytest.mark.timeout(60 + 20 * LIVES)]
TEXT = ("facebook", "twitter", "linkedin", "threads", "bluesky")
"""Networks to which a text alone can be posted."""
REVOKE_BY_ID = {network.id: network.revoke for network in ALL}
MINUTE, HOUR, DAY = 60, 3600, 86_400
FAULTS: list[dict[str, Any]] = [
    {"effect": "timeout_after_accept", "options": {"hold": 0}},
    {"effect": "timeout_before_accept", "options": {"hold": 0}},
    {"effect": "status", "options": {"status": 500}},
    {"effect": "status", "options": {"status": 503, "after_accept": True}},
    {"effect": "status", "options": {"status": 429}},
    {"effect": "status", "options": {"status": 429, "headers": {"Retry-After": "4000"}}},
    {"effect": "status", "options": {"status": 400, "body": "<html>no</html>"}},
    {"effect": "cut_json"},
]
"""Nothing of this says that a token is over."""
WHERE = (0, 0, 0, 1)
WHICH = range(20)
PERSON = ("Ada", "Ada", "Ben")
PAGES = (("0", "1"), ("0",), ("1",))
CHOICE = ("all", "first", "last")
MOMENT = range(1, 13)
MEANWHILE = ("disconnect", "refresh", "connect_again", "care", "publish", "revoke")
ACTS: dict[str, tuple[int, tuple[Sequence[Any], ...]]] = {
    "connect": (9, (WHERE, NETWORKS, PERSON, PAGES, CHOICE, (0, 0, 0, 1))),
    "connect_again": (5, (WHICH, PERSON)),
    "connect_elsewhere": (5, (WHICH,)),
    "come_back_wrongly": (
        4,
        (WHERE, NETWORKS, ("denied", "error", "late", "stranger", "elsewhere", "wrong code")),
    ),
    "give_up_choosing": (1, (WHERE,)),
    "refresh": (5, (WHICH,)),
    "name_by_hand": (1, (WHICH,)),
    "disconnect": (5, (WHICH,)),
    "revoke": (3, (WHICH,)),
    "end_access": (2, (WHICH,)),
    "lose_role": (1, (WHICH,)),
    "rename": (2, (WHICH,)),
    "fault": (6, (WHICH, FAULTS, (False, True), (1, 1, 2, 4))),
    "schedule": (4, (WHICH, (MINUTE, HOUR, 30 * DAY))),
    "publish": (6, ()),
    "publish_and_meanwhile": (4, (MOMENT, MEANWHILE, WHICH)),
    "wait": (9, ((MINUTE, 50 * MINUTE, 2 * HOUR, 2 * HOUR, DAY, DAY, 8 * DAY, 31 * DAY, 170 * DAY),)),
    "care": (9, ()),
    "care_and_meanwhile": (5, (MOMENT, MEANWHILE, WHICH)),
    "pause": (1, (NETWORKS,)),
    "resume": (1, ()),
    "rotate_keys": (1, ()),
    "remove_workspace": (1, ()),
}
"""What can happen, how often compared with the rest, and by what it is drawn."""
NAMES = [name for name, (weight, _) in ACTS.items() for _ in range(weight)]


def something(chance: random.Random) -> tuple[Any, ...]:
    """Draw an act, and with what it is done."""
    name = chance.choice(NAMES)
    return (name, *[chance.choice(each) for each in ACTS[name][1]])


class Life(Beliefs):
    """What is done to some accounts."""

    # What owners and clients do

    def connect(
        self,
        where: int,
        network: str,
        person: str,
        pages: tuple[str, ...] = ("0", "1"),
        choice: str = "all",
        without: int = 0,
    ) -> None:
        """Connect one or several accounts, by the choice among them."""
        self.sign_in(where, {"platform": network}, network, person, pages=pages, choice=choice, without=without)

    def connect_again(self, which: int, person: str = "") -> None:
        """Connect an account again; whoever signs in with another one connects nothing."""
        if (account := self.chosen(which)) is None:
            return
        before = self.town.rows()[account.id].access_token
        with self.alone_in(account.where):
            found = self.sign_in(account.where, {}, account.network, person or account.person, again=account)
        assert all(each.id == account.id for each in found)
        if not found and self.at(account.id) is account:
            row = self.town.rows().get(account.id)
            assert row is None or not row.access_token or row.access_token == before

    def connect_elsewhere(self, which: int) -> None:
        """Connect in the other workspace what is connected in one."""
        if (account := self.chosen(which)) is not None:
            self.connect(1 - account.where, account.network, account.person)

    def sign_in(
        self,
        where: int,
        body: dict[str, Any],
        network: str,
        person: str,
        *,
        pages: tuple[str, ...] = ("0", "1"),
        choice: str = "all",
        without: int = 0,
        again: Account | None = None,
    ) -> list[Account]:
        """Go through a sign-in, and return the accounts that it connected."""
        path = f"{again.path}/reconnect" if again else "/api/accounts"
        workspace = self.town.workspaces[where]
        status, began = self.begin(where, path, body)
        assert status == 200, began
        back = self.town.consent(began["auth_url"], person, pages=pages, without=without)
        if "code" not in back:
            return []  # the network's own page had a trouble
        assert back["state"] == began["state"]
        status, data = self.town.ask_in(
            where, "POST", "/api/accounts/callback", {"state": back["state"], "code": back["code"].removesuffix("#_")}
        )
        if status == 200:
            ids = [each["id"] for each in data["candidates"]]
            select: Any = {"all": "all", "first": ids[:1], "last": ids[-1:]}[choice]
            body = {"connection": data["connection"], "select": select}
            status, data = self.town.ask_in(where, "POST", "/api/accounts/callback", body)
            assert status == 201, data
            assert self.town.ask_in(where, "POST", "/api/accounts/callback", body)[1]["code"] == "OAUTH_STATE_INVALID"
        if status != 201:
            assert (status, data["code"]) == (422, "OAUTH_EXCHANGE_FAILED"), data
            return []
        shown = data["accounts"] if "accounts" in data else [data["account"]]
        return [self.is_there(each, workspace, where, person, lacks=bool(without)) for each in shown]

    def begin(self, where: int, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, data = self.town.ask_in(where, "POST", path, body | {"callback_url": CALLBACK})
        self.town.answers.pop()  # whoever began it is told the state
        if status == 200:
            self.town.secrets.add(data["state"])
        return status, data

    def is_there(self, shown: dict[str, Any], workspace: Workspace, where: int, person: str, *, lacks: bool) -> Account:
        """Believe that an account is connected, and works: under its old id where it has been here before."""
        key = (workspace.pk, shown["platform"], shown["remote_id"])
        assert self.known.setdefault(key, shown["id"]) == shown["id"]
        assert (shown["status"], shown["health"]["errors"]) == ("active", [])
        assert shown["health"]["token_valid"] is True
        self.connected[shown["id"]] += 1
        account = self.at(shown["id"])
        if account is None:
            account = Account(shown["id"], where, shown["platform"], shown["remote_id"], person)
            self.accounts.append(account)
        account.shown, account.person, account.lacks = shown, person, lacks
        return account

    def come_back_wrongly(self, where: int, network: str, how: str) -> None:
        """Come back with what connects nothing: the sign-in is used up by whoever may use it, and by nobody else."""
        before = self.everything_shown()
        _, began = self.begin(where, "/api/accounts", {"platform": network})
        decision = "deny" if how == "denied" else "allow"
        back = self.town.consent(began["auth_url"], "Eve", decision=decision, pages=("0",))
        if not back:
            return
        path, is_denied = "/api/accounts/callback", how in ("denied", "error")
        word = {"error": back.get("error", "server_error")} if is_denied else {"code": back.get("code", "")}
        assert how != "denied" or back.keys() >= {"error", "state"}
        body = {"state": began["state"], **word}
        if how == "stranger":
            assert self.town.ask_as_stranger(where, "POST", path, body)[1]["code"] == "OAUTH_STATE_INVALID"
        elif how == "elsewhere":
            assert self.town.ask_in(1 - where, "POST", path, body)[1]["code"] == "OAUTH_STATE_INVALID"
        elif how == "late":
            self.town.clock.go_on(601)
        else:
            body |= {} if is_denied else {"code": "made-up"}
            status, data = self.town.ask_in(where, "POST", path, body)
            assert (status, data["code"]) == (422, "OAUTH_EXCHANGE_FAILED"), data
        if how not in ("stranger", "elsewhere"):
            assert self.town.ask_in(where, "POST", path, body)[1]["code"] == "OAUTH_STATE_INVALID"
        if how != "late":
            assert self.everything_shown() == before

    def give_up_choosing(self, where: int) -> None:
        """Sign in, and never choose."""
        _, began = self.begin(where, "/api/accounts", {"platform": "facebook"})
        back = self.town.consent(began["auth_url"], "Eve", pages=("0", "1"))
        if "code" in back:
            body = {"state": back["state"], "code": back["code"]}
            status, data = self.town.ask_in(where, "POST", "/api/accounts/callback", body)
            assert status == 200 or data["code"] == "OAUTH_EXCHANGE_FAILED", data

    def refresh(self, which: int) -> None:
        if (account := self.chosen(which)) is None:
            return
        with self.alone_in(account.where):
            status, data = self.town.ask_in(account.where, "POST", f"{account.path}/refresh")
        assert status == 200, data

    def name_by_hand(self, which: int) -> None:
        if (account := self.chosen(which)) is not None:
            name = self.names[account.id] = f"Name {which}"
            status, data = self.town.ask_in(account.where, "PUT", account.path, {"name": name})
            assert (status, data["account"]["name"]) == (200, name)

    def disconnect(self, which: int) -> None:
        """Disconnect an account: its tokens are gone here and there, and nobody else's are."""
        if (account := self.chosen(which)) is None:
            return
        row, unsent = self.town.rows()[account.id], self.unsent(account)
        mine, others = self.grants_of(row), self.living_of_others(account)
        is_well = self.can_be_told(account, row)
        with self.alone_in(account.where):
            status, data = self.town.ask_in(account.where, "DELETE", account.path)
        assert status == 200, data
        assert len(unsent) <= data["cancelled_posts"] <= len(self.posts)
        assert all(self.post(pk)["status"] == "draft" for pk in unsent)
        self.accounts.remove(account)
        self.disconnected[account.id] += 1
        assert self.town.ask_in(account.where, "GET", account.path)[0] == 404
        self.others_are_untouched(others)
        if is_well:
            self.is_revoked(account, mine)

    # What networks and persons do there

    def revoke(self, which: int) -> None:
        """A person takes the access back at the network, or changes the password."""
        if (account := self.chosen(which)) is None or not (found := self.kept(account)):
            return
        REVOKE_BY_ID[account.network](found[0], self.town.clock.now)
        networks.Account.objects.filter(network="bluesky").update(data={})  # they make a new app password

    def end_access(self, which: int) -> None:
        """The network ends a token before its time, but not a page's: who asks for that again gets the same one."""
        account = self.chosen(which)
        found = self.kept(account) if account is not None else []
        if found and found[0].kind != "page":
            networks.Token.objects.filter(pk=found[0].pk).update(expires_at=self.town.clock.now)

    def lose_role(self, which: int) -> None:
        """The person may not act for the page or organization any more."""
        account = self.chosen(which)
        if account is not None and account.network == "linkedin":
            theirs = networks.Account.objects.filter(external_id=account.remote_id, data__has_key="role")
            if theirs.update(data={}):
                self.lack(account)
        elif account is not None and account.network == "facebook":
            for token in networks.Token.objects.filter(network="facebook", kind="user"):
                token.data["pages"] = [each for each in token.data["pages"] if each != account.remote_id]
                token.save()
            pages = networks.Token.objects.filter(network="facebook", kind="page", account=account.remote_id)
            pages.update(revoked_at=self.town.clock.now)
            self.lack(account)

    def lack(self, account: Account) -> None:
        """Believe that the network may refuse what is asked for an account, wherever it is connected."""
        for each in self.accounts:
            each.lacks |= each.remote_id == account.remote_id

    def rename(self, which: int) -> None:
        """The account is renamed at its network."""
        if (account := self.chosen(which)) is not None:
            rows = networks.Account.objects.filter(network=account.network, external_id=account.remote_id)
            rows.update(name=f"Renamed {which}")

    def fault(self, which: int, fault: dict[str, Any], is_renewing: bool, times: int) -> None:
        if (account := self.chosen(which)) is not None:
            match = {"match": RENEWING[account.network] if is_renewing else "/"}
            networks.Fault.objects.create(network=account.network, times=times, **fault, **match)

    # What is posted

    def schedule(self, which: int, seconds: int) -> None:
        account = self.chosen(which)
        if account is None or account.network not in TEXT or len(self.posts) == 4:
            return
        body = {
            "content": f"Bread number {len(self.posts)}, of {self.town.clock.now:%H:%M:%S.%f}",
            "platforms": [account.id],
            "scheduled_at": self.town.moment_in(seconds),
        }
        status, data = self.town.ask_in(account.where, "POST", "/api/posts", body)
        assert status == 201, data
        self.posts[data["post"]["id"]] = account

    def publish(self, strike: Callable[[], None] | None = None, after: int = 0) -> None:
        self.town.work(strike=strike, after=after)
        self.town.commit()

    def publish_and_meanwhile(self, after: int, action: str, which: int) -> None:
        """Something happens while a worker publishes, maybe to the very account."""
        self.publish(lambda: getattr(self, action)(*self.arguments(action, which)), after)

    # What operators and workers do

    def wait(self, seconds: int) -> None:
        self.town.deliver()  # webhooks hear of nothing that is a month old
        self.town.clock.go_on(seconds)

    def care(self, strike: Callable[[], None] | None = None, after: int = 0) -> None:
        before = networks.Request.objects.count()
        self.town.care(strike=strike, after=after)
        if strike is None:
            self.paused_ones_are_left_alone(before)
            self.all_ends_are_told()

    def care_and_meanwhile(self, after: int, action: str, which: int) -> None:
        """Something happens while a worker renews tokens or reads, maybe to the very account."""
        self.care(lambda: getattr(self, action)(*self.arguments(action, which)), after)

    def arguments(self, action: str, which: int) -> list[Any]:
        return [which] if action not in ("care", "publish") else []

    def pause(self, network: str) -> None:
        if not self.paused:
            self.paused.append({"scope": "network", "id": network})
            self.town.operate("/admin/pause", self.paused[0] | {"reason": "Why not"})

    def resume(self) -> None:
        while self.paused:
            self.town.operate("/admin/resume", self.paused.pop())

    def rotate_keys(self) -> None:
        """Put a new key in front, encrypt all with it, and take the old one away."""
        self.keys += 1
        new = f"life{self.keys}:{base64.b64encode(random.randbytes(32)).decode()}"
        product.TOKEN_KEYS = [new, *product.TOKEN_KEYS]
        call_command("rotate_encryption", verbosity=0)
        product.TOKEN_KEYS = [new]

    def remove_workspace(self) -> None:
        """Remove the second workspace, and make another one: what it had is given back to the networks."""
        workspace = self.town.workspaces[1]
        mine = [each for each in self.accounts if each.where == 1]
        grants = {each.id: self.grants_of(self.town.rows()[each.id]) for each in mine}
        well = [each for each in mine if self.can_be_told(each, self.town.rows()[each.id])]
        self.town.api = self.town.watched(self.town.apis(1))
        status, data = self.town.ask("DELETE", f"/api/workspaces/{workspace.pk}")
        assert status == 200, data
        self.accounts = [each for each in self.accounts if each.where == 0]
        others = self.living_of_others(None)
        others = {pk: tokens for pk, tokens in others.items() if not self.faulty(self.network_of(pk))}
        self.posts = {pk: account for pk, account in self.posts.items() if account.where == 0}
        for _ in range(20):
            self.publish()
            self.town.care()
            self.town.clock.go_on(HOUR)
            if gone(workspace):
                break
        assert gone(workspace)
        self.others_are_untouched({pk: tokens for pk, tokens in others.items() if self.at(pk)})
        for each in well:
            self.is_revoked(each, grants[each.id])
        self.town.new_second_workspace()

    def end(self) -> None:
        """Let everything calm down."""
        self.resume()
        networks.Fault.objects.all().delete()
        for _ in range(2):
            self.town.clock.go_on(26 * HOUR)
            self.publish()
            self.care()
            self.check()
        for which, _ in enumerate(self.accounts):
            self.refresh(which)
        self.check()
        self.all_agree()


class WholeLifeTest(TestCase):
    databases = "__all__"
    town: Town

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.town = cls.enterClassContext(at_home())

    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 10**9))
    def test_an_account_lives_as_the_contract_says(self, seed: int) -> None:
        chance = random.Random(seed)
        born = [("connect", chance.choice(WHERE), chance.choice(NETWORKS), "Ada") for _ in range(3)]
        acts = [*born, *[something(chance) for _ in range(chance.randint(12, 24))]]
        others = OTHER_PRODUCTS if chance.random() < 0.5 else {}
        random.seed(seed)
        self.town.begin_anew()
        life = Life(self.town)
        with self.settings(NETWORKS=product.NETWORKS | others, TOKEN_KEYS=[*product.TOKEN_KEYS]):
            self.town.settle()
            lived(life, acts, which=f"{sorted(others)}, of the seed {seed}")
