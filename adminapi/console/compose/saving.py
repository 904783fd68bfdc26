"""The actions of the buttons on the page that composes a post: the API's own services, all in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import SocialAccount
from adminapi import arrivals
from adminapi.arrivals import Arrival
from adminapi.console.compose import words
from adminapi.console.compose.changes import changed_values, take_over, wanted_files
from adminapi.console.compose.forms import (
    Errors,
    File,
    Sheet,
    checked_files,
    checked_moment,
    checked_values,
    in_one_field,
    make_present,
    seen,
    state_of,
)
from adminapi.templatetags.console import network_name
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import Actor
from ouipost.translating import about, translated
from ouipost.unicode import apart
from posts import destinations, services
from posts.destinations import AccountNotConnected
from posts.media import files, uploads
from posts.media.intake import clean_filename
from posts.models import Media, Post, PostStatus, Schedule
from posts.schedules import services as schedules
from posts.schedules.services import ScheduleOnHold

DRAFT, SAVE, SCHEDULE, QUEUE, PUBLISH = "draft", "save", "schedule", "queue", "publish"
BUTTONS = (DRAFT, SAVE, SCHEDULE, QUEUE, PUBLISH)
SENDING = (SCHEDULE, QUEUE, PUBLISH)
"""The buttons that let the post go out."""
FIELD_OF: dict[type[DomainError], str] = {AccountNotConnected: "platforms", ScheduleOnHold: "schedule_id"}
"""The page's field of a refusal whose details name none."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """An action, with everything checked that can be checked before it begins."""

    do: str
    values: dict[str, Any]
    changed_files: list[tuple[Media, dict[str, Any]]]
    at: datetime | None
    actor: Actor


def is_done(post: Post, sheet: Sheet, *, do: str) -> bool:
    """Return whether a post, the page's own or one created from it before, already is as the page and its button would
    make it."""
    if do == PUBLISH:
        is_there = post.status not in services.SCHEDULABLE
    else:
        is_there = sheet.post is None and (do == DRAFT or post.status != PostStatus.DRAFT)
    if not is_there or any(file.is_removed for file in sheet.files):
        return False
    tried = replace(sheet, errors={})
    changed = changed_values(post, checked_values(tried)) or checked_files(tried)
    return not changed and not tried.errors


def carry_out(sheet: Sheet, *, do: str, actor: Actor) -> tuple[Post, list[str]] | None:
    """Save the page and do the button's action: both, or neither, with the reason in the sheet.

    Returns the post with warnings about it.
    """
    work = Work(
        do=do,
        values=checked_values(sheet),
        changed_files=checked_files(sheet),
        at=checked_moment(sheet) if do == SCHEDULE else None,
        actor=actor,
    )
    if do in SENDING:
        sheet.refuse({"files": _still_checked(sheet.post)})
    if do != SCHEDULE:
        sheet.refuse({"scheduled_at": _passed_over(sheet)})
    if sheet.errors:
        return None
    try:
        return in_transaction(lambda: _carry_out(sheet, work))
    except DomainError as error:
        sheet.refuse(refusal(error, sheet))
    except Http404:
        sheet.refuse({"": [_("Somebody has just removed the post, or what it needs. Save what you wrote elsewhere.")]})
    return None


def _still_checked(post: Post | None) -> list[str]:
    """Name the files that are still being checked: the post would go out without them."""
    now = timezone.now()
    told = _("%(name)s is still being checked. Wait until it is on the post, then press the button again.")
    names = [each.filename for each in arrivals.of(post) if each.is_awaited(now)] if post else []
    return [told % {"name": apart(name)} for name in names]


def _passed_over(sheet: Sheet) -> list[str]:
    """Refuse a typed time, which only the button beside it sets; the post's own time may stay in its field."""
    stored = state_of(sheet.post)["at"] if sheet.post else ""
    if sheet.at in ("", stored, (sheet.shown or {}).get("at")):
        return []
    if sheet.post and sheet.post.status == PostStatus.SCHEDULED:
        return [_("This time is not set yet. Press “Move to this time” to set it, or empty this field.")]
    return [_("This time is not set yet. Press “Schedule” to set it, or empty this field.")]


def _wanted(sheet: Sheet, work: Work) -> dict[str, Any]:
    """Return the values that the page and its button give the post; only “Save changes” leaves its time alone."""
    times = {DRAFT: "", SCHEDULE: sheet.at}
    values = work.values | {"files": wanted_files(sheet, work.changed_files)}
    return values if work.do == SAVE else values | {"at": times.get(work.do)}


def _carry_out(sheet: Sheet, work: Work) -> tuple[Post, list[str]] | None:
    """Do it all; or nothing, and return None, if the sheet then says that somebody else was first."""
    queue = _locked_schedule(sheet) if work.do == QUEUE else None  # a schedule is locked before its posts
    if sheet.post is not None:
        make_present(sheet, services.lock(sheet.post))
        if is_done(sheet.post, sheet, do=work.do):  # by the same page, sent twice at once
            return sheet.post, []
        work = replace(work, changed_files=checked_files(sheet))
        take_over(sheet, _wanted(sheet, work))
        if sheet.errors:
            return None
    post, warnings = _write(sheet, work)
    if work.at is not None:
        zone, now = sheet.workspace.timezone, database_now()
        post = services.schedule_post(post, scheduled_at=work.at, zone=zone, actor=work.actor, now=now)
    elif queue is not None:
        post = schedules.queue_post(post, queue, actor=work.actor, now=database_now())
    elif work.do == PUBLISH:
        post = services.publish_post(post, actor=work.actor, now=database_now())
    if post.status == PostStatus.SCHEDULED:
        warnings += [told for told in destinations.of(post).warnings(post) if told not in warnings]
    return post, warnings


def _locked_schedule(sheet: Sheet) -> Schedule:
    found = Schedule.objects.filter(pk=sheet.schedule_id, workspace=sheet.workspace).first()
    if found is None:
        raise InvalidInput(schedule_id=[_("Choose a schedule.")])
    return schedules.lock(found)


def _write(sheet: Sheet, work: Work) -> tuple[Post, list[str]]:
    """Create or update the post, its files first, as they decide whether it may stay scheduled."""
    if sheet.post is None:
        return _create(sheet, work.values, work.actor)
    post = sheet.post
    if work.do == DRAFT and post.status == PostStatus.SCHEDULED:
        post = services.unschedule_post(post, actor=work.actor)
    had, removed = files.as_content(post), [file.media for file in sheet.files if file.is_removed]
    for media in removed:
        files.delete(media, actor=work.actor, more_follows=True)
    for media, changed in work.changed_files:
        files.update(media, values=changed, actor=work.actor, more_follows=True)
    values = changed_values(post, work.values)
    must_be_checked = post.status != PostStatus.DRAFT and (removed or work.changed_files or not post.is_editable)
    if not values and not must_be_checked:
        return post, []
    if "platforms" in values:
        values["destinations"] = values.pop("platforms")  # the page shows accounts: those not chosen are removed
    return services.update_post(post, values=values, actor=work.actor, now=database_now(), had=had)


def _create(sheet: Sheet, values: dict[str, Any], actor: Actor) -> tuple[Post, list[str]]:
    return services.create_post(sheet.workspace, values=values, actor=actor, now=timezone.now(), pk=sheet.made_as)


def upload(sheet: Sheet, given: "UploadedFile[bytes]", *, actor: Actor, pk: str) -> Media | None:
    """Attach a file as the API does; a page that was never saved becomes a draft first, as files belong to a post.

    A file that the post already has under this id was sent twice, and is not added again. Returns None, with the reason
    in the sheet, if the file is refused.
    """
    if sheet.post is not None and (present := sheet.post.files.filter(pk=pk).first()):
        return _taken(sheet, present)
    values = checked_values(sheet) if sheet.post is None else {}
    checked = uploads.UploadInput(data={"file": given})
    if not checked.is_valid():
        sheet.refuse({"files": [str(text) for text in checked.errors.get("file", [])]})
    if sheet.errors:
        return None
    try:
        with _awaited(sheet, given, values, actor, pk) as arrival:
            if sheet.post is not None:
                files.require_place(sheet.post)
            with uploads.stored(checked.validated_data) as stored:
                media = in_transaction(lambda: _attach(sheet, stored, values, actor, arrival, pk))
    except DomainError as error:
        sheet.refuse({"files": _told(error, sheet, given)})
        return None
    return _taken(sheet, media)


def _taken(sheet: Sheet, media: Media) -> Media:
    _become(sheet, media.post)
    others = [file for file in sheet.files if file.media != media]
    sheet.files = [*others, File(media=media, alt_text=media.alt_text, seen=seen(media))]
    return media


def _become(sheet: Sheet, post: Post) -> None:
    """Note the page's post; of one that was just created, the page shows all that it says."""
    if sheet.post is None:
        sheet.shown = state_of(post)
    sheet.post = post


@contextmanager
def _awaited(
    sheet: Sheet, given: "UploadedFile[bytes]", values: dict[str, Any], actor: Actor, pk: str
) -> Iterator[Arrival | None]:
    """Save the page as a draft before a large file, so that a user who leaves meanwhile finds both, or why not."""
    if (given.size or 0) <= arrivals.SLOW_BYTES:
        yield None
        return
    post = in_transaction(lambda: _post_of(sheet, values, actor))
    _become(sheet, post)
    name = clean_filename(given.name or "")
    arrival = arrivals.begin(post, name, file_id=pk, now=timezone.now())
    try:
        yield arrival
    except DomainError as error:
        arrivals.refuse(arrival, " ".join(_told(error, sheet, given)))
        raise
    except BaseException:
        arrivals.refuse(arrival, _("%(name)s: it was cut short. Add it again.") % {"name": apart(name)})
        raise


def _told(error: DomainError, sheet: Sheet, given: "UploadedFile[bytes]") -> list[str]:
    """Return the reasons of a refusal, each after the name of the file."""
    return [about(given.name, translated(text)) for texts in refusal(error, sheet).values() for text in texts]


def _attach(
    sheet: Sheet, stored: files.Stored, values: dict[str, Any], actor: Actor, arrival: Arrival | None, pk: str
) -> Media:
    media = files.attach(_post_of(sheet, values, actor), stored, alt_text="", actor=actor, pk=pk)
    if arrival is not None:
        Arrival.objects.filter(pk=arrival.pk).delete()
    return media


def _post_of(sheet: Sheet, values: dict[str, Any], actor: Actor) -> Post:
    """Return the page's post, or create it as a draft, unless the same page, sent twice, has just done so."""
    if sheet.post is not None:
        return sheet.post
    try:
        with transaction.atomic():
            return _create(sheet, values, actor)[0]
    except IntegrityError:
        found = Post.objects.filter(pk=sheet.made_as, workspace=sheet.workspace).first()
        if found is None:
            raise
        return found


def refusal(error: DomainError, sheet: Sheet) -> Errors:
    """Return a service's errors, by the page's field that can mend them."""
    if isinstance(error, services.TimeIsPast):
        return {"scheduled_at": [error.says(words.local(error.moment, sheet.workspace.timezone))]}
    fields: Errors = error.details.get("fields", {})
    if fields:
        others = {name: told for name, told in fields.items() if in_one_field(name) != "platforms"}
        return others | {"platforms": gone} if fields != others and (gone := _disconnected(sheet)) else fields
    found: Errors = {}
    for issue in error.details.get("issues", []):
        if issue["severity"] == "error":
            place = place_of(issue, sheet)
            with timezone.override(sheet.workspace.timezone):
                found.setdefault(place, []).append(_sentence(issue, place))
    if found:
        return found
    accounts = {account.pk: account.name for account in sheet.accounts}
    named = ", ".join(accounts.get(name) or network_name(name) for name in error.details.get("platforms", []))
    message = translated(error.message)
    return {FIELD_OF.get(type(error), ""): [f"{message} ({named})" if named else message]}


def _disconnected(sheet: Sheet) -> list[str]:
    """Name the chosen accounts that were disconnected."""
    rows = SocialAccount.objects.filter(workspace=sheet.workspace, pk__in=sheet.body["platforms"])
    gone = rows.exclude(disconnected_at=None).order_by("platform", "name", "pk")
    message = _("%(account)s (%(network)s) was disconnected.")
    return [message % {"account": each.name, "network": network_name(each.platform)} for each in gone]


def place_of(issue: dict[str, Any], sheet: Sheet) -> str:
    """Return the name of an issue's field: the account's or network's own field if there is one."""
    head, _dot, rest = str(issue["field"]).partition(".")
    entries = sheet.body["platform_content"]
    keys = [key for key in (issue["account_id"], issue["platform"]) if key in entries]
    if head == "options":
        name = rest.partition(".")[0]
        key = next((key for key in keys if name in entries[key].get("options", {})), issue["platform"])
        return f"platform_content.{key}.options.{name}"
    if head == "media":
        return "files"
    own = next((key for key in keys if head in entries[key]), None)
    if own is not None:
        return f"platform_content.{own}.{head}"
    return head if head in words.FIELDS else ""


def _sentence(issue: dict[str, Any], place: str) -> str:
    """Return an issue after its network, and after the label of its field if that is not its place's own."""
    message, fix = words.describe(issue)
    network = network_name(issue["platform"])
    where = network if issue["field"] == place else f"{network}, {words.field(issue['field'])}"
    return about(where, f"{message} {fix}".strip())
