"""Posts, their targets and attempts in the console."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from ouipost.claims import database_now
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.events.operator import ReadOnlyInline
from posts import services
from posts.models import Attempt, Media, Post, Schedule, Slot, Target
from workspaces.console import ReadOnlyOfWorkspaces


class TargetInline(ReadOnlyInline):
    model = Target
    fields = ("account", "status", "due_at", "attempts", "remote_id", "url", "error")


class MediaInline(ReadOnlyInline):
    model = Media
    fields = ("filename", "mime_type", "size", "alt_text", "position")


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = ("started_at", "ended_at", "step", "outcome", "http_status", "code", "message", "next_at")


class SlotInline(ReadOnlyInline):
    model = Slot
    fields = ("day", "time", "platforms")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyOfWorkspaces[Schedule]):
    list_display = ("name", "workspace", "timezone", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("workspace",)
    search_fields = ("id", "name")
    ordering = ("-created_at", "-id")
    inlines = (SlotInline,)
    fields = ("id", "workspace", "name", "description", "timezone", "is_active", "created_at")


@admin.register(Post)
class PostAdmin(ReadOnlyOfWorkspaces[Post]):
    list_display = ("__str__", "workspace", "status", "platforms", "moment")
    list_filter = ("status",)
    list_select_related = ("workspace",)
    search_fields = ("id", "content")
    ordering = ("-moment", "-id")
    show_full_result_count = False
    inlines = (TargetInline, MediaInline)
    actions = ("publish_now", "retry_failed")
    fields = (
        "id",
        "workspace",
        "content",
        "title",
        "link",
        "hashtags",
        "platform_content",
        "status",
        "scheduled_at",
        "scheduled_timezone",
        "schedule",
        "slot_date",
        "published_at",
        "created_at",
    )

    @admin.action(description="Publish now")
    def publish_now(self, request: HttpRequest, posts: QuerySet[Post]) -> None:
        actor, now = Actor.from_request(request), database_now()
        for post in posts:
            self._try(request, post, lambda post: services.publish_post(post, actor=actor, now=now))

    @admin.action(description="Retry what failed")
    def retry_failed(self, request: HttpRequest, posts: QuerySet[Post]) -> None:
        actor, now = Actor.from_request(request), database_now()
        for post in posts:
            self._try(request, post, lambda post: services.retry_post(post, actor=actor, now=now))

    def _try(self, request: HttpRequest, post: Post, change: Callable[[Post], Post]) -> None:
        try:
            change(post)
        except DomainError as error:
            self.message_user(request, f"{post}: {error.message}", messages.ERROR)


@admin.register(Target)
class TargetAdmin(ReadOnlyOfWorkspaces[Target]):
    workspace_lookup = "post__workspace"
    list_display = ("id", "platform", "account", "status", "due_at", "published_at")
    list_filter = ("status", "platform")
    list_select_related = ("account",)
    search_fields = ("id", "remote_id")
    ordering = ("-id",)
    show_full_result_count = False
    inlines = (AttemptInline,)
    exclude = ("handles",)
