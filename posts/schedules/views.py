"""/api/schedules."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from ouipost.api.pagination import is_within
from ouipost.api.viewsets import Lists, Retrieves, once
from ouipost.api.vocabulary import WARNINGS
from ouipost.claims import database_now
from ouipost.errors import InvalidInput
from ouipost.phrases import Phrase
from posts.models import Schedule
from posts.schedules import services as schedules
from posts.schedules.inputs import WeeklyScheduleInput
from posts.schedules.serializers import (
    OccurrencesSerializer,
    ScheduleDetailSerializer,
    ScheduleSerializer,
    next_occurrences,
)
from workspaces.scoping import WorkspaceScopedViewSet

USUAL_COUNT, MOST_COUNT = 20, 200
COUNT = OpenApiParameter(
    "count", {"type": "integer", "minimum": 1, "maximum": MOST_COUNT, "default": USUAL_COUNT}, OpenApiParameter.QUERY
)


class ScheduleViewSet(Lists[Schedule], Retrieves[Schedule], WorkspaceScopedViewSet[Schedule]):
    """/api/schedules: weekly slots, and the posts that wait for them."""

    queryset = Schedule.objects.prefetch_related("slots").order_by("created_at", "pk")
    resource, resources, scope = "schedule", "schedules", "schedules"
    serializer_class, detail_class, input_class = ScheduleSerializer, ScheduleDetailSerializer, WeeklyScheduleInput
    paging_optional = True
    query_parameters = {"slots": ("count",)}
    extra_fields = {
        "update": {"returned_to_draft": {"type": "array", "items": {"type": "string"}}} | WARNINGS,
        "destroy": {"returned_to_draft": {"type": "integer"}},
    }

    @extend_schema(request=WeeklyScheduleInput, responses={201: ScheduleDetailSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a schedule with its slots."""
        values = self.read(WeeklyScheduleInput)

        def work() -> Response:
            return self.created(schedules.create_schedule(self.workspace, values=values, actor=self.actor))

        return self.once(work)

    @once
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the given fields; new slots, another zone, a hold or its end move the posts that wait."""
        schedule = self.get_object()
        values = self.read(WeeklyScheduleInput, instance=schedule, partial=True)
        drafts = schedules.update_schedule(schedule, values=values, actor=self.actor, now=database_now())
        returned = [post.pk for post in drafts]
        return self.answered(self.get_object(), returned_to_draft=returned, warnings=_warnings(len(returned)))

    @once
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a schedule; the posts in its queue return to draft."""
        returned = schedules.delete_schedule(self.get_object(), actor=self.actor, now=database_now())
        return self.done("Schedule deleted successfully", returned_to_draft=returned)

    def read_query(self) -> None:
        self.count = _count(self.request)

    @extend_schema(parameters=[COUNT], responses=OccurrencesSerializer)
    @action(detail=True)
    def slots(self, request: Request, **kwargs: Any) -> Response:
        """Show the next `count` times, each with the post that has it."""
        found = next_occurrences(self.get_object(), count=self.count, now=database_now())
        return self.answered(OccurrencesSerializer({"slots": found}).data)


def _count(request: Request) -> int:
    given = request.query_params.get("count", str(USUAL_COUNT))
    if not is_within(given, MOST_COUNT):
        raise InvalidInput(count=[Phrase("Must be a whole number from 1 to {most}.", most=MOST_COUNT)])
    return int(given)


def _warnings(returned: int) -> list[str]:
    text = "post fits no slot any more and is a draft" if returned == 1 else "posts fit no slot any more and are drafts"
    return [f"{returned} queued {text} now."] if returned else []
