"""Replays in the console: first the number of events to be sent, then the progress."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from adminapi.console.pages import by_field, member_of_staff, own_page, show
from adminapi.console.progress import Progress, percent, show_progress
from adminapi.inputs import ReplayInput
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError
from ouipost.events import replays
from ouipost.events.journal import Actor
from ouipost.events.models import Replay, ReplayScope, Webhook
from ouipost.ids import new_id
from ouipost.translating import words
from workspaces.reach import lock_webhook

MINUTES = 16
"""The characters of `2026-11-25T12:00`, as browsers send a time."""


def begin(request: HttpRequest, webhook: Webhook) -> HttpResponse:
    """Ask for a time, show the number of events since then, and begin after a confirmation."""
    typed = {name: request.POST.get(name, "") for name in ("since", "scope", "key")}
    if (
        "confirmed" not in request.POST or not typed["key"]
    ):  # each question has a key of its own, so that its answer counts once
        typed["key"] = new_id("rpl")
    if request.method != "POST":
        return _form(request, webhook, typed)
    given = ReplayInput(data=_data(typed))
    if not given.is_valid():
        errors = by_field(given.errors)
        if not typed["since"]:
            errors["since"] = _("Choose a date and a time.")
        return _form(request, webhook, typed, errors=errors, status=400)
    values = given.validated_data
    try:
        return _begin(request, webhook, values, typed)
    except DomainError as error:
        place = "since" if error.details.get("fields") else "general"
        return _form(request, webhook, typed, errors={place: words(error)}, status=error.status)


def _data(typed: dict[str, str]) -> dict[str, str]:
    """Return the form as a body for the API; a time without a zone is in UTC."""
    since = f"{typed['since']}:00Z" if len(typed["since"]) == MINUTES else typed["since"]
    return {"since": since, "scope": typed["scope"] or ReplayScope.ALL, "replay_id": typed["key"]}


def _begin(request: HttpRequest, webhook: Webhook, values: dict[str, Any], typed: dict[str, str]) -> HttpResponse:
    now, wanted = timezone.now(), {"since": values["since"], "scope": values["scope"]}
    if "confirmed" not in request.POST:
        count = replays.require_possible(webhook, **wanted, now=now)
        waiting = replays.waiting(webhook, since=values["since"], until=now)
        return _form(request, webhook, typed, count=count, waiting=waiting, since=values["since"], asked=True)
    actor, user = Actor.from_request(request), member_of_staff(request)
    wanted |= {"key": values["replay_id"], "actor": actor, "now": now}
    begun, _is_new = in_transaction(lambda: replays.replay(lock_webhook(webhook, user), **wanted))
    return HttpResponseRedirect(reverse("admin:events_webhook_progress", args=[webhook.pk, begun.pk]))


def _form(request: HttpRequest, webhook: Webhook, typed: dict[str, str], **told: Any) -> HttpResponse:
    told |= {"webhook": webhook, "typed": typed, "now": timezone.now()}
    told |= {"reach": replays.REACH.days, "most": replays.MOST}
    return show(request, "console/webhook/replay.html", title=_("Replay"), **told)


def progress(request: HttpRequest, webhook: Webhook, pk: str) -> HttpResponse:
    """Show the progress of a replay."""
    replay = get_object_or_404(Replay, pk=pk, webhook=webhook)
    deliveries = f"{reverse('admin:events_delivery_changelist')}?webhook__id__exact={webhook.pk}"
    links = [
        (_("To the webhook"), own_page(Webhook, webhook.pk)),
        (_("Its deliveries"), deliveries),
    ]
    return show_progress(request, _progress(replay), title=_("Replay"), about=webhook.url, links=links)


def _progress(replay: Replay) -> Progress:
    since, until = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (replay.since, replay.until))
    note = _("From %(since)s to %(until)s UTC") % {"since": since, "until": until}
    if not replay.is_over:
        says = _("Events: %(done)s of %(total)s. You can leave this page: it goes on without you.")
        return Progress(
            heading=_("The replay is under way"),
            says=says % {"done": number_format(replay.done), "total": number_format(replay.total)},
            percent=percent(replay.done, replay.total),
            is_over=False,
            note=note,
        )
    says = ngettext(
        "%(done)s event was made due; each delivery tells what came of it.",
        "%(done)s events were made due; each delivery tells what came of it.",
        replay.done,
    )
    says, reached, heading = says % {"done": number_format(replay.done)}, 100, _("The replay is done")
    if replay.is_cut_short:
        heading, reached = _("The replay was cut short"), percent(replay.done, replay.total)
        says += " " + _("The webhook was not active any more: make it active, and begin another replay for the rest.")
    return Progress(heading=heading, says=says, percent=reached, is_over=True, note=note)
