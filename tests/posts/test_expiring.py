"""An account that ends soon is told of once, with what is at risk, and expires at its end."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from accounts import connecting, tokens
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms.shapes import Tokens
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Event
from posts import expiring
from posts.models import Target
from tests.accounts.fakes import make_candidate
from tests.conftest import ApiClient
from tests.factories import make_account, make_post, make_workspace
from workspaces.models import Workspace

DAY = timedelta(days=1)


def ending(workspace: Workspace, **values: object) -> SocialAccount:
    account = make_account(workspace)
    SocialAccount.objects.filter(pk=account.pk).update(**values)
    return account


def told() -> list[Event]:
    return list(Event.objects.filter(type="account.expiring").order_by("pk"))


def test_it_is_told_once_for_each_end_with_the_posts_behind_it(workspace: Workspace) -> None:
    now = timezone.now()
    account = ending(workspace, expires_at=now + 6 * DAY)
    make_post(workspace, accounts=[account], status="scheduled", scheduled_at=now + 5 * DAY)
    later, risky = (
        make_post(workspace, accounts=[account], status="scheduled", scheduled_at=now + days * DAY) for days in (9, 8)
    )
    neighbour = make_workspace()
    make_post(neighbour, accounts=[make_account(neighbour)], status="scheduled", scheduled_at=now + 8 * DAY)

    counts = [expiring.notify(now), expiring.notify(now)]

    (event,) = told()
    assert counts == [1, 0]
    assert (event.resource_id, event.details["posts"]) == (account.pk, [risky.pk, later.pk])


def test_an_account_of_a_workspace_that_is_being_removed_is_not_told_of(db: None) -> None:
    now = timezone.now()
    ending(make_workspace(deleted_at=now), expires_at=now + 6 * DAY)

    count = expiring.notify(now)

    assert (count, told()) == (0, [])


def test_an_account_that_was_connected_again_is_told_of_before_its_next_end(workspace: Workspace) -> None:
    now = timezone.now()
    account = ending(workspace, expires_at=now + DAY)
    expiring.notify(now)
    SocialAccount.objects.filter(pk=account.pk).update(expires_at=now + 60 * DAY)

    counts = [expiring.notify(now), expiring.notify(now + 54 * DAY)]

    assert (counts, len(told())) == ([0, 1], 2)


def test_it_is_told_once_where_each_renewal_says_how_many_seconds_are_left(workspace: Workspace) -> None:
    now = timezone.now()
    account = ending(workspace, expires_at=now + 6 * DAY)
    expiring.notify(now)
    account.refresh_from_db()

    account.seal(Tokens(access_token="new", refresh_token="same", ends_at=now + 6 * DAY - timedelta(seconds=1.4)))
    account.save()

    assert expiring.notify(now) == 0


@pytest.mark.parametrize(
    "values",
    [{"expires_at": timezone.now() + 60 * DAY}, {"end_told": F("expires_at")}],
    ids=["connected again", "told of by another worker"],
)
def test_nobody_is_told_of_what_changed_while_others_were_told_of(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    now = timezone.now()
    first, second = sorted(make_account(workspace, remote_id=pk, default_of=None).pk for pk in ("1", "2"))
    SocialAccount.objects.update(expires_at=now + DAY)

    def record_meanwhile(*args: Any, **told: Any) -> None:
        SocialAccount.objects.filter(pk=second).update(**values)
        record(*args, **told)

    monkeypatch.setattr(expiring, "record", record_meanwhile)

    assert expiring.notify(now) == 1
    assert [event.resource_id for event in told()] == [first]


def expired() -> list[str]:
    return list(Event.objects.filter(type="account.expired").order_by("pk").values_list("resource_id", flat=True))


@pytest.mark.parametrize("status", ["active", "error"])
def test_an_account_that_nothing_renews_expires_once_when_its_end_has_come(
    api: ApiClient, workspace: Workspace, status: str
) -> None:
    now = timezone.now()
    account = ending(workspace, expires_at=now, status=status)
    post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=now + DAY)

    counts = [expiring.notify(now - timedelta(seconds=1)), expiring.notify(now), expiring.notify(now)]

    shown = api.get(f"/api/accounts/{account.pk}").json()["data"]["account"]
    error = {"code": "TOKEN_REVOKED", "message": "The access token has expired.", "who_acts": "account_owner"}
    assert (counts, expired()) == ([1, 1, 0], [account.pk])
    assert (shown["status"], shown["health"]["token_valid"]) == ("expired", False)
    assert shown["health"]["errors"] == [error]
    assert Target.objects.get(post=post).status == "scheduled"


def test_an_account_that_expired_is_active_when_it_is_connected_again(workspace: Workspace) -> None:
    now = timezone.now()
    account = ending(workspace, expires_at=now)
    expiring.notify(now)
    candidate = make_candidate(remote_id=account.remote_id, tokens=Tokens(access_token="new", ends_at=now + 60 * DAY))

    connecting.connect(workspace, platform=account.platform, candidate=candidate, actor=SYSTEM, now=now)
    expiring.notify(now)

    assert SocialAccount.objects.get().status == "active"


def test_an_account_that_was_connected_again_while_others_expired_does_not(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    first, second = sorted(make_account(workspace, remote_id=pk, default_of=None).pk for pk in ("1", "2"))
    SocialAccount.objects.update(expires_at=now)

    expire = tokens.expire

    def expire_meanwhile(*args: Any) -> None:
        SocialAccount.objects.filter(pk=second).update(expires_at=now + 60 * DAY)
        expire(*args)

    monkeypatch.setattr(tokens, "expire", expire_meanwhile)

    assert expiring.notify(now) == 1
    assert expired() == [first]


@pytest.mark.parametrize(
    "values",
    [
        {"refresh_token": "sealed"},
        {"status": AccountStatus.EXPIRED},
        {"disconnected_at": timezone.now()},
        {"expires_at": None, "access_expires_at": timezone.now()},
    ],
    ids=["can be renewed", "expired already", "disconnected", "end not known"],
)
def test_no_other_account_expires(workspace: Workspace, values: dict[str, object]) -> None:
    ending(workspace, **{"expires_at": timezone.now()} | values)

    assert expiring.notify(timezone.now()) == 0
    assert expired() == []


def test_an_account_of_a_workspace_that_is_being_removed_does_not_expire(db: None) -> None:
    now = timezone.now()
    ending(make_workspace(deleted_at=now), expires_at=now)

    assert (expiring.notify(now), expired()) == (0, [])


@pytest.mark.parametrize(
    "values",
    [
        {"expires_at": None},
        {"expires_at": timezone.now() + 8 * DAY},
        {"expires_at": timezone.now() + DAY, "status": AccountStatus.EXPIRED},
        {"expires_at": timezone.now() + DAY, "disconnected_at": timezone.now()},
    ],
    ids=["never", "later", "expired already", "disconnected"],
)
def test_nobody_is_told_of_what_does_not_end_soon(workspace: Workspace, values: dict[str, object]) -> None:
    ending(workspace, **values)

    assert expiring.notify(timezone.now()) == 0
    assert told() == []
