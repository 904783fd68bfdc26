"""Users in the console: through the same services as /admin/users, so that nobody locks out the last administrator."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from adminapi.console import bulk
from adminapi.console.columns import column
from adminapi.console.filters import YES_NO, one_of
from adminapi.console.pages import own_page, show
from adminapi.console.service_forms import ServiceAdmin, ServiceForm
from adminapi.jobs import catalogue
from adminapi.sessions.passwords import PASSWORD_LENGTH, TooManyLogins, hash_password, require_good
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.translating import words
from ouipost.unicode import apart
from workspaces import users
from workspaces.models import Role, User
from workspaces.permissions import ADMIN_PERMISSIONS

MEANINGS = {
    "users.manage": gettext_lazy("make, change and delete users"),
    "api_keys.manage": gettext_lazy("make, rotate and revoke API keys"),
    "workspaces.manage": gettext_lazy("make, change and delete workspaces"),
    "webhooks.manage": gettext_lazy("manage webhooks and their deliveries"),
    "posts.manage": gettext_lazy("write, schedule and publish posts"),
    "accounts.manage": gettext_lazy("connect and disconnect accounts"),
    "analytics.view": gettext_lazy("see analytics"),
    "audit.view": gettext_lazy("read the audit log"),
    "system.view": gettext_lazy("see the state of the installation"),
    "system.manage": gettext_lazy("pause and resume publishing"),
}
ROLES = [
    (Role.ADMIN, gettext_lazy("Administrator: everything, in every workspace")),
    (Role.EDITOR, gettext_lazy("Editor: posts and accounts of their own workspaces")),
    (Role.VIEWER, gettext_lazy("Viewer: analytics of their own workspaces")),
]

EMAIL = column("email", gettext_lazy("E-mail address"), sorts=True)
NAME = column("name", gettext_lazy("Name"), sorts=True)
ROLE = column("role", gettext_lazy("Role"), sorts=True)
CAN_LOG_IN = column("is_active", gettext_lazy("Can log in"), boolean=True, sorts=True)
LAST_LOGIN = column("last_login", gettext_lazy("Last login"), sorts=True)
CREATED = column("created_at", gettext_lazy("Made"), sorts=True)
ID = column("id", gettext_lazy("Id"), sorts=True)


class UserForm(ServiceForm):
    """The fields of a user that staff can set; the password only for a new one."""

    role = forms.ChoiceField(choices=ROLES, label=gettext_lazy("Role"), widget=UnfoldAdminSelectWidget)
    has_own_list = forms.BooleanField(
        required=False,
        label=gettext_lazy("A list of their own"),
        help_text=gettext_lazy("They have the permissions chosen below, instead of those of their role."),
        widget=UnfoldBooleanWidget,
    )
    permissions = forms.MultipleChoiceField(
        required=False,
        choices=[(name, MEANINGS[name]) for name in ADMIN_PERMISSIONS],
        label=gettext_lazy("They may"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    password = forms.CharField(
        max_length=PASSWORD_LENGTH,
        strip=False,
        label=gettext_lazy("Password"),
        help_text=gettext_lazy("At least eight characters, and none of the common ones. They can change it later."),
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("email", "name", "is_active")
        labels: ClassVar = {
            "email": gettext_lazy("E-mail address"),
            "name": gettext_lazy("Name"),
            "is_active": gettext_lazy("Can log in"),
        }
        error_messages: ClassVar = {"email": {"unique": gettext_lazy("Another user has this e-mail address.")}}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.instance._state.adding:
            del self.fields["password"]  # changing it has a page of its own
        self.initial.setdefault("role", Role.VIEWER)
        self.initial["has_own_list"] = self.instance.permissions is not None
        self.initial["permissions"] = self.instance.granted_in_order

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()

    def check_right_values(self) -> None:
        if self.is_right("password"):
            about_them = {name: self.cleaned_data.get(name, "") for name in ("email", "name")}
            require_good(self.cleaned_data["password"], User(**about_them))

    def call_service(self) -> User:
        user: User = self.instance
        if user._state.adding:
            return self._create()
        values = self.changed_values("email", "name", "role", "is_active")
        if {"has_own_list", "permissions"} & set(self.changed_data):
            values["permissions"] = _own_list(self.cleaned_data)
        if not values:
            return user
        stored = users.lock(user)  # the instance already has the form's values: no change to journal
        if "role" in values:
            values.setdefault("permissions", stored.permissions)  # a new role alone would remove the present list
        return users.update_user(stored, values=values, actor=self.actor, now=timezone.now())

    def _create(self) -> User:
        given = {name: self.cleaned_data[name] for name in ("email", "name", "role", "is_active")}
        asked: Any = self.request
        if refusal := getattr(asked, "password_refusal", None):
            raise refusal
        given |= {"permissions": _own_list(self.cleaned_data), "password_hash": asked.password_hash}
        return users.create_user(**given, actor=self.actor)


def _own_list(told: Mapping[str, Any]) -> list[str] | None:
    """Return the user's own list of permissions from the form's two fields, or None for the role's."""
    return told["permissions"] if told["has_own_list"] else None


class PasswordForm(forms.Form):
    """Another password for someone."""

    password = forms.CharField(max_length=PASSWORD_LENGTH, strip=False)


@admin.register(User)
class UserAdmin(ServiceAdmin[User]):
    form = UserForm
    list_display = (EMAIL, NAME, ROLE, CAN_LOG_IN, LAST_LOGIN, CREATED)
    list_filter = (
        one_of("role", gettext_lazy("role"), Role.choices),
        one_of("is_active", gettext_lazy("can log in"), YES_NO),
    )
    search_fields = ("email", "name", "id")
    search_help_text = gettext_lazy("E-mail address, name or id.")
    ordering = ("email",)
    actions = ("deactivate_all", "activate_all")
    actions_detail = ("set_password", "delete_user")
    readonly_fields = ("works_in", ID, CREATED, LAST_LOGIN)
    conditional_fields: ClassVar = {"permissions": "has_own_list == true"}

    class Media:
        css: ClassVar = {"all": ("console/keys.css",)}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        who = ("email", "name", "is_active") if obj else ("email", "name", "password", "is_active")
        fieldsets = (
            (None, {"fields": who}),
            (gettext_lazy("What they may do"), {"fields": ("role", "has_own_list", "permissions")}),
        )
        about = (gettext_lazy("About them"), {"fields": ("works_in", ID, CREATED, LAST_LOGIN)})
        return (*fieldsets, about) if obj else fieldsets

    @admin.display(description=gettext_lazy("Workspaces"))
    def works_in(self, user: User) -> str:
        if user.role == Role.ADMIN:
            return _("All: administrators work everywhere.")
        names = user.memberships.filter(workspace__deleted_at=None).values_list("workspace__name", flat=True)
        return ", ".join(map(apart, names.order_by("workspace__name"))) or format_html(
            '<a class="op-link" href="{}">{}</a>',
            reverse("admin:workspaces_workspace_changelist"),
            _("None yet: choose them on a workspace's page."),
        )

    def response_post_save_add(self, request: HttpRequest, obj: User) -> HttpResponseRedirect:
        """Go to the page of the new user, which says that they are in no workspace yet, and how to change that."""
        return HttpResponseRedirect(own_page(User, obj.pk))

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **options: Any) -> Any:
        """Hash a new user's password before Django begins its transaction, which must not take that long."""
        asked: Any = request
        password = request.POST.get("password", "")[:PASSWORD_LENGTH]
        if object_id is None and password and self.has_add_permission(request):
            try:
                asked.password_hash = hash_password(password)
            except TooManyLogins as error:
                asked.password_refusal = error  # shown by the form
        return super().changeform_view(request, object_id, *args, **options)

    @action(description=gettext_lazy("Set a password"), permissions=["change"], icon="password")
    def set_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for another password, and set it."""
        user, problem, back = get_object_or_404(User, pk=object_id), "", own_page(User, object_id)
        if request.method == "POST":
            problem = self._set_password(request, user)
            if not problem:
                self.message_user(request, _("%(email)s has another password.") % {"email": user.email})
                return HttpResponseRedirect(back)
        context = {"problem": problem, "most": PASSWORD_LENGTH, "back": back}
        title = _("A password for %(email)s") % {"email": user.email}
        return show(request, "console/set_password.html", title=title, status=422 if problem else 200, **context)

    def _set_password(self, request: HttpRequest, user: User) -> str:
        """Set the typed password; returns the reason if it is refused."""
        form = PasswordForm(request.POST)
        if not form.is_valid():
            return " ".join(str(text) for text in form.errors["password"])
        password = form.cleaned_data["password"]
        try:
            require_good(password, user)
            values, actor = {"password": hash_password(password)}, Actor.from_request(request)
            in_transaction(lambda: users.update_user(user, values=values, actor=actor, now=timezone.now()))
        except DomainError as error:
            return words(error)
        return ""

    @action(description=gettext_lazy("Delete"), permissions=["change"], icon="delete")
    def delete_user(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        actor = Actor.from_request(request)
        says = _("They cannot log in any more, and their sessions end. What they did stays in the audit log.")
        back = reverse("admin:workspaces_user_changelist")

        def perform(user: User) -> None:
            users.delete_user(user, actor=actor)

        asked: dict[str, Any] = {"title": _("Delete"), "says": says, "look": "op-danger", "back": back}
        return self.operate(request, self.row(request, object_id), perform, **asked)

    @admin.action(description=gettext_lazy("Deactivate"), permissions=["change"])
    def deactivate_all(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        says = _("They cannot log in any more, and their sessions end at once. They can be activated again.")
        return bulk.operate(self, request, rows, catalogue.DEACTIVATE, says=says)

    @admin.action(description=gettext_lazy("Activate"), permissions=["change"])
    def activate_all(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return bulk.operate(self, request, rows, catalogue.ACTIVATE, says=_("They can log in again."))
