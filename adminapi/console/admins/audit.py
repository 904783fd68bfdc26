"""The audit log in the console: read, narrowed, and taken along as CSV; never changed."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from adminapi.audit import LogFilter, csv_of
from adminapi.console.base import ReadOnlyAdmin
from adminapi.console.columns import column
from adminapi.console.filters import Typed
from adminapi.console.pages import member_of_staff, page, readable_row, show_row
from adminapi.templatetags.console import as_json
from ouipost.events.models import Event
from ouipost.translating import translated
from workspaces.models import ApiKey, User
from workspaces.reach import visible_to

LABELS: dict[str, Any] = {
    "action": _("Action"),
    "resource_type": _("Type of what was changed"),
    "resource_id": _("Id of what was changed"),
    "user_id": _("Id of the user"),
    "key_id": _("Id of the API key"),
    "workspace_id": _("Id of the workspace"),
    "from": _("First day (UTC)"),
    "to": _("Last day (UTC)"),
}
COLUMNS = {"ws_": "workspace_id", "key_": "key_id", "user_": "user_id"}
"""The column in which an id is searched, by its prefix; other ids are those of changed rows."""

PAGES = {
    "account": "accounts_socialaccount",
    "api_key": "workspaces_apikey",
    "post": "posts_post",
    "schedule": "posts_schedule",
    "user": "workspaces_user",
    "webhook": "events_webhook",
    "workspace": "workspaces_workspace",
}
"""The admin page of each kind of row."""

CALLED = ("name", "email", "filename", "content")
"""Details that name a removed row, which has no page any more."""


EXAMPLES = {"action": "post.deleted", "resource_type": "post"}


class Narrowed(Typed):
    """The filters of GET /admin/audit, under the same names."""

    title = _("line")
    template = "console/audit/filter.html"
    names = LABELS

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.given = {name: value for name, value in self.used_parameters.items() if value}
        self.query = request.GET.get("q", "")
        self.errors: dict[str, list[str]] = {}

    def choices(self, changelist: Any) -> Iterator[Any]:
        fields = [
            {"name": name, "label": label, "value": self.given.get(name, ""), "errors": self.errors.get(name, [])}
            | {"example": EXAMPLES.get(name, "")}
            for name, label in LABELS.items()
        ]
        yield {"fields": fields, "query": self.query, "selected": False}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        narrowed = LogFilter(self.given, queryset=queryset)
        if narrowed.is_valid():
            return narrowed.qs
        self.errors = {name: [*map(translated, told)] for name, told in narrowed.errors.items()}
        return queryset.none()


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    list_display = ("at", "action", "of_what", "by_whom", "address")
    at, action, address = column("created_at", _("When")), column("type", _("Action")), column("ip_address", _("From"))
    sortable_by = ()  # an index has the one order
    list_filter = (Narrowed,)
    search_fields = ("resource_id",)
    search_help_text = _("A whole id (of a post, a key, a user, a workspace …), an email address, or an action.")
    ordering = ("-created_at", "-id")
    list_before_template = "console/audit/above.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the lines with the names of their keys, which people know better than ids."""
        key = ApiKey.objects.filter(pk=OuterRef("key_id")).values("name")
        found = visible_to(super().get_queryset(request), member_of_staff(request))
        return found.annotate(key_name=Subquery(key[:1]))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(**_sought(term)) if term else queryset), False

    @admin.display(description=_("What was changed"))
    def of_what(self, event: Event) -> SafeString:
        called = [str(event.details[name]) for name in CALLED if event.details.get(name)]
        return _with_id(" · ".join([event.resource_type, *called]), event.resource_id)

    @admin.display(description=_("By whom"))
    def by_whom(self, event: Any) -> str | SafeString:
        return _who(event)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> Any:
        """Show one line, with values before and after in a table; the page is read-only."""
        event = readable_row(self, request, object_id)
        told = [(name, _written(each)) for name, each in event.details.items() if name not in ("before", "after")]
        return show_row(
            request,
            "console/audit/line.html",
            event,
            title=f"{event.type} · {event.created_at:%Y-%m-%d %H:%M:%S} UTC",
            event=event,
            who=_who(event),
            page=_page_of(event, request),
            changed=_changed(event),
            details=told,
        )


def _who(event: Any) -> str | SafeString:
    """Return the actor: a person, a key, a command, somebody not logged in yet, or the product itself."""
    if event.key_name and not event.user_email:
        return _with_id(event.key_name, event.key_id)
    if event.user_email or event.key_id or event.user_agent.startswith("manage.py"):
        return str(event.user_email or event.key_id or event.user_agent)
    return str(_("somebody who was not logged in") if event.ip_address else _("the product itself"))


def _with_id(name: str, pk: str) -> SafeString:
    return format_html('<span>{} <span class="op-faint">{}</span></span>', name, pk)


def _page_of(event: Event, request: HttpRequest) -> str:
    """Return the page of the changed row, if its kind has one and the reader may see the row there."""
    app, _of, model = PAGES.get(event.resource_type, "").partition("_")
    if not member_of_staff(request).has_perm(f"{app}.view_{model}"):
        return ""
    rows = admin.site.get_model_admin(apps.get_model(app, model)).get_queryset(request)
    is_there = rows.filter(pk=event.resource_id).exists()
    return reverse(f"admin:{app}_{model}_change", args=[event.resource_id]) if is_there else ""


def _sought(term: str) -> dict[str, str]:
    """Return the indexed column in which a term is searched, with the value to search."""
    if "@" in term:
        return {"user_id": User.objects.filter(email=term.lower()).values_list("pk", flat=True).first() or "-"}
    if term.startswith(("log_", "evt_")):
        return {"pk": term[4:]}
    found = next((column for prefix, column in COLUMNS.items() if term.startswith(prefix)), None)
    return {found: term} if found else {"type" if "." in term else "resource_id": term}


def _changed(event: Event) -> list[dict[str, Any]]:
    """Return each changed field, before and after."""
    before, after = event.details.get("before") or {}, event.details.get("after") or {}
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    names = dict.fromkeys([*before, *after])
    return [{"name": name, "before": _written(before.get(name)), "after": _written(after.get(name))} for name in names]


def _written(value: Any) -> Any:
    """Return a value as the API's JSON; texts and None stay as they are."""
    return value if value is None or isinstance(value, str) else as_json(value)


@page("audit.view")
def audit_csv(request: HttpRequest) -> HttpResponseBase:
    """Answer all lines of the list as CSV: the same rows as GET /admin/audit?format=csv."""
    given = {name: value for name in LABELS if (value := request.GET.get(name))}
    events = visible_to(Event.objects.order_by("-created_at", "-id"), member_of_staff(request))
    narrowed = LogFilter(given, queryset=events)
    if not narrowed.is_valid():
        return HttpResponseRedirect(f"{reverse('admin:events_event_changelist')}?{request.GET.urlencode()}")
    found = narrowed.qs
    term = request.GET.get("q", "").strip()
    return csv_of(found.filter(**_sought(term)) if term else found)
