"""Replays in the console: how many events would be sent, said first; then how far it is."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from adminapi.console.pages import show
from adminapi.webhooks import ReplayInput
from ouipost.errors import DomainError
from ouipost.events import replays
from ouipost.events.journal import Actor
from ouipost.events.models import Replay, ReplayScope, Webhook
from ouipost.events.operator import words
from ouipost.ids import new_id
from ouipost.translating import translated

MINUTES = 16
"""The characters of `2026-11-25T12:00`, as browsers send a time."""


def begin(request: HttpRequest, webhook: Webhook) -> HttpResponse:
    """Ask for a time, say how many events there were since, and begin once that was confirmed."""
    typed = {name: request.POST.get(name, "") for name in ("since", "scope", "key")}
    typed["key"] = typed["key"] or new_id("rpl")
    if request.method != "POST":
        return _form(request, webhook, typed)
    given = ReplayInput(data=_data(typed))
    if not given.is_valid():
        errors = {name: " ".join(map(translated, told)) for name, told in given.errors.items()}
        return _form(request, webhook, typed, errors=errors, status=400)
    values = given.validated_data
    try:
        return _begin(request, webhook, values, typed)
    except DomainError as error:
        place = "since" if error.details.get("fields") else ""
        return _form(request, webhook, typed, errors={place: words(error)}, status=error.status)


def _data(typed: dict[str, str]) -> dict[str, str]:
    """Return the body that the API would be sent: a time without a zone is in UTC."""
    since = f"{typed['since']}:00Z" if len(typed["since"]) == MINUTES else typed["since"]
    return {"since": since, "scope": typed["scope"] or ReplayScope.ALL, "replay_id": typed["key"]}


def _begin(request: HttpRequest, webhook: Webhook, values: dict[str, Any], typed: dict[str, str]) -> HttpResponse:
    now, wanted = timezone.now(), {"since": values["since"], "scope": values["scope"]}
    if "confirmed" not in request.POST:
        count = replays.require_possible(webhook, **wanted, now=now)
        return _form(request, webhook, typed, count=count, asked=True)
    actor = Actor.from_request(request)
    begun, _is_new = replays.replay(webhook, **wanted, key=values["replay_id"], actor=actor, now=now)
    return HttpResponseRedirect(reverse("admin:events_webhook_progress", args=[webhook.pk, begun.pk]))


def _form(
    request: HttpRequest,
    webhook: Webhook,
    typed: dict[str, str],
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
    **told: Any,
) -> HttpResponse:
    context: dict[str, Any] = {
        "webhook": webhook,
        "typed": typed,
        "errors": errors or {},
        "general": (errors or {}).get("", ""),
    }
    context |= {"reach": replays.REACH.days, "most": replays.MOST, "now": timezone.now(), **told}
    return show(request, "webhook/replay.html", title=_("Replay"), status=status, **context)


def progress(request: HttpRequest, webhook: Webhook, pk: str) -> HttpResponse:
    """Show how far a replay is: a page that asks again by itself, and that can be left."""
    replay = get_object_or_404(Replay, pk=pk, webhook=webhook)
    shown = replay.total or replay.done or 1
    context: dict[str, Any] = {"webhook": webhook, "replay": replay, "percent": min(100, replay.done * 100 // shown)}
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "console/webhook/progress_part.html", context)
    return show(request, "webhook/progress.html", title=_("Replay"), **context)
