"""The targets of a draft are the accounts that it would go to, whichever account becomes a default meanwhile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
import time_machine
from django.test.utils import CaptureQueriesContext

from accounts import connecting
from accounts.models import SocialAccount
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event, Message
from posts.models import Post, Target
from tests.accounts.fakes import make_candidate
from tests.conftest import ApiClient
from tests.contract.world import data_of
from tests.factories import NOW, make_post, make_webhook, make_workspace
from workspaces.models import Workspace

FUTURE = "2090-02-01T09:00:00Z"
FIRST, SECOND = "1001", "1002"
"""The accounts by their ids at the network; the first is the default."""
Move = Callable[[ApiClient, Workspace, dict[str, str]], object]


def connect(workspace: Workspace, remote_id: str) -> SocialAccount:
    grant = make_candidate(remote_id)
    return connecting.connect(workspace, platform="facebook", candidate=grant, actor=SYSTEM, now=NOW)


def make_default(api: ApiClient, workspace: Workspace, ids: dict[str, str]) -> None:
    data_of(api.put(f"/api/accounts/{ids[SECOND]}", {"is_default": True}))


def disconnect(*gone: str) -> Move:
    def move(api: ApiClient, workspace: Workspace, ids: dict[str, str]) -> None:
        for each in gone:
            data_of(api.delete(f"/api/accounts/{ids[each]}"))

    return move


def in_turn(*moves: Move) -> Move:
    return lambda api, workspace, ids: [move(api, workspace, ids) for move in moves]


def connect_again(remote_id: str) -> Move:
    return lambda api, workspace, ids: connect(workspace, remote_id)


MOVES: dict[str, tuple[Move, dict[str, set[str]]]] = {
    "another default": (make_default, {"facebook": {SECOND}, FIRST: {FIRST}, "facebook, 1002": {SECOND}}),
    "the default goes": (disconnect(FIRST), {"facebook": {SECOND}, FIRST: set(), "facebook, 1002": {SECOND}}),
    "all go": (disconnect(FIRST, SECOND), {"facebook": set(), FIRST: set(), "facebook, 1002": set()}),
    "one comes where none was": (
        in_turn(disconnect(FIRST, SECOND), connect_again("1003")),
        {"facebook": {"1003"}, FIRST: set(), "facebook, 1002": {"1003"}},
    ),
    "one that is named comes again": (
        in_turn(disconnect(FIRST), connect_again(FIRST)),
        {"facebook": {SECOND}, FIRST: {FIRST}, "facebook, 1002": {SECOND}},
    ),
    "another comes": (connect_again("1003"), {"facebook": {FIRST}, FIRST: {FIRST}, "facebook, 1002": {FIRST, SECOND}}),
    "a sign-in is renewed": (
        in_turn(make_default, connect_again(FIRST)),
        {"facebook": {SECOND}, FIRST: {FIRST}, "facebook, 1002": {SECOND}},
    ),
}


@pytest.mark.parametrize("when", ["always a draft", "unscheduled before", "unscheduled afterwards"])
@pytest.mark.parametrize(
    ("move", "named", "expected"),
    [(move, named, goes_to) for move, (_, cases) in MOVES.items() for named, goes_to in cases.items()],
)
def test_the_targets_of_a_draft_are_the_accounts_that_it_would_go_to(
    api: ApiClient, workspace: Workspace, move: str, named: str, expected: set[str], when: str
) -> None:
    ids = {FIRST: connect(workspace, FIRST).pk, SECOND: connect(workspace, SECOND).pk}
    given = {"content": "Rye", "platforms": [ids.get(name, name) for name in named.split(", ")]}
    made = api.post("/api/posts", given | ({} if when == "always a draft" else {"scheduled_at": FUTURE}))
    address = f"/api/posts/{data_of(made, status=201)['post']['id']}"
    if when == "unscheduled before":
        data_of(api.post(f"{address}/unschedule"))

    MOVES[move][0](api, workspace, ids)
    if when == "unscheduled afterwards":
        api.post(f"{address}/unschedule")  # unless its last account went, and made it a draft

    remote_ids = dict(SocialAccount.objects.values_list("pk", "remote_id"))
    post = data_of(api.get(address))["post"]
    shown = [each for each in post["targets"] if each["status"] != "cancelled"]
    assert {remote_ids[each["account_id"]] for each in shown} == expected
    assert {post["status"], *(each["status"] for each in shown)} == {"draft"}
    previewed = [each for each in data_of(api.get(f"{address}/preview"))["targets"] if each["target_id"]]
    assert {(each["target_id"], each["account_id"]) for each in previewed} == {
        (each["id"], each["account_id"]) for each in shown
    }
    if not SocialAccount.objects.filter(pk__in=given["platforms"]).exclude(disconnected_at=None).exists() and expected:
        scheduled = data_of(api.post(f"{address}/schedule", {"scheduled_at": FUTURE}))["post"]["targets"]
        assert {remote_ids[each["account_id"]] for each in scheduled} == expected


def test_a_draft_that_moves_was_changed_then_and_the_others_were_not(api: ApiClient, workspace: Workspace) -> None:
    first, second = connect(workspace, FIRST), connect(workspace, SECOND)
    other_workspace = make_workspace()
    moves, stays, scheduled = (
        data_of(api.post("/api/posts", {"content": "Rye", "platforms": platforms} | when), status=201)["post"]["id"]
        for platforms, when in [
            (["facebook"], {}),
            ([first.pk], {}),
            (["facebook"], {"scheduled_at": FUTURE}),
        ]
    )
    foreign = make_post(other_workspace, accounts=[connect(other_workspace, FIRST)])
    before = dict(Post.objects.values_list("pk", "updated_at"))

    with time_machine.travel(database_now() - timedelta(days=1)):  # a clock that is wrong
        make_default(api, workspace, {SECOND: second.pk})

    after = dict(Post.objects.values_list("pk", "updated_at"))
    assert [pk for pk in before if before[pk] != after[pk]] == [moves]
    assert after[moves] > before[moves]
    accounts = dict(Target.objects.values_list("post", "account__remote_id"))
    assert accounts == {moves: SECOND, stays: FIRST, scheduled: FIRST, foreign.pk: FIRST}
    assert not Event.objects.filter(type__startswith="post.updated").exists()


def test_what_may_be_at_the_network_stays_with_its_account_until_the_draft_comes_back(
    api: ApiClient, workspace: Workspace
) -> None:
    first, second = connect(workspace, FIRST), connect(workspace, SECOND)
    post = make_post(workspace, accounts=[first])
    target = Target.objects.get(post=post)
    Target.objects.filter(pk=target.pk).update(armed_at=NOW, handles={"id": "7"})
    address = f"/api/posts/{post.pk}"

    def going() -> list[tuple[str, str]]:
        targets = data_of(api.get(f"{address}/preview"))["targets"]
        return [(each["target_id"], each["account_id"]) for each in targets]

    make_default(api, workspace, {SECOND: second.pk})
    [(other, moved_to)] = going()
    make_default(api, workspace, {SECOND: first.pk})
    back = going()

    assert (moved_to, back) == (second.pk, [(target.pk, first.pk)])
    assert other != target.pk
    target.refresh_from_db()
    assert (target.status, target.handles) == ("draft", {"id": "7"})


def test_moving_many_drafts_takes_as_many_statements_as_moving_one(
    api: ApiClient, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    first, second = connect(workspace, FIRST), connect(workspace, SECOND)

    def statements(account: SocialAccount) -> int:
        with django_assert_max_num_queries(100) as captured:
            make_default(api, workspace, {SECOND: account.pk})
        assert isinstance(captured, CaptureQueriesContext)
        return len(captured)

    make_post(workspace, accounts=[first])
    one = statements(second)
    for _ in range(30):
        make_post(workspace, accounts=[second])
    many = statements(first)

    assert many == one
    assert Target.objects.filter(account=first).count() == 31


def test_disconnecting_a_default_tells_webhooks_where_its_drafts_go_now(api: ApiClient, workspace: Workspace) -> None:
    make_webhook(events=["post.updated"])
    ids = {each: connect(workspace, each).pk for each in (FIRST, SECOND)}
    bodies = ({"platforms": ["facebook"]}, {"platforms": ["facebook"], "scheduled_at": FUTURE})
    created = [data_of(api.post("/api/posts", {"content": "Bread"} | body), status=201) for body in bodies]
    posts = [each["post"]["id"] for each in created]
    before = set(Message.objects.values_list("pk", flat=True))

    disconnect(FIRST)(api, workspace, ids)

    messages = [orjson.loads(each.body)["data"] for each in Message.objects.exclude(pk__in=before)]
    heard = {each["post"]["id"]: (each["post"]["status"], each["targets"]) for each in messages}
    assert len(messages) == len(posts)
    for post in posts:
        shown = data_of(api.get(f"/api/posts/{post}"))["post"]
        status, targets = heard[post]
        named = [(each["id"], each["account_id"], each["status"]) for each in targets]
        assert named == [(each["id"], each["account_id"], each["status"]) for each in shown["targets"]]
        assert (status, named[-1][1]) == ("draft", ids[SECOND])
