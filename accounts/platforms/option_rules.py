"""The keys of `platform_content.<network>.options`, each checked against the network's description of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from accounts.platforms.limits import Issue, Limits, Option, above
from accounts.platforms.shapes import Content
from accounts.platforms.text import length
from ouipost.phrases import Phrase

KINDS = {
    "text": Phrase("a text"),
    "texts": Phrase("a list of texts"),
    "flag": Phrase("true or false"),
    "integer": Phrase("a whole number"),
}
NOT_OF_KIND = {
    "text": Phrase("Must be a string."),
    "texts": Phrase("Must be a list of strings."),
    "flag": Phrase("Must be true or false."),
    "integer": Phrase("Must be an integer."),
}


def unreadable(given: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, list[str]]:
    """Return errors of unknown options and values of a wrong kind, independent of post and account.

    The key of an error is the option, with the position for an item of a list, as in `thread.1`.
    """
    problems: dict[str, list[str]] = {}
    for name, value in given.items():
        if name not in kinds:
            problems[name] = [Phrase("Unknown option.")]
        elif kinds[name] == "texts" and isinstance(value, list):
            wrong = [place for place, each in enumerate(value) if not isinstance(each, str)]
            problems |= {f"{name}.{place}": [NOT_OF_KIND["text"]] for place in wrong}
        elif not _is_of_kind(kinds[name], value):
            problems[name] = [NOT_OF_KIND[kinds[name]]]
    return problems


def check(content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield an issue for every option that is unknown, missing, or has a value that the network refuses."""
    known = {option.name: option for option in limits.options}
    for name, value in content.options.items():
        if name in known:
            yield from _value(known[name], value, limits, account)
        elif name != "post_type":
            yield _unknown(name, limits)
    for option in limits.options:
        if option.required and option.name not in content.options:
            yield _missing(option, account)


def _value(option: Option, value: Any, limits: Limits, account: Mapping[str, Any]) -> Iterator[Issue]:
    if not _is_of_kind(option.kind, value):
        yield _issue(
            option,
            "option_invalid",
            Phrase("must be {kind}", kind=KINDS[option.kind]),
            value,
            Phrase("Send {kind}.", kind=KINDS[option.kind]),
        )
        return
    choices = _choices(option, account)
    if choices and value not in choices:
        shown = ", ".join(choices)
        yield _issue(
            option,
            "option_invalid",
            Phrase("must be one of {shown}", shown=shown),
            value,
            Phrase("Use one of: {taken}.", taken=shown),
        )
    texts = value if option.kind == "texts" else [value] if option.kind == "text" else []
    if option.max_items is not None and len(texts) > option.max_items:
        message = Phrase("The option {option} has {count} entries", option=option.name, count=len(texts))
        yield above("too_many_entries", f"options.{option.name}", message, option.max_items, len(texts))
    for position, text in enumerate(texts):
        field = f"options.{option.name}.{position}" if option.kind == "texts" else f"options.{option.name}"
        yield from _text(option, text, field, limits)


def _text(option: Option, text: str, field: str, limits: Limits) -> Iterator[Issue]:
    if not text.strip():
        yield Issue(
            rule="option_empty",
            field=field,
            message=Phrase("The text is empty."),
            fix=Phrase("Write it, or remove it."),
        )
    count = length(text, option.counted_as or limits.characters_counted_as)
    if option.max_characters is not None and count > option.max_characters:
        yield above(
            "option_too_long",
            field,
            Phrase("The text has {count} characters", count=count),
            option.max_characters,
            count,
        )


def _is_of_kind(kind: str, value: Any) -> bool:
    match kind:
        case "texts":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case "flag":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)


def _choices(option: Option, account: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the allowed values: the network's own, or the account's, which are unknown while none is connected."""
    listed = account.get(option.choices_from, []) if option.choices_from else []
    return option.choices or tuple(str(each["id"] if isinstance(each, dict) else each) for each in listed)


def _missing(option: Option, account: Mapping[str, Any]) -> Issue:
    choices = ("true", "false") if option.kind == "flag" else _choices(option, account)
    fix = Phrase("Set it to one of: {choices}.", choices=", ".join(choices)) if choices else Phrase("Set it.")
    return _issue(option, "option_required", Phrase("is required"), None, fix)


def _issue(option: Option, rule: str, what: str, actual: Any, fix: str) -> Issue:
    limit = list(option.choices) or None
    message = Phrase("The option {option} {what}.", option=option.name, what=what)
    return Issue(rule=rule, field=f"options.{option.name}", message=message, limit=limit, actual=actual, fix=fix)


def _unknown(name: str, limits: Limits) -> Issue:
    return Issue(
        rule="option_unknown",
        field=f"options.{name}",
        message=Phrase("This network has no option {name!r} for posts of this type.", name=name),
        limit=[option.name for option in limits.options],
        actual=name,
        fix=Phrase("Remove the option."),
    )
