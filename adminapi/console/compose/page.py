"""Composing a post: one page to write it, add pictures, choose accounts, and send it on its way."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from adminapi import arrivals
from adminapi.console.compose import fields, saving, words
from adminapi.console.compose.forms import Sheet, empty_sheet, read_sheet, sheet_of
from adminapi.console.compose.preview import previewed
from adminapi.console.pages import own_page, page, post_of, show
from adminapi.console.post_page import PAUSED
from adminapi.console.workspaces import at_hand, offer
from ouipost import zones
from ouipost.events.journal import Actor
from ouipost.ids import derived_id, new_id
from ouipost.translating import translated
from posts.inputs import MAX_CONTENT
from posts.media.storage import EXTENSIONS
from posts.models import Post, PostStatus, Schedule, Target
from posts.paused import pauses_of
from posts.schedules.slots import comes_twice, offset, shown


@page("posts.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: HttpRequest) -> HttpResponse:
    """Show an empty page for a new post, or do the action of its pressed button."""
    if request.method == "POST":
        return _submitted(request, _named_post(request))
    workspace = at_hand(request)
    if workspace is None:
        return show(request, "console/compose/nowhere.html", title=_("New post"))
    return _shown(request, empty_sheet(workspace, at=request.GET.get("at", "")))


@page("posts.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def compose_post(request: HttpRequest, pk: str) -> HttpResponse:
    """Show a draft or scheduled post for editing, or do the action of the pressed button."""
    post = post_of(request, pk)
    if request.method == "POST":
        return _submitted(request, post)
    if not post.is_editable:
        return show(request, "console/compose/closed.html", title=_("Edit post"), post=post)
    return _shown(request, sheet_of(post))


@page("posts.manage")
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Show each account's preview of the page as written so far; saves nothing."""
    sheet = _sheet(request, _named_post(request))
    found = previewed(sheet, now=timezone.now())
    context = {
        "sheet": sheet,
        "previews": found,
        "refused": _refused(sheet),
        "errors": sum(trouble.is_error for each in found for trouble in each.troubles),
        "is_paused": any(each.paused for each in found),
        "warnings": sum(not trouble.is_error for each in found for trouble in each.troubles),
    }
    return TemplateResponse(request, "console/compose/preview.html", context)


@page("posts.manage")
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Attach one file; a page that was never saved is saved as a draft first. Answers with the file's row."""
    known = _named_post(request)
    sheet, is_new = _sheet(request, known or _made(request)), known is None
    given, actor = request.FILES.get("file"), Actor.from_request(request)
    pk = _file_id(sheet, request.POST.get("file_id", ""))
    media = saving.upload(sheet, given, actor=actor, pk=pk) if given else None
    draft = _draft(sheet.post, is_new=is_new) if sheet.post else {}
    if media is None:
        return JsonResponse({"refused": [*_refused(sheet)] or [_("No file came with the request.")], **draft})
    row = render_to_string("console/compose/file.html", {"file": fields.thumbnail(sheet.files[-1])}, request)
    return JsonResponse({"row": row, **draft})


def _file_id(sheet: Sheet, told: str, *file: object) -> str:
    """Derive the id of an uploaded file from the form's key and the file, so that sending it twice adds it once."""
    return derived_id("media", told, repr((sheet.post.pk if sheet.post else sheet.made_as, *file)))


def _draft(post: Post, *, is_new: bool) -> dict[str, Any]:
    """Return the post that the page has become, with its content if it is new."""
    became = {"shown": sheet_of(post).as_shown} if is_new else {}
    return {"post": post.pk, "address": reverse("console_compose_post", args=[post.pk]), "is_new": is_new} | became


@page("posts.manage")
@require_http_methods(["GET", "HEAD"])
def awaited(request: HttpRequest, pk: str) -> HttpResponse:
    """Show the files on their way to a post, and the rows of files that came since the page was made."""
    post, known = post_of(request, pk), set(request.GET.getlist("order"))
    new = [fields.thumbnail(file) for file in sheet_of(post).files if file.media.pk not in known]
    context = _awaited(post) | {"new_files": new}
    headers = {"HX-Trigger": "arrived"} if new else {}
    return TemplateResponse(request, "console/compose/arrivals.html", context, headers=headers)


def _awaited(post: Post | None) -> dict[str, Any]:
    now = timezone.now()
    found = [(each, each.is_awaited(now)) for each in arrivals.of(post)] if post else []
    return {"post": post, "arrivals": found, "is_awaited": any(is_awaited for _, is_awaited in found)}


def _named_post(request: HttpRequest) -> Post | None:
    """Return the post that the page has become since it was opened, by its first file or its first saving."""
    pk = request.POST.get("post", "")
    return post_of(request, pk) if pk else None


def _made(request: HttpRequest) -> Post | None:
    """Return the post that this new page has created before, as its form may be sent twice.

    Raises Http404 if the page names a post of others.
    """
    pk = request.POST.get("made_as", "")
    return post_of(request, pk) if Post.objects.filter(pk=pk).exists() else None


def _sheet(request: HttpRequest, post: Post | None) -> Sheet:
    workspace = post.workspace if post else at_hand(request)
    if workspace is None:
        raise Http404
    return read_sheet(workspace, post, request.POST)


def _submitted(request: HttpRequest, post: Post | None) -> HttpResponse:
    """Do the action of the pressed button; after a refusal, show the page with everything as written."""
    sheet, do = _sheet(request, post), request.POST.get("do", "")
    if do not in saving.BUTTONS:
        return _shown(request, sheet)  # another workspace was chosen: show its accounts, and the written values
    try:
        return _again(request, sheet, post or _made(request), do) or _do(request, sheet, do)
    except IntegrityError:
        if answer := _again(request, sheet, _made(request), do):
            return answer
        raise


def _again(request: HttpRequest, sheet: Sheet, made: Post | None, do: str) -> HttpResponse | None:
    """Answer a page that was sent before: nothing is done again, or the user is asked if a new page has changed.

    Returns None for a page that was not sent before.
    """
    if made and saving.is_done(made, sheet, do=do):
        messages.info(request, _("This was done already, as it stands on the page. Nothing was done a second time."))
        return HttpResponseRedirect(_page_after(made, do))
    if sheet.post or not made:
        return None
    sheet.made_as = new_id("post")
    message = _(
        "A post was made from this page already. To make another one from what you wrote, press the button again."
    )
    sheet.refuse({"": [message]})
    return _shown(request, sheet, made=made)


def _do(request: HttpRequest, sheet: Sheet, do: str) -> HttpResponse:
    actor, key = Actor.from_request(request), request.POST.get("key", "")
    for place, given in enumerate(request.FILES.getlist("file")):
        saving.upload(sheet, given, actor=actor, pk=_file_id(sheet, key, place, given.name, given.size))
    done = None if sheet.errors else saving.carry_out(sheet, do=do, actor=actor)
    if done is None:
        return _shown(request, sheet)
    saved, warnings = done
    arrivals.forget_lost(saved, now=timezone.now())
    messages.success(request, _outcome(saved, do))
    with timezone.override(sheet.workspace.timezone):
        for warning in warnings:
            messages.warning(request, translated(warning))
    return HttpResponseRedirect(_page_after(saved, do))


def _page_after(post: Post, do: str) -> str:
    """Return the page to go to after an action: the page for composing, or the post's page."""
    stays = do in (saving.DRAFT, saving.SAVE)
    return reverse("console_compose_post", args=[post.pk]) if stays else own_page(Post, post.pk)


def _outcome(post: Post, do: str) -> str:
    match do:
        case saving.PUBLISH if _is_paused(post):
            return str(PAUSED)
        case saving.PUBLISH:
            return _("The post is on its way. This page shows what became of it at each network.")
        case saving.DRAFT:
            return _("Saved as a draft. Nothing goes out until you schedule or publish it.")
    if post.scheduled_at is None:
        return _("Saved.")
    message = (
        _("Scheduled for %(time)s (%(zone)s).")
        if do != saving.SAVE
        else _("Saved. It goes out on %(time)s (%(zone)s).")
    )
    return message % {"time": words.local(post.scheduled_at, _zone(post)), "zone": _clock(post)}


def _is_paused(post: Post) -> bool:
    targets = Target.objects.filter(post=post)
    return bool(pauses_of(targets, workspace_id=post.workspace_id, now=timezone.now()))


def _zone(post: Post) -> str:
    named: str = post.scheduled_timezone
    return named if named and zones.is_known(named) else post.workspace.timezone


def _clock(post: Post) -> str:
    """Return the clock of a post's time: its zone, with the offset if the clocks show that time twice."""
    zone, at = _zone(post), post.scheduled_at
    local = at.astimezone(ZoneInfo(zone)) if at else None
    return f"{zone}, {offset(local)}" if local and comes_twice(local) else zone


def _refused(sheet: Sheet) -> dict[str, str]:
    """Return all errors, each once and with the name of its field or file, and the id of the element of the page that
    can mend it; empty if there is none."""
    errors = [(name, text) for name, texts in sheet.errors.items() for text in texts]
    return {words.of_field(name, text): fields.id_of(name) for name, text in errors}


def _shown(request: HttpRequest, sheet: Sheet, *, made: Post | None = None) -> HttpResponse:
    post = sheet.post
    return show(
        request,
        "console/compose/page.html",
        title=_("Edit post") if post else _("New post"),
        sheet=sheet,
        key=new_id("form"),
        closed=post if post and not post.is_editable else made,
        address=reverse("console_compose_post", args=[post.pk]) if post else reverse("console_compose"),
        is_editable=post is None or post.is_editable,
        is_scheduled=post is not None and post.status == PostStatus.SCHEDULED,
        workspaces=None if post else offer(request, sheet.workspace),
        schedules=list(Schedule.objects.filter(workspace=sheet.workspace).order_by("-is_active", "name", "pk")),
        groups=fields.groups(sheet),
        chosen=fields.chosen_networks(sheet),
        sections=fields.sections(sheet),
        files=fields.thumbnails(sheet),
        candidates=_candidates(sheet),
        scheduled=words.local(post.scheduled_at, _zone(post)) if post and post.scheduled_at else "",
        zone=_clock(post) if post else "",
        refused=_refused(sheet),
        **_awaited(post),
        accepted=",".join(EXTENSIONS),
        most_characters=MAX_CONTENT,
    )


def _candidates(sheet: Sheet) -> list[dict[str, Any]]:
    """Return the possible moments of an ambiguous local time, each with its label and its offset."""
    zone = sheet.workspace.timezone
    return [
        {
            "value": moment.isoformat(),
            "words": words.local(moment, zone),
            "offset": shown(moment, zone=zone)[-6:],
        }
        for moment in sheet.candidates
    ]
