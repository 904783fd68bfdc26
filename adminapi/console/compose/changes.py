"""What the page changes of its post, and what somebody else has changed since the page was made."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from adminapi.console.compose import words
from adminapi.console.compose.forms import EMPTY, Seen, Sheet, content_of, moment_of, seen, state_of
from adminapi.console.shown import as_stored
from adminapi.templatetags.console import network_name
from ouipost.unicode import apart
from posts.models import Media, Post
from workspaces.hashtags import normal_hashtags

Parts = dict[str, Any]
"""Values by their dotted paths, each of those for a single network by itself; one that is not there is not given."""


def changed_values(post: Post, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from a stored post's."""
    known = content_of(post)
    return {name: values[name] for name in values if _differs(known, values, name)}


def wanted_files(sheet: Sheet, changed: Iterable[tuple[Media, Mapping[str, Any]]]) -> list[list[str]]:
    """Return the files that the page shows and keeps, with their changed alt texts."""
    descriptions = {media.pk: values.get("alt_text", media.alt_text) for media, values in changed}
    kept = [file.media for file in sheet.files if file.seen and not file.is_removed]
    return [[media.pk, descriptions.get(media.pk, media.alt_text)] for media in kept] + _in_order(sheet.gone)


def take_over(sheet: Sheet, wanted: Mapping[str, Any]) -> None:
    """Put changes that somebody else has made to the post since the page was opened on the page, and report them.

    Typed values stay, with what the other has made of the same field beside them. `wanted` has the values that the
    pressed button would give the post, with its time (`at`) unless it leaves that alone. Nothing is taken over from a
    post that cannot be changed any more: the services refuse it.
    """
    post, shown = sheet.post, sheet.shown
    if post is None or shown is None or not post.is_editable:
        return
    known = [*(file.seen for file in sheet.files if file.seen), *sheet.gone]
    before = _parts(shown | {"files": _in_order(known)})
    present = _parts(state_of(post) | {"files": _in_order(seen(file.media) for file in sheet.files)})
    mine = _parts(wanted)
    names = [name for name in before | present | mine if name.partition(".")[0] in wanted]
    others = [name for name in names if _differs(before, present, name) and _differs(present, mine, name)]
    if not others:
        return
    _report(sheet)
    both = [name for name in others if name != "files" and _differs(before, mine | {"at": sheet.at}, name)]
    for name in both:
        sheet.refuse({"scheduled_at" if name == "at" else name: [_theirs(sheet, name, present.get(name))]})
    _take_over_values(sheet, post, present, [name for name in others if name not in both])
    _take_over_files(sheet)
    sheet.shown = state_of(post)


def _report(sheet: Sheet) -> None:
    told = [
        _("Somebody else has changed the post since you opened the page."),
        _("What you did not change is now as they left it: look at it first."),
    ]
    sheet.refuse({"": told})


def _parts(values: Mapping[str, Any], above: str = "") -> Parts:
    parts: Parts = {}
    for name, value in values.items():
        path = f"{above}{name}"
        parts |= _parts(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return parts


def _whole(parts: Parts) -> dict[str, Any]:
    """Return the values that have these parts."""
    values: dict[str, Any] = {}
    for path, value in parts.items():
        *above, name = path.split(".")
        place = values
        for each in above:
            place = place.setdefault(each, {})
        place[name] = value
    return values


def _differs(known: Mapping[str, Any], values: Mapping[str, Any], name: str) -> bool:
    before, after = known.get(name), values.get(name)
    match name:
        case "platforms":
            return set(before or ()) != set(after or ())
        case "hashtags":
            return bool(normal_hashtags(after or ()) != before)
    return bool(before != after)


def _theirs(sheet: Sheet, name: str, value: Any) -> str:
    """Say what somebody else has made of a field."""
    if value in (None, "", []):
        return _("They left this empty.")
    told = _("They chose: %(text)s") if name in ("platforms", "at") else _("They wrote: %(text)s")
    return told % {"text": apart(_text(sheet, name, value))}


def _text(sheet: Sheet, name: str, value: Any) -> str:
    match value:
        case list() if name == "platforms":
            accounts = {account.pk: str(account.name) for account in sheet.accounts}
            return ", ".join(accounts.get(each) or network_name(each) for each in value)
        case list():
            return (" " if name.endswith("hashtags") else "\n\n").join(map(str, value))
        case bool():
            return _("Yes") if value else _("No")
        case str() if name == "at" and sheet.post and sheet.post.scheduled_at:
            return words.local(sheet.post.scheduled_at, sheet.workspace.timezone)
    return words.value(name.rpartition(".")[2], value)


def _take_over_values(sheet: Sheet, post: Post, present: Parts, names: Iterable[str]) -> None:
    body = _parts(sheet.body)
    for name in names:
        if name == "at":
            sheet.at, sheet.chosen_at = present["at"], moment_of(post)
        elif name in present:
            body[name] = present[name]
        else:
            body.pop(name, None)
    sheet.body = EMPTY | _whole(body)


def _in_order(files: Iterable[Seen]) -> list[list[str]]:
    return [[pk, alt_text] for _place, pk, alt_text in sorted(files)]


def _take_over_files(sheet: Sheet) -> None:
    """Show the files as they are now, except alt texts and an order that were changed on the page."""
    known = [file.seen for file in sheet.files if file.seen]
    for file in sheet.files:
        typed, theirs = as_stored(file.alt_text), file.media.alt_text
        if file.seen and typed == file.seen[2]:
            file.alt_text = theirs
        elif file.seen and theirs not in (file.seen[2], typed):
            sheet.refuse({f"alt_text.{file.media.pk}": [_theirs(sheet, "alt_text", theirs)]})
        file.seen = None
    if known == sorted(known):
        sheet.files.sort(key=lambda file: (file.media.position, file.media.pk))
    sheet.gone = []
