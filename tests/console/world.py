"""An installation with one row at least of everything that the console shows."""

import re
from typing import Any

from django.urls import reverse

from adminapi.jobs import running
from adminapi.jobs.models import Job
from adminapi.jobs.post_actions import BY_WORD
from ouipost.events.journal import SYSTEM, Actor, record
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
from workspaces.models import Membership


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
    actor = Actor(user_id="user_1", user_email="gone@example.com")
    running.begin(BY_WORD["unschedule"], [(post.pk, "Fresh bread")], key="form_1", total=1, actor=actor, now=NOW)
    make_delivery(make_webhook())


def page_of(job: Job) -> str:
    return reverse("console_job", args=[job.pk])


def words(answer: Any) -> str:
    """Return what is written on a page, without its tags."""
    assert answer.status_code == 200, answer
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
