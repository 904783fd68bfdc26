"""Letting a post go out at the simulated networks in the same process, as fast as its steps allow."""

from datetime import datetime, timedelta

from django.db.models import F

from accounts.models import SocialAccount
from accounts.platforms.meta.containers import READY_AT
from ouipost.simulator import clock
from posts.models import Target
from tests.posts.fakes import bring_forward, claim_targets, publish_claimed

MOST_STEPS = 60
PROCESSING_SECONDS = 3
"""By which the networks' time moves on while they are asked about something that they are at work on."""
LONGEST_LAG = timedelta(minutes=3)
SETTLED = ("published", "failed", "needs_review")


def work_off(target: Target) -> Target:
    """Do what is due about a target again and again, as if the time between had passed, until it is settled."""
    for _ in range(MOST_STEPS):
        SocialAccount.objects.update(paced_at=None, recent_calls="")
        bring_forward(target)
        for held in claim_targets(10):
            publish_claimed(held)
        target = Target.objects.get(pk=target.pk)
        if target.status in SETTLED:
            return target
        if target.armed_at and not target.outcome_unknown:  # it was refused, and is looked for in a list that may lag
            Target.objects.update(armed_at=F("armed_at") - LONGEST_LAG, sent_at=F("sent_at") - LONGEST_LAG)
        if target.waits_for:
            clock.advance(PROCESSING_SECONDS)
            _have_been_ready_for_long(target)
    raise AssertionError(f"{target} did not settle: {target.status} {target.waits_for} {target.error}")


def _have_been_ready_for_long(target: Target) -> None:
    """Let a container that was sent be as old as if its account's list surely showed it by now."""
    if target.armed_at and READY_AT in target.handles:
        ready_at = datetime.fromisoformat(target.handles[READY_AT]) - LONGEST_LAG
        target.handles |= {READY_AT: ready_at.isoformat()}
        target.armed_at -= LONGEST_LAG
        target.save(update_fields=["handles", "armed_at"])
