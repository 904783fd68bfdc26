"""An account that ends soon is told of once, with what is at risk."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from accounts.models import AccountStatus, SocialAccount
from accounts.platforms.base import Tokens
from ouipost.events.journal import record
from ouipost.events.models import Event
from posts import expiring
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

    counts = [expiring.tell(now), expiring.tell(now)]

    (event,) = told()
    assert counts == [1, 0]
    assert (event.resource_id, event.details["posts"]) == (account.pk, [risky.pk, later.pk])


def test_an_account_of_a_workspace_that_is_being_removed_is_not_told_of(db: None) -> None:
    now = timezone.now()
    ending(make_workspace(deleted_at=now), expires_at=now + 6 * DAY)

    count = expiring.tell(now)

    assert (count, told()) == (0, [])


def test_an_account_that_was_connected_again_is_told_of_before_its_next_end(workspace: Workspace) -> None:
    now = timezone.now()
    account = ending(workspace, expires_at=now + DAY)
    expiring.tell(now)
    SocialAccount.objects.filter(pk=account.pk).update(expires_at=now + 60 * DAY)

    counts = [expiring.tell(now), expiring.tell(now + 54 * DAY)]

    assert (counts, len(told())) == ([0, 1], 2)


def test_it_is_told_once_where_each_renewal_says_how_many_seconds_are_left(workspace: Workspace) -> None:
    now = timezone.now()
    account = ending(workspace, expires_at=now + 6 * DAY)
    expiring.tell(now)
    account.refresh_from_db()

    account.seal(Tokens(access_token="new", refresh_token="same", ends_at=now + 6 * DAY - timedelta(seconds=1.4)))
    account.save()

    assert expiring.tell(now) == 0


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

    assert expiring.tell(now) == 1
    assert [event.resource_id for event in told()] == [first]


@pytest.mark.parametrize(
    "values",
    [
        {"expires_at": None},
        {"expires_at": timezone.now() + 8 * DAY},
        {"expires_at": timezone.now() - DAY},
        {"expires_at": timezone.now() + DAY, "status": AccountStatus.EXPIRED},
        {"expires_at": timezone.now() + DAY, "disconnected_at": timezone.now()},
    ],
    ids=["never", "later", "over", "expired already", "disconnected"],
)
def test_nobody_is_told_of_what_does_not_end_soon(workspace: Workspace, values: dict[str, object]) -> None:
    ending(workspace, **values)

    assert expiring.tell(timezone.now()) == 0
    assert told() == []
