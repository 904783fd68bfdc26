"""Bulk actions on the rows of a list: done at once to a few, and as a background job to many."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from adminapi.console.base import MOST, ConsoleAdmin
from adminapi.console.pages import list_page, own_page
from adminapi.jobs import running
from adminapi.jobs.kinds import Bulk, Kind
from adminapi.jobs.models import Job
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from ouipost.events.journal import Actor
from ouipost.ids import MAX_LENGTH, new_id
from ouipost.runtime import waiting

FEW = 20
"""Up to this many rows are done within the request, or one if the action asks a network."""


def operate(
    page: ConsoleAdmin[Any],
    request: HttpRequest,
    rows: "QuerySet[Any]",
    kind: Bulk,
    *,
    says: str,
    **where: Any,
) -> HttpResponse | None:
    """Ask for confirmation; then do it, or begin a job and show its progress. `where` is passed to `operate`."""
    if begun := already_begun(request):
        return HttpResponseRedirect(page_of(begun))
    rows = page.as_shown(request, rows)
    count = rows[: MOST + 1].count()
    if count == 0:
        told = _("Nothing was done: what you chose is gone, or it cannot be done to it any more.")
        page.message_user(request, told, messages.ERROR)
        return HttpResponseRedirect(list_page(page.model))
    if count > MOST:
        told = _("At most %(most)s at a time: choose fewer, or narrow the list down.") % {"most": number_format(MOST)}
        page.message_user(request, told, messages.ERROR)
        return None
    is_long = count > (1 if kind.asks_network else FEW)
    if is_long and "confirmed" in request.POST:
        found = [(row.pk, str(row)) for row in rows.prefetch_related(None).iterator()]
        page.tell_left_out(request, len(found))
        return HttpResponseRedirect(page_of(begin(request, kind, found, total=len(found))))
    if is_long:
        says = f"{says} {_('It goes on in the background: you can leave, and see how far it is.')}"

    def tell(made: Any) -> None:
        if told := kind.tell(made):
            page.message_user(request, told, messages.WARNING)

    form, actor = request.POST.get("key", ""), Actor.from_request(request)

    return page.operate(
        request,
        rows,
        lambda row: _perform(kind, row, actor, form, tell),
        title=str(kind.title),
        says=says,
        look=kind.look,
        opens_its_own=True,
        **where,
    )


def _perform(kind: Bulk, row: Any, *given: Any) -> None:
    """Do it to a row within the request, which holds a place if a network is asked; raises TooManyAsk."""
    with waiting.asking() if kind.asks_network else nullcontext():
        kind.perform(row, *given)


def origin(page: ConsoleAdmin[Any], request: HttpRequest) -> dict[str, Any]:
    """Return arguments for `operate`: an action from a row's page returns there, others to the list."""
    if request.POST.get("from") != "page":
        return {}
    return {"back": own_page(page.model, request.POST[ACTION_CHECKBOX_NAME]), "carries": {"from": "page"}}


def begin(request: HttpRequest, kind: Kind, subjects: Sequence[tuple[str, str]], *, total: int) -> Job:
    """Begin a job in the name of the form's sender."""
    key, actor = request.POST.get("key", "")[:MAX_LENGTH] or new_id("form"), Actor.from_request(request)
    return in_transaction(lambda: running.begin(kind, subjects, total=total, key=key, actor=actor, now=database_now()))


def already_begun(request: HttpRequest) -> Job | None:
    """Return the job that this form has begun before, as it may be sent twice."""
    key = request.POST.get("key", "")
    return Job.objects.filter(key=key, user_id=request.user.pk).first() if key else None


def page_of(job: Job) -> str:
    """Return the address of the page with a job's progress."""
    return reverse("console_job", args=[job.pk])
