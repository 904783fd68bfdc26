"""`manage.py replay_webhooks`: send webhooks the events that they missed."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.http import Http404
from django.utils import timezone

from adminapi.management.arguments import WrongArgument, problems_of, read_since
from adminapi.management.base import OperatorCommand, add_dry_run, add_json, counted
from ouipost.claims import LostClaim
from ouipost.errors import DomainError, InvalidInput
from ouipost.events import replays
from ouipost.events.models import Replay, ReplayScope, Webhook
from ouipost.events.webhooks import WebhookDisabled
from ouipost.ids import new_id
from ouipost.moments import written_in_utc

LOOK_EVERY = 0.5
NAME_LENGTH = 100


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The events to send again, and the replay's name."""

    since: datetime
    scope: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The plan for one webhook: the number of events, an existing replay of this name, or the reason for none."""

    webhook: Webhook
    events: int = 0
    present: Replay | None = None
    obstacle: str = ""


class Command(OperatorCommand):
    help = (
        "Send webhooks again what has happened since a given time, each event once; exits 1 if some of it is not done."
    )
    details = """
Examples:
  manage.py replay_webhooks wh_019a2b3c… --since 24h --dry-run
  manage.py replay_webhooks --all --since 2026-11-25T00:00:00Z --only failed
  manage.py replay_webhooks --all --since 7d --replay-id after-the-outage   once, even if run twice

It may be ended at any time: a running worker goes on. Exits with 1 if the named webhook is not active, or an active one
was left alone or not finished, and with 2 if an argument cannot be, such as a webhook that is not there."""

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("webhook_id", metavar="WEBHOOK_ID", nargs="?", help="as `GET /admin/webhooks` shows it")
        which.add_argument("--all", action="store_true", help="all that are active")
        parser.add_argument("--since", required=True, metavar="WHEN", help="2026-11-25T00:00:00Z, or 90m, 24h, 7d ago")
        parser.add_argument("--only", choices=[ReplayScope.FAILED.value], help="only what has not arrived")
        parser.add_argument(
            "--replay-id", metavar="NAME", help="your name for this replay: the same command again starts no second one"
        )
        add_dry_run(parser, "what would be sent again")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        wish = _wish(options, now=now)
        plans = [_plan(webhook, wish, now=now) for webhook in _webhooks(options["webhook_id"])]
        self._say(plans, wish)
        is_done = self._say_nothing_was_done(plans) if options["dry_run"] else self._replay(plans, wish, now=now)
        if self.is_quiet:
            self.show(_shown(plans, wish))
        if not is_done:
            sys.exit(1)

    def _say(self, plans: Sequence[Plan], wish: Wish) -> None:
        """Print what would be done."""
        if not plans:
            self.say("There is no webhook.")
        for plan in plans:
            if plan.obstacle:
                line = f"left alone. {plan.obstacle}"
            elif plan.present:
                line = f"the replay {wish.key} is there already, since {written_in_utc(plan.present.since)}."
            else:
                kind = "that did not arrive " if wish.scope == ReplayScope.FAILED else ""
                line = f"{counted(plan.events, 'event')} {kind}since {written_in_utc(wish.since)}."
            self.say(f"{plan.webhook.pk} ({plan.webhook.url}): {line}")

    def _say_nothing_was_done(self, plans: Iterable[Plan]) -> bool:
        total = sum(plan.events for plan in plans)
        self.say(f"Would replay {counted(total, 'event')}; nothing was done.")
        return True

    def _replay(self, plans: Iterable[Plan], wish: Wish, *, now: datetime) -> bool:
        """Begin the possible replays and work on them to their end; returns whether all are done."""
        try:
            begun = [self._begin(plan, wish, now=now) for plan in plans if not plan.obstacle]
            are_whole = self._follow([row for row in begun if row is not None])
        except KeyboardInterrupt:
            self.say(f"A running worker goes on with what has begun; so does --replay-id {wish.key}.")
            return False
        return are_whole and None not in begun

    def _begin(self, plan: Plan, wish: Wish, *, now: datetime) -> Replay | None:
        try:
            begun, _ = replays.replay(
                plan.webhook, since=wish.since, key=wish.key, scope=wish.scope, actor=self.actor, now=now
            )
        except (DomainError, Http404) as error:  # the webhook was changed or deleted meanwhile
            self.say(f"{plan.webhook.pk} is left alone: {error}")
            return None
        return begun

    def _follow(self, begun: Sequence[Replay]) -> bool:
        """Do steps, beside any running workers, and print each replay's progress until all are over; returns whether
        none was cut short."""
        told: dict[str, int] = {}
        are_whole = True
        waiting = {row.pk for row in begun}
        while waiting:
            moved = _step()
            rows = list(Replay.objects.filter(pk__in=waiting).order_by("pk"))
            for row in rows:
                if row.is_over or row.done != told.get(row.pk, 0):
                    self.say(_progress(row))
                told[row.pk] = row.done
            waiting = {row.pk for row in rows if not row.is_over}
            are_whole = are_whole and not any(row.is_cut_short for row in rows)
            if waiting and not moved:
                time.sleep(LOOK_EVERY)  # a worker has it; if that died, it is free in a minute
        return are_whole


def _wish(options: dict[str, Any], *, now: datetime) -> Wish:
    """Return the wish that the arguments express; raises WrongArgument."""
    key = new_id("rpl") if options["replay_id"] is None else options["replay_id"]
    if not key.strip() or len(key) > NAME_LENGTH:
        raise WrongArgument(f"--replay-id: Must have 1 to {NAME_LENGTH} characters.")
    return Wish(since=read_since(options["since"], now=now), scope=options["only"] or ReplayScope.ALL.value, key=key)


def _webhooks(pk: str | None) -> list[Webhook]:
    """Return the named webhook, else all; raises WrongArgument if it does not exist, CommandError if it is off."""
    rows = Webhook.objects.present().order_by("created_at", "pk")
    if pk is None:
        return list(rows)
    named = rows.filter(pk=pk).first()
    if named is None:
        raise WrongArgument(f"There is no webhook {pk}.")
    if not named.is_active:
        raise CommandError(f"{WebhookDisabled.message} {named.disabled_reason}".rstrip())
    return [named]


def _plan(webhook: Webhook, wish: Wish, *, now: datetime) -> Plan:
    """Return the plan for a webhook; raises WrongArgument if it has too many events."""
    if not webhook.is_active:
        return Plan(webhook=webhook, obstacle=f"It is not active. {webhook.disabled_reason}".rstrip())
    try:
        if present := replays.find(webhook, key=wish.key, since=wish.since, scope=wish.scope, now=now):
            return Plan(webhook=webhook, present=present)
        events = replays.require_possible(webhook, since=wish.since, scope=wish.scope, now=now)
    except InvalidInput as error:
        raise WrongArgument(f"{webhook.pk}: {problems_of(error)}") from error
    return Plan(webhook=webhook, events=events)


def _step() -> int:
    """Do a step of each due replay; returns the number of events that became due."""
    try:
        return replays.work_on_due()
    except LostClaim:  # a worker was faster
        return 0


def _progress(row: Replay) -> str:
    line = f"{row.webhook_id}: {row.done:,} of {counted(row.total, 'event')} made due"
    if not row.is_over:
        return f"{line}."
    if row.is_cut_short:
        return f"{line}; then it was disabled. Activate it, and replay the rest with another --replay-id."
    beside = "; the others were due already" if row.done < row.total else ""
    return f"{line}{beside}. That is all; the workers deliver them."


def _shown(plans: Iterable[Plan], wish: Wish) -> dict[str, Any]:
    """Return the plans for `--json`, with the replays as they are now."""
    return {
        "replay_id": wish.key,
        "since": written_in_utc(wish.since),
        "scope": wish.scope,
        "webhooks": [_row(plan, Replay.objects.filter(webhook=plan.webhook, key=wish.key).first()) for plan in plans],
    }


def _row(plan: Plan, replay: Replay | None) -> dict[str, Any]:
    return {
        "id": plan.webhook.pk,
        "url": plan.webhook.url,
        "total": replay.total if replay else plan.events,
        "done": replay.done if replay else 0,
        "is_finished": replay is not None and replay.finished_at is not None,
        "left_alone": plan.obstacle or None,
    }
