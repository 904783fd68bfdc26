"""Serializers and fields that validate request bodies: nothing is coerced or silently ignored, and one error names all
problems."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, ClassVar, cast

from django.http import QueryDict
from django.utils.translation import gettext_noop as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.settings import api_settings

from ouipost import zones
from ouipost.moments import NotAMoment, parse_moment
from ouipost.unicode import composed

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
FORM_INTEGER = re.compile(r"-?[0-9]{1,16}")
UNREADABLE = "\ufffd"
"""The character that Django puts in place of a form's bytes that are not UTF-8."""
UNKNOWN = _("Unknown field.")
REPEATED = _("Sent more than once.")
WHOLE = api_settings.NON_FIELD_ERRORS_KEY
"""Key for errors about a whole list, beside the errors of its items."""
MAX_ITEMS = 1000
MOST_NAMES = 500
"""Number of a body's fields that are checked: more than any resource has, and few enough for an error to list."""


class StrictInput(serializers.Serializer[Any]):
    """A body's fields; any other field is refused by name.

    With `partial=True`, for changes, only the given fields are validated and returned; nested objects are always whole.
    """

    shown: ClassVar[Sequence[str]] = ()
    """The fields of a GET's response: a body may repeat those that it does not set, and they are ignored."""
    guarded: ClassVar[Mapping[str, str]] = {}
    """Fields that this body may only repeat unchanged, each with the action that changes it."""

    default_error_messages = {"invalid": _("Must be an object.")}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if self.parent is not None and getattr(self.root, "partial", False):
            return type(self)(context=self.context).to_internal_value(data)
        problems: dict[str, Any] = (
            self.field_conflicts(data) | self._unexpected(data) if isinstance(data, Mapping) else {}
        )
        try:
            values: dict[str, Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            problems = _merged(problems, error.detail)
        if problems:
            raise serializers.ValidationError(_merged(self._further_problems(data, problems), problems))
        return values

    def field_conflicts(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the errors of combined fields, by field; the given values are unchecked."""
        return {}

    def present(self, name: str, given: Mapping[str, Any]) -> Any:
        """Return the present value of a guarded field, or the one it will have with these unchecked values."""
        return getattr(self.context.get("instance"), name, None)

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the errors that a service would raise, by field, so that the answer names all problems of a body.

        `values` has only the fields that are valid by themselves.
        """
        return {}

    def _further_problems(self, data: Any, problems: Mapping[str, Any]) -> dict[str, Any]:
        """Return the errors beyond these: of lists that have only some wrong items, and of the service."""
        if not isinstance(data, Mapping):
            return {}
        places = {name: kept for name in data if (kept := self._right_places(name, data[name], problems.get(name)))}
        lists = {name: [data[name][place] for place in kept] for name, kept in places.items()}
        fields: Any = super(StrictInput, type(self)(partial=True, context=self.context))
        found: dict[str, Any] = {}
        for name, rest in lists.items():
            try:
                fields.to_internal_value({name: rest})
            except serializers.ValidationError as error:
                found |= cast("dict[str, Any]", error.detail)
        if self._asks_a_service:
            right = {name: data[name] for name in data if name in self.fields and name not in problems}
            right |= {name: rest for name, rest in lists.items() if name not in found}
            refused = self.service_problems(fields.to_internal_value(right))
            found |= {_in_whole_list(path, places): messages for path, messages in refused.items()}
        return {name: _in_list(each, places[name]) if name in lists else each for name, each in found.items()}

    @property
    def _asks_a_service(self) -> bool:
        return type(self).service_problems is not StrictInput.service_problems

    def _right_places(self, name: str, given: Any, problems: Any) -> list[int]:
        """Return the positions of the right items in a list with some wrong ones, if the list is checked further."""
        is_checked = hasattr(self, f"validate_{name}") or self._asks_a_service
        is_in_part = isinstance(given, list) and isinstance(problems, dict)
        return [place for place in range(len(given)) if place not in problems] if is_checked and is_in_part else []

    def _unexpected(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        problems = self._repeated(data)
        for name in islice(data, MOST_NAMES):
            if name in self.fields:
                continue
            if name in self.guarded:
                if not _is_present(data[name], self.present(name, data)):
                    problems[name] = [f"Cannot be set here: use {self.guarded[name]}."]
            elif name not in self.shown:
                problems[name] = [UNKNOWN]
        return problems

    def _repeated(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return an error for each repeated form field that is not a list: Django keeps only its last value."""
        given = dict(data.lists()) if isinstance(data, QueryDict) else {}
        lists = {name for name, field in self.fields.items() if isinstance(field, serializers.ListField)}
        return {name: [REPEATED] for name, values in given.items() if len(values) > 1 and name not in lists}


class Text(serializers.CharField):
    """A string, normalized to NFC and with `\\n` as its line ends; leading and trailing spaces are kept."""

    default_error_messages = {
        "invalid": _("Must be a string."),
        "control": _("Control characters other than tab and newline are not allowed."),
        "encoding": _("Must be UTF-8."),
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, str) and data.isspace() and not self.allow_blank:
            self.fail("blank")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = data.replace("\r\n", "\n")
        if CONTROL.search(text):
            self.fail("control")
        if _from_form(self) and UNREADABLE in text:
            self.fail("encoding")
        return composed(text)


class ZoneName(Text):
    """The IANA name of a time zone."""

    default_error_messages = {"zone": _("Must be an IANA time zone such as Europe/Paris.")}

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name not in zones.NAMES:
            self.fail("zone")
        return name


class Choice(serializers.ChoiceField):
    """One of a fixed set of strings."""

    default_error_messages = {"invalid_choice": _("Must be one of: {choices}.")}

    def get_value(self, dictionary: Mapping[Any, Any]) -> Any:
        """Return the value as sent, so that an empty one is refused: REST framework takes it for missing in a form."""
        return dictionary.get(self.field_name, empty)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choice_strings_to_values:
            self.fail("invalid_choice", choices=", ".join(map(str, self.choices)))
        return self.choice_strings_to_values[data]


class Integer(serializers.IntegerField):
    """An integer; in a multipart form, where every value is text, in plain decimal digits."""

    default_error_messages = {"invalid": _("Must be an integer.")}

    def to_internal_value(self, data: Any) -> int:
        if _from_form(self) and isinstance(data, str) and FORM_INTEGER.fullmatch(data):
            return int(data)
        if type(data) is not int:  # a bool is an int to Python, not to the caller
            self.fail("invalid")
        return data


class Boolean(serializers.BooleanField):
    """true or false; in a multipart form the same words as text."""

    default_error_messages = {"invalid": _("Must be true or false.")}
    default_empty_form_html = empty

    def to_internal_value(self, data: Any) -> bool:
        if _from_form(self) and data in ("true", "false"):
            return bool(data == "true")
        if data is not True and data is not False:
            self.fail("invalid")
        return bool(data)


class Items(serializers.ListField):
    """A list; one with too many items is refused before any item is validated."""

    default_error_messages = {
        "not_a_list": _("Must be a list."),
        "min_length": _("May not be empty: give at least {min_length}."),
    }

    def __init__(self, *, max_length: int = MAX_ITEMS, **options: Any) -> None:
        super().__init__(max_length=max_length, **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return list(super().to_internal_value(data))


class Choices(Items):
    """A list of strings of a fixed set; repeats are dropped."""

    def __init__(self, *, choices: Sequence[Any], **options: Any) -> None:
        super().__init__(child=Choice(choices=choices), **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class StringList(Items):
    """A list of strings."""

    child = Text()


class JsonObject(serializers.DictField):
    """An object with members of any kind."""

    default_error_messages = {"not_a_dict": _("Must be an object.")}


class Instant(serializers.DateTimeField):
    """An ISO 8601 date and time with an offset, returned in UTC."""

    needs_offset: ClassVar[bool] = True
    default_error_messages = {"offset": _("Must end in Z or an offset such as +02:00.")}

    def to_internal_value(self, data: Any) -> datetime:
        try:
            moment = parse_moment(data if isinstance(data, str) else "")
        except NotAMoment as error:
            raise serializers.ValidationError(str(error)) from error
        if moment.tzinfo is None and self.needs_offset:
            self.fail("offset")
        return moment.astimezone(UTC) if moment.tzinfo else moment


@extend_schema_field(
    {"type": "string", "minLength": 1, "examples": ["2026-01-31T09:30:00", "2026-01-31T09:30:00+01:00"]}
)
class InstantOrLocal(Instant):
    """An instant, or a local time, which is returned naive, for the view to put into a zone.

    Its schema has no format: clients map `date-time` to a type with an offset, which cannot hold a local time.
    """

    needs_offset = False


def _from_form(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    return isinstance(getattr(field.root, "initial_data", None), QueryDict)


def _in_list(errors: Any, places: Sequence[int]) -> dict[Any, Any]:
    """Return the errors of a list's right items by their places in the list as sent, or those of the whole list."""
    return {places[place]: texts for place, texts in errors.items()} if isinstance(errors, dict) else {WHOLE: errors}


def _in_whole_list(path: str, places: Mapping[str, Sequence[int]]) -> str:
    """Return the path of an item in the list as sent, for its path in the list of the right items."""
    name, dot, place = path.partition(".")
    return f"{name}.{places[name][int(place)]}" if dot and name in places else path


def _merged(ours: Any, others: Any) -> Any:
    """Merge two dictionaries of errors; if both have a field, the second wins, unless both are nested."""
    if not isinstance(ours, dict) or not isinstance(others, dict):
        return others
    return ours | others | {name: _merged(ours[name], others[name]) for name in ours.keys() & others.keys()}


def _is_present(given: Any, present: Any) -> bool:
    """Whether a value sent back equals the one that a GET shows, where moments have whole seconds."""
    if isinstance(present, datetime) and isinstance(given, str):
        try:
            return datetime.fromisoformat(given) == present.replace(microsecond=0)
        except ValueError:
            return False
    return bool(given == present) or (given is None and not present)
