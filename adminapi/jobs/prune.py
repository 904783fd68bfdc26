"""Pruning as a job: its rows are kinds of old rows, each of which is removed in steps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from adminapi import pruning
from adminapi.jobs.kinds import Gone, Settle
from adminapi.jobs.models import JobRow
from ouipost.events.journal import Actor
from workspaces.models import User

NAMES = {
    "hours": _("Sums by the hour"),
    "snapshots": _("Single readings"),
    "messages": _("Webhook events, with their deliveries"),
    "replays": _("Replays of webhooks"),
    "deliveries": _("Deliveries of deleted webhooks"),
    "webhooks": _("Deleted webhooks"),
    "jobs": _("Background work that has ended"),
    "arrivals": _("Notes on failed uploads"),
    "connections": _("Past sign-ins at networks"),
    "logins": _("Logins that failed"),
    "turns": _("Records of login attempts"),
    "sessions": _("Ended sessions of the admin API"),
    "console_sessions": _("Ended sessions of the console"),
    "answers": _("Stored responses for repeated requests"),
    "calls": _("Statistics of network calls, per five minutes"),
}


@dataclass(frozen=True, kw_only=True)
class OldRows:
    """A kind of old rows, and their number."""

    name: str
    title: Any
    count: int


class Prune:
    """Removes the rows that were old when the job began."""

    name = "prune"
    title = _("Remove what is old")
    permission = "system.manage"

    def work(self, row: JobRow, *, user: User, actor: Actor, settle: Settle) -> None:
        """Remove some of a kind, and count them in the same transaction."""
        for each in pruning.old(row.job.created_at):
            if each.name == row.subject_id:
                with transaction.atomic():
                    removed = each.remove_some()
                    settle(done=removed, is_over=not removed)
                return
        raise Gone


PRUNE = Prune()


def count_old(now: datetime) -> list[OldRows]:
    """Return the kinds of old rows, each with its number."""
    return [OldRows(name=each.name, title=NAMES[each.name], count=each.rows.count()) for each in pruning.old(now)]
