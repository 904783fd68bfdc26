"""Connected accounts in the console; part of this app because their actions concern posts as well."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts import pauses, services
from accounts.models import AccountStatus, Pause, PauseScope, SocialAccount
from accounts.serializers import HASHTAG_SETTINGS
from adminapi.console import bulk
from adminapi.console.base import WorkspaceScopedAdmin
from adminapi.console.columns import column
from adminapi.console.filters import OneNetwork, OneWorkspace, State
from adminapi.console.pages import member_of_staff, own_page
from adminapi.console.service_forms import ServiceAdmin, ServiceForm
from adminapi.console.troubles import troubles_of
from adminapi.jobs import catalogue
from adminapi.templatetags.charts import DASH
from adminapi.templatetags.console import network_name, state
from ouipost.claims import database_now
from ouipost.events.journal import Actor
from posts import pausing, removal
from workspaces.settings import check_settings

INHERITED = [
    ("", gettext_lazy("as the workspace has it")),
    ("true", gettext_lazy("yes")),
    ("false", gettext_lazy("no")),
]

NAME = column("name", gettext_lazy("Name"), sorts=True)
EXPIRES = column("expires_at", gettext_lazy("Connection ends"), sorts=True)
FOLLOWERS = column("followers", gettext_lazy("Followers"), sorts=True)
CONNECTED = column("connected_at", gettext_lazy("Connected"), sorts=True)
KINDS = {
    "page": gettext_lazy("page"),
    "profile": gettext_lazy("profile"),
    "business": gettext_lazy("business account"),
    "creator": gettext_lazy("creator account"),
    "organization": gettext_lazy("organization"),
    "channel": gettext_lazy("channel"),
    "pinner": gettext_lazy("personal account"),
}
TOKEN_ENDS = column("access_expires_at", "")
AT_THE_NETWORK = (
    column("username", gettext_lazy("User name"), sorts=True),
    column("type", gettext_lazy("Kind"), sorts=True, tell=lambda kind: KINDS.get(kind, kind)),
    column("remote_id", gettext_lazy("Id there"), sorts=True),
    FOLLOWERS,
    column("following", gettext_lazy("Follows"), sorts=True),
    column("last_sync", gettext_lazy("Last read"), sorts=True),
)
OF_THE_CONNECTION = (
    column("id", gettext_lazy("Id"), sorts=True),
    CONNECTED,
    EXPIRES,
    "renewed_before",
    column("disconnected_at", gettext_lazy("Disconnected"), sorts=True),
)


class AccountForm(ServiceForm):
    """The fields of an account that staff can change: its name, and its settings that differ from the workspace's."""

    auto_hashtags = forms.TypedChoiceField(
        choices=INHERITED,
        coerce=lambda value: value == "true",
        empty_value=None,
        required=False,
        label=gettext_lazy("Add hashtags to each post"),
        widget=UnfoldAdminSelectWidget,
    )
    default_hashtags = forms.CharField(
        required=False,
        label=gettext_lazy("Hashtags"),
        help_text=gettext_lazy("Separated by spaces. Empty: those of the workspace."),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = SocialAccount
        fields = ("name",)
        labels: ClassVar = {"name": gettext_lazy("Name")}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        kept = self.instance.settings
        self.initial["auto_hashtags"] = {True: "true", False: "false"}.get(kept.get("auto_hashtags"), "")
        self.initial["default_hashtags"] = " ".join(kept.get("default_hashtags") or [])

    def clean_default_hashtags(self) -> list[str] | None:
        return self.cleaned_data["default_hashtags"].split() or None

    def call_service(self) -> SocialAccount:
        values = self.changed_values("name")
        if settings := check_settings(self.changed_values(*HASHTAG_SETTINGS)):
            values["settings"] = settings
        account: SocialAccount = self.instance
        if values:
            account, self.warnings = services.update_account(account, values=values, actor=self.actor)
        return account


class AccountState(State):
    """Accounts in one state."""

    states = AccountStatus.values


class IsConnected(admin.SimpleListFilter):
    """The connected accounts, or the disconnected ones if chosen."""

    title = gettext_lazy("connection")
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("gone", gettext_lazy("disconnected")), ("any", gettext_lazy("both"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        return [dict(first) | {"display": _("connected")}, *others]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "gone":
                return queryset.exclude(disconnected_at=None)
            case "any":
                return queryset
        return queryset.connected()


@admin.register(SocialAccount)
class SocialAccountAdmin(ServiceAdmin[SocialAccount], WorkspaceScopedAdmin[SocialAccount]):
    form = AccountForm
    list_display = (NAME, "of_network", "of_workspace", "in_state", "is_the_default", EXPIRES, FOLLOWERS, CONNECTED)
    list_filter = (IsConnected, OneWorkspace, OneNetwork, AccountState)
    list_select_related = ("workspace",)
    search_fields = ("name", "username", "id", "remote_id")
    search_help_text = gettext_lazy("Name, user name, or an id.")
    ordering = ("-connected_at", "-id")
    actions = (
        "refresh_all",
        "disconnect_all",
    )
    actions_detail = ("reconnect", "refresh", "make_default", "pause", "resume", "disconnect")
    fieldsets = (
        (None, {"fields": ("trouble", "name", "of_network", "of_workspace", "in_state", "is_the_default")}),
        (gettext_lazy("Hashtags"), {"fields": HASHTAG_SETTINGS}),
        (gettext_lazy("At the network"), {"fields": ("granted", *AT_THE_NETWORK)}),
        (gettext_lazy("Connection"), {"fields": OF_THE_CONNECTION}),
    )
    readonly_fields = (
        *("trouble", "of_network", "of_workspace", "in_state", "is_the_default", "granted"),
        *AT_THE_NETWORK,
        *OF_THE_CONNECTION,
    )

    class Media:
        css: ClassVar = {"all": ("console/accounts.css",)}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (not isinstance(obj, SocialAccount) or obj.is_connected)

    def has_pause_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this person may stop publishing, as with /admin/pause."""
        return "system.manage" in member_of_staff(request).granted

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offer the actions that the account's present state allows."""
        account = self.get_object(request, str(object_id))
        offered = super().get_actions_detail(request, object_id)
        if account is None:
            return []
        senseless = _senseless(account)
        return [each for each in offered if each.action_name.removeprefix("accounts_socialaccount_") not in senseless]

    def add_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Redirect to the page for connecting: an account is added by signing in at its network."""
        return HttpResponseRedirect(reverse("console_connect"))

    of_network = column("platform", gettext_lazy("Network"), sorts=True, tell=network_name)
    of_workspace = column("workspace.name", gettext_lazy("Workspace"), sorts=True)
    is_the_default = column("is_default", gettext_lazy("Default"), tell=lambda is_it: _("yes") if is_it else DASH)

    @admin.display(description=gettext_lazy("Permissions"))
    def granted(self, account: SocialAccount) -> str:
        return ", ".join(account.permissions) or DASH

    @admin.display(description=gettext_lazy("Token renewed before"))
    def renewed_before(self, account: SocialAccount) -> Any:
        """Show the end of the token, before which a new one is fetched: of an account that has one to be renewed."""
        is_renewed = account.is_connected and account.status != AccountStatus.EXPIRED
        return TOKEN_ENDS(account) if is_renewed else DASH

    @admin.display(description=gettext_lazy("State"), ordering="status")
    def in_state(self, account: SocialAccount) -> str:
        return state(account.status if account.is_connected else "disconnected")

    @admin.display(description=gettext_lazy("What is wrong and what to do"))
    def trouble(self, account: SocialAccount) -> SafeString:
        found = troubles_of(account, pauses.in_force(), now=timezone.now())
        again = f"{reverse('console_connect')}?account={account.pk}" if account.is_connected else ""
        return render_to_string("console/account_troubles.html", {"troubles": found, "again": again})

    def row(self, request: HttpRequest, object_id: str) -> QuerySet[Any]:
        """Match a connected account, as others have no actions."""
        rows = super().row(request, object_id).filter(disconnected_at=None)
        get_object_or_404(rows)
        return rows

    @action(description=gettext_lazy("Sign in again"), permissions=["change"], icon="login")
    def reconnect(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.row(request, object_id)
        return HttpResponseRedirect(f"{reverse('console_connect')}?account={object_id}")

    @action(description=gettext_lazy("Refresh"), permissions=["change"], icon="refresh")
    def refresh(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        return self._refresh(request, self.row(request, object_id), back=own_page(SocialAccount, object_id))

    @admin.action(description=gettext_lazy("Refresh"), permissions=["change"])
    def refresh_all(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return self._refresh(request, rows.filter(disconnected_at=None))

    def _refresh(self, request: HttpRequest, rows: QuerySet[Any], *, back: str = "") -> HttpResponse | None:
        says = _("Its tokens are renewed and its name, picture and followers are read at the network now.")
        return bulk.operate(self, request, rows, catalogue.REFRESH, says=says, back=back)

    @action(description=gettext_lazy("Make it the default"), permissions=["change"], icon="star")
    def make_default(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        actor = Actor.from_request(request)
        says = _("Posts that name the network without an account go to it, instead of the present default.")

        def perform(account: SocialAccount) -> None:
            services.update_account(account, values={"is_default": True}, actor=actor)

        return self.operate_on(request, object_id, perform, title=_("Make it the default"), says=says)

    @action(description=gettext_lazy("Disconnect"), permissions=["change"], icon="link_off")
    def disconnect(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        return self._disconnect(request, self.row(request, object_id), back=own_page(SocialAccount, object_id))

    @admin.action(description=gettext_lazy("Disconnect"), permissions=["change"])
    def disconnect_all(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return self._disconnect(request, rows.filter(disconnected_at=None))

    def _disconnect(self, request: HttpRequest, rows: QuerySet[Any], *, back: str = "") -> HttpResponse | None:
        posts = removal.count_for_accounts(rows)
        says = _("Tokens are revoked at the network and forgotten here. What was published stays.") + " "
        says += ngettext(
            "%(posts)s post that was not sent yet is cancelled for it.",
            "%(posts)s posts that were not sent yet are cancelled for it.",
            posts,
        ) % {"posts": number_format(posts)}
        return bulk.operate(self, request, rows, catalogue.DISCONNECT, says=says, back=back)

    @action(description=gettext_lazy("Pause"), permissions=["pause"], icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the page of pauses, with the account chosen."""
        self.row(request, object_id)
        chosen = urlencode({"scope": PauseScope.ACCOUNT, f"id_{PauseScope.ACCOUNT}": object_id})
        return HttpResponseRedirect(f"{reverse('console_pauses')}?{chosen}")

    @action(description=gettext_lazy("Resume"), permissions=["pause"], icon="play_arrow")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        actor = Actor.from_request(request)
        says = _("What became due meanwhile goes out at once, in its order.")

        def perform(account: SocialAccount) -> None:
            pausing.resume(PauseScope.ACCOUNT, account.pk, actor=actor, now=database_now())

        return self.operate_on(request, object_id, perform, title=_("Resume"), says=says)


def _senseless(account: SocialAccount) -> set[str]:
    """Return the actions that would have no effect on the account in its present state."""
    if not account.is_connected:
        return {"reconnect", "refresh", "make_default", "pause", "resume", "disconnect"}
    is_paused = Pause.objects.in_force().filter(scope=PauseScope.ACCOUNT, subject_id=account.pk).exists()
    return {"pause" if is_paused else "resume", *(("make_default",) if account.is_default else ())}
