"""The calendar: the posts by the clock of one workspace, and moving them to other times."""

from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_filters import rest_framework as filters

from accounts import registry
from accounts.models import SocialAccount
from adminapi.console.calendar import entries
from adminapi.console.pages import page, post_of, show
from adminapi.console.workspaces import at_hand, limited, offer, workspaces_of
from adminapi.templatetags.console import network_name
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import Actor
from ouipost.phrases import Phrase
from ouipost.translating import about, translated, words
from posts import destinations, services
from posts.filters import PostFilter
from posts.inputs import ScheduleInput
from posts.models import Post, Target
from posts.schedules.slots import DoubtfulLocalTime, NoSuchLocalTime, comes_twice, offset
from workspaces.models import Workspace

MOST_DAYS = 62
MOST_ACCOUNTS = 500
PERMISSION = "posts.manage"


class HasChanged(DomainError):
    message = Phrase("Somebody has changed this post since the calendar was loaded: look at it first.")


class CalendarFilter(PostFilter):
    """The filters of the posts list, and one by account; days are those of the shown workspace."""

    account = filters.CharFilter(method="filter_account")

    def __init__(self, data: Any, *, workspace: Workspace, queryset: "QuerySet[Post]") -> None:
        self.workspace = workspace
        super().__init__(data, queryset=queryset)

    def filter_account(self, posts: "QuerySet[Post]", name: str, value: str) -> "QuerySet[Post]":
        """Keep posts that go to this account."""
        return posts.filter(Exists(Target.objects.active().filter(post=OuterRef("pk"), account=value)))

    def zone(self) -> tzinfo:
        return ZoneInfo(self.workspace.timezone)


@page(PERMISSION)
@require_safe
def calendar(request: HttpRequest) -> HttpResponseBase:
    """Show the calendar of a workspace."""
    workspace = at_hand(request)
    if workspace is None:
        return show(request, "console/calendar.html", title=_("Calendar"), workspace=None)
    return show(
        request,
        "console/calendar.html",
        title=_("Calendar"),
        workspace=workspace,
        workspaces=offer(request, workspace),
        networks=[{"id": each, "name": network_name(each), "mark": entries.mark(each)} for each in registry.IDS],
        accounts=_account_choices(workspace),
        states=entries.legend(),
        compose=entries.compose_address(workspace),
        now=_now(workspace),
        post_page=reverse("admin:posts_post_change", args=["PK"]),
        post_move=reverse("console_calendar_move", args=["PK"]),
    )


def _workspace(request: HttpRequest) -> Workspace:
    """Return the workspace that the address names; 404 if it is not one of the viewer's."""
    return get_object_or_404(workspaces_of(request), pk=request.GET.get("workspace", ""))


def _account_choices(workspace: Workspace) -> list[dict[str, str]]:
    rows = entries.accounts_of(workspace).values_list("pk", "platform", "name")[:MOST_ACCOUNTS]
    return [{"id": pk, "name": about(network_name(platform), name)} for pk, platform, name in rows]


def _now(workspace: Workspace) -> str:
    return entries.wall_clock(timezone.now().astimezone(ZoneInfo(workspace.timezone)))


@page(PERMISSION)
@require_safe
def events(request: HttpRequest) -> JsonResponse:
    """Return the calendar's entries from one day to another, both included, in the workspace's local time."""
    workspace = _workspace(request)
    try:
        found = _filtered(request, workspace)
    except DomainError as error:
        return _refused(error, workspace.timezone)
    start, end = found.form.cleaned_data["from"], found.form.cleaned_data["to"] + timedelta(microseconds=1)
    span = entries.Span(workspace=workspace, start=start, end=end, now=database_now())
    posts, has_more = entries.shown_posts(found.qs, span)
    free, has_more_free = _free(request, span)
    drafts, has_more_drafts = entries.shown_drafts(_without_time(request, workspace), span)
    return JsonResponse(
        {
            "posts": posts,
            "free": free,
            "changes": entries.shown_changes(span),
            "drafts": drafts,
            "cut": [*_cut(posts, has_more=has_more), *_cut_free(has_more=has_more_free)],
            "more_drafts": has_more_drafts,
            "now": _now(workspace),
        }
    )


def _require_valid(given: CalendarFilter | ScheduleInput) -> None:
    """Raise InvalidInput if a form is not valid."""
    if not given.is_valid():
        raise InvalidInput(**{name: [str(each) for each in errors] for name, errors in given.errors.items()})


def _filtered(request: HttpRequest, workspace: Workspace) -> CalendarFilter:
    """Return the requested posts; raises InvalidInput for a range that is missing, invalid or too long."""
    found = CalendarFilter(request.GET, workspace=workspace, queryset=limited(Post.objects.all(), request))
    _require_valid(found)
    bounds = found.form.cleaned_data
    missing = [name for name in ("from", "to") if not bounds[name]]
    if missing:
        raise InvalidInput(**{name: [_("A day is needed, such as 2026-01-31.")] for name in missing})
    if bounds["to"] - bounds["from"] > timedelta(days=MOST_DAYS, hours=2):
        raise InvalidInput(to=[_("At most %(days)d days at a time.") % {"days": MOST_DAYS}])
    return found


def _without_time(request: HttpRequest, workspace: Workspace) -> "QuerySet[Post]":
    """Return the posts that match network and account, at any time."""
    chosen = {name: request.GET.get(name, "") for name in ("platform", "account")}
    return CalendarFilter(chosen, workspace=workspace, queryset=limited(Post.objects.all(), request)).qs


def _free(request: HttpRequest, span: entries.Span) -> tuple[list[dict[str, Any]], bool]:
    """Return the free slots; none if a state is chosen, as only posts have states."""
    if request.GET.get("status"):
        return [], False
    return entries.free_slots(span, _recipients(request, span.workspace))


def _recipients(request: HttpRequest, workspace: Workspace) -> list[tuple[str, str]]:
    """Return the accounts, or the network, that a free slot should be for; none if nothing is chosen."""
    platform, account = request.GET.get("platform", ""), request.GET.get("account", "")
    if not platform and not account:
        return []
    rows = entries.accounts_of(workspace)
    rows = rows.filter(platform=platform) if platform else rows
    rows = rows.filter(pk=account) if account else rows
    return list(rows.values_list("pk", "platform")[:MOST_ACCOUNTS]) or [(account, platform)]


def _cut(posts: list[dict[str, Any]], *, has_more: bool) -> list[str]:
    if not has_more:
        return []
    last = date_format(datetime.fromisoformat(posts[-1]["start"]), "l j F, H:i")
    message = _(
        "There are more posts than the calendar shows: it ends with the first %(count)s, on %(last)s. Filter them."
    )
    return [message % {"count": number_format(len(posts)), "last": last}]


def _cut_free(*, has_more: bool) -> list[str]:
    return [_("There are more free slots than the calendar shows. Look at fewer days.")] if has_more else []


@page(PERMISSION)
@require_POST
def move(request: HttpRequest, pk: str) -> JsonResponse:
    """Give a post another time, as the API's schedule call does: `at` is local unless it has an offset.

    A post whose `state`, `start` or `schedule` differs from the calendar's stays unchanged.
    """
    post = post_of(request, pk)
    left, zone = post.schedule, post.workspace.timezone
    try:
        at = _read(request)
        given: dict[str, Any] = {"zone": zone, "actor": Actor.from_request(request), "now": database_now()}
        moved = in_transaction(lambda: services.schedule_post(_as_shown(request, post), scheduled_at=at, **given))
    except HasChanged as error:
        return _refused(error, zone, is_stale=True)
    except DoubtfulLocalTime as error:
        choices = [_choice(each.astimezone(ZoneInfo(zone))) for each in error.candidates]
        return _refused(error, zone, message=_doubt(error, zone), choices=choices)
    except services.TimeIsPast as error:
        message = translated(error.says(_when(error.moment.astimezone(ZoneInfo(zone)))))
        return _refused(error, zone, message=message)
    except DomainError as error:
        return _refused(error, zone)
    assert moved.scheduled_at is not None
    local = moved.scheduled_at.astimezone(ZoneInfo(zone))
    warnings = destinations.of(moved).warnings(moved)
    message = _moved_message(local, left.name if left else "")
    with timezone.override(zone):
        return JsonResponse({"message": " ".join([message, *map(translated, warnings)])})


def _as_shown(request: HttpRequest, post: Post) -> Post:
    """Return the locked post; raises HasChanged if it differs from the values that the calendar sent, if any."""
    locked = services.lock(post)
    tile = entries.tile(locked, ZoneInfo(post.workspace.timezone))
    if any(request.POST.get(name, tile[name]) != tile[name] for name in ("state", "start", "schedule")):
        raise HasChanged
    return locked


def _read(request: HttpRequest) -> datetime:
    given = ScheduleInput(data={"scheduled_at": request.POST.get("at", "")})
    _require_valid(given)
    at: datetime = given.validated_data["scheduled_at"]
    return at


def _moved_message(local: datetime, left: str) -> str:
    when = _with_offset(local) if comes_twice(local) else _when(local)
    message = _("The post goes out on %(when)s.") % {"when": when}
    return f"{message} {_('It left its slot in %(schedule)s.') % {'schedule': left}}" if left else message


def _when(local: datetime) -> str:
    return date_format(local, "l j F Y, H:i")


def _with_offset(local: datetime) -> str:
    return f"{_when(local)} ({offset(local)})"


def _doubt(error: DoubtfulLocalTime, zone: str) -> str:
    if isinstance(error, NoSuchLocalTime):
        message = _("This time does not exist in %(zone)s: the clocks jump over it that day. Choose one of these.")
    else:
        message = _("This time comes twice in %(zone)s: the clocks go back that day. Choose which one you mean.")
    return message % {"zone": zone}


def _choice(local: datetime) -> dict[str, str]:
    """Return one of the possible meanings of an ambiguous time, with its offset."""
    return {"at": local.isoformat(), "label": _with_offset(local)}


def _refused(error: DomainError, zone: str, **beside: Any) -> JsonResponse:
    """Answer with the error, and each network's reasons, by the clock of this zone."""
    issues = [each for each in error.details.get("issues", []) if each["severity"] == "error"]
    message = _("The networks would refuse this post.") if issues else words(error)
    with timezone.override(zone):
        reasons = [about(network_name(each["platform"]), translated(each["message"])) for each in issues]
    absent = error.details.get("platforms", [])
    accounts = dict(SocialAccount.objects.filter(pk__in=absent).values_list("pk", "name"))
    reasons += [accounts.get(each) or network_name(each) for each in absent]
    return JsonResponse({"message": message, "reasons": reasons} | beside, status=error.status)
