"""What can be done to connected accounts: changed, refreshed, disconnected."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import Http404
from pytest_django import Settings

from accounts import candidates, connecting, hooks, registry, services
from accounts.models import Connection, SocialAccount
from accounts.platforms.errors import AuthExpired, PlatformError, RateLimited, Rejected, Unavailable, WhoActs
from accounts.platforms.shapes import Candidate, Profile, Tokens
from accounts.tokens import expire
from ouipost.events.journal import SYSTEM, Actor
from ouipost.events.models import Event
from tests.accounts.fakes import OLD_ERROR, FakeNetwork, make_candidate
from tests.factories import NOW, make_account, make_post, make_workspace
from tests.foundation.threads import at_once
from workspaces.models import Workspace

ACTOR = Actor(key_id="key_1")
PAIR = Tokens(access_token="access", refresh_token="refresh")
MINUTE = timedelta(minutes=1)


def update(account: SocialAccount, **values: Any) -> SocialAccount:
    services.update_account(account, values=values, actor=ACTOR)
    return SocialAccount.objects.get(pk=account.pk)


def disconnect(account: SocialAccount) -> int:
    return services.disconnect(account, actor=ACTOR, now=NOW).cancelled


def defaults() -> list[str]:
    return [account.remote_id for account in SocialAccount.objects.exclude(default_of=None)]


def told() -> list[tuple[str, Any]]:
    return list(Event.objects.order_by("pk").values_list("type", "details"))


def test_a_name_that_is_set_is_kept_and_told(workspace: Workspace) -> None:
    row = update(make_account(workspace), name="Our page")

    assert (row.name, row.name_is_ours) == ("Our page", True)
    assert told() == [("account.updated", {"before": {"name": "Company Page"}, "after": {"name": "Our page"}})]


@pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_whoever_changes_an_account_waits_for_nobody_who_writes_a_post(network: FakeNetwork) -> None:
    workspace = make_workspace()
    busy, other = make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")
    again: dict[str, Any] = {"platform": "twitter", "candidate": make_candidate("2"), "actor": ACTOR, "now": NOW}

    with transaction.atomic():
        make_post(workspace, accounts=[busy])
        updated, connected, cancelled = (
            *at_once(lambda: update(other, name="Ours")),
            *at_once(lambda: connecting.connect(workspace, **again)),
            *at_once(lambda: disconnect(other)),
        )

    assert (updated, connected, cancelled) == (other, other, 0)


def test_making_the_default_the_default_changes_nothing(workspace: Workspace) -> None:
    update(make_account(workspace, remote_id="1"), is_default=True)

    assert defaults() == ["1"]


def test_a_new_default_takes_it_from_none_but_its_workspaces_and_networks_other(workspace: Workspace) -> None:
    make_account(workspace, remote_id="1")
    other = make_account(workspace, remote_id="2", default_of=None)
    make_account(workspace, remote_id="3", platform="twitter", default_of="twitter")
    make_account(make_workspace(), remote_id="4")

    update(other, is_default=True)

    assert sorted(defaults()) == ["2", "3", "4"]


@pytest.mark.django_db(transaction=True)
def test_two_accounts_that_become_default_at_once_do_not_collide() -> None:
    workspace = make_workspace()
    make_account(workspace, remote_id="1")
    second, third = [make_account(workspace, remote_id=each, default_of=None) for each in ("2", "3")]

    ended = at_once(lambda: update(second, is_default=True), lambda: update(third, is_default=True))

    assert [each for each in ended if isinstance(each, Exception)] == []
    assert defaults() in (["2"], ["3"])


def test_an_account_that_was_disconnected_meanwhile_takes_the_default_from_none(
    workspace: Workspace, network: FakeNetwork
) -> None:
    account = make_account(workspace, remote_id="1")
    make_account(workspace, remote_id="2", default_of=None)
    disconnect(account)

    with pytest.raises(Http404):
        update(account, is_default=True)

    assert defaults() == ["2"]


def test_a_disconnected_account_holds_no_tokens(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_account(workspace, tokens=replace(PAIR, ends_at=NOW + MINUTE), due_at=NOW)

    disconnect(account)

    row = SocialAccount.objects.get()
    assert (row.access_token, row.refresh_token, row.due_at, row.default_of) == ("", "", None, None)
    assert (row.disconnected_at, row.is_connected, row.expires_at) == (NOW, False, None)
    about = {"platform": "facebook", "account_name": "Company Page", "cancelled": 0, "posts": [], "in_flight": []}
    assert told() == [("account.disconnected", about)]


def test_the_oldest_remaining_account_becomes_the_default(workspace: Workspace, network: FakeNetwork) -> None:
    first = make_account(workspace, remote_id="1", connected_at=NOW - 9 * MINUTE)
    make_account(workspace, remote_id="2", connected_at=NOW, default_of=None)
    make_account(workspace, remote_id="3", connected_at=NOW - MINUTE, default_of=None)
    make_account(workspace, remote_id="4", connected_at=NOW - 5 * MINUTE, default_of=None, disconnected_at=NOW)
    make_account(make_workspace(), remote_id="5", connected_at=NOW - 5 * MINUTE, default_of=None)

    disconnect(first)

    assert defaults() == ["3"]


def test_disconnecting_twice_does_nothing_more(
    workspace: Workspace, network: FakeNetwork, django_capture_on_commit_callbacks: Any
) -> None:
    account = make_account(workspace, tokens=PAIR)

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)
        with pytest.raises(Http404):
            services.disconnect(account, actor=ACTOR, now=NOW + MINUTE)

    assert len(network.calls) == len(told()) == 1
    assert SocialAccount.objects.get().disconnected_at == NOW


def test_the_network_is_asked_to_forget_after_the_commit(
    workspace: Workspace, network: FakeNetwork, django_capture_on_commit_callbacks: Any
) -> None:
    account = make_account(workspace, tokens=PAIR)

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)
        assert network.calls == []

    assert network.calls == [("revoke", "1001", "access")]


@pytest.mark.django_db(transaction=True)
def test_a_disconnect_that_is_rolled_back_revokes_nothing(network: FakeNetwork) -> None:
    account = make_account(make_workspace(), tokens=PAIR)

    with transaction.atomic():
        disconnect(account)
        transaction.set_rollback(True)

    assert network.calls == []
    assert SocialAccount.objects.get().unseal().access_token == "access"


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("Down."),
        Rejected("No."),
        registry.PlatformNotConfigured("No credentials."),
        ZeroDivisionError("bug"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.django_db(transaction=True)
def test_a_revocation_that_fails_changes_nothing(
    network: FakeNetwork, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    account = make_account(make_workspace(), tokens=PAIR)
    network.revoked = error

    disconnect(account)

    assert network.calls == [("revoke", "1001", "access")]
    assert not SocialAccount.objects.get().is_connected
    assert str(error) in caplog.text


def test_tokens_that_do_not_open_are_forgotten_all_the_same(
    workspace: Workspace, network: FakeNetwork, settings: Settings, django_capture_on_commit_callbacks: Any
) -> None:
    account = make_account(workspace, tokens=PAIR)
    settings.TOKEN_KEYS = ["other:" + "A" * 43 + "="]

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)

    assert network.calls == []
    assert SocialAccount.objects.get().access_token == ""


@pytest.mark.parametrize(
    ("person", "other", "revoked"),
    [
        ({"user_id": "7"}, {"metadata": {"user_id": "7"}}, False),
        ({"user_id": "7"}, {"metadata": {"user_id": "8"}}, True),
        ({"user_id": "7"}, {"metadata": {}}, True),
        ({"user_id": "7"}, {"metadata": {"user_id": "7"}, "platform": "instagram"}, False),
        ({"user_id": "7"}, {"metadata": {"user_id": "7"}, "disconnected_at": NOW}, True),
        ({}, {"metadata": {}}, True),
    ],
    ids=["same person", "another", "nobody's", "same person by the same app", "disconnected", "both nobody's"],
)
def test_a_grant_that_another_account_lives_on_is_not_revoked(
    network: FakeNetwork,
    person: dict[str, str],
    other: dict[str, Any],
    revoked: bool,
    django_capture_on_commit_callbacks: Any,
    db: None,
) -> None:
    account = make_account(make_workspace(), tokens=PAIR, metadata=person)
    make_account(make_workspace(), remote_id="2", tokens=PAIR, **other)

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)

    assert bool(network.calls) is revoked
    assert SocialAccount.objects.get(pk=account.pk).access_token == ""


def test_a_grant_that_a_new_account_lives_on_by_then_is_not_revoked(
    network: FakeNetwork, django_capture_on_commit_callbacks: Any, db: None
) -> None:
    person = {"tokens": PAIR, "metadata": {"user_id": "7"}}

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(make_account(make_workspace(), **person))
        make_account(make_workspace(), remote_id="2", **person)

    assert network.calls == []


def test_a_grant_that_the_reconnected_account_lives_on_by_then_is_not_revoked(
    network: FakeNetwork, django_capture_on_commit_callbacks: Any, db: None
) -> None:
    account = make_account(make_workspace(), tokens=PAIR, metadata={"user_id": "7"})

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)
        SocialAccount.objects.update(disconnected_at=None)

    assert network.calls == []


def sign_in_on_its_way(*opened: Candidate, platform: str = "facebook", **values: Any) -> Connection:
    """A sign-in whose code came back; without accounts that it opened, the network has not answered yet."""
    ends = NOW + timedelta(minutes=10)
    given: dict[str, Any] = {"exchanged_at": NOW, "expires_at": ends, "state_digest": "1"} | values
    waiting = Connection(workspace=make_workspace(), platform=platform, **given)
    waiting.seal(candidates.dump(list(opened)) if opened else "verifier")
    waiting.save()
    return waiting


def opened(person: str) -> Candidate:
    return make_candidate("2", metadata={"user_id": person})


@pytest.mark.parametrize(
    ("waiting", "revoked"),
    [
        (partial(sign_in_on_its_way, opened("7")), False),
        (partial(sign_in_on_its_way, opened("7"), platform="instagram"), False),
        (partial(sign_in_on_its_way, opened("8")), True),
        (partial(sign_in_on_its_way, opened("7"), used_at=NOW), True),
        (partial(sign_in_on_its_way, opened("7"), expires_at=NOW), True),
        (sign_in_on_its_way, False),
        (partial(sign_in_on_its_way, platform="instagram"), False),
        (partial(sign_in_on_its_way, platform="threads"), True),
        (partial(sign_in_on_its_way, exchanged_at=NOW - timedelta(minutes=3)), True),
        (partial(sign_in_on_its_way, exchanged_at=None), True),
    ],
    ids=[
        *("same person", "same person by the same app", "another", "chosen", "over"),
        *("not answered", "not answered by the same app", "not answered by another app"),
        *("never answered", "not back yet"),
    ],
)
def test_a_grant_that_a_sign_in_on_its_way_lives_on_is_not_revoked(
    network: FakeNetwork, waiting: Any, revoked: bool, django_capture_on_commit_callbacks: Any, db: None
) -> None:
    account = make_account(make_workspace(), tokens=PAIR, metadata={"user_id": "7"})
    waiting()

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)

    assert bool(network.calls) is revoked


@pytest.mark.parametrize(
    ("platform", "remote_id", "revoked"),
    [("youtube", "1001", False), ("youtube", "2", True), ("bluesky", "1001", True)],
    ids=["same channel", "another channel", "each sign-in has a session"],
)
def test_an_account_that_waits_to_be_chosen_again_is_not_revoked_where_that_would_end_both(
    network: FakeNetwork,
    platform: str,
    remote_id: str,
    revoked: bool,
    django_capture_on_commit_callbacks: Any,
    db: None,
) -> None:
    account = make_account(make_workspace(), tokens=PAIR, platform=platform)
    sign_in_on_its_way(make_candidate(remote_id), platform=platform)

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)

    assert bool(network.calls) is revoked


def test_a_sign_in_that_does_not_open_with_our_keys_keeps_the_grant(
    network: FakeNetwork, django_capture_on_commit_callbacks: Any, db: None
) -> None:
    account = make_account(make_workspace(), tokens=PAIR, metadata={"user_id": "7"})
    sign_in_on_its_way(opened("8"))
    Connection.objects.update(sealed="of another key")

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)

    assert network.calls == []


@pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_of_a_persons_last_two_accounts_that_go_at_once_one_revokes_the_grant(network: FakeNetwork) -> None:
    accounts = [
        make_account(make_workspace(), remote_id=remote_id, tokens=PAIR, metadata={"user_id": "7"})
        for remote_id in ("1", "2")
    ]

    with transaction.atomic():
        disconnect(accounts[0])
        gone = at_once(lambda: disconnect(accounts[1]))

    assert (gone, network.calls) == ([0], [("revoke", "1", "access")])


@pytest.mark.parametrize(
    ("platform", "other", "revoked"),
    [
        ("youtube", {}, False),
        ("youtube", {"disconnected_at": NOW}, True),
        ("youtube", {"remote_id": "2"}, True),
        ("youtube", {"platform": "tiktok"}, True),
        ("instagram", {}, False),
        ("instagram", {"disconnected_at": NOW}, True),
        ("tiktok", {}, False),
        ("bluesky", {}, True),
    ],
    ids=[
        *("same channel", "disconnected", "another channel", "another network"),
        *("same Instagram", "disconnected Instagram", "same creator", "each sign-in has a session"),
    ],
)
def test_an_account_of_two_workspaces_is_not_revoked_where_that_would_end_both(
    network: FakeNetwork,
    platform: str,
    other: dict[str, Any],
    revoked: bool,
    django_capture_on_commit_callbacks: Any,
    db: None,
) -> None:
    account = make_account(make_workspace(), tokens=PAIR, platform=platform)
    make_account(make_workspace(), tokens=PAIR, **{"platform": platform} | other)

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(account)

    assert bool(network.calls) is revoked
    assert SocialAccount.objects.get(pk=account.pk).access_token == ""


def test_what_one_person_granted_ends_though_another_granted_the_same_account(
    network: FakeNetwork, django_capture_on_commit_callbacks: Any, db: None
) -> None:
    first, _ = [
        make_account(make_workspace(), tokens=PAIR, platform="instagram", metadata={"user_id": person})
        for person in ("7", "8")
    ]

    with django_capture_on_commit_callbacks(execute=True):
        disconnect(first)

    assert network.calls == [("revoke", "1001", "access")]


def test_every_hook_hears_of_it_and_may_cancel(
    workspace: Workspace, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []

    def cancel(*about: object) -> hooks.Cancelled:
        heard.append(("cancels", *about))
        return hooks.Cancelled(posts=["post_1"] * 2, record=lambda: heard.append("recorded"))

    monkeypatch.setattr(hooks, "on_disconnect", [lambda *about: heard.append(("hears", *about))])
    monkeypatch.setattr(hooks, "cancels", [cancel, lambda *about: hooks.Cancelled(posts=["post_2"] * 49, record=list)])
    account = make_account(workspace)

    assert disconnect(account) == 51

    (event,) = Event.objects.filter(type="account.disconnected")
    assert heard == [("hears", account, ACTOR, NOW), ("cancels", account, ACTOR, NOW), "recorded"]
    assert (event.details["cancelled"], event.details["posts"]) == (51, ["post_1"] * 2 + ["post_2"] * 48)


def test_a_refresh_renews_tokens_and_profile(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_account(workspace, tokens=PAIR, last_error=OLD_ERROR)
    network.shown = Profile(name="New name", username="new", followers=7, following=8)

    services.refresh_account(account, actor=ACTOR, now=NOW)

    row = SocialAccount.objects.get()
    assert network.calls == [("refresh", "1001", "refresh"), ("profile", "1001", "new-token")]
    assert (row.name, row.username, row.followers, row.following) == ("New name", "new", 7, 8)
    assert (row.last_sync, row.last_error, row.unseal().access_token) == (NOW, None, "new-token")


def test_a_refresh_renews_what_the_networks_limits_depend_on(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_account(workspace, metadata={"page_id": "1", "subscription_type": "None"})
    network.shown = Profile(name="Bakery", metadata={"subscription_type": "Premium"})

    services.refresh_account(account, actor=ACTOR, now=NOW)

    assert SocialAccount.objects.get().metadata == {"page_id": "1", "subscription_type": "Premium"}


@pytest.mark.parametrize(
    ("error", "code", "who_acts"),
    [
        (Unavailable("Down."), "PLATFORM_UNAVAILABLE", "network"),
        (RateLimited("Down."), "RATE_LIMITED_BY_PLATFORM", "network"),
        (Unavailable("Down.", who_acts=WhoActs.OPERATOR), "PLATFORM_UNAVAILABLE", "operator"),
    ],
)
def test_a_profile_that_can_be_read_does_not_hide_why_the_tokens_were_not_renewed(
    workspace: Workspace, network: FakeNetwork, error: PlatformError, code: str, who_acts: str
) -> None:
    network.refreshed = error
    account = make_account(workspace, tokens=PAIR)

    for _ in range(2):  # the second finds that the next try has to wait
        account = services.refresh_account(account, actor=ACTOR, now=NOW)
        assert account.last_error == {"code": code, "message": "Down.", "who_acts": who_acts}
        assert account.last_sync == NOW

    assert [call[0] for call in network.calls] == ["refresh", "profile", "profile"]


@pytest.mark.parametrize(
    ("status", "refreshed", "code"),
    [("error", Tokens(access_token="new-token"), "OLD"), ("active", AuthExpired("Over."), "TOKEN_REVOKED")],
    ids=["its numbers cannot be read", "its owner must sign in"],
)
def test_a_profile_that_can_be_read_does_not_hide_why_an_account_is_not_active(
    workspace: Workspace, network: FakeNetwork, status: str, refreshed: Any, code: str
) -> None:
    account = make_account(workspace, tokens=PAIR, status=status, last_error=OLD_ERROR)
    network.refreshed = refreshed

    row = services.refresh_account(account, actor=ACTOR, now=NOW)

    assert row.status == ("error" if status == "error" else "expired")
    assert (row.last_error or {}).get("code") == code
    assert row.last_sync == NOW


def test_what_is_changed_while_the_profile_is_read_is_kept(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_account(workspace, last_error=OLD_ERROR)

    def meanwhile() -> Profile:
        update(account, name="Our page")
        expire(SocialAccount.objects.get(), AuthExpired("It was revoked."))
        return Profile(name="Theirs", followers=7)

    network.shown = meanwhile

    row = services.refresh_account(account, actor=ACTOR, now=NOW)

    assert (row.name, row.followers, row.status) == ("Our page", 7, "expired")
    assert row.last_error == {"code": "TOKEN_REVOKED", "message": "It was revoked.", "who_acts": "account_owner"}
    assert row == SocialAccount.objects.get()


def test_an_account_that_is_disconnected_while_its_profile_is_read_stays_as_it_was(
    workspace: Workspace, network: FakeNetwork
) -> None:
    account = make_account(workspace, name="Page")

    def meanwhile() -> Profile:
        services.disconnect(account, actor=ACTOR, now=NOW)
        return Profile(name="Theirs")

    network.shown = meanwhile

    row = services.refresh_account(account, actor=ACTOR, now=NOW)

    assert (row.name, row.is_connected) == ("Page", False)


def test_an_account_that_goes_while_its_tokens_are_renewed_is_not_found(
    workspace: Workspace, network: FakeNetwork
) -> None:
    network.refreshed = lambda: Workspace.objects.all().delete() and Tokens(access_token="new-token")

    with pytest.raises(Http404):
        services.refresh_account(make_account(workspace, tokens=PAIR), actor=ACTOR, now=NOW)


def test_without_a_refresh_token_the_profile_alone_is_renewed(workspace: Workspace, network: FakeNetwork) -> None:
    services.refresh_account(make_account(workspace), actor=ACTOR, now=NOW)

    assert network.calls == [("profile", "1001", "token")]


@pytest.mark.parametrize(
    ("error", "code", "who_acts"),
    [
        (Rejected("No such page."), "CONTENT_REJECTED", "caller"),
        (Rejected("The app may not.", who_acts=WhoActs.OPERATOR), "CONTENT_REJECTED", "operator"),
        (registry.PlatformNotConfigured("No credentials."), "PLATFORM_UNAVAILABLE", "operator"),
    ],
)
def test_a_profile_that_is_refused_shows_in_the_health_with_who_acts(
    workspace: Workspace, network: FakeNetwork, error: Any, code: str, who_acts: str
) -> None:
    network.shown = error

    services.refresh_account(make_account(workspace), actor=ACTOR, now=NOW)

    row = SocialAccount.objects.get()
    assert row.last_error == {"code": code, "message": error.message, "who_acts": who_acts}
    assert (row.name, row.last_sync) == ("Company Page", None)


@pytest.mark.parametrize("given", [PAIR, Tokens(access_token="token")], ids=["renewed", "cannot be renewed"])
def test_a_refresh_expires_an_account_whose_last_token_is_refused(
    workspace: Workspace, network: FakeNetwork, given: Tokens
) -> None:
    network.shown = AuthExpired("The access was taken back.", network_code="190")

    row = services.refresh_account(make_account(workspace, tokens=given), actor=ACTOR, now=NOW)

    said = {"code": "TOKEN_REVOKED", "message": "The access was taken back.", "who_acts": "account_owner"}
    assert (row.status, row.last_error, row.due_at) == ("expired", said, None)
    assert list(Event.objects.values_list("type", flat=True)) == ["account.expired", "account.refreshed"]


@pytest.mark.parametrize(
    ("refreshed", "shown"),
    [
        (Unavailable("Down."), AuthExpired("Over.", network_code="190")),
        (Tokens(access_token="new"), AuthExpired("A page.", status=401)),
        (Tokens(access_token="new"), AuthExpired("The app is blocked.", who_acts=WhoActs.OPERATOR)),
    ],
    ids=["not renewed", "something before the network", "the operator's"],
)
def test_a_refresh_expires_no_account_whose_token_may_be_good(
    workspace: Workspace, network: FakeNetwork, refreshed: Any, shown: AuthExpired
) -> None:
    network.refreshed, network.shown = refreshed, shown

    row = services.refresh_account(make_account(workspace, tokens=PAIR), actor=ACTOR, now=NOW)

    assert (row.status, row.last_error is None) == ("active", False)


def test_what_the_network_refused_of_the_token_before_is_not_held_against_who_signed_in_again_meanwhile(
    workspace: Workspace, network: FakeNetwork
) -> None:
    def refuse_the_old_token() -> Any:
        signed_in = SocialAccount.objects.get()
        signed_in.seal(Tokens(access_token="new-token"))
        signed_in.save()
        raise AuthExpired("It was revoked.")

    network.shown = refuse_the_old_token

    services.refresh_account(make_account(workspace), actor=ACTOR, now=NOW)

    assert SocialAccount.objects.get().last_error is None


@pytest.mark.parametrize("held", [PAIR, Tokens(access_token="only")], ids=["pair", "access token alone"])
def test_tokens_that_cannot_be_opened_show_in_the_health_and_the_refresh_is_answered(
    workspace: Workspace, network: FakeNetwork, settings: Any, held: Tokens
) -> None:
    account = make_account(workspace, tokens=held)
    settings.TOKEN_KEYS = ["other:" + "A" * 43 + "="]

    services.refresh_account(account, actor=ACTOR, now=NOW)

    error = SocialAccount.objects.get().last_error or {}
    assert network.calls == []
    assert error["message"] == "The stored tokens cannot be opened; the operator's log has the cause."
    assert error["who_acts"] == "operator"


def test_a_disconnected_account_is_not_asked_for(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_account(workspace, tokens=PAIR)
    disconnect(account)

    services.refresh_account(account, actor=ACTOR, now=NOW)

    assert [call for call in network.calls if call[0] != "revoke"] == []


@pytest.mark.django_db(transaction=True)
def test_a_purge_revokes_every_account_and_drops_the_sign_ins(network: FakeNetwork) -> None:
    workspace, other = make_workspace(), make_workspace()
    make_account(workspace, remote_id="1", tokens=PAIR)
    make_account(workspace, remote_id="2", tokens=PAIR, platform="twitter")
    make_account(workspace, remote_id="3", tokens=PAIR, default_of=None, disconnected_at=NOW)
    make_account(other, remote_id="4", tokens=PAIR)
    for number, each in enumerate((workspace, other)):
        Connection.objects.create(workspace=each, platform="facebook", state_digest=str(number), expires_at=NOW)

    assert services.purge(workspace)

    assert sorted(call[1] for call in network.calls) == ["1", "2"]
    assert [account.remote_id for account in SocialAccount.objects.connected()] == ["4"]
    assert [connection.workspace for connection in Connection.objects.all()] == [other]
    assert set(Event.objects.values_list("key_id", flat=True)) == {SYSTEM.key_id}
