"""An installation with one row at least of everything that the console shows."""

import re
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from accounts import platforms
from accounts.models import SocialAccount
from adminapi.jobs import running
from adminapi.jobs.models import Job
from adminapi.jobs.post_actions import BY_WORD
from analytics.models import DayTotal, TargetNumbers
from ouipost.events.journal import SYSTEM, Actor, record
from ouipost.events.models import Webhook
from posts.models import Attempt, Post, Schedule, Target
from posts.pausing import pause
from posts.schedules.services import queue_post
from tests.analytics.readings import publish
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
from workspaces.models import ApiKey, Membership, User, Workspace


def make_world() -> None:
    """Write the rows."""
    workspace = make_workspace()
    make_key()
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW)
    make_media(post)
    make_schedule(workspace)
    Membership.objects.create(workspace=workspace, user=make_user(email="member@example.com"))
    record("updated", post, actor=SYSTEM)
    publish(account, at=NOW)
    TargetNumbers.objects.update(read_at=timezone.now())
    actor = Actor(user_id="user_1", user_email="gone@example.com")
    running.begin(BY_WORD["unschedule"], [(post.pk, "Fresh bread")], key="form_1", total=1, actor=actor, now=NOW)
    make_delivery(make_webhook())


def make_many(count: int = 30) -> None:
    """Write as many more of everything, most of it for what `make_world` wrote: no page shows one row alone."""
    workspace, account, post = (
        Workspace.objects.earliest("pk"),
        SocialAccount.objects.get(),
        Post.objects.earliest("pk"),
    )
    names = [platform.id for platform in platforms.ALL]
    others, accounts = [], [account]
    for number in range(count):
        others.append(make_workspace(name=f"W{number}"))
        name = names[number % len(names)]
        accounts.append(make_account(workspace, platform=name, remote_id=f"{number}", default_of=None))
        make_user(email=f"u{number}@example.com", password=None)
    members = [Membership(workspace=each, user=user) for each in (workspace, *others) for user in User.objects.all()]
    Membership.objects.bulk_create(members, ignore_conflicts=True)
    ApiKey.objects.update(workspace_ids=[each.pk for each in others])
    states = ("draft", "failed", "publishing", "needs_review", "missed", "scheduled")
    target, webhook, schedule = post.targets.get(), Webhook.objects.get(), Schedule.objects.get()
    for number, each in enumerate(accounts[1:]):
        make_key(name=f"{number}", workspace_ids=[other.pk for other in others])
        make_post(workspace, accounts=accounts[:12], status=states[number % len(states)], scheduled_at=NOW)
        Target.objects.create(post=post, account=each, platform=each.platform, status="scheduled", scheduled_at=NOW)
        Attempt.objects.create(
            target=target, number=number, fence=1, step="commit", started_at=NOW, ended_at=NOW, outcome="rejected"
        )
        make_media(post, position=number)
        queue_post(make_post(workspace, accounts=[account]), schedule, actor=SYSTEM, now=NOW)
        make_schedule(workspace, name=f"S{number}", slots=[(day, "09:00", ["facebook"]) for day in range(7)])
        make_delivery(webhook)
        make_webhook(workspace_ids=[other.pk for other in others])
        record("updated", post, actor=SYSTEM)
        pause("account", each.pk, reason="Unpaid", actor=SYSTEM, now=NOW)
        publish(each, at=NOW)
        DayTotal.objects.create(
            workspace=workspace, day=NOW.date() - timedelta(days=number), platform="twitter", posts=1
        )
        Job.objects.create(kind="posts.unschedule", key=f"form {number}", total=1, created_at=NOW)


def page_of(job: Job) -> str:
    return reverse("console_job", args=[job.pk])


def words(answer: Any) -> str:
    """Return what is written on a page, without its tags."""
    assert answer.status_code == 200, answer
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
