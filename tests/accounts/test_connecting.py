"""Signing in: a state is good once, for ten minutes, for whoever began; what it opens becomes accounts."""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import OperationalError

from accounts import connecting, hooks, other_sign_ins
from accounts.connecting import OAuthExchangeFailed, OAuthStateInvalid, Pending, Started
from accounts.models import Connection, SocialAccount
from accounts.platforms.base import SignIn
from accounts.platforms.errors import AuthExpired, PlatformError, Rejected, Unavailable, Unknown, WhoActs
from accounts.platforms.shapes import Candidate, Profile, Tokens
from analytics.models import AccountSync
from ouipost.claims import claim_due, database_now
from ouipost.db.pruning import remove_all
from ouipost.db.rows import insert_each
from ouipost.events import journal
from ouipost.events.journal import Actor
from ouipost.events.models import Event
from ouipost.phrases import Phrase
from posts.models import Target
from tests.accounts.fakes import PAGE_TOKENS, FakeNetwork, FakePasswordNetwork, make_candidate
from tests.factories import NOW, make_account, make_post, make_workspace
from tests.foundation.threads import at_once
from workspaces.models import Workspace

CALLBACK = "https://app.example/callback?kept=1"
ACTOR = Actor(key_id="key_1")
MINUTE = timedelta(minutes=1)

FAMILY = "\U0001f468\u200d\U0001f467 \u0645\u06cc\u200c\u062e \U0001f3f4\U000e0067\U000e0062\U000e007f"
"""A father with his daughter, a word of Persian, and a flag: each has characters that nobody sees."""


def start(workspace: Workspace, *, account: SocialAccount | None = None, **values: Any) -> Started:
    given: dict[str, Any] = {"platform": "facebook", "callback_url": CALLBACK, "key_id": "key_1", "now": NOW}
    return connecting.start(workspace, account=account, actor=ACTOR, **given | values)


def complete(
    workspace: Workspace, state: str, *, code: str = "code", key_id: str = "key_1", now: datetime = NOW
) -> Any:
    return connecting.complete(workspace, state=state, code=code, key_id=key_id, actor=ACTOR, now=now)


def select(workspace: Workspace, pending: Pending, chosen: list[str] | None, **values: Any) -> list[SocialAccount]:
    given: dict[str, Any] = {"key_id": "key_1", "actor": ACTOR, "now": NOW} | values
    return connecting.select(workspace, connection_id=pending.connection.pk, chosen=chosen, **given)


def connect(workspace: Workspace, network: FakeNetwork, *candidates: Any, **values: Any) -> Any:
    network.granted = list(candidates) or network.granted
    return complete(workspace, start(workspace, **values).state)


def asked(started: Started) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(started.auth_url).query).items()}


def test_a_sign_in_begins_at_the_networks_consent_page(workspace: Workspace, network: FakeNetwork) -> None:
    started = start(workspace, scopes=["insights", "read"])

    sent, row = asked(started), Connection.objects.get()
    proof = base64.urlsafe_b64encode(hashlib.sha256(row.unseal().encode()).digest()).rstrip(b"=").decode()
    assert started.auth_url.startswith("http://testserver/sandbox/network.example/consent?")
    assert sent == {
        "redirect_uri": CALLBACK,
        "state": started.state,
        "scope": "read write insights",
        "challenge": proof,
    }
    assert (row.platform, row.key_id, row.callback_url) == ("facebook", "key_1", CALLBACK)
    assert row.expires_at == NOW + timedelta(minutes=10)


def test_who_signs_in_again_is_asked_for_the_scopes_of_the_account_unless_others_are_named(
    workspace: Workspace, network: FakeNetwork
) -> None:
    account = make_account(workspace, permissions=["read", "write", "insights"])

    again = [start(workspace, account=account, scopes=scopes) for scopes in (None, [], ["ads"])]

    assert [asked(each)["scope"] for each in again] == ["read write insights", "read write", "read write ads"]


@pytest.mark.parametrize(
    ("values", "is_ended"),
    [
        ({}, True),
        ({"status": "expired"}, True),
        ({"permissions": ["w_organization_social", "r_basicprofile"]}, False),
        ({"metadata": {"user_id": "2", "product": "community"}}, False),
        ({"metadata": {"user_id": "1", "product": ""}}, False),
        ({"disconnected_at": NOW}, False),
    ],
)
def test_a_linkedin_sign_in_renews_the_accounts_whose_tokens_it_has_ended(
    workspace: Workspace, network: FakeNetwork, values: dict[str, Any], is_ended: bool
) -> None:
    member = {"user_id": "1", "product": "community"}
    tokens = Tokens(access_token="new", scopes=("r_basicprofile", "w_organization_social"))
    given = {"platform": "linkedin", "remote_id": "urn:li:organization:1", "metadata": member, "permissions": ["old"]}
    page = make_account(workspace, **given | values)

    candidate = make_candidate("urn:li:person:1", type="profile", tokens=tokens, metadata=member)
    signed_in = connect(workspace, network, candidate, platform="linkedin")

    page.refresh_from_db()
    told = Event.objects.filter(type="account.connected").order_by("pk").values_list("resource_id", flat=True)
    assert page.unseal().access_token == ("new" if is_ended else "token")
    assert list(told) == [*([page.pk] if is_ended else []), signed_in[0].pk]
    assert page.status == "active"


@pytest.mark.parametrize(
    ("values", "is_ended"),
    [
        ({}, True),
        ({"remote_id": "urn:li:person:1"}, True),
        ({"permissions": ["w_organization_social", "r_basicprofile"]}, False),
        ({"permissions": []}, False),
        ({"metadata": {"user_id": "2", "product": "community"}}, False),
        ({"metadata": {"user_id": "1", "product": ""}}, False),
        ({"workspace": {"mode": "live"}}, False),
        ({"workspace": {"deleted_at": NOW}}, False),
    ],
)
def test_a_linkedin_sign_in_expires_the_accounts_of_other_workspaces_whose_tokens_it_has_ended(
    workspace: Workspace, network: FakeNetwork, values: dict[str, Any], is_ended: bool
) -> None:
    """Even before an account is chosen: the network ends them when it gives the new tokens."""
    member = {"user_id": "1", "product": "community"}
    tokens = Tokens(access_token="new", scopes=("r_basicprofile", "w_organization_social"))
    given = {"platform": "linkedin", "remote_id": "urn:li:organization:1", "metadata": member, "permissions": ["old"]}
    elsewhere = make_workspace(**values.pop("workspace", {}))
    page = make_account(elsewhere, **given | values)

    both = [make_candidate(f"urn:li:person:{each}", tokens=tokens, metadata=member) for each in (1, 2)]
    assert isinstance(connect(workspace, network, *both, platform="linkedin"), Pending)

    page.refresh_from_db()
    told = Event.objects.filter(type="account.expired").values_list("resource_id", "workspace_id")
    assert page.unseal().access_token == "token"
    assert (page.status, list(told)) == (("expired", [(page.pk, elsewhere.pk)]) if is_ended else ("active", []))
    assert (page.last_error or {}).get("message") == (other_sign_ins.ENDED_ELSEWHERE if is_ended else None)


MEMBER = {"user_id": "1", "product": "community"}
MEMBERS_PAGE = {"platform": "linkedin", "remote_id": "urn:li:organization:1", "metadata": MEMBER}
NARROW, WIDE = ("r_basicprofile",), ("r_basicprofile", "w_organization_social")


def of_member(token: str, scopes: tuple[str, ...], **values: Any) -> list[Candidate]:
    """Two accounts, so that one has to be chosen."""
    tokens = Tokens(access_token=token, scopes=scopes)
    given = {"tokens": tokens, "metadata": MEMBER} | values
    return [make_candidate(f"urn:li:organization:{number}", **given) for number in (1, 2)]


def test_an_account_that_gets_the_tokens_of_another_sign_in_is_read_at_once(
    workspace: Workspace, network: FakeNetwork, django_capture_on_commit_callbacks: Any
) -> None:
    page = make_account(workspace, **MEMBERS_PAGE, permissions=NARROW)
    later = NOW + timedelta(hours=6)
    AccountSync.objects.create(account=page, due_at=later, account_due_at=later, failures=8)

    with django_capture_on_commit_callbacks(execute=True):
        connect(workspace, network, *of_member("new", WIDE), platform="linkedin")

    row = AccountSync.objects.get(account=page)
    assert (row.failures, row.due_at, row.account_due_at) == (0, NOW, NOW)


def test_the_accounts_whose_tokens_a_linkedin_sign_in_has_ended_do_not_wait_for_the_choice(
    workspace: Workspace, network: FakeNetwork
) -> None:
    page = make_account(workspace, permissions=NARROW, **MEMBERS_PAGE)

    assert isinstance(connect(workspace, network, *of_member("new", WIDE), platform="linkedin"), Pending)

    page.refresh_from_db()
    assert (page.unseal().access_token, page.permissions, page.status) == ("new", list(WIDE), "active")
    assert Event.objects.filter(type="account.connected", resource_id=page.pk).count() == 1


def test_a_linkedin_sign_in_for_another_account_than_it_opened_hands_its_tokens_on(
    workspace: Workspace, network: FakeNetwork
) -> None:
    lost = make_account(workspace, permissions=NARROW, **MEMBERS_PAGE | {"remote_id": "urn:li:organization:3"})

    with pytest.raises(OAuthExchangeFailed):
        connect(workspace, network, *of_member("new", WIDE), platform="linkedin", account=lost)

    lost.refresh_from_db()
    assert lost.unseal().access_token == "new"


@pytest.mark.parametrize(
    ("values", "is_ended"),
    [
        ({}, True),
        ({"scopes": WIDE}, False),
        ({"metadata": {"user_id": "2", "product": "community"}}, False),
        ({"mode": "live"}, False),
    ],
    ids=["same member", "same scopes", "another member", "another app"],
)
def test_a_linkedin_sign_in_ends_those_that_wait_for_a_choice_with_tokens_that_it_has_ended(
    workspace: Workspace, network: FakeNetwork, values: dict[str, Any], is_ended: bool
) -> None:
    elsewhere = make_workspace(mode=values.pop("mode", "sandbox"))
    waiting = of_member("old", **{"scopes": NARROW} | values)
    pending = connect(elsewhere, network, *waiting, platform="linkedin")

    connect(workspace, network, *of_member("new", WIDE), platform="linkedin")

    row = Connection.objects.get(pk=pending.connection.pk)
    assert (row.sealed == "", row.used_at) == (is_ended, None)
    if is_ended:
        with pytest.raises(OAuthStateInvalid):
            select(elsewhere, pending, None)
    else:
        assert len(select(elsewhere, pending, None)) == 2


@pytest.mark.parametrize(
    ("exchanged", "granted", "in_doubt"),
    [
        (Tokens(access_token="new", scopes=WIDE), Unavailable("It is down."), True),
        (Tokens(access_token="new", scopes=NARROW), Unavailable("It is down."), False),
        (Unknown("No answer."), [], True),
        (Rejected("No."), [], False),
    ],
    ids=["nothing could be read", "the same scopes", "the answer was lost", "refused"],
)
def test_accounts_whose_tokens_an_unread_linkedin_sign_in_may_have_ended_are_checked_at_once(
    workspace: Workspace,
    network: FakeNetwork,
    exchanged: Any,
    granted: Any,
    in_doubt: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(hooks, "on_doubt", [lambda pks, now: told.extend(pks)])
    later = NOW + timedelta(days=30)
    renewable = Tokens(access_token="old", refresh_token="refresh", access_expires_at=later)
    page = make_account(workspace, permissions=NARROW, tokens=renewable, due_at=later, **MEMBERS_PAGE)
    for values in ({"remote_id": "2", "permissions": []}, {"remote_id": "3", "disconnected_at": NOW}):
        make_account(workspace, **MEMBERS_PAGE | {"permissions": NARROW, "default_of": None} | values)
    network.exchanged, network.granted = exchanged, granted

    with pytest.raises(OAuthExchangeFailed):
        complete(workspace, start(workspace, platform="linkedin").state)

    page.refresh_from_db()
    assert (page.due_at, told) == ((NOW, [page.pk]) if in_doubt else (later, []))


def test_an_unread_sign_in_elsewhere_casts_no_doubt_on_accounts(workspace: Workspace, network: FakeNetwork) -> None:
    later = NOW + timedelta(days=30)
    page = make_account(workspace, permissions=NARROW, due_at=later)
    network.exchanged, network.granted = Tokens(access_token="new", scopes=WIDE), Unavailable("It is down.")

    with pytest.raises(OAuthExchangeFailed):
        complete(workspace, start(workspace).state)

    page.refresh_from_db()
    assert page.due_at == later


@pytest.mark.parametrize(
    ("platform", "metadata"),
    [("linkedin", {"product": ""}), ("instagram", {"login": "facebook", "user_id": "1"})],
)
def test_an_account_of_another_product_is_asked_only_for_scopes_of_the_present_one(
    workspace: Workspace, platform: str, metadata: dict[str, Any]
) -> None:
    account = make_account(workspace, platform=platform, metadata=metadata, permissions=["of another product"])

    again, anew = (start(workspace, platform=platform, account=each) for each in (account, None))

    assert asked(again)["scope"] == asked(anew)["scope"]


@pytest.mark.django_db
def test_a_live_workspace_meets_the_true_network(network: FakeNetwork) -> None:
    started = start(make_workspace(mode="live"))

    assert started.auth_url.startswith("https://network.example/consent?")


def test_a_network_without_pkce_gets_none(workspace: Workspace, network: FakeNetwork) -> None:
    network.uses_pkce = False  # type: ignore[misc]

    assert "challenge" not in asked(start(workspace))
    assert Connection.objects.get().unseal() == ""


def test_neither_state_nor_verifier_is_stored_in_the_clear(workspace: Workspace, network: FakeNetwork) -> None:
    started = start(workspace)

    row = Connection.objects.get()
    stored = str(Connection.objects.values().get())
    assert len(started.state) >= 43
    assert started.state not in stored
    assert row.unseal() not in stored


def test_the_one_account_that_was_granted_is_connected(workspace: Workspace, network: FakeNetwork) -> None:
    started = start(workspace)
    verifier = Connection.objects.get().unseal()

    [account] = complete(workspace, started.state)

    row = SocialAccount.objects.get()
    assert network.calls == [("exchange", "code", CALLBACK, verifier), ("candidates", "person-token")]
    assert (row.pk, row.workspace, row.platform, row.remote_id) == (account.pk, workspace, "facebook", "1001")
    assert (row.type, row.name, row.username, row.followers) == ("page", "Company Page", "companypage", 15420)
    assert (row.status, row.permissions, row.metadata) == ("active", list(PAGE_TOKENS.scopes), {"page_id": "1"})
    assert (row.connected_at, row.last_sync, row.is_default, row.due_at) == (NOW, NOW, True, None)
    assert (row.unseal().access_token, row.unseal().refresh_token) == ("page-token", "person-token")
    told = Event.objects.order_by("pk").values_list("type", "workspace_id", "key_id")
    assert list(told) == [
        (name, workspace.pk, "key_1") for name in ("connection.started", "connection.answered", "account.connected")
    ]
    connected = Event.objects.get(resource_id=row.pk)
    assert connected.details == {"platform": "facebook", "account_name": "Company Page"}


def test_a_token_that_ends_is_refreshed_before(workspace: Workspace, network: FakeNetwork) -> None:
    ends, over = NOW + timedelta(hours=2), NOW + timedelta(days=90)
    tokens = Tokens(access_token="a", refresh_token="r", access_expires_at=ends, ends_at=over)

    connect(workspace, network, make_candidate(tokens=tokens))

    row = SocialAccount.objects.get()
    assert (row.access_expires_at, row.expires_at) == (ends, over)
    assert row.due_at == ends - timedelta(minutes=30)


def test_a_sign_in_leaves_no_refresh_token_of_an_earlier_one(workspace: Workspace, network: FakeNetwork) -> None:
    ends = NOW + timedelta(days=60)
    account = make_account(workspace, tokens=Tokens(access_token="a", refresh_token="r", ends_at=NOW + MINUTE))

    connect(workspace, network, make_candidate(tokens=Tokens(access_token="b", access_expires_at=ends, ends_at=ends)))

    row = SocialAccount.objects.get(pk=account.pk)
    assert (row.unseal().access_token, row.unseal().refresh_token) == ("b", "")
    assert (row.expires_at, row.due_at) == (ends, None)


def test_followers_that_cannot_be_are_taken_for_unknown(workspace: Workspace, network: FakeNetwork) -> None:
    connect(workspace, network, make_candidate(profile=Profile(name="One", followers=-1, following=0)))

    assert SocialAccount.objects.values_list("followers", "following").get() == (None, 0)


def test_all_of_them_may_be_chosen(workspace: Workspace, network: FakeNetwork) -> None:
    tokens = Tokens(access_token="a", access_expires_at=NOW + MINUTE, ends_at=NOW + 9 * MINUTE, scopes=("read",))
    given = make_candidate("2", tokens=tokens, profile=Profile(name="Two"), metadata={"nested": {"a": [1]}})
    pending = connect(workspace, network, make_candidate("1"), given)

    select(workspace, pending, None)

    row = SocialAccount.objects.get(remote_id="2")
    assert (row.name, row.metadata, row.permissions) == ("Two", {"nested": {"a": [1]}}, ["read"])
    assert (row.access_expires_at, row.expires_at) == (NOW + MINUTE, NOW + 9 * MINUTE)
    assert SocialAccount.objects.count() == 2


@pytest.mark.parametrize(
    "values",
    [{"key_id": "key_2"}, {"now": NOW + 10 * MINUTE}, {"workspace": True}],
    ids=["another key", "too late", "another workspace"],
)
def test_a_choice_is_the_callers_own(workspace: Workspace, network: FakeNetwork, values: dict[str, Any]) -> None:
    pending = connect(workspace, network, make_candidate("1"), make_candidate("2"))
    where = make_workspace() if values.pop("workspace", False) else workspace

    with pytest.raises(OAuthStateInvalid):
        select(where, pending, None, **values)


def test_a_sign_in_leaves_others_that_are_open_alone(workspace: Workspace, network: FakeNetwork) -> None:
    start(workspace)
    other = Connection.objects.values().get()

    pending = connect(workspace, network, make_candidate("1"), make_candidate("2"))
    assert Connection.objects.exclude(pk=pending.connection.pk).values().get() == other

    select(workspace, pending, None)
    assert Connection.objects.exclude(pk=pending.connection.pk).values().get() == other


def test_a_sign_in_that_was_not_completed_offers_no_choice(workspace: Workspace, network: FakeNetwork) -> None:
    start(workspace)

    with pytest.raises(OAuthStateInvalid):
        select(workspace, Pending(connection=Connection.objects.get(), candidates=[]), None)


def test_a_network_may_say_itself_why_a_sign_in_opened_nothing(workspace: Workspace, network: FakeNetwork) -> None:
    network.granted = []
    with pytest.raises(OAuthExchangeFailed, match="grant at least one"):
        complete(workspace, start(workspace).state)

    network.nothing_opened = Phrase("Link it to a Page.")
    with pytest.raises(OAuthExchangeFailed, match=r"Link it to a Page\."):
        complete(workspace, start(workspace).state)


def test_a_sign_in_as_somebody_else_names_a_few_of_the_accounts_that_it_opened(
    workspace: Workspace, network: FakeNetwork
) -> None:
    account = make_account(workspace, username="")
    shown = [Profile(name="Rye", username="rye"), Profile(name=""), Profile(name="", username="oats"), Profile(name="")]
    network.granted = [make_candidate(f"2{place}", profile=each) for place, each in enumerate(shown)]

    with pytest.raises(OAuthExchangeFailed) as refused:
        complete(workspace, start(workspace, account=account).state)

    assert refused.value.message.startswith(
        "The sign-in gave access to Rye (rye), 21, oats and others, and not to Company Page, the account"
    )
    assert SocialAccount.objects.get() == account


def test_an_id_that_leaves_no_room_for_those_of_its_posts_is_refused(
    workspace: Workspace, network: FakeNetwork
) -> None:
    network.granted = [make_candidate(f"did:web:{'a' * 193}")]

    with pytest.raises(OAuthExchangeFailed, match="more than 200 characters"):
        complete(workspace, start(workspace).state)

    assert not SocialAccount.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_calls_with_one_state_one_goes_to_the_network(network: FakeNetwork) -> None:
    workspace = make_workspace()
    state = start(workspace).state

    ended = at_once(*[lambda: complete(workspace, state)] * 2)

    assert [type(each) for each in ended if isinstance(each, Exception)] == [OAuthStateInvalid]
    assert [call[0] for call in network.calls] == ["exchange", "candidates"]
    assert SocialAccount.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_choices_at_once_one_is_made(network: FakeNetwork) -> None:
    workspace = make_workspace()
    pending = connect(workspace, network, make_candidate("1"), make_candidate("2"))

    ended = at_once(lambda: select(workspace, pending, ["1"]), lambda: select(workspace, pending, ["2"]))

    assert [type(each) for each in ended if isinstance(each, Exception)] == [OAuthStateInvalid]
    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Rejected("The code is over."), "The network refused the sign-in: The code is over."),
        (AuthExpired("No."), "The network refused the sign-in: No."),
        (Unavailable("Down."), "The sign-in could not be completed, start again: Down."),
        (Unknown("Lost."), "The sign-in could not be completed, start again: Lost."),
        (
            Rejected("Wrong secret.", who_acts=WhoActs.OPERATOR),
            "The sign-in needs this installation's operator first: Wrong secret.",
        ),
        (
            Unavailable("The address is closed.", who_acts=WhoActs.OPERATOR),
            "The sign-in needs this installation's operator first: The address is closed.",
        ),
    ],
)
@pytest.mark.parametrize("step", ["exchanged", "granted"])
def test_what_the_network_refuses_is_told_and_uses_up_the_state(
    workspace: Workspace, network: FakeNetwork, error: PlatformError, words: str, step: str
) -> None:
    state = start(workspace).state
    setattr(network, step, error)

    with pytest.raises(OAuthExchangeFailed) as raised:
        complete(workspace, state)

    assert raised.value.message == words
    with pytest.raises(OAuthStateInvalid):
        complete(workspace, state)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("access_denied", "The person did not grant access."),
        ("user_cancelled_authorize", "The person did not grant access."),
        ("", "The person did not grant access."),
        ("server_error", "Facebook did not complete the sign-in."),
        *(
            (error, "The sign-in needs this installation's operator first: Facebook did not complete the sign-in.")
            for error in ("unauthorized_scope_error", "invalid_scope", "unauthorized_client")
        ),
    ],
)
def test_the_person_is_blamed_only_for_saying_no_and_the_operator_for_the_app(
    workspace: Workspace, network: FakeNetwork, error: str, message: str
) -> None:
    state = start(workspace).state

    with pytest.raises(OAuthExchangeFailed) as raised:
        connecting.refuse(workspace, state=state, error=error, key_id="key_1", actor=ACTOR, now=NOW)

    assert (raised.value.message, raised.value.details) == (message, {"reason": error})


def test_a_refusal_by_the_person_uses_up_the_state(workspace: Workspace, network: FakeNetwork) -> None:
    state, told = start(workspace).state, "access_denied" + "x" * 500

    with pytest.raises(OAuthExchangeFailed) as raised:
        connecting.refuse(workspace, state=state, error=told, key_id="key_1", actor=ACTOR, now=NOW)

    assert raised.value.details["reason"].startswith("access_denied")
    assert len(raised.value.details["reason"]) == 200
    with pytest.raises(OAuthStateInvalid):
        complete(workspace, state)


def test_an_account_that_is_there_keeps_its_id_and_its_posts(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_account(
        workspace, status="expired", last_error={"code": "TOKEN_REVOKED", "message": "It ended."}, name="Old"
    )
    make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW + MINUTE)

    [again] = connect(workspace, network)

    row = SocialAccount.objects.get()
    assert again.pk == row.pk == account.pk
    assert (row.status, row.last_error, row.name, row.unseal().access_token) == (
        "active",
        None,
        "Company Page",
        "page-token",
    )
    assert Target.objects.values_list("account", "status").get() == (account.pk, "scheduled")


def test_an_account_that_is_connected_again_keeps_its_place(workspace: Workspace, network: FakeNetwork) -> None:
    make_account(workspace, connected_at=NOW - MINUTE)

    connect(workspace, network)

    assert SocialAccount.objects.get().connected_at == NOW - MINUTE


def test_what_a_sign_in_does_not_tell_stays_as_it_was_read(workspace: Workspace, network: FakeNetwork) -> None:
    make_account(workspace, followers=7, following=8, profile_image="https://p.example/old")

    connect(workspace, network, make_candidate(profile=Profile(name="Bakery", followers=9)))

    row = SocialAccount.objects.get()
    assert (row.followers, row.following, row.profile_image) == (9, 8, "https://p.example/old")


def test_a_name_that_was_set_by_hand_stays(workspace: Workspace, network: FakeNetwork) -> None:
    make_account(workspace, name="Our page", name_is_ours=True, username="old")

    connect(workspace, network)

    row = SocialAccount.objects.get()
    assert (row.name, row.username) == ("Our page", "companypage")


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (Profile(name="", username="handle"), "handle"),
        (Profile(name="", username=""), "1001"),
        (Profile(name="n" * 300), "n" * 255),
        (Profile(name="Rye\n\u202eBread\u2066"), "Rye Bread"),
        (Profile(name=FAMILY), FAMILY),
    ],
    ids=["username", "id", "too long", "turned around", "joined"],
)
def test_every_account_has_a_name(workspace: Workspace, network: FakeNetwork, profile: Profile, name: str) -> None:
    connect(workspace, network, make_candidate(profile=profile))

    assert SocialAccount.objects.get().name == name


def test_a_user_name_is_kept_as_far_as_there_is_room(workspace: Workspace, network: FakeNetwork) -> None:
    network.granted = [make_candidate(profile=Profile(name="Rye", username="r" * 300))]

    [account] = complete(workspace, start(workspace).state)

    assert SocialAccount.objects.get(pk=account.pk).username == "r" * 255


def test_the_same_account_in_another_workspace_is_another_row(workspace: Workspace, network: FakeNetwork) -> None:
    make_account(make_workspace())

    connect(workspace, network)

    assert SocialAccount.objects.filter(remote_id="1001", default_of="facebook").count() == 2


def test_a_disconnected_account_comes_back(workspace: Workspace, network: FakeNetwork) -> None:
    gone = make_account(workspace, disconnected_at=NOW - MINUTE, connected_at=NOW - 2 * MINUTE, default_of=None)

    connect(workspace, network)

    row = SocialAccount.objects.get()
    assert (row.pk, row.disconnected_at, row.connected_at, row.is_default) == (gone.pk, None, NOW, True)


def test_new_tokens_win_over_a_refresh_that_is_under_way(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_account(workspace, due_at=database_now() - MINUTE, tokens=PAGE_TOKENS)
    [held] = claim_due(SocialAccount.objects.all(), limit=1, lease=MINUTE)

    connect(workspace, network)

    row = SocialAccount.objects.get(pk=account.pk)
    assert (row.fence, row.lease_until) == (held.fence + 1, None)


def sign_in(connection: Connection) -> str:
    credentials = SignIn(identifier="alice.example", password="aaaa-bbbb-cccc-dddd")
    return connecting.sign_in(connection, credentials, actor=ACTOR, now=NOW)


def find(state: str, *, platform: str = "bluesky", now: datetime = NOW) -> Connection:
    return connecting.find_by_state(state, platform=platform, now=now)


def test_a_network_without_consent_page_begins_at_ours(
    workspace: Workspace, password_network: FakePasswordNetwork
) -> None:
    started = start(workspace, platform="bluesky")

    assert started.auth_url == f"http://testserver/connect/bluesky?state={started.state}"
    assert find(started.state).workspace == workspace


def test_the_code_of_our_page_completes_the_sign_in(
    workspace: Workspace, password_network: FakePasswordNetwork
) -> None:
    state = start(workspace, platform="bluesky").state
    code = sign_in(find(state))

    [account] = complete(workspace, state, code=code)

    assert password_network.credentials[0].password == "aaaa-bbbb-cccc-dddd"
    assert (account.platform, account.remote_id, account.metadata) == (
        "bluesky",
        "did:plc:1",
        {"service": "https://pds.example"},
    )
    assert account.unseal().access_token == "page-token"


def test_another_code_does_not(workspace: Workspace, password_network: FakePasswordNetwork) -> None:
    state = start(workspace, platform="bluesky").state
    sign_in(find(state))

    with pytest.raises(OAuthExchangeFailed, match="not the one that the sign-in page gave"):
        complete(workspace, state, code="guess")
    with pytest.raises(OAuthStateInvalid):  # it is used up
        find(state)


def test_the_latest_code_counts(workspace: Workspace, password_network: FakePasswordNetwork) -> None:
    state = start(workspace, platform="bluesky").state
    sign_in(find(state))

    assert complete(workspace, state, code=sign_in(find(state)))


def test_neither_code_nor_tokens_are_stored_in_the_clear(
    workspace: Workspace, password_network: FakePasswordNetwork
) -> None:
    code = sign_in(find(start(workspace, platform="bluesky").state))

    stored = str(Connection.objects.values().get())
    assert [secret for secret in (code, "page-token", "person-token", "aaaa-bbbb") if secret in stored] == []


def test_our_page_is_closed_for_a_workspace_that_is_gone(
    workspace: Workspace, password_network: FakePasswordNetwork
) -> None:
    state = start(workspace, platform="bluesky").state
    Workspace.objects.update(deleted_at=NOW)

    with pytest.raises(OAuthStateInvalid):
        find(state)


GOES: tuple[Callable[[], object], ...] = (
    lambda: Workspace.objects.update(deleted_at=NOW),
    lambda: Workspace.objects.all().delete(),
)


@pytest.mark.parametrize("go", GOES)
def test_nothing_is_connected_to_a_workspace_that_goes_while_the_network_is_asked(
    workspace: Workspace, network: FakeNetwork, go: Callable[[], object]
) -> None:
    network.granted = lambda: go() and [make_candidate()]

    with pytest.raises(OAuthStateInvalid):
        complete(workspace, start(workspace).state)
    assert not SocialAccount.objects.exists()


def test_who_signs_in_twice_leaves_nothing_in_a_sign_in_that_is_completed(
    workspace: Workspace, password_network: FakePasswordNetwork
) -> None:
    opened, state = password_network.opened, start(workspace, platform="bluesky").state
    code = sign_in(find(state))
    password_network.opened = lambda: complete(workspace, state, code=code) and opened

    with pytest.raises(OAuthStateInvalid):
        sign_in(find(state))
    assert (Connection.objects.get().sealed, SocialAccount.objects.count()) == ("", 1)


def test_a_sign_in_outlives_a_lost_race(
    workspace: Workspace, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_for_good, lost = connecting.connect, iter([OperationalError(1213, "Deadlock found")])

    def lose_once(*given: Any, **named: Any) -> SocialAccount:
        for error in lost:
            raise error
        return connect_for_good(*given, **named)

    monkeypatch.setattr(connecting, "connect", lose_once)

    assert [account.remote_id for account in complete(workspace, start(workspace).state)] == ["1001"]


@pytest.mark.parametrize("step", ["connection.signed_in", "connection.answered"])
def test_each_step_of_a_sign_in_outlives_a_lost_race(
    workspace: Workspace, password_network: FakePasswordNetwork, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    state, losses = start(workspace, platform="bluesky").state, iter([1, 1])

    def lose(rows: Any) -> None:
        insert_each(rows)
        if rows[0].type == step:
            for _ in losses:
                raise OperationalError(1213, "Deadlock found")

    monkeypatch.setattr(journal, "insert_each", lose)

    [account] = complete(workspace, state, code=sign_in(find(state)))

    assert (account.remote_id, list(losses)) == ("did:plc:1", [])
    assert Event.objects.filter(type=step).count() == 1


def test_sign_ins_that_are_over_are_forgotten(workspace: Workspace, network: FakeNetwork) -> None:
    over, still_open = start(workspace), start(workspace, now=NOW + MINUTE)

    assert remove_all(connecting.old(NOW + 10 * MINUTE)) == 1

    with pytest.raises(OAuthStateInvalid):
        complete(workspace, over.state)
    assert complete(workspace, still_open.state)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/back", "https://a.example/back?code=c%26d&state=s"),
        ("https://a.example/back?kept=1", "https://a.example/back?kept=1&code=c%26d&state=s"),
        ("http://[::1]:8000", "http://[::1]:8000?code=c%26d&state=s"),
    ],
)
def test_the_callback_keeps_its_own_query(url: str, expected: str) -> None:
    assert connecting.with_query(url, code="c&d", state="s") == expected
