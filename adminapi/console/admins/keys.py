"""API keys in the console; a secret is shown only on the page that answers the request which created it."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from adminapi.console import bulk
from adminapi.console.charts import Chart, Series, shown_time
from adminapi.console.columns import column, moment
from adminapi.console.filters import YES_NO, one_of
from adminapi.console.pages import member_of_staff, own_page
from adminapi.console.service_forms import INSTEAD_OF, SECRET_ADDED, ServiceAdmin, ServiceForm, show_once
from adminapi.console.workspaces import ask_for
from adminapi.jobs import catalogue
from adminapi.templatetags.console import state
from ouipost.events.journal import Actor
from ouipost.translating import about
from workspaces.keys import services as keys
from workspaces.keys.usage import requests_by_day
from workspaces.models import ApiKey, ApiKeyQuerySet, KeyMode, Tier
from workspaces.permissions import KEY_PERMISSIONS
from workspaces.reach import key_columns, keys_of, lock_key

DAYS = 30
LAST_SECOND = time(23, 59, 59)
MEANINGS = {
    "workspaces.read": gettext_lazy("see its workspaces"),
    "workspaces.write": gettext_lazy("make, change and delete workspaces"),
    "posts.read": gettext_lazy("see posts"),
    "posts.write": gettext_lazy("write, schedule and publish posts"),
    "schedules.read": gettext_lazy("see schedules"),
    "schedules.write": gettext_lazy("make, change and delete schedules"),
    "accounts.read": gettext_lazy("see connected accounts"),
    "accounts.write": gettext_lazy("connect, change and disconnect accounts"),
    "analytics.read": gettext_lazy("see analytics"),
}
SAYS = gettext_lazy("Give it to the program that is to use it, in the header X-API-Key.")

NAME = column("name", gettext_lazy("Name"), sorts=True)
MODE = column("mode", gettext_lazy("Mode"), sorts=True)
TIER = column("tier", gettext_lazy("Tier"), sorts=True)
EXPIRES = column("expires_at", gettext_lazy("Expires"), sorts=True)
LAST_USED = column("last_used_at", gettext_lazy("Last used"), sorts=True)
ID = column("id", gettext_lazy("Id"), sorts=True)
CREATED = column("created_at", gettext_lazy("Made"), sorts=True)
PREVIOUS = column("previous_expires_at", gettext_lazy("The previous one works until"), sorts=True)


class EndField(forms.SplitDateTimeField):
    """When something ends; a date without a time is the end of that day."""

    def compress(self, data_list: Any) -> datetime | None:
        day, at = data_list or ("", "")
        given: Any = (day, at or LAST_SECOND) if day else data_list
        return super().compress(given)


class KeyForm(ServiceForm):
    """The fields of a key that staff can set."""

    added = SECRET_ADDED
    permissions = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("It may"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    workspaces = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("In these workspaces"),
        help_text=gettext_lazy("A test key sees sandboxes only."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = ApiKey
        fields = ("name", "mode", "tier", "is_active", "expires_at")
        labels: ClassVar = {
            "name": gettext_lazy("Name"),
            "mode": gettext_lazy("Mode"),
            "tier": gettext_lazy("Tier"),
            "is_active": gettext_lazy("Active"),
            "expires_at": gettext_lazy("Expires"),
        }
        help_texts: ClassVar = {
            "expires_at": gettext_lazy("In UTC; without a time, at the end of that day. Empty: it does not expire.")
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        present: list[str] = [] if self.instance._state.adding else self.instance.workspace_ids
        permissions: Any = self.fields["permissions"]
        permissions.choices = [(name, about(name, MEANINGS[name])) for name in KEY_PERMISSIONS]
        ask_for(self.fields["workspaces"], self.request, present, of_none=_("None chosen: in every workspace."))
        self.initial["workspaces"] = present
        if self.instance._state.adding:
            self.initial["permissions"] = list(KEY_PERMISSIONS)

    def clean_expires_at(self) -> datetime | None:
        """Refuse a new key that would have expired already."""
        at: datetime | None = self.cleaned_data["expires_at"]
        if at is not None and at <= timezone.now() and self.instance._state.adding:
            raise ValidationError(_("That time is past. Choose a later one."))
        return at

    def check_right_values(self) -> None:
        if self.is_right("workspaces"):
            given, present = {"workspaces": self.cleaned_data["workspaces"]}, self.initial["workspaces"]
            mode, user = self.cleaned_data.get("mode", self.instance.mode), member_of_staff(self.request)
            key_columns(given, mode=mode, user=user, present=present)

    def call_service(self) -> ApiKey:
        values = self.changed_values("name", "mode", "tier", "is_active", "expires_at", "permissions", "workspaces")
        key: ApiKey = self.instance
        user = member_of_staff(self.request)
        if not key._state.adding:
            if not values:
                return key
            present = lock_key(key, user)
            values = key_columns(values, mode=present.mode, user=user, present=present.workspace_ids)
            return keys.update_key(present, values=values, actor=self.actor)
        given = ("name", "mode", "tier", "expires_at", "permissions", "workspaces")
        values = {name: self.cleaned_data[name] for name in given}
        stored = key_columns(values, mode=values["mode"], user=user)
        made, self.shown_once = keys.create_key(**stored, pk=key.pk, actor=self.actor)
        return made


class IsExpired(admin.SimpleListFilter):
    """Keys that have expired, or are still valid."""

    title = gettext_lazy("expiry")
    parameter_name = "expired"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("over")), ("no", gettext_lazy("not over"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        over = {"expires_at__lte": timezone.now()}
        match self.value():
            case "yes":
                return queryset.filter(**over)
            case "no":
                return queryset.exclude(**over)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin[ApiKey]):
    form = KeyForm
    formfield_overrides: ClassVar = {DateTimeField: {"form_class": EndField}}
    list_display = (NAME, "begins_with", MODE, TIER, "in_state", EXPIRES, LAST_USED)
    list_filter = (
        one_of("mode", gettext_lazy("mode"), KeyMode.choices),
        one_of("tier", gettext_lazy("tier"), Tier.choices),
        one_of("is_active", gettext_lazy("active"), YES_NO),
        IsExpired,
    )
    change_form_before_template = "console/made_as.html"
    search_fields = ("name", "prefix", "id")
    search_help_text = gettext_lazy("Name, the first characters of the key, or its id.")
    ordering = ("-created_at", "-id")
    actions = ("revoke_all",)
    actions_detail = ("rotate", "revoke")
    readonly_fields = ("begins_with", "in_state", "use", ID, CREATED, LAST_USED, PREVIOUS)

    class Media:
        css: ClassVar = {"all": ("console/charts.css", "console/keys.css")}
        js = (forms.Script("console/charts.js", defer=True),)

    def get_queryset(self, request: HttpRequest) -> ApiKeyQuerySet:
        return keys_of(member_of_staff(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, MODE) if obj else self.readonly_fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what = ("name", "mode", "tier", "expires_at")
        rights = (gettext_lazy("What it may do"), {"fields": ("permissions", "workspaces")})
        if obj is None:
            return ((None, {"fields": what}), rights)
        what = ("name", MODE, "tier", "expires_at")
        about = (ID, "begins_with", CREATED, LAST_USED, PREVIOUS)
        return (
            (None, {"fields": ("in_state", *what, "is_active")}),
            rights,
            (gettext_lazy("Its use"), {"fields": ("use",)}),
            (gettext_lazy("About it"), {"fields": about}),
        )

    @admin.display(description=gettext_lazy("Begins with"), ordering="prefix")
    def begins_with(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @admin.display(description=gettext_lazy("State"))
    def in_state(self, key: ApiKey) -> str:
        if not key.is_active:
            return state("off")
        return state("expired" if key.has_ended(timezone.now()) else "active")

    @admin.display(description=gettext_lazy("Requests by day"))
    def use(self, key: ApiKey) -> SafeString:
        return render_to_string("console/key_use.html", {"drawn": _use(key, timezone.now())})

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        title = _("The key of %(name)s") % {"name": obj.name}
        return show_once(request, title=title, says=str(SAYS), secret=obj.shown_once, back=own_page(ApiKey, obj.pk))

    @action(description=gettext_lazy("Rotate"), permissions=["change"], icon="autorenew")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        """Ask, give the key a new secret, and show the secret."""
        made: list[tuple[ApiKey, str]] = []
        shown = {INSTEAD_OF: self.row(request, object_id).get().prefix}
        actor, instead_of = Actor.from_request(request), request.POST.get(INSTEAD_OF, "")
        user = member_of_staff(request)

        def perform(key: ApiKey) -> None:
            present = lock_key(key, user)
            made.append(keys.rotate_key(present, actor=actor, now=timezone.now(), instead_of=instead_of))

        says = _("It gets a new secret, which is shown once. The present one works for another 24 hours.") + " "
        says += _("Replace it where it is used by then. One from an earlier rotation ends at once.")
        answer = self.operate_on(request, object_id, perform, title=_("Rotate"), says=says, carries=shown)
        if not made:
            return answer
        key, secret = made[-1]
        note = _("The previous one works until %(time)s.") % {"time": moment(key.previous_expires_at)}
        title = _("The new key of %(name)s") % {"name": key.name}
        return show_once(request, title=title, says=f"{SAYS} {note}", secret=secret, back=own_page(ApiKey, key.pk))

    @action(description=gettext_lazy("Revoke"), permissions=["change"], icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        back = reverse("admin:workspaces_apikey_changelist")
        return self._revoke(request, self.row(request, object_id), back=back)

    @admin.action(description=gettext_lazy("Revoke"), permissions=["change"])
    def revoke_all(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return self._revoke(request, rows)

    def _revoke(self, request: HttpRequest, rows: QuerySet[Any], *, back: str = "") -> HttpResponse | None:
        says = _("The next request with it is refused, for good. What it did stays, and so do sign-ins that it made.")
        return bulk.operate(self, request, rows, catalogue.REVOKE_KEYS, says=says, back=back)


def _use(key: ApiKey, now: datetime) -> Chart:
    """Return a chart of the requests made with a key on each of the last days, in UTC."""
    today = now.astimezone(UTC).date()
    days = requests_by_day(today - timedelta(days=DAYS - 1), today, key_ids=[key.pk])
    series = Series(name=_("Requests"), tone="main", numbers=list(days.values()))
    labels = [shown_time(day) for day in days]
    return Chart(title=_("Requests by day"), heading=_("Day (UTC)"), labels=labels, series=[series], kind="bar")
