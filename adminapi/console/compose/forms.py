"""Read the page that composes a post into the form of the API's bodies; nothing is stored here."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts import registry
from accounts.models import SocialAccount
from accounts.platforms.limits import Option
from adminapi.console.shown import as_told, told_values
from ouipost.api.failures import describe
from ouipost.errors import InvalidInput
from ouipost.ids import new_id, told_id
from ouipost.moments import NotAMoment, parse_moment
from ouipost.translating import translated
from posts.inputs import PostInput, ScheduleInput
from posts.media.serializers import MediaInput
from posts.models import Media, Post
from posts.schedules.slots import AmbiguousLocalTime, DoubtfulLocalTime, instant, shown
from posts.services import TEXTS
from workspaces.models import Workspace

OWN = ("content", "title", "link", "hashtags")
"""The fields that a network or account may override, beside its options."""
LISTS = ("platforms", "hashtags")
"""Lists with one field of the page for all their entries."""
BETWEEN_TAGS = re.compile(r"[\s,]+")
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,16}")
FLAGS = {"true": True, "false": False}
LOCAL = "%Y-%m-%dT%H:%M"
EMPTY: dict[str, Any] = {
    "content": "",
    "title": "",
    "link": "",
    "hashtags": [],
    "platforms": [],
    "platform_content": {},
}
KINDS = {name: type(value) for name, value in EMPTY.items()} | {"at": str}
"""The types of the values by which a page describes the post that it was made from: its content and its time."""

Seen = tuple[int, str, str]
"""A file as a page shows it: its position, its id, and its alt text."""
Errors = dict[str, list[str]]
"""Errors by the name of the page's field; errors of no field have an empty name."""


@dataclass(kw_only=True)
class File:
    """A stored file of the post, as on the page; its alt text and position are stored when the post is saved."""

    media: Media
    alt_text: str
    is_removed: bool = False
    seen: Seen | None = None
    """The file as the page showed it; None if it came later."""

    @property
    def as_shown(self) -> str:
        """The value of the hidden input that sends this back."""
        return json.dumps(self.seen or seen(self.media))


def seen(media: Media) -> Seen:
    """Return a file as a page would show it now."""
    return media.position, media.pk, media.alt_text


@dataclass(kw_only=True)
class Sheet:
    """The whole content of the page."""

    workspace: Workspace
    post: Post | None = None
    accounts: list[SocialAccount]
    """The connected accounts, and those that the post names."""
    body: dict[str, Any]
    files: list[File] = field(default_factory=list)
    gone: list[Seen] = field(default_factory=list)
    """Files on the page that no longer exist."""
    at: str = ""
    """The local time of the post, by the workspace's clock."""
    zone: str = ""
    """The zone of that clock when the page was made; empty for a page that is made now."""
    chosen_at: str = ""
    """The chosen moment, if the clocks do not show `at` exactly once."""
    schedule_id: str = ""
    errors: Errors = field(default_factory=dict)
    candidates: tuple[datetime, ...] = ()
    """The possible moments of an ambiguous `at`, to choose from."""
    shown: dict[str, Any] | None = None
    """The post when the page was made; None if the page does not have it."""
    made_as: str = field(default_factory=lambda: new_id("post"))
    """The id of the post that a new page creates, so that sending it twice creates no second one."""

    @property
    def as_shown(self) -> str:
        """The value of the hidden input that sends this back."""
        return json.dumps(self.shown) if self.shown else ""

    @property
    def has_other_clock(self) -> bool:
        """Whether the workspace has got another time zone since the page was made."""
        return self.zone not in ("", self.workspace.timezone)

    def refuse(self, errors: Mapping[str, Iterable[str]]) -> None:
        """Add errors, in the reader's language."""
        for path, texts in errors.items():
            name = in_one_field(path)
            if found := list(dict.fromkeys([*self.errors.get(name, []), *map(translated, texts)])):
                self.errors[name] = found

    def errors_at(self, path: str) -> list[str]:
        """Return the errors of a field, or of entries of it."""
        found = [self.errors[name] for name in self.errors if f"{name}.".startswith(f"{path}.")]
        return list(dict.fromkeys(text for texts in found for text in texts))


def in_one_field(path: str) -> str:
    """Return the name of the page's field; all entries of a list share one."""
    name = path.partition(".")[0]
    return name if name in LISTS else path


def empty_sheet(workspace: Workspace, *, at: str = "") -> Sheet:
    """Return an empty sheet, with the given time if it is readable."""
    return Sheet(workspace=workspace, accounts=_accounts(workspace, ()), body=dict(EMPTY), at=_local(at, workspace))


def _local(at: str, workspace: Workspace) -> str:
    """Return a time from an address in the workspace's local time; without an offset it is local already."""
    try:
        moment = parse_moment(at)
    except NotAMoment:
        return ""
    return (moment.astimezone(ZoneInfo(workspace.timezone)) if moment.tzinfo else moment).strftime(LOCAL)


def sheet_of(post: Post) -> Sheet:
    """Return the sheet of a stored post."""
    named = (*post.destinations, *post.platform_content)
    return Sheet(
        workspace=post.workspace,
        post=post,
        accounts=_accounts(post.workspace, named),
        body=content_of(post),
        shown=state_of(post),
        files=[File(media=media, alt_text=media.alt_text, seen=seen(media)) for media in _stored(post)],
        at=_at(post),
        chosen_at=moment_of(post),
        schedule_id=post.schedule_id or "",
    )


def content_of(post: Post) -> dict[str, Any]:
    """Return what a stored post says and where it goes, as in a page's body."""
    return {name: getattr(post, name) for name in TEXTS} | {"platforms": post.destinations}


def state_of(post: Post) -> dict[str, Any]:
    """Return what a page that is made now tells of its post: its content and its time."""
    return content_of(post) | {"at": _at(post)}


def _at(post: Post, *, zone: str = "") -> str:
    """Return a post's time by the clock of a zone, or of its workspace; empty if it has none."""
    at = shown(post.scheduled_at, zone=zone or post.workspace.timezone) if post.scheduled_at else ""
    return at[: len("2026-01-31T09:30")]


def moment_of(post: Post) -> str:
    """Return the moment of a post, which tells times apart that the clocks show twice; empty if it has none."""
    return post.scheduled_at.isoformat() if post.scheduled_at else ""


def read_sheet(workspace: Workspace, post: Post | None, data: QueryDict) -> Sheet:
    """Return the sheet of a submitted page."""
    keys = data.getlist("section")
    named = (*data.getlist("platforms"), *keys)
    accounts = _accounts(workspace, named)
    networks = {account.pk: account.platform for account in accounts} | {name: name for name in registry.IDS}
    known = [key for key in keys if key in networks]
    overrides = {key: _override(data, key, networks[key]) for key in known}
    body = {name: data.get(name, "") for name in ("content", "title", "link")} | {
        "hashtags": tags(data.get("hashtags", "")),
        "platforms": [name for name in data.getlist("platforms") if name in networks],
        "platform_content": {key: entry for key, entry in overrides.items() if entry},
    }
    told = _seen(data)
    files = _files(post, data, told) if post else []
    left = {*data.getlist("removed"), *(file.media.pk for file in files)}
    sheet = Sheet(
        workspace=workspace,
        post=post,
        accounts=accounts,
        body=body,
        shown=told_values(data.get("shown", ""), KINDS) if post else None,
        made_as=told_id("post", data.get("made_as", "")),
        files=files,
        gone=[each for pk, each in told.items() if pk not in left],
        at=data.get("scheduled_at", ""),
        zone=data.get("timezone", ""),
        chosen_at=data.get("chosen_at", ""),
        schedule_id=data.get("schedule_id", ""),
    )
    _follow_clock(sheet)
    return sheet


def _follow_clock(sheet: Sheet) -> None:
    """Put the post's time on the page by the workspace's present clock, if only that clock has changed since."""
    post, told = sheet.post, sheet.shown
    if post is None or told is None or not sheet.has_other_clock or told.get("at") != _at(post, zone=sheet.zone):
        return
    if sheet.at == told["at"]:
        sheet.at, sheet.chosen_at = _at(post), moment_of(post)
    sheet.shown = told | {"at": _at(post)}


def _accounts(workspace: Workspace, named: Iterable[str]) -> list[SocialAccount]:
    rows = SocialAccount.objects.filter(workspace=workspace)
    found = list(rows.filter(Q(disconnected_at=None) | Q(pk__in=list(named))).order_by("platform", "name", "pk"))
    for account in found:
        account.workspace = workspace
    return found


def _stored(post: Post) -> list[Media]:
    return list(Media.objects.filter(post=post).order_by("position", "pk"))


def _seen(data: QueryDict) -> dict[str, Seen]:
    """Return the files as the page showed them, by their ids."""
    rows = [each for row in data.getlist("shown_file") if isinstance(each := as_told(row), list)]
    return {each[1]: (each[0], each[1], each[2]) for each in rows if [type(part) for part in each] == [int, str, str]}


def _files(post: Post, data: QueryDict, told: Mapping[str, Seen]) -> list[File]:
    """Return the post's files in the order of the page; files added meanwhile come last."""
    order = {pk: place for place, pk in enumerate(data.getlist("order"))}
    removed = set(data.getlist("removed"))
    rows = sorted(_stored(post), key=lambda media: order.get(media.pk, len(order)))
    return [
        File(
            media=row,
            alt_text=data.get(f"alt_text.{row.pk}", row.alt_text),
            is_removed=row.pk in removed,
            seen=told.get(row.pk),
        )
        for row in rows
    ]


def make_present(sheet: Sheet, post: Post) -> None:
    """Put the post and its files on the sheet as they are now, beside what was written there."""
    post.workspace = sheet.workspace  # the page keeps to the clock by which it was read
    rows = {media.pk: media for media in _stored(post)}
    lost = [file for file in sheet.files if file.media.pk not in rows]
    kept = [_present(file, rows.pop(file.media.pk)) for file in sheet.files if file not in lost]
    sheet.post = post
    sheet.files = [*kept, *(File(media=media, alt_text=media.alt_text) for media in rows.values())]
    sheet.gone = [*sheet.gone, *(file.seen for file in lost if file.seen and not file.is_removed)]


def _present(file: File, media: Media) -> File:
    """Return a file as it is now; its alt text is the typed one, unless the page was made before the file came."""
    is_untold = file.seen is None and file.alt_text == file.media.alt_text
    return replace(file, media=media, alt_text=media.alt_text if is_untold else file.alt_text)


def tags(text: str) -> list[str]:
    """Return the words of a field for hashtags."""
    return [word for word in BETWEEN_TAGS.split(text) if word]


def options_of(network: str) -> list[Option]:
    """Return the options that a network's posts of any type take, each once."""
    platform = registry.get(network)
    limits = [platform.limits_of(name) for name in platform.post_types]
    return list({option.name: option for each in limits for option in each.options}.values())


def _override(data: QueryDict, key: str, network: str) -> dict[str, Any]:
    """Return the page's override of one network or account; empty if there is none."""
    at = f"platform_content.{key}"
    entry: dict[str, Any] = {name: data.get(f"{at}.{name}", "") for name in OWN if name in data.getlist(f"{at}.own")}
    if "hashtags" in entry:
        entry["hashtags"] = tags(entry["hashtags"])
    options = {
        option.name: _value(option.kind, data.getlist(f"{at}.options.{option.name}")) for option in _all(network)
    }
    given = {name: value for name, value in options.items() if value not in ("", [])}
    return entry | ({"options": given} if given else {})


def _all(network: str) -> list[Option]:
    return [Option(name="post_type"), *options_of(network)]


def _value(kind: str, given: list[str]) -> Any:
    """Return an option's value as JSON; a value of the wrong kind stays a text, which the rules then refuse."""
    if kind == "texts":
        return [text for text in given if text.strip()]
    text = given[-1] if given else ""
    if kind == "flag":
        return FLAGS.get(text, text)
    return int(text) if kind == "integer" and WHOLE_NUMBER.fullmatch(text) else text


def checked_values(sheet: Sheet) -> dict[str, Any]:
    """Return the body's values as the API takes them; adds the API's errors to the sheet's."""
    given = PostInput(data=sheet.body)
    if not given.is_valid():
        sheet.refuse(_errors_of(given))
        return {}
    values: dict[str, Any] = given.validated_data
    return values


def _errors_of(given: "serializers.Serializer[Any]") -> Errors:
    errors: Errors = dict(describe(serializers.ValidationError(dict(given.errors))).details["fields"])
    if "platforms" in errors and not given.initial_data["platforms"]:
        errors["platforms"] = [_("Choose at least one account.")]
    return errors


def checked_moment(sheet: Sheet) -> datetime | None:
    """Return the post's time, without an offset if it is the workspace's local time; None, with the reason in the
    sheet's errors, if it is missing, invalid, ambiguous, or by another clock than the workspace's."""
    given = ScheduleInput(data={"scheduled_at": sheet.at})
    if not sheet.at:
        sheet.refuse({"scheduled_at": [_("Choose a date and a time.")]})
    elif sheet.has_other_clock:
        message = _(
            "The workspace's time zone has changed since you opened the page: it is %(zone)s now. "
            "Look at the date and time, then press the button again."
        )
        sheet.refuse({"scheduled_at": [message % {"zone": sheet.workspace.timezone}]})
    elif not given.is_valid():
        sheet.refuse(_errors_of(given))
    else:
        return _decided(sheet, given.validated_data["scheduled_at"])
    return None


def moment_on(sheet: Sheet) -> datetime | None:
    """Return the typed time if it is valid, else None, without adding errors to the sheet."""
    moment = checked_moment(replace(sheet, errors={})) if sheet.at else None
    return instant(moment, zone=sheet.workspace.timezone) if moment else None


def _decided(sheet: Sheet, moment: datetime) -> datetime | None:
    try:
        instant(moment, zone=sheet.workspace.timezone)
    except DoubtfulLocalTime as error:
        for candidate in error.candidates:
            if candidate.isoformat() == sheet.chosen_at:
                return candidate
        sheet.candidates = error.candidates
        twice = isinstance(error, AmbiguousLocalTime)
        message = _("The clocks show this time twice.") if twice else _("The clocks jump over this time.")
        sheet.refuse({"scheduled_at": [message, _("Choose which moment you mean.")]})
        return None
    except InvalidInput as error:
        sheet.refuse(error.details["fields"])
        return None
    return moment


def checked_files(sheet: Sheet) -> list[tuple[Media, dict[str, Any]]]:
    """Return the changes of the remaining files, as the API takes them; adds the API's errors to the sheet's."""
    found = []
    for place, file in enumerate((each for each in sheet.files if not each.is_removed), start=1):
        given = MediaInput(data={"alt_text": file.alt_text, "position": place})
        if not given.is_valid():
            problems = [text for texts in _errors_of(given).values() for text in texts]
            sheet.refuse({f"alt_text.{file.media.pk}": problems})
            continue
        values: dict[str, Any] = given.validated_data
        found.append(
            (file.media, {name: value for name, value in values.items() if getattr(file.media, name) != value})
        )
    return [(media, changed) for media, changed in found if changed]
