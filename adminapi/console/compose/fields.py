"""The data of the page that composes a post: accounts by network, and a section of fields for each network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from accounts import registry
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms.limits import Option
from adminapi.console.compose import words
from adminapi.console.compose.forms import OWN, File, Sheet, options_of
from adminapi.console.pages import file_address
from adminapi.templatetags.console import network_name
from ouipost.translating import translated
from ouipost.unicode import apart

KINDS = {"texts": "several", "integer": "number"}
"""Field kinds by the types of options that are no single text."""
ELEMENTS = {
    "files": "compose-file",
    "platforms": "compose-where",
    "schedule_id": "schedule_id",
    "scheduled_at": "scheduled_at",
}


def id_of(name: str) -> str:
    """Return the id of the element of the page that has the field of this name."""
    head, _dot, rest = name.partition(".")
    if head == "platform_content":
        parts = rest.split(".")
        return "-".join([head, *parts[: 3 if "options" in parts[1:2] else 2]])
    if head == "alt_text":
        return f"alt-{rest}"
    return ELEMENTS.get(name, f"post-{name}" if name else "")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A checkbox for an account; `value` is the destination that it adds to the post, as in the API."""

    value: str
    label: str
    platform: str
    username: str = ""
    status: str = ""
    reason: str = ""
    """The reason if it cannot be chosen."""
    note: str = ""
    """A further remark about it."""
    is_chosen: bool = False

    @property
    def is_barred(self) -> bool:
        """Return whether it cannot be chosen; a chosen one can always be removed."""
        return bool(self.reason) and not self.is_chosen


@dataclass(frozen=True, kw_only=True)
class Group:
    """The accounts of one network."""

    name: str
    choices: list[Choice]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a section: `kind` is line, lines, several, number or choice."""

    name: str
    label: str
    kind: str
    value: Any
    choices: Sequence[tuple[str, str]] = ()
    hint: str = ""
    errors: Sequence[str] = ()
    is_required: bool = False

    @property
    def id(self) -> str:
        return id_of(self.name)


@dataclass(frozen=True, kw_only=True)
class Own:
    """A field for a network's own value instead of the post's, enabled by a checkbox."""

    name: str
    says: str
    """The label of its checkbox."""
    field: Field
    is_own: bool


@dataclass(frozen=True, kw_only=True)
class Section:
    """The overrides of one network, or of one account."""

    key: str
    platform: str
    name: str
    own: list[Own]
    options: list[Field]
    is_chosen: bool

    @property
    def is_open(self) -> bool:
        """Return whether it has an error, so that it must be open."""
        return any(field.errors for field in [*(each.field for each in self.own), *self.options])

    @property
    def said(self) -> int:
        """The number of fields with a value."""
        return sum(each.is_own for each in self.own) + sum(field.value not in ("", []) for field in self.options)


def groups(sheet: Sheet) -> list[Group]:
    """Return all possible destinations of a post, by network, in the order of the networks."""
    named = sheet.body["platforms"]
    choices = [_choice(account, named) for account in sheet.accounts]
    taken = {choice.value for choice in choices}
    choices += [_without_account(name) for name in named if name in registry.IDS and name not in taken]
    choices.sort(key=lambda choice: registry.IDS.index(choice.platform))
    return [
        Group(name=network_name(platform), choices=list(found))
        for platform, found in groupby(choices, key=lambda choice: choice.platform)
    ]


def _choice(account: SocialAccount, named: Sequence[str]) -> Choice:
    by_network = account.is_default and account.platform in named
    return Choice(
        value=account.platform if by_network else account.pk,
        label=account.name,
        platform=account.platform,
        username=account.handle,
        status=account.status if account.is_connected else "disconnected",
        reason=_reason(account),
        note=_note(account),
        is_chosen=by_network or account.pk in named,
    )


def _reason(account: SocialAccount) -> str:
    if not account.is_connected:
        return _("It was disconnected. Take it away, or connect it again.")
    if account.status == AccountStatus.EXPIRED:
        return _("Its sign-in has expired. Connect it again first.")
    return ""


def _note(account: SocialAccount) -> str:
    in_trouble = account.is_connected and account.status == AccountStatus.ERROR
    return translated((account.last_error or {}).get("message", "")) if in_trouble else ""


def _without_account(platform: str) -> Choice:
    return Choice(
        value=platform,
        label=network_name(platform),
        platform=platform,
        reason=_("No account is connected. Connect one, or remove it."),
        is_chosen=True,
    )


def sections(sheet: Sheet) -> list[Section]:
    """Return a section for each network that the workspace can send to, and for each account with an own entry."""
    networks = {account.pk: account.platform for account in sheet.accounts}
    chosen = chosen_networks(sheet)
    entries = sheet.body["platform_content"]
    used = {*networks.values(), *chosen, *entries}
    own = [key for key in entries if key in networks]
    return [
        *(_section(sheet, name, name, network_name(name), chosen) for name in registry.IDS if name in used),
        *(_section(sheet, each.pk, each.platform, str(each.name), chosen) for each in sheet.accounts if each.pk in own),
    ]


def chosen_networks(sheet: Sheet) -> set[str]:
    """Return the networks that the post goes to."""
    networks = {account.pk: account.platform for account in sheet.accounts}
    return {networks.get(name, name) for name in sheet.body["platforms"]}


def _section(sheet: Sheet, key: str, platform: str, name: str, chosen: set[str]) -> Section:
    entry: Mapping[str, Any] = sheet.body["platform_content"].get(key, {})
    return Section(
        key=key,
        platform=platform,
        name=name,
        own=[_own(sheet, key, each, entry, name) for each in OWN],
        options=list(_options(sheet, key, platform, entry.get("options", {}))),
        is_chosen=platform in chosen,
    )


def _own(sheet: Sheet, key: str, name: str, entry: Mapping[str, Any], whose: str) -> Own:
    given = entry.get(name, "")
    path = f"platform_content.{key}.{name}"
    field = Field(
        name=path,
        label=_("%(field)s for %(name)s") % {"field": words.FIELDS[name], "name": whose},
        kind="lines" if name == "content" else "line",
        value=" ".join(given) if isinstance(given, list) else given,
        errors=sheet.errors_at(path),
    )
    says = _("%(field)s: something else for %(name)s") % {"field": words.FIELDS[name], "name": whose}
    return Own(name=name, says=says, field=field, is_own=name in entry)


def _options(sheet: Sheet, key: str, platform: str, given: Mapping[str, Any]) -> Iterator[Field]:
    """Give a field for every option of the network, as its connector declares it."""
    types = registry.get(platform).post_types
    if len(types) > 1:
        yield _option(sheet, key, Option(name="post_type", choices=types), given, ())
    for option in options_of(platform):
        yield _option(sheet, key, option, given, list(_listed(sheet, platform, option)))


def _listed(sheet: Sheet, platform: str, option: Option) -> Iterator[tuple[str, str]]:
    """Give the values that the accounts of the network list for an option, such as the boards of Pinterest."""
    rows = [row for row in sheet.accounts if option.choices_from and row.platform == platform and row.is_connected]
    for account in rows:
        for each in account.metadata.get(option.choices_from) or []:
            pk, name = (each["id"], each.get("name") or each["id"]) if isinstance(each, dict) else (each, each)
            yield str(pk), f"{apart(name)} ({apart(account.name)})" if len(rows) > 1 else str(name)


def _option(
    sheet: Sheet, key: str, option: Option, given: Mapping[str, Any], listed: Sequence[tuple[str, str]]
) -> Field:
    path = f"platform_content.{key}.options.{option.name}"
    value = _written(given.get(option.name, ""), option.kind)
    choices = [*((each, words.value(option.name, each)) for each in option.choices), *dict(listed).items()]
    if option.kind == "flag":
        choices = [("true", _("Yes")), ("false", _("No"))]
    if choices and value and value not in dict(choices):
        choices.append((value, value))
    return Field(
        name=path,
        label=words.option(option.name),
        kind="choice" if choices else _kind(option),
        value=value,
        choices=choices,
        hint=_("At most %(most)s characters.") % {"most": number_format(option.max_characters)}
        if option.max_characters
        else "",
        errors=sheet.errors_at(path),
        is_required=option.required,
    )


def _written(value: Any, kind: str) -> Any:
    """Return an option's value as its field shows it."""
    if kind == "texts":
        return [str(each) for each in value] if isinstance(value, list) else [str(value)] if value else []
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(option: Option) -> str:
    return KINDS.get(option.kind) or ("lines" if option.name in words.LONG else "line")


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A stored file as the page shows it."""

    id: str
    filename: str
    type: str
    size: int
    address: str
    alt_text: str
    is_removed: bool
    as_shown: str
    errors: Sequence[str] = ()


def thumbnails(sheet: Sheet) -> list[Thumbnail]:
    """Return the files of the post in the order of the page."""
    return [thumbnail(file, sheet.errors.get(f"alt_text.{file.media.pk}", ())) for file in sheet.files]


def thumbnail(file: File, errors: Sequence[str] = ()) -> Thumbnail:
    media = file.media
    shown = media.thumbnail_name or (media.stored_name if media.type == "image" else "")
    return Thumbnail(
        id=media.pk,
        filename=media.filename,
        type=media.type,
        size=media.size,
        address=file_address(shown),
        alt_text=file.alt_text,
        is_removed=file.is_removed,
        as_shown=file.as_shown,
        errors=errors,
    )
