"""The bodies that write schedules."""

import re
from collections.abc import Mapping
from datetime import time
from typing import Any, cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from accounts import registry
from accounts.models import SocialAccount
from ouipost.api.inputs import Boolean, Choice, Items, StrictInput, StringList, Text, ZoneName
from ouipost.phrases import Phrase
from posts.destinations import unknown_destination
from posts.schedules.slots import DAYS

MAX_SLOTS = 168
"""One for each hour of the week."""
ACCOUNTS = "ids of accounts"
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
TIME_OF_DAY = {"type": "string", "pattern": f"^{CLOCK.pattern}$", "examples": ["09:00"]}


@extend_schema_field(TIME_OF_DAY)
class ClockTime(Text):
    """A time of the day by the wall clock, HH:MM."""

    default_error_messages = {"clock": Phrase("Must be a time of day such as 09:00.")}

    def to_internal_value(self, data: Any) -> Any:
        found = CLOCK.fullmatch(super().to_internal_value(data))
        if not found:
            self.fail("clock")
        return time(int(found[1]), int(found[2]))


class SlotInput(StrictInput):
    """A time of the week, and for which networks or accounts it is."""

    shown = ("id",)
    day = Choice(choices=DAYS)
    time = ClockTime()
    platforms = StringList(min_length=1, max_length=100)

    def validate_day(self, value: str) -> int:
        return DAYS.index(value)

    def validate_platforms(self, value: list[str]) -> list[str]:
        named = {place: name for place, name in enumerate(value) if name not in registry.IDS}
        known = self._accounts() if named else set()
        if unknown := {place: [unknown_destination(name)] for place, name in named.items() if name not in known}:
            raise serializers.ValidationError(cast("Any", unknown))
        return list(dict.fromkeys(value))

    def _accounts(self) -> set[str]:
        """Return the ids of the workspace's accounts, read once for all slots of a body."""
        of_body = cast("dict[str, Any]", self.context)  # the input object is reused for later bodies
        if ACCOUNTS not in of_body:
            rows = SocialAccount.objects.connected().filter(workspace=of_body["view"].workspace)
            of_body[ACCOUNTS] = set(rows.values_list("pk", flat=True))
        found: set[str] = of_body[ACCOUNTS]
        return found


class Slots(Items):
    """The slots of a schedule: at least one, unless a schedule that has lost its last slot is sent back unchanged."""

    child = SlotInput()

    def run_validation(self, data: Any = empty) -> Any:
        schedule = self.context.get("instance")
        if data == [] and schedule is not None and not schedule.slots.all():
            return []
        return super().run_validation(data)


class WeeklyScheduleInput(StrictInput):
    """The body that makes or changes a schedule."""

    shown = ("id", "upcoming_posts", "stats", "created_at", "updated_at")
    name = Text(max_length=200)
    description = Text(required=False, allow_blank=True, max_length=2000)
    timezone = ZoneName(required=False)
    is_active = Boolean(required=False)
    slots = Slots(min_length=1, max_length=MAX_SLOTS)

    def field_conflicts(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Name each slot that is at the same time of the week as one before it."""
        slots = given.get("slots")
        times = [_time_of(slot) for slot in slots[:MAX_SLOTS]] if isinstance(slots, list) else []
        again = [place for place, at in enumerate(times) if at is not None and at in times[:place]]
        told = {place: {"time": [Phrase("Another slot is at the same time of the week.")]} for place in again}
        return {"slots": told} if told else {}


def _time_of(slot: Any) -> tuple[str, str] | None:
    """Return day and time of a slot as they were sent, or None if they are no texts."""
    day, at = (slot.get("day"), slot.get("time")) if isinstance(slot, dict) else (None, None)
    return (day, at) if isinstance(day, str) and isinstance(at, str) else None
