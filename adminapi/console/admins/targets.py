"""Targets in the console: each post for each account, and every call that was made for it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from accounts.models import SocialAccount
from adminapi.console.base import ReadOnlyWorkspaceScopedAdmin
from adminapi.console.columns import column
from adminapi.console.filters import MOST_ASKED, OneNetwork, OneWorkspace, State, TargetAccount, newest
from adminapi.console.pages import own_page
from adminapi.console.post_page import undecided
from adminapi.templatetags.charts import DASH
from adminapi.templatetags.console import network_name, outcome, state, step
from ouipost.claims import database_now
from ouipost.translating import translated
from posts.inputs import is_web_address
from posts.models import Attempt, Post, Target, TargetStatus
from posts.timeline.timeline import timeline


class TargetWorkspace(OneWorkspace):
    """Targets of the accounts of one workspace, among no more than can be looked at one by one."""

    title = _("workspace (of the newest 100,000)")

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        accounts = SocialAccount.objects.filter(workspace=self.value()).values_list("pk", flat=True)
        return newest(queryset, MOST_ASKED).filter(account__in=list(accounts))


class TargetState(State):
    """Targets in one state, among no more than can be looked at one by one."""

    title = _("state (of the newest 100,000)")
    states = TargetStatus.values

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return super().queryset(request, newest(queryset, MOST_ASKED)) if self.value() else queryset


class TargetNetwork(OneNetwork):
    """Targets at one network, among as many."""

    title = _("network (of the newest 100,000)")

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return super().queryset(request, newest(queryset, MOST_ASKED)) if self.value() else queryset


class AttemptInline(TabularInline[Any, Any]):
    model = Attempt
    extra = 0
    can_delete = False
    verbose_name_plural = _("Calls to the network")
    hide_title = True
    ordering = ("started_at", "number", "id")
    fields = ("began", "ended", "asked", "came", "answer", "next_try")
    began, ended = column("started_at", _("When")), column("ended_at", _("Ended"))
    next_try = column("next_at", _("Next attempt"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        """Find out, once for all rows, which calls left the outcome open."""
        self.undecided = undecided(obj, timeline(obj.post, now=database_now()))
        return super().get_formset(request, obj, **options)

    @admin.display(description=_("What was asked"))
    def asked(self, attempt: Attempt) -> str:
        return f"{step(attempt.step)} #{attempt.number}"

    @admin.display(description=_("What came of it"))
    def came(self, attempt: Attempt) -> str:
        return outcome(attempt.outcome)

    @admin.display(description=_("Answer"))
    def answer(self, attempt: Attempt) -> str:
        status = f"HTTP {attempt.http_status}" if attempt.http_status else ""
        code = "" if attempt.ended_at in self.undecided else attempt.code
        of_network = f"({attempt.network_code})" if attempt.network_code else ""
        return " ".join(filter(None, (status, code, of_network, translated(attempt.message)))) or DASH


@admin.register(Target)
class TargetAdmin(ReadOnlyWorkspaceScopedAdmin[Target]):
    workspace_lookup = "post__workspace"
    list_display = ("of_text", "network", "of_account", "shown_state", "problem", "next_at", "out_at", "at_network")
    sortable_by = ()  # an index has the one order
    list_filter = (TargetWorkspace, TargetState, TargetNetwork, TargetAccount)
    search_fields = ("id", "remote_id")
    search_help_text = _("The whole id of a target or of a post here, or the network's own id of a post.")
    ordering = ("-id",)
    inlines = (AttemptInline,)
    fields = readonly_fields = (
        *(
            "its_id",
            "of_post",
            "of_account",
            "network",
            "shown_state",
            "planned_at",
            "next_at",
            "given_up_at",
            "out_at",
        ),
        *("at_network", "its_remote_id", "problem", "tries", "times_sent", "is_unknown", "waits", "sent"),
    )
    its_id, its_remote_id = column("id", _("Id")), column("remote_id", _("Id at the network"))
    planned_at, next_at = column("scheduled_at", _("Planned for")), column("due_at", _("Next step"))
    given_up_at, out_at = column("give_up_at", _("Tried until")), column("published_at", _("Published"))
    tries, times_sent = column("attempts", _("Attempts")), column("sends", _("Times sent"))
    network, of_account = column("platform", _("Network"), tell=network_name), column("account.name", _("Account"))
    shown_state = column("status", _("State"), tell=state)
    waits, sent = column("waits_for", _("Waits for")), column("sent_text", _("Text that was sent"))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("account", "post")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        for prefix, place in (("tgt_", "pk"), ("post_", "post"), ("acc_", "account")):
            if term.startswith(prefix):
                return queryset.filter(**{place: term}), False
        return newest(queryset, MOST_ASKED).filter(remote_id=term), False

    @admin.display(description=_("Text"))
    def of_text(self, target: Target) -> str:
        return str(target.post) or target.pk

    @admin.display(description=_("Nobody knows whether it is out"))
    def is_unknown(self, target: Target) -> Any:
        return _("yes") if target.outcome_unknown else _("no")

    @admin.display(description=_("Why not"))
    def problem(self, target: Target) -> str:
        return translated(target.error["message"]) if target.error else ""

    @admin.display(description=_("Post"))
    def of_post(self, target: Target) -> SafeString:
        return format_html(
            '<a class="op-link" href="{}">{}</a>', own_page(Post, target.post_id), str(target.post) or target.post_id
        )

    @admin.display(description=_("At the network"))
    def at_network(self, target: Target) -> str | SafeString:
        if not is_web_address(target.url):
            return target.url
        return format_html('<a class="op-link" href="{}" target="_blank" rel="noopener">{}</a>', target.url, _("Open"))
