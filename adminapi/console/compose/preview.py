"""Preview the page for each account, with its network's objections; nothing is stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts import pauses
from accounts.models import Pause, SocialAccount
from accounts.platforms.shapes import Media
from adminapi.console.compose import words
from adminapi.console.compose.fields import id_of
from adminapi.console.compose.forms import Sheet, checked_values, moment_on
from adminapi.console.compose.saving import place_of
from adminapi.console.pages import file_address
from adminapi.console.shown import as_stored
from adminapi.templatetags.console import network_name
from ouipost.translating import translated
from posts import destinations, previews, services
from posts.media import files
from posts.models import Post
from posts.previews import Preview
from posts.repeats import find_repeats

NEEDS_CONNECTION = ("account_not_connected", "account_expired", "account_ends_first", "permission_missing")
"""The rules that connecting an account satisfies."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file as the network would show it."""

    address: str
    alt_text: str
    type: str
    filename: str
    converted: str


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An issue in the words of the page."""

    issue: dict[str, Any]
    message: str
    fix: str
    field: str
    target: str
    """The id of the element of the page that can mend it."""

    @property
    def needs_connection(self) -> bool:
        return str(self.issue["rule"]) in NEEDS_CONNECTION

    @property
    def is_error(self) -> bool:
        return bool(self.issue["severity"] == "error")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One recipient."""

    preview: Preview
    account: SocialAccount | None
    pictures: list[Picture]
    troubles: list[Trouble]
    paused: list[str]
    """The pauses that hold back what goes out to it, in the reader's language."""

    @property
    def network(self) -> str:
        return network_name(self.preview.platform.id)

    @property
    def is_too_long(self) -> bool:
        return self.preview.length > self.preview.limits.max_characters

    @property
    def post_type(self) -> str:
        """The kind of post, if the network has more than one."""
        kinds = self.preview.platform.post_types
        return words.value("post_type", self.preview.content.post_type) if len(kinds) > 1 else ""


def previewed(sheet: Sheet, *, now: datetime) -> list[Shown]:
    """Return the preview for each chosen account; adds the API's errors to the sheet's."""
    if not sheet.body["platforms"]:
        return []
    values = checked_values(sheet)
    if not values:
        return []
    sheet.refuse(destinations.override_problems(sheet.workspace, values["platform_content"]))
    post = services.unsaved_post(sheet.workspace, values=values, now=now)
    post.destinations, post.scheduled_at = values["platforms"], moment_on(sheet)
    found = previews.preview(post, media=_media(sheet))
    accounts = {account.pk: account for account in sheet.accounts}
    recipients = [accounts[each.account_id] for each in found if each.account_id in accounts]
    repeats = list(find_repeats(post, recipients, at=post.scheduled_at or now, stored=sheet.post))
    paused = pauses.in_force()
    with timezone.override(sheet.workspace.timezone):
        return [_shown(_with(repeats, each), accounts.get(each.account_id or ""), sheet, paused) for each in found]


def _with(repeats: Iterable[dict[str, Any]], preview: Preview) -> Preview:
    own = [each for each in repeats if each["account_id"] == preview.account_id]
    return replace(preview, issues=[*preview.issues, *own])


def _media(sheet: Sheet) -> list[Media]:
    """Return the files as they would be sent once the page is saved."""
    if sheet.post is None:
        return []
    stored = {media.id: media for media in files.as_content(sheet.post)}
    kept = [file for file in sheet.files if not file.is_removed and file.media.pk in stored]
    return [replace(stored[file.media.pk], alt_text=as_stored(file.alt_text)) for file in kept]


def _addresses(post: Post | None) -> dict[str, str]:
    return {each["id"]: file_address(each["thumbnail"] or each["name"]) for each in post.media} if post else {}


def _shown(preview: Preview, account: SocialAccount | None, sheet: Sheet, paused: Sequence[Pause]) -> Shown:
    held_by = pauses.all_holding(paused, preview.account_id or "", preview.platform.id, sheet.workspace.pk)
    addresses = _addresses(sheet.post)
    return Shown(
        preview=preview,
        account=account,
        pictures=[_picture(media, addresses) for media in preview.content.media],
        troubles=_troubles(preview.issues, sheet),
        paused=[translated(pauses.describe(each)) for each in held_by],
    )


def _picture(media: Media, addresses: dict[str, str]) -> Picture:
    return Picture(
        address=addresses.get(media.id, "") if media.type != "document" else "",
        alt_text=media.alt_text,
        type=media.type,
        filename=media.filename,
        converted=translated(media.converted),
    )


def _troubles(issues: Sequence[dict[str, Any]], sheet: Sheet) -> list[Trouble]:
    """Return the issues, errors first."""
    return sorted([_trouble(issue, sheet) for issue in issues], key=lambda trouble: not trouble.is_error)


def _trouble(issue: dict[str, Any], sheet: Sheet) -> Trouble:
    message, fix = words.describe(issue)
    target = id_of(place_of(issue, sheet))
    return Trouble(issue=issue, message=message, fix=fix, field=words.field(issue["field"]), target=target)
