"""What staff do in the console is done again where it loses a race for a lock, as what programs ask of the API is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from adminapi.jobs import running
from adminapi.jobs.catalogue import HOLD
from ouipost.db.rows import insert_each
from ouipost.events.journal import SYSTEM, Actor
from ouipost.events.models import Event
from posts import pausing
from tests.console import test_keys, test_pauses, test_schedules
from tests.console.conftest import page_of
from tests.factories import NOW, make_account, make_key, make_post, make_schedule, make_user, make_webhook
from workspaces.models import User, Workspace

CONFIRMED = {"confirmed": "1"}
STRONG = "a long way to the sea"
Sent = tuple[str, dict[str, Any]]


def key_page(action: str) -> str:
    return page_of(make_key()[0], action)


def new_webhook(_workspace: Workspace) -> Sent:
    return reverse("admin:events_webhook_add"), {"url": "https://example.com/hook", "events": ["post.published"]}


def post_action(name: str) -> Callable[[Workspace], Sent]:
    def sent(workspace: Workspace) -> Sent:
        account = make_account(workspace)
        post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW)
        return reverse("admin:posts_post_do", args=[post.pk, name]), CONFIRMED

    return sent


def composed_post(workspace: Workspace) -> Sent:
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account])
    form = {"content": "Rye", "platforms": [account.pk], "section": ["facebook"], "do": "draft"}
    return reverse("console_compose_post", args=[post.pk]), form


def moved_post(workspace: Workspace) -> Sent:
    post = make_post(workspace, accounts=[make_account(workspace)])
    at = timezone.now() + timedelta(days=1)
    return reverse("console_calendar_move", args=[post.pk]), {"at": at.isoformat()}


def held_schedules(workspace: Workspace) -> Sent:
    rows = [make_schedule(workspace, name=str(number)).pk for number in range(21)]
    return test_schedules.LIST, {"action": "hold", "_selected_action": rows} | CONFIRMED


def stopped_job(workspace: Workspace) -> Sent:
    rows, user = [(make_schedule(workspace).pk, "Mornings")], User.objects.get()
    actor = Actor(user_id=user.pk, user_email=user.email)
    job = running.begin(HOLD, rows, key="form_1", total=1, actor=actor, now=NOW)
    return reverse("console_job_stop", args=[job.pk]), CONFIRMED


def resumed(_workspace: Workspace) -> Sent:
    pausing.pause("network", "facebook", reason="An outage.", actor=SYSTEM, now=NOW)
    return test_pauses.RESUME, test_pauses.FORM | CONFIRMED


def replayed(_workspace: Workspace) -> Sent:
    since = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
    return reverse("admin:events_webhook_replay", args=[make_webhook().pk]), {
        "since": since,
        "scope": "all",
    } | CONFIRMED


def another_password(_workspace: Workspace) -> Sent:
    user = make_user(email="else@example.com")
    return reverse("admin:workspaces_user_set_password", args=[user.pk]), {"password": STRONG}


def own_password(_workspace: Workspace) -> Sent:
    return reverse("admin:password_change"), {
        "old_password": "a long pass phrase",
        "new_password1": STRONG,
        "new_password2": STRONG,
    }


WRITES: dict[str, tuple[str, Callable[[Workspace], Sent]]] = {
    "a form of a model": ("api_key.created", lambda _: (f"{test_keys.LIST}add/", test_keys.FORM)),
    "another": ("webhook.created", new_webhook),
    "an action on a row": ("api_key.rotated", lambda _: (key_page("rotate"), CONFIRMED)),
    "what is done to a post": ("post.unscheduled", post_action("unschedule")),
    "what copies its files first": ("post.created", post_action("duplicate")),
    "the page of a post": ("post.updated", composed_post),
    "the calendar": ("post.scheduled", moved_post),
    "a new schedule": (
        "schedule.created",
        lambda one: (test_schedules.ADD, test_schedules.FORM | {"workspace": one.pk}),
    ),
    "a schedule": (
        "schedule.updated",
        lambda one: (page_of(make_schedule(one, name="Old")), test_schedules.FORM),
    ),
    "a job": ("job.begun", held_schedules),
    "the end of one": ("job.stopped", stopped_job),
    "a pause": ("pause.started", lambda _: (test_pauses.PAGE, test_pauses.FORM | CONFIRMED)),
    "its end": ("pause.ended", resumed),
    "a replay": ("webhook.replayed", replayed),
    "a password": ("user.updated", another_password),
    "one's own": ("user.updated", own_password),
    "a sign-in": (
        "connection.started",
        lambda one: (reverse("console_connect"), {"workspace": one.pk, "platform": "facebook"}),
    ),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_lost_race_for_a_lock_is_run_again(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    told, sent = WRITES[write]
    address, form = sent(workspace)
    before, losses = Event.objects.filter(type=told).count(), iter([1, 1])

    def lose(rows: Any) -> None:
        insert_each(rows)
        for _ in losses:
            raise OperationalError(1213, "Deadlock found")

    monkeypatch.setattr("ouipost.events.journal.insert_each", lose)

    answer = staff.post(address, form)

    assert (answer.status_code < 400, list(losses)) == (True, [])
    assert Event.objects.filter(type=told).count() == before + 1
    assert len(list(get_messages(answer.wsgi_request))) <= 1
