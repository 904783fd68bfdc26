"""Workspaces in the console: their settings as fields, their members, and the losses of deleting one."""

from collections.abc import Collection
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from accounts.models import SocialAccount
from adminapi.console import losses, removals
from adminapi.console.columns import column
from adminapi.console.filters import one_of
from adminapi.console.pages import member_of_staff
from adminapi.console.service_forms import HashtagsForm, ServiceAdmin
from adminapi.console.workspaces import workspaces_of
from ouipost import zones
from ouipost.errors import InvalidInput
from ouipost.events.journal import Actor
from ouipost.unicode import apart
from posts import counts
from posts.models import Schedule
from workspaces import services, users
from workspaces.models import MAX_LATE_MINUTES, Mode, Role, User, Workspace
from workspaces.settings import check_settings

SETTINGS = ("timezone", "publish_late_up_to_minutes", "auto_hashtags", "default_hashtags")
NAME = column("name", gettext_lazy("Name"), sorts=True)
MODE = column("mode", gettext_lazy("Mode"), sorts=True)
ID = column("id", gettext_lazy("Id"), sorts=True)
ZONE = column("timezone", gettext_lazy("Time zone"))
CREATED = column("created_at", gettext_lazy("Made"), sorts=True)
UPDATED = column("updated_at", gettext_lazy("Changed"), sorts=True)

PAGES = (
    (gettext_lazy("Calendar"), "console_calendar", "posts.manage"),
    (gettext_lazy("New post"), "console_compose", "posts.manage"),
    (gettext_lazy("Posts"), "admin:posts_post_changelist", "posts.manage"),
    (gettext_lazy("Schedules"), "admin:posts_schedule_changelist", "posts.manage"),
    (gettext_lazy("New schedule"), "admin:posts_schedule_add", "posts.manage"),
    (gettext_lazy("Accounts"), "admin:accounts_socialaccount_changelist", "accounts.manage"),
    (gettext_lazy("Analytics"), "console_analytics", "analytics.view"),
)
"""The pages of one workspace, with the permission for each."""


class Members(forms.MultipleChoiceField):
    """A choice of users; one that was deleted since the page was made is no error."""

    shown: Collection[str] = ()

    def valid_value(self, value: Any) -> bool:
        return value in self.shown or super().valid_value(value)


class WorkspaceForm(HashtagsForm):
    """The fields of a workspace that staff can set."""

    timezone = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("For times without an offset, and for the calendar."),
        widget=UnfoldAdminSelectWidget,
    )
    publish_late_up_to_minutes = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_LATE_MINUTES,
        label=gettext_lazy("May be late by (minutes)"),
        help_text=gettext_lazy("A post that is later than this is missed and not sent. Empty: 360."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    auto_hashtags = forms.BooleanField(
        required=False, label=gettext_lazy("Add hashtags to each post"), widget=UnfoldBooleanWidget
    )
    members = Members(
        required=False,
        label=gettext_lazy("Who works in it"),
        help_text=gettext_lazy("Administrators work in every workspace, chosen or not."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = Workspace
        fields = ("name", "description", "mode")
        labels: ClassVar = {
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "mode": gettext_lazy("Mode"),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        kept, is_new = self.instance.settings, self.instance._state.adding
        offered: Any = self.fields["timezone"]
        offered.choices = [("", "UTC"), *((name, name) for name in sorted(zones.NAMES))]
        self.initial.update({name: kept.get(name) for name in SETTINGS})
        self.fields["default_hashtags"].help_text = _("Separated by spaces, such as: bread bakery")
        self.initial["default_hashtags"] = " ".join(kept.get("default_hashtags") or [])
        members: Any = self.fields["members"]
        present = [] if is_new else list(User.objects.filter(memberships__workspace=self.instance))
        self.initial["members"] = [user.pk for user in present]
        members.shown = self.shown("members")
        members.choices = [(user.pk, _named(user)) for user in self._offered(present)]

    def _offered(self, present: list[User]) -> list[User]:
        """Return the users to choose from; a person who may not see users gets the members, and can remove them."""
        person = member_of_staff(self.request)
        if "users.manage" in person.granted:
            return list(User.objects.order_by("email"))
        return sorted({*present, person}, key=lambda user: user.email)

    def clean_timezone(self) -> str | None:
        return self.cleaned_data["timezone"] or None

    def check_right_values(self) -> None:
        if "members" in self.changed_data and self.is_right("members"):
            self._members(self.initial["members"])

    def call_service(self) -> Workspace:
        settings = check_settings(self.changed_values(*SETTINGS))
        values = self.changed_values("name", "description", "mode") | ({"settings": settings} if settings else {})
        workspace: Workspace = self.instance
        if self.instance._state.adding:
            workspace = services.create_workspace(**values, actor=self.actor, pk=self.instance.pk)
        elif values:
            workspace, self.warnings = services.update_workspace(self.instance, values=values, actor=self.actor)
        if "members" in self.changed_data:
            members = self._members(users.members_of(workspace))
            users.set_members(workspace, user_ids=members, actor=self.actor)
        return workspace

    def _members(self, present: Collection[str]) -> list[str]:
        """Return these present members, without those removed on the page, and with those added there."""
        shown, given = self.shown("members"), self.cleaned_data["members"]
        kept = [pk for pk in present if pk in given or pk not in shown]
        chosen = [*kept, *(pk for pk in given if pk not in shown and pk not in kept)]
        person = member_of_staff(self.request)
        if person.role != Role.ADMIN and person.pk not in chosen:
            raise InvalidInput(
                members=[_("You would not find the workspace again: an administrator can take you out.")]
            )
        return chosen


@admin.register(Workspace)
class WorkspaceAdmin(ServiceAdmin[Workspace]):
    form = WorkspaceForm
    list_display = (NAME, MODE, ZONE, ID, CREATED)
    list_filter = (one_of("mode", gettext_lazy("mode"), Mode.choices),)
    search_fields = ("name", "id")
    search_help_text = gettext_lazy("Name or id.")
    ordering = ("-created_at", "-id")
    actions_detail = ("connect_account", "delete_workspace")
    readonly_fields = (ID, CREATED, UPDATED)
    change_form_before_template = "console/workspace_pages.html"

    class Media:
        css: ClassVar = {"all": ("console/keys.css",)}

    def get_queryset(self, request: HttpRequest) -> Any:
        return workspaces_of(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, MODE) if obj else self.readonly_fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sections = (
            (None, {"fields": ("name", "description", MODE if obj else "mode")}),
            (gettext_lazy("Publishing"), {"fields": SETTINGS}),
            (gettext_lazy("Members"), {"fields": ("members",)}),
        )
        about = (gettext_lazy("About it"), {"fields": (ID, CREATED, UPDATED)})
        return (*sections, about) if obj else sections

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> Any:
        """Show links to the workspace's posts, accounts and numbers above the form."""
        granted = member_of_staff(request).granted
        context["pages"] = [(label, reverse(to)) for label, to, needed in PAGES if needed in granted]
        return super().render_change_form(request, context, *args, **options)

    def has_connect_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this person may connect accounts."""
        return "accounts.manage" in member_of_staff(request).granted

    @action(description=gettext_lazy("Connect an account"), permissions=["connect"], icon="add_link")
    def connect_account(self, request: HttpRequest, object_id: str) -> HttpResponse:
        workspace = get_object_or_404(workspaces_of(request), pk=object_id)
        return HttpResponseRedirect(f"{reverse('console_connect')}?workspace={workspace.pk}")

    @action(description=gettext_lazy("Delete"), permissions=["change"], icon="delete")
    def delete_workspace(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        """Name the losses, ask, and delete the workspace."""
        actor, workspace = Actor.from_request(request), get_object_or_404(workspaces_of(request), pk=object_id)
        gone: list[str] = []

        def perform(row: Workspace) -> None:
            services.delete_workspace(row, actor=actor, now=timezone.now())
            gone.append(row.pk)

        asked: dict[str, Any] = {"title": _("Delete"), "says": _what_goes(workspace), "look": "op-danger"}
        asked["losses"] = partial(losses.with_workspace, request, workspace)
        answer = self.operate_on(request, object_id, perform, **asked)
        return HttpResponseRedirect(removals.page_of(workspace.pk)) if gone else answer


def _named(user: User) -> str:
    shown = f"{apart(user.name)} <{user.email}>" if user.name else user.email
    return shown if user.is_active else _("%(name)s (cannot log in)") % {"name": shown}


def _what_goes(workspace: Workspace) -> str:
    """Return the losses of deleting a workspace, with their numbers."""
    numbers = {
        "posts": counts.posts_of(workspace.pk),
        "accounts": SocialAccount.objects.connected().filter(workspace=workspace).count(),
        "schedules": Schedule.objects.filter(workspace=workspace).count(),
    }
    says = _(
        "It is gone for everyone at once, and cannot be brought back. With it go its posts (%(posts)s) and their files,"
        " its connected accounts (%(accounts)s) and its schedules (%(schedules)s). What was published stays at the"
        " networks."
    )
    return says % {name: number_format(each, force_grouping=True) for name, each in numbers.items()}
