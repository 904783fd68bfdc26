"""Network ids and account ids become accounts and targets."""

from typing import Any

import pytest
from django.db import connection

from accounts.models import SocialAccount
from accounts.services import disconnect
from ouipost.db.locks import in_transaction
from ouipost.errors import InvalidInput
from ouipost.events.journal import SYSTEM
from posts import destinations, services
from posts.destinations import AccountNotConnected, override_problems, place, require_all, resolve
from posts.models import Post, Target
from tests.factories import NOW, make_account, make_post, make_workspace
from tests.foundation.threads import at_once
from workspaces.models import Workspace


def accounts_of(post: Post) -> set[str]:
    return set(Target.objects.filter(post=post).values_list("account_id", flat=True))


def test_networks_and_accounts_are_mixed_and_none_comes_twice(workspace: Workspace) -> None:
    page, second = make_account(workspace), make_account(workspace, remote_id="2", default_of=None)
    bird = make_account(workspace, platform="twitter", remote_id="3")

    found = resolve(workspace, [bird.pk, second.pk, "facebook", page.pk, "twitter"])

    assert [account.pk for account in found.accounts] == [bird.pk, second.pk, page.pk]
    assert found.platforms == ["twitter", "facebook"]


def test_a_network_without_an_account_is_a_warning(workspace: Workspace) -> None:
    make_account(workspace)

    found = resolve(workspace, ["facebook", "twitter", "twitter"])

    assert (found.platforms, found.missing) == (["facebook", "twitter"], {"twitter": "twitter"})
    assert found.warnings(Post(workspace=workspace)) == [
        "No Twitter/X account is connected: connect one before the post is scheduled."
    ]


def test_every_unknown_id_is_named(workspace: Workspace) -> None:
    foreign = make_account(make_workspace())
    gone = make_account(workspace, disconnected_at=NOW, default_of=None)

    with pytest.raises(InvalidInput) as refused:
        resolve(workspace, ["myspace", foreign.pk, gone.pk, "facebook"])

    told = {name: texts[0].partition(".")[0] for name, texts in refused.value.details["fields"].items()}
    assert told == {
        f"platforms.{place}": f"Neither a platform nor a connected account: {name}"
        for place, name in enumerate(["myspace", foreign.pk, gone.pk])
    }


@pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("named", "came"), [("network", AccountNotConnected), ("account", InvalidInput)])
def test_a_post_is_scheduled_as_if_an_account_that_goes_meanwhile_had_gone_before(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, named: str, came: type[Exception]
) -> None:
    account = make_account(workspace)
    values = {"content": "Bread", "platforms": [{"network": "facebook", "account": account.pk}[named]]}
    given: dict[str, Any] = {"values": values, "actor": SYSTEM, "now": NOW, "scheduled_at": NOW}
    insert, going = destinations.place_new, iter([lambda: disconnect(account, actor=SYSTEM, now=NOW)])

    def place_late(post: Post, found: Any) -> list[Target]:
        assert [len(at_once(each)) for each in going] in ([1], [])
        return insert(post, found)

    monkeypatch.setattr(destinations, "place_new", place_late)

    [told] = at_once(lambda: in_transaction(lambda: services.create_post(workspace, **given)))

    assert isinstance(told, came)
    assert not Post.objects.exists()


def test_an_account_that_a_post_has_kept_and_that_went_is_missing(workspace: Workspace) -> None:
    gone = make_account(workspace, disconnected_at=NOW, default_of=None)
    foreign = make_account(make_workspace(), disconnected_at=NOW, default_of=None)

    found = resolve(workspace, [gone.pk], kept=True)
    with pytest.raises(InvalidInput):
        resolve(workspace, [foreign.pk], kept=True)

    assert (found.accounts, found.platforms, found.missing) == ([], ["facebook"], {gone.pk: "facebook"})


@pytest.mark.parametrize("comes", [True, False], ids=["connected again", "disconnected"])
def test_an_account_that_comes_or_goes_between_two_looks_is_not_unknown(workspace: Workspace, comes: bool) -> None:
    account = make_account(workspace, disconnected_at=NOW if comes else None, default_of=None)
    looks: list[str] = []

    def change_after_a_look(execute: Any, sql: str, *more: Any) -> Any:
        found = execute(sql, *more)
        if sql.startswith("SELECT") and not looks:
            looks.append(sql)
            SocialAccount.objects.filter(pk=account.pk).update(disconnected_at=None if comes else NOW)
        return found

    with connection.execute_wrapper(change_after_a_look):
        found = resolve(workspace, [account.pk], kept=True)

    assert found.platforms == ["facebook"]


def test_a_disconnected_default_is_no_default(workspace: Workspace) -> None:
    make_account(workspace, disconnected_at=NOW)

    assert resolve(workspace, ["facebook"]).missing == {"facebook": "facebook"}


@pytest.mark.parametrize("given", [["facebook", "twitter"], ["twitter"], []])
def test_all_networks_of_a_post_need_an_account(workspace: Workspace, given: list[str]) -> None:
    make_account(workspace)

    with pytest.raises(AccountNotConnected) as refused:
        require_all(resolve(workspace, given))

    assert refused.value.details == {"platforms": [name for name in given if name == "twitter"]}
    assert (refused.value.code, refused.value.status) == ("ACCOUNT_NOT_CONNECTED", 422)


def test_placing_keeps_what_stays_adds_what_comes_and_removes_what_goes(workspace: Workspace) -> None:
    stays, goes = make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")
    comes = make_account(workspace, platform="bluesky", remote_id="3")
    post = make_post(workspace, accounts=[stays, goes])
    kept = Target.objects.get(account=stays)

    placed = place(post, resolve(workspace, ["bluesky", "facebook"]))

    assert accounts_of(post) == {stays.pk, comes.pk}
    assert [target.pk for target in placed] == list(
        Target.objects.filter(post=post).order_by("pk").values_list("pk", flat=True)
    )
    assert Target.objects.filter(pk=kept.pk).exists()
    assert Target.objects.get(account=comes).platform == "bluesky"


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({"facebook": {"content": "x"}}, {}),
        ({"page": {"content": "x", "options": {"post_type": "feed"}}}, {}),
        ({"page": {"options": {"langs": ["en"]}}}, {"platform_content.page.options.langs": ["Unknown option."]}),
        ({"acc_none": {"content": "x"}}, {"platform_content.acc_none": ["No such connected account."]}),
    ],
)
def test_overrides_are_for_accounts_of_the_workspace_and_with_their_options(
    workspace: Workspace, content: dict[str, Any], fields: dict[str, Any]
) -> None:
    page = make_account(workspace)
    given = {key.replace("page", page.pk): entry for key, entry in content.items()}
    expected = {key.replace("page", page.pk): told for key, told in fields.items()}

    assert override_problems(workspace, given) == expected


def test_an_unknown_id_hides_no_unknown_override(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput) as refused:
        resolve(workspace, ["acc_none"], overrides={"acc_other": {"content": "x"}})

    assert sorted(refused.value.details["fields"]) == ["platform_content.acc_other", "platforms.0"]
