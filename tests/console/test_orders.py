"""In which order the console shows rows: the same on each page, and that of one moment by its ids."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from adminapi.jobs.models import Job
from ouipost.events.models import Event, Replay
from posts.models import Attempt
from tests.console.conftest import text_of
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_key,
    make_media,
    make_post,
    make_schedule,
    make_user,
    make_webhook,
    make_workspace,
)
from workspaces.models import Workspace

HOUR = timedelta(hours=1)
NEWEST, OLDEST = [0, 2, 1], [1, 2, 0]
"""Where the first of three was made an hour after both others, which were made at one moment."""
LISTS: dict[str, tuple[Callable[[Workspace, int], Any], str, list[int]]] = {
    "accounts_socialaccount": (lambda place, number: account(place, number), "connected_at", NEWEST),
    "workspaces_apikey": (lambda _, number: make_key(name=str(number))[0], "created_at", NEWEST),
    "posts_schedule": (lambda place, _: make_schedule(place), "created_at", NEWEST),
    "workspaces_workspace": (lambda *_: make_workspace(), "created_at", NEWEST),
    "events_event": (lambda _, number: line(NOW if number else NOW + HOUR), "", NEWEST),
    "events_webhook": (lambda *_: make_webhook(), "created_at", OLDEST),
    "events_delivery": (lambda *_: make_delivery(make_webhook()), "", [2, 1, 0]),
    "posts_target": (lambda place, number: target(place, number), "", [2, 1, 0]),
    "workspaces_user": (lambda _, number: make_user(email=f"{'cab'[number]}@example.com"), "", OLDEST),
}


def account(workspace: Workspace, number: int, **values: Any) -> Any:
    return make_account(workspace, remote_id=str(number), default_of=None, **values)


def line(at: datetime) -> Event:
    return Event.objects.create(type="post.updated", created_at=at)


def target(workspace: Workspace, number: int) -> Any:
    return make_post(workspace, accounts=[account(workspace, number)]).targets.get()


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_its_order(staff: Client, workspace: Workspace, name: str) -> None:
    make, column, order = LISTS[name]
    pks = [make(workspace, number).pk for number in range(3)]
    page = staff.get(reverse(f"admin:{name}_changelist"))
    rows = page.context["cl"].model._default_manager
    if column:
        rows.filter(pk__in=pks[1:]).update(**{column: NOW})
        rows.filter(pk=pks[0]).update(**{column: NOW + HOUR})

    shown = staff.get(reverse(f"admin:{name}_changelist")).context["cl"].result_list

    assert [row.pk for row in shown if row.pk in pks] == [pks[place] for place in order]


def test_workspaces_are_offered_by_their_names(staff: Client) -> None:
    later, second, third = (make_workspace(name=name) for name in ("B", "A", "A"))

    assert staff.get(reverse("console_calendar")).context["workspaces"].rows == [second, third, later]


def test_accounts_are_offered_by_network_and_name(staff: Client, workspace: Workspace) -> None:
    named = (("twitter", "A"), ("facebook", "B"), ("facebook", "A"), ("facebook", "A"))
    last, third, first, second = (
        account(workspace, number, platform=platform, name=name) for number, (platform, name) in enumerate(named)
    )
    pages = [reverse(page) for page in ("console_calendar", "console_compose", "console_pauses")]

    texts = [text_of(staff.get(page, {"workspace": workspace.pk})) for page in pages]

    for text in texts:
        assert sorted([last, third, first, second], key=lambda each: text.index(each.pk)) == [
            first,
            second,
            third,
            last,
        ]


def test_the_newest_drafts_stand_beside_the_calendar(staff: Client, workspace: Workspace) -> None:
    newest, older, old = (make_post(workspace, created_at=NOW + at) for at in (HOUR, HOUR * 0, HOUR * 0))
    asked = {"workspace": workspace.pk, "from": "2026-11-01", "to": "2026-12-01"}

    shown = staff.get(reverse("console_calendar_events"), asked).json()

    assert shown["posts"] == []
    assert [each["id"] for each in shown["drafts"]] == [newest.pk, old.pk, older.pk]


def test_files_stand_in_the_order_of_the_post(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    last, first, second = (make_media(post, position=position) for position in (2, 1, 1))
    in_order = [first.pk, second.pk, last.pk]

    written = staff.get(reverse("console_compose_post", args=[post.pk])).context["files"]
    shown = staff.get(reverse("admin:posts_post_change", args=[post.pk])).context["media"]

    assert [each.id for each in written] == [each["file"].pk for each in shown] == in_order


def test_the_calls_for_a_target_stand_in_the_order_in_which_they_ended(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="failed")
    given = {"target": post.targets.get(), "step": "commit", "outcome": "unavailable", "started_at": NOW, "fence": 1}
    last, first, second = (
        Attempt.objects.create(**given, number=number, ended_at=NOW + at)
        for number, at in ((3, HOUR), (1, HOUR * 0), (2, HOUR * 0))
    )

    [recipient] = staff.get(reverse("admin:posts_post_change", args=[post.pk])).context["recipients"]

    assert recipient.attempts == [first, second, last]


def test_what_a_webhook_was_sent_and_is_sent_again_stands_beside_it_the_newest_first(staff: Client) -> None:
    webhook = make_webhook()
    sent = [make_delivery(webhook).pk for _ in range(2)]
    begun = {"webhook": webhook, "since": NOW, "until": NOW, "total": 1}
    newest, older, old = (
        Replay.objects.create(**begun, key=str(at) + key, created_at=NOW + at)
        for key, at in (("a", HOUR), ("b", HOUR * 0), ("c", HOUR * 0))
    )

    page = staff.get(reverse("admin:events_webhook_change", args=[webhook.pk]))

    assert [each.pk for each in page.context["recent"]] == sent[::-1]
    assert list(page.context["replays"]) == [newest, old, older]


def test_background_work_is_listed_the_newest_first(staff: Client) -> None:
    newest, older, old = (
        Job.objects.create(kind="prune", key=key, total=1, created_at=NOW + at)
        for key, at in (("a", HOUR), ("b", HOUR * 0), ("c", HOUR * 0))
    )

    assert [row["job"] for row in staff.get(reverse("console_jobs")).context["rows"]] == [newest, old, older]
