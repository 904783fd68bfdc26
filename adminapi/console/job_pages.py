"""Background work in the console: the list of jobs, the progress of each, and stopping one."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from adminapi.console import removals
from adminapi.console.bulk import already_begun, begin, page_of
from adminapi.console.navigation import titled
from adminapi.console.pages import list_page, member_of_staff, own_page, page, show
from adminapi.console.progress import Progress, percent, show_progress
from adminapi.jobs import catalogue, prune, running
from adminapi.jobs.kinds import Bulk
from adminapi.jobs.models import Job, JobRow, JobStatus
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from ouipost.events.journal import Actor
from ouipost.ids import new_id
from ouipost.translating import about, about_row
from workspaces.models import User

LISTED = 50
TOLD = 100


@page(None)
def jobs(request: HttpRequest) -> HttpResponse:
    """List the latest jobs that the request's user may see."""
    user = member_of_staff(request)
    found = catalogue.open_to(user).order_by("-created_at", "-pk")[:LISTED]
    rows = [{"job": job, "title": title_of(job), "address": page_of(job)} for job in found]
    context: dict[str, Any] = {"rows": rows, "removals": removals.open_to(user)}
    return show(request, "console/jobs.html", title=_("Background work"), **context)


@page(None)
def job(request: HttpRequest, job: str) -> HttpResponse:
    """Show a job's progress and its refused rows, with links to the list of its subjects and to each of them."""
    found, user = _find(request, job), member_of_staff(request)
    kind = _kind_for(found, user)
    theirs = titled(request, list_page(kind.model)) if kind else []
    links = [*theirs, (_("All background work"), reverse("console_jobs"))]
    stop = reverse("console_job_stop", args=[found.pk])
    about = _("Begun by %(who)s") % {"who": found.user_email}
    return show_progress(request, _progress(found, user), title=title_of(found), about=about, links=links, stop=stop)


@page(None)
def stop(request: HttpRequest, job: str) -> HttpResponse:
    """Ask, and then stop a job."""
    found = _find(request, job)
    if request.method == "POST" and "confirmed" not in request.POST and not found.is_over:
        says = _("What was done stays done. The rest is left as it is.")
        asked: dict[str, Any] = {"says": says, "look": "op-danger", "names": [title_of(found)], "back": page_of(found)}
        return show(request, "console/confirm.html", title=_("Stop it"), **asked)
    if request.method == "POST":
        actor = Actor.from_request(request)
        in_transaction(lambda: running.stop(found, actor=actor, now=timezone.now()))
    return HttpResponseRedirect(page_of(found))


@page(prune.PRUNE.permission)
def old_data(request: HttpRequest) -> HttpResponse:
    """Show the old rows, ask, and begin to remove them."""
    if begun := already_begun(request):
        return HttpResponseRedirect(page_of(begun))
    found = prune.count_old(database_now())
    present = [each for each in found if each.count]
    if request.method != "POST" or not present:
        return show(request, "console/old_data.html", title=_("Old data"), kinds=found, is_any=bool(present))
    if "confirmed" not in request.POST:
        says = _("It is removed for good, and goes on in the background: you can leave, and see how far it is.")
        names = [about(each.title, _number(each.count)) for each in present]
        asked: dict[str, Any] = {"says": says, "names": names, "key": new_id("form"), "back": request.path}
        asked["look"] = "op-danger"
        return show(request, "console/confirm.html", title=str(prune.PRUNE.title), **asked)
    subjects = [(each.name, str(each.title)) for each in present]
    total = sum(each.count for each in present)
    return HttpResponseRedirect(page_of(begin(request, prune.PRUNE, subjects, total=total)))


def title_of(job: Job) -> str:
    """Return the title of a job, which is the label of its button."""
    kind = catalogue.BY_NAME.get(job.kind)
    return str(kind.title) if kind else job.kind


def _find(request: HttpRequest, pk: str) -> Job:
    found: Job = get_object_or_404(catalogue.open_to(member_of_staff(request)), pk=pk)
    return found


def _kind_for(job: Job, user: User) -> Bulk | None:
    """Return the kind of a job whose rows have pages that the user may see, else None."""
    kind = catalogue.BY_NAME.get(job.kind)
    return kind if isinstance(kind, Bulk) and kind.permission in user.granted else None


def _progress(job: Job, user: User) -> Progress:
    rows = _worth_telling(job)
    return Progress(
        heading=about(title_of(job), job.get_status_display()),
        says=_progress_text(job),
        percent=100 if job.status == JobStatus.DONE else percent(job.done + job.refused, job.total),
        is_over=job.is_over,
        note=_note(job),
        told=_lines(rows[:TOLD], _kind_for(job, user), user),
        more=max(rows.count() - TOLD, 0),
    )


def _lines(rows: "QuerySet[JobRow]", kind: Bulk | None, user: User) -> list[tuple[str, str]]:
    """Return a line for each row, with the address of its page if the row still exists."""
    listed = list(rows)
    pages = _pages(kind, user, [row.subject_id for row in listed]) if kind else {}
    return [(_line(row), pages.get(row.subject_id, "")) for row in listed]


def _line(row: JobRow) -> str:
    return about_row(row.name, row.note) if row.note else about(row.name, _number(row.done))


def _pages(kind: Bulk, user: User, pks: list[str]) -> dict[str, str]:
    present = kind.rows_of(user).filter(pk__in=pks).values_list("pk", flat=True)
    return {pk: own_page(kind.model, pk) for pk in present}


def _progress_text(job: Job) -> str:
    says = _("%(done)s of %(total)s done.") % {"done": _number(job.done), "total": _number(job.total)}
    if job.refused:
        message = ngettext("%(refused)s could not be done.", "%(refused)s could not be done.", job.refused)
        says = f"{says} {message % {'refused': _number(job.refused)}}"
    return says


def _note(job: Job) -> str:
    match job.status:
        case JobStatus.WORKING:
            return _("You can leave this page: it goes on without you.")
        case JobStatus.STOPPED:
            return _("It was stopped: the rest was left as it is.")
        case JobStatus.REFUSED:
            return _("The person who started it may no longer do this: the rest was left as it is.")
    return ""


def _worth_telling(job: Job) -> "QuerySet[JobRow]":
    """Match the rows with a note, refused ones first; for pruning all rows, to show the number removed of each kind."""
    rows = JobRow.objects.filter(job=job)
    if job.kind == prune.PRUNE.name:
        return rows.order_by("place")
    return rows.exclude(note="").order_by("-status", "place")


def _number(count: int) -> str:
    return number_format(count, force_grouping=True)
