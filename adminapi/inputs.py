"""The bodies of the admin API that the console's forms are read as, too."""

from functools import partial
from typing import Any

from django.utils import timezone

from accounts.models import REASON_LENGTH, PauseScope
from ouipost.api.inputs import Choice, Instant, StrictInput, Text
from ouipost.errors import problems_in
from ouipost.events import replays
from ouipost.events.models import ReplayScope
from posts import pausing


class ResumeInput(StrictInput):
    """The body that ends a pause."""

    scope = Choice(choices=PauseScope.choices)
    id = Text(max_length=45, required=False, allow_null=True)
    reason = Text(max_length=REASON_LENGTH, required=False)
    must_exist = False

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        subject = values.get("id") or ""
        check = partial(pausing.require_subject, values.get("scope", ""), subject, must_exist=self.must_exist)
        return problems_in(check)


class PauseInput(ResumeInput):
    """The body that begins a pause: `id` is a network's, a workspace's or an account's, and missing for all."""

    reason = Text(max_length=REASON_LENGTH)
    must_exist = True


class ReplayInput(StrictInput):
    """The body that begins a replay; repeated with the same `replay_id`, it means the same replay."""

    since = Instant()
    scope = Choice(choices=ReplayScope.choices, required=False)
    replay_id = Text(max_length=100, required=False)

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        now = timezone.now()
        return problems_in(lambda: replays.require_recent(values["since"], now=now)) if "since" in values else {}
