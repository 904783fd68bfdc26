"""Readings of accounts and posts in the console; part of this app because it uses the console's columns."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from adminapi.console.base import ReadOnlyWorkspaceScopedAdmin
from adminapi.console.columns import column
from adminapi.console.filters import OneNetwork
from adminapi.console.pages import member_of_staff
from adminapi.templatetags.charts import DASH, number
from adminapi.templatetags.console import network_name
from analytics.models import AccountSync, TargetNumbers
from analytics.sync import read_soon, readable_accounts
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from ouipost.events.journal import Actor, entry, record_all
from ouipost.translating import about, translated

NEXT_READING = column("due_at", _("Next reading"), sorts=True)
COUNTS = (
    column("impressions", _("Impressions")),
    column("engagement", _("Engagement")),
    column("clicks", _("Clicks")),
)
LAST_READ = column("read_at", _("Last read"))


@admin.register(AccountSync)
class AccountSyncAdmin(ReadOnlyWorkspaceScopedAdmin[AccountSync]):
    workspace_lookup = "account__workspace"
    list_display = ("of_account", "network", "of_workspace", NEXT_READING, "in_a_row", "why")
    list_select_related = ("account__workspace",)
    search_fields = ("account__id", "account__name")
    ordering = ("due_at", "pk")
    fields = readonly_fields = (
        *("of_account", "network", "of_workspace", LAST_READ, NEXT_READING, "own_next", "in_a_row", "why"),
        *("used_up_until", "under_way_until"),
    )
    own_next, in_a_row = column("account_due_at", _("Its own numbers next")), column("failures", _("Failed in a row"))
    used_up_until = column("paced_at", _("Its requests are used up until"))
    under_way_until = column("lease_until", _("Under way until"))
    of_account = column("account.name", _("Account"), sorts=True)
    network = column("account.platform", _("Network"), tell=network_name)
    of_workspace = column("account.workspace.name", _("Workspace"), sorts=True)
    actions = ("read_now",)

    def has_read_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this person may have accounts read, as with `/api/accounts/{id}/refresh`."""
        return "accounts.manage" in member_of_staff(request).granted

    @admin.display(description=_("Error"))
    def why(self, sync: AccountSync) -> str:
        error = sync.error or {}
        return f"{translated(error['message'])} ({error['code']})" if error else ""

    @admin.action(description=_("Read what is due next now"), permissions=["read"])
    def read_now(self, request: HttpRequest, syncs: QuerySet[AccountSync]) -> None:
        actor = Actor.from_request(request)
        readable = readable_accounts().filter(pk__in=[each.pk for each in syncs]).select_related("account")

        def read() -> int:
            record_all([entry("read_requested", each.account, actor=actor) for each in readable.all()])
            return read_soon(readable, now=database_now())

        count = in_transaction(read)
        message = ngettext(
            "%(count)s account is read as soon as a worker is free.",
            "%(count)s accounts are read as soon as a worker is free.",
            count,
        )
        self.message_user(request, message % {"count": number_format(count)})


@admin.register(TargetNumbers)
class TargetNumbersAdmin(ReadOnlyWorkspaceScopedAdmin[TargetNumbers]):
    list_display = ("of_text", "network", "of_account", *COUNTS, LAST_READ, NEXT_READING)
    list_filter = (OneNetwork,)
    list_select_related = ("target__post", "account")
    search_fields = ("target__id", "target__post__id")
    ordering = ("-id",)
    sortable_by = ()  # an index has the one order
    fields = readonly_fields = (
        *("of_text", "its_target", "of_workspace", "of_account", "network", "out_at", *COUNTS, "reached", "its_own"),
        *(LAST_READ, NEXT_READING, "gone_since"),
    )
    its_target, out_at = column("target_id", _("Target")), column("published_at", _("Published"))
    network, of_account = column("platform", _("Network"), tell=network_name), column("account.name", _("Account"))
    of_workspace = column("workspace.name", _("Workspace"))
    reached, gone_since = column("reach", _("Reach")), column("removed_at", _("Not at the network since"))

    @admin.display(description=_("Text"))
    def of_text(self, numbers: TargetNumbers) -> str:
        return str(numbers.target.post) or numbers.target_id

    @admin.display(description=_("By the network's own names"))
    def its_own(self, numbers: TargetNumbers) -> str:
        return ", ".join(about(name, number(value)) for name, value in numbers.own.items()) or DASH
