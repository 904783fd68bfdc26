"""Scheduling into a queue: what a place costs when a thousand wait, beside what it costs when a hundred do."""

import time
from datetime import time as clock
from statistics import median

from django.utils import timezone

from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from bench.goals import Goal
from ouipost.events.journal import SYSTEM
from posts.models import Post, Schedule
from posts.schedules import services as schedules
from posts.services import create_post
from workspaces.models import Workspace

POSTS = 1000
SHORT = slice(20, 120)
LONG = slice(900, 1000)
SLOTS = [{"day": day, "time": clock(9), "platforms": ["facebook"]} for day in range(5)]


def run() -> list[Goal]:
    """Put a thousand posts into one schedule, one after the other."""
    seconds = _filled()
    first, last = median(seconds[SHORT]), median(seconds[LONG])
    return [
        Goal(
            number="Q",
            sentence="a place in a queue of a thousand, beside one of a hundred",
            unit="ms",
            figure=last * 1000,
            baseline=first * 1000,
            at_most=1.5,
        )
    ]


def _filled() -> list[float]:
    Workspace.objects.all().delete()
    workspace, now = Workspace.objects.create(name="Bench", mode="sandbox"), timezone.now()
    page = SocialAccount(workspace=workspace, platform="facebook", type="page", remote_id="1", connected_at=now)
    page.default_of = "facebook"
    page.seal(Tokens(access_token="of no worth"))
    page.save()
    schedule = schedules.create_schedule(workspace, values={"name": "Mornings", "slots": SLOTS}, actor=SYSTEM)
    return [_queued(workspace, schedule.pk, number) for number in range(POSTS)]


def _queued(workspace: Workspace, schedule: str, number: int) -> float:
    now = timezone.now()
    values = {"content": f"Bread {number}", "platforms": ["facebook"]}
    post, _ = create_post(workspace, values=values, actor=SYSTEM, now=now)
    held = Schedule.objects.get(pk=schedule)
    start = time.perf_counter()
    schedules.queue_post(Post.objects.get(pk=post.pk), held, actor=SYSTEM, now=now)
    return time.perf_counter() - start
