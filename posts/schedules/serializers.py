"""Schedules as the API shows them: their slots, the waiting posts, and the next times."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import registry
from ouipost.api.vocabulary import MOMENT
from ouipost.claims import database_now
from posts.models import Post, PostStatus, Schedule, Slot
from posts.schedules import queue
from posts.schedules.inputs import TIME_OF_DAY
from posts.schedules.slots import DAYS, shown, week_of

MOST_UPCOMING = 100


class SlotSerializer(serializers.ModelSerializer[Slot]):
    """A time of the week, and for which networks or accounts it is."""

    day = serializers.SerializerMethodField()
    time = serializers.SerializerMethodField()

    class Meta:
        model = Slot
        fields = ("id", "day", "time", "platforms")

    @extend_schema_field({"type": "string", "enum": DAYS})
    def get_day(self, slot: Slot) -> str:
        return DAYS[slot.day]

    @extend_schema_field(TIME_OF_DAY)
    def get_time(self, slot: Slot) -> str:
        return slot.time.strftime("%H:%M")


class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    """A schedule in a list; its slots are loaded beforehand."""

    slots = serializers.SerializerMethodField()

    class Meta:
        model = Schedule
        fields: tuple[str, ...] = (
            "id",
            "name",
            "description",
            "timezone",
            "is_active",
            "slots",
            "created_at",
            "updated_at",
        )

    @extend_schema_field(SlotSerializer(many=True))
    def get_slots(self, schedule: Schedule) -> Any:
        return SlotSerializer(in_order(schedule), many=True).data


@extend_schema_field(MOMENT)
class Moment(serializers.CharField):
    """A moment with the offset of its schedule's zone, as text."""


class UpcomingSerializer(serializers.Serializer[Any]):
    """A post that waits for its slot."""

    slot_time = Moment()
    post_id = serializers.CharField()
    platforms = serializers.ListField(child=serializers.ChoiceField(choices=registry.IDS))


class StatsSerializer(serializers.Serializer[Any]):
    """The number of posts published through a schedule, and the time of its next slot."""

    total_published = serializers.IntegerField()
    this_week = serializers.IntegerField()
    next_slot = Moment(allow_null=True)


class ScheduleDetailSerializer(ScheduleSerializer):
    """A schedule's own page."""

    upcoming_posts = serializers.SerializerMethodField()
    stats = serializers.SerializerMethodField()

    class Meta(ScheduleSerializer.Meta):
        fields = (*ScheduleSerializer.Meta.fields, "upcoming_posts", "stats")

    @extend_schema_field(UpcomingSerializer(many=True))
    def get_upcoming_posts(self, schedule: Schedule) -> list[dict[str, Any]]:
        """Return the queue's first hundred posts; none while the schedule is on hold, as they have no times then."""
        if not schedule.is_active:
            return []
        rows = Post.objects.filter(schedule=schedule, status=PostStatus.SCHEDULED).order_by("moment", "pk")
        return [
            {"slot_time": shown(moment, zone=schedule.timezone), "post_id": pk, "platforms": names}
            for pk, moment, names in rows.values_list("pk", "moment", "platforms")[:MOST_UPCOMING]
        ]

    @extend_schema_field(StatsSerializer)
    def get_stats(self, schedule: Schedule) -> dict[str, Any]:
        now = database_now()
        monday, next_monday = week_of(now, zone=schedule.timezone)
        this_week = Q(moment__gte=monday, moment__lt=next_monday)
        counts = Post.objects.filter(schedule=schedule).aggregate(
            published=Count("pk", filter=Q(status=PostStatus.PUBLISHED)),
            this_week=Count("pk", filter=this_week & Q(status__in=[PostStatus.PUBLISHED, PostStatus.SCHEDULED])),
        )
        following = next(queue.occurrences(schedule, in_order(schedule), after=now), None)
        return {
            "total_published": counts["published"],
            "this_week": counts["this_week"],
            "next_slot": shown(following.at, zone=schedule.timezone) if following and schedule.is_active else None,
        }


class OccurrenceSerializer(serializers.Serializer[Any]):
    """One of the next times of a schedule, and the post that has it."""

    slot_id = serializers.CharField()
    slot_time = Moment()
    date = serializers.DateField()
    platforms = serializers.ListField(child=serializers.CharField())
    post_id = serializers.CharField(allow_null=True)


class OccurrencesSerializer(serializers.Serializer[Any]):
    """The next times of a schedule."""

    resource = ""
    slots = OccurrenceSerializer(many=True)


def in_order(schedule: Schedule) -> list[Slot]:
    """Return the slots in the order of the week, from what was loaded."""
    return sorted(schedule.slots.all(), key=lambda slot: (slot.day, slot.time))


def next_occurrences(schedule: Schedule, *, count: int, now: datetime) -> Sequence[dict[str, Any]]:
    """Return the next times of a schedule, each with the post that has taken it."""
    slots = {slot.pk: slot for slot in in_order(schedule)}
    coming = list(islice(queue.occurrences(schedule, slots.values(), after=now), count))
    dates = [each.date for each in coming]
    rows = Post.objects.filter(slot__in=slots, slot_date__in=dates) if dates else Post.objects.none()
    taken = {(slot, date): pk for pk, slot, date in rows.values_list("pk", "slot_id", "slot_date")}
    return [
        {
            "slot_id": each.slot_id,
            "slot_time": shown(each.at, zone=schedule.timezone),
            "date": each.date,
            "platforms": slots[each.slot_id].platforms,
            "post_id": taken.get((each.slot_id, each.date)),
        }
        for each in coming
    ]
