"""Schedules in the console: edited with their slots as rows, through the same services as in the API."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import SocialAccount
from adminapi.console import bulk, schedule_form
from adminapi.console.base import WorkspaceScopedAdmin
from adminapi.console.columns import column
from adminapi.console.filters import YES_NO, OneWorkspace, one_of
from adminapi.console.pages import own_page, show
from adminapi.console.service_forms import ADDED
from adminapi.console.workspaces import offer, only_one, workspaces_of
from adminapi.jobs import catalogue
from adminapi.jobs.kinds import Bulk
from adminapi.templatetags.console import network_name
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.ids import new_id
from ouipost.translating import words
from ouipost.unicode import apart
from posts.models import Post, PostStatus, Schedule
from posts.schedules import services as schedules
from posts.schedules.serializers import next_occurrences
from workspaces.models import Workspace

TEMPLATE = "admin/posts/schedule/change_form.html"
COMING = 10


@admin.register(Schedule)
class ScheduleAdmin(WorkspaceScopedAdmin[Schedule]):
    list_display = ("called", "of_workspace", "zone", "runs", "times")
    list_filter = (OneWorkspace, one_of("is_active", gettext_lazy("active"), YES_NO))
    search_fields = ("id", "name")
    ordering = ("-created_at", "-id")
    called, zone = column("name", gettext_lazy("Name")), column("timezone", gettext_lazy("Time zone"))
    runs = column("is_active", gettext_lazy("Active"), boolean=True)
    of_workspace = column("workspace.name", gettext_lazy("Workspace"))
    actions = ("hold", "resume", "delete_schedules")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("workspace", "slots")

    @admin.display(description=gettext_lazy("Times a week"))
    def times(self, schedule: Schedule) -> int:
        return len(schedule.slots.all())

    def add_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        """Show an empty schedule, or the written one again after the choice of another workspace; or create it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        chosen = self._chosen(request)
        if request.method != "POST":
            return self._show(request, schedule_form.empty(chosen), workspace=chosen)
        written = schedule_form.written(request.POST, chosen)
        if request.POST.get("do") == "workspace":
            return self._show(request, written, workspace=chosen)
        values = written.values()
        if values is None or chosen is None:
            return self._show(request, written, workspace=chosen, status=400)
        return self._make(request, chosen, values, written)

    def _make(
        self, request: HttpRequest, workspace: Workspace, values: dict[str, Any], written: schedule_form.Written
    ) -> HttpResponse:
        given: dict[str, Any] = {"values": values, "actor": Actor.from_request(request), "pk": written.made_as}
        try:
            made = in_transaction(lambda: schedules.create_schedule(workspace, **given))
        except DomainError as error:
            return self._refuse(request, written, error, workspace=workspace)
        except IntegrityError:
            if not Schedule.objects.filter(pk=written.made_as).exists():
                raise
            written.made_as, written.errors["general"] = new_id("sched"), str(ADDED)
            return self._show(request, written, workspace=workspace, status=409)
        self.message_user(request, _("The schedule was made: posts can be put into its next free time."))
        return HttpResponseRedirect(own_page(Schedule, made.pk))

    def _chosen(self, request: HttpRequest) -> Workspace | None:
        """Return the chosen workspace, or the only one to choose."""
        if named := request.POST.get("workspace") or request.GET.get("workspace"):
            return workspaces_of(request).filter(pk=named).first()
        return only_one(request) if request.method != "POST" else None

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> Any:
        """Show a schedule and its next times, or change it, after a confirmation if posts wait in its queue."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        schedule = get_object_or_404(self.get_queryset(request), pk=unquote(object_id))
        if request.method != "POST":
            return self._show(request, schedule_form.present(schedule), schedule=schedule)
        done = in_transaction(lambda: self._change(request, schedule))
        if isinstance(done, TemplateResponse):
            return done
        self.message_user(request, _("The schedule was changed."))
        if message := catalogue.returned(done):
            self.message_user(request, message, "WARNING")
        return HttpResponseRedirect(own_page(Schedule, schedule.pk))

    def _change(self, request: HttpRequest, found: Schedule) -> TemplateResponse | list[Post]:
        """Change the schedule and return the posts that are drafts now, or return the page that asks or refuses.

        The schedule is locked first: what the page leaves alone stays as it is, and the question is about what is
        there.
        """
        schedule = schedules.lock(found)
        written = schedule_form.written(request.POST, schedule.workspace)
        written.take_over(schedule)
        values = written.values()
        if values is None:
            return self._show(request, written, schedule=schedule, status=400)
        moving = waiting(schedule) if written.timing != schedule_form.present(schedule).timing else 0
        if moving and request.POST.get("confirmed") != written.timing:
            return self._show(request, written, schedule=schedule, moving=moving)
        actor = Actor.from_request(request)
        try:
            return schedules.update_schedule(schedule, values=values, actor=actor, now=database_now())
        except DomainError as error:
            return self._refuse(request, written, error, schedule=schedule)

    def _refuse(
        self, request: HttpRequest, written: schedule_form.Written, error: DomainError, **of: Any
    ) -> TemplateResponse:
        """Show the written values again, with errors beside their fields, or else with the service's refusal."""
        if written.values() is not None:
            written.errors["general"] = words(error)
        return self._show(request, written, status=error.status, **of)

    def _show(
        self,
        request: HttpRequest,
        written: schedule_form.Written,
        *,
        schedule: Schedule | None = None,
        workspace: Workspace | None = None,
        moving: int = 0,
        status: int = 200,
    ) -> TemplateResponse:
        place = schedule.workspace if schedule else workspace
        return show(
            request,
            TEMPLATE,
            title=schedule.name if schedule else _("New schedule"),
            status=status,
            original=schedule,
            opts=self.opts,
            schedule=schedule,
            written=written,
            workspace=place,
            workspaces=None if schedule else offer(request, place),
            choices=schedule_form.choices(place, written.rows),
            coming=coming(schedule) if schedule and schedule.is_active else [],
            waiting=waiting(schedule) if schedule else 0,
            moving=moving,
        )

    @admin.action(description=gettext_lazy("Put on hold"), permissions=["change"])
    def hold(self, request: HttpRequest, rows: QuerySet[Schedule]) -> HttpResponse | None:
        says = _("%(posts)s Nothing goes out of these queues until they are resumed; the order stays.")
        return self._switch(request, rows, catalogue.HOLD, says)

    @admin.action(description=gettext_lazy("Resume"), permissions=["change"])
    def resume(self, request: HttpRequest, rows: QuerySet[Schedule]) -> HttpResponse | None:
        says = _("%(posts)s Each gets the next free time that fits it, in its order.")
        return self._switch(request, rows, catalogue.RESUME, says)

    def _switch(self, request: HttpRequest, rows: QuerySet[Schedule], kind: Bulk, says: str) -> HttpResponse | None:
        told = says % {"posts": _waiting_message(rows)}
        return bulk.operate(self, request, rows, kind, says=told, **bulk.origin(self, request))

    @admin.action(description=gettext_lazy("Delete"), permissions=["change"])
    def delete_schedules(self, request: HttpRequest, rows: QuerySet[Schedule]) -> HttpResponse | None:
        question = _("%(posts)s They return to draft and keep their text. The schedule itself is gone for good.")
        says = question % {"posts": _waiting_message(rows)}
        return bulk.operate(self, request, rows, catalogue.DELETE_SCHEDULES, says=says)


def waiting(schedule: Schedule) -> int:
    """Return how many posts wait in a schedule's queue."""
    return Post.objects.filter(schedule=schedule, status=PostStatus.SCHEDULED).count()


def _waiting_message(rows: QuerySet[Schedule]) -> str:
    count = Post.objects.filter(schedule__in=rows.order_by().values("pk"), status=PostStatus.SCHEDULED).count()
    message = ngettext("%(count)s post waits there.", "%(count)s posts wait there.", count)
    return message % {"count": number_format(count)}


def coming(schedule: Schedule) -> list[dict[str, Any]]:
    """Return the next times of a schedule, each with the post that has it."""
    times = next_occurrences(schedule, count=COMING, now=database_now())
    posts = Post.objects.in_bulk([each["post_id"] for each in times if each["post_id"]])
    named = [name for each in times for name in each["platforms"]]
    accounts = dict(SocialAccount.objects.filter(pk__in=named).values_list("pk", "name"))
    return [
        each
        | {
            "post": posts.get(each["post_id"]),
            "local": datetime.fromisoformat(each["slot_time"]).replace(tzinfo=None),
            "names": [apart(accounts.get(name) or network_name(name)) for name in each["platforms"]],
        }
        for each in times
    ]
