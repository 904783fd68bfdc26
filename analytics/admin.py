"""Console pages of what is read for accounts and posts, and when."""

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext

from analytics.models import AccountSync, TargetNumbers
from analytics.sync import read_soon
from ouipost.claims import database_now
from ouipost.events.journal import Actor, entry, record_all
from ouipost.translating import translated
from workspaces.console import ReadOnlyWorkspaceScopedAdmin


@admin.register(AccountSync)
class AccountSyncAdmin(ReadOnlyWorkspaceScopedAdmin[AccountSync]):
    workspace_lookup = "account__workspace"
    list_display = ("account", "workspace", "due_at", "failures", "why")
    list_select_related = ("account__workspace",)
    search_fields = ("account__id", "account__name")
    ordering = ("due_at", "pk")
    fields = ("account", "due_at", "account_due_at", "failures", "why", "paced_at", "lease_until")
    actions = ("read_now",)

    @admin.display(description=gettext_lazy("Workspace"), ordering="account__workspace__name")
    def workspace(self, sync: AccountSync) -> str:
        return str(sync.account.workspace)

    @admin.display(description=gettext_lazy("Error"))
    def why(self, sync: AccountSync) -> str:
        error = sync.error or {}
        return f"{translated(error['message'])} ({error['code']})" if error else ""

    @admin.action(description=gettext_lazy("Read what is due next now"), permissions=["view"])
    def read_now(self, request: HttpRequest, syncs: QuerySet[AccountSync]) -> None:
        with transaction.atomic():
            actor = Actor.from_request(request)
            rows = syncs.select_related("account")
            record_all([entry("read_requested", sync.account, actor=actor) for sync in rows])
            count = read_soon(syncs, now=database_now())
        told = ngettext(
            "%(count)d account is read as soon as a worker is free.",
            "%(count)d accounts are read as soon as a worker is free.",
            count,
        )
        self.message_user(request, told % {"count": count})


@admin.register(TargetNumbers)
class TargetNumbersAdmin(ReadOnlyWorkspaceScopedAdmin[TargetNumbers]):
    list_display = ("target", "platform", "impressions", "engagement", "clicks", "read_at", "due_at")
    list_filter = ("platform",)
    list_select_related = ("target",)
    search_fields = ("target__id", "target__post__id")
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "target",
        "workspace",
        "account",
        "platform",
        "published_at",
        "impressions",
        "reach",
        "engagement",
        "clicks",
        "own",
        "read_at",
        "due_at",
        "removed_at",
    )
