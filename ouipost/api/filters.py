"""Query parameters of lists: known ones are validated, unknown ones are refused."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import CharFilter, Filter
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from ouipost.api.csv import CSV, JSON
from ouipost.api.inputs import REPEATED, Choice
from ouipost.api.pagination import PARAMETERS, page_problems
from ouipost.errors import InvalidInput
from ouipost.moments import NotAMoment, parse_bound
from ouipost.phrases import Phrase

UNKNOWN = "Unknown query parameter."
BLANK = "Give a value, or leave it out."
NO_PAGES = "A CSV has no pages: it has every row."
KEY_IN_ADDRESS = "Send the key in the X-API-Key header: addresses end up in logs."


class StrictFilterBackend(DjangoFilterBackend):
    """Filters a list by the view's `filterset_class`; one 400 names every problem of the query."""

    def filter_queryset(self, request: Any, queryset: QuerySet[Any, Any], view: APIView) -> QuerySet[Any, Any]:
        if getattr(view, "detail", False):
            return queryset
        filterset = self.get_filterset(request, queryset, view)
        blank = blank_problems(request.query_params)
        problems = blank | page_problems(request.query_params) | query_problems(request, view)
        if filterset is not None and not filterset.is_valid():
            problems = {
                name: _parameter_errors(filterset, name, errors) for name, errors in filterset.errors.items()
            } | problems
        if problems:
            raise ValidationError(problems)
        filtered: QuerySet[Any, Any] = queryset if filterset is None else filterset.qs
        return filtered


def _parameter_errors(filterset: FilterSet, name: str, errors: Iterable[str]) -> list[str]:
    """Return the errors of a parameter; the error of a choice names the allowed words."""
    field = filterset.form.fields.get(name)
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        words = ", ".join(str(value) for value, _ in choices if value)
        return [Choice.default_error_messages["invalid_choice"].format(choices=words)]
    return [str(error) for error in errors]


def query_problems(request: Request, view: Any) -> dict[str, list[str]]:
    """Return the problems of the query by parameter: names that the action does not take, and a bad `format`.

    A list takes its filters and, if it has pages, `page` and `limit`; any action takes its `query_parameters`.
    """
    known = set(view.query_parameters.get(view.action, ()))
    if view.action == "list":
        known.update(PARAMETERS if view.pagination_class else ())
        known.update(getattr(getattr(view, "filterset_class", None), "base_filters", ()))
    problems = _format_problems(request.query_params) if "format" in known else {}
    problems |= {name: [REPEATED] for name, values in request.query_params.lists() if len(values) > 1}
    return problems | {name: [UNKNOWN] for name in request.query_params if name not in known}


def blank_problems(parameters: Mapping[str, str]) -> dict[str, list[str]]:
    """Return an error for each empty parameter, since the caller probably forgot its value."""
    return {name: [BLANK] for name, value in parameters.items() if not value.strip()}


def _format_problems(parameters: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the problems of `format`, and of parameters that do not go with CSV."""
    if parameters.get("format", JSON) not in (JSON, CSV):
        return {"format": [Phrase("Must be {json} or {csv}.", json=JSON, csv=CSV)]}
    return {name: [NO_PAGES] for name in PARAMETERS if name in parameters and parameters.get("format") == CSV}


def refuse_key_in_address(request: Request) -> None:
    """Raise InvalidInput for a request that has `api_key` in its query."""
    if "api_key" in request.query_params:
        raise InvalidInput(api_key=[KEY_IN_ADDRESS])


class _BoundsForm(forms.Form):
    """Validates `from` and `to` together with the other filters, so that one error names all problems."""

    zone: tzinfo = UTC

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, end in (("from", False), ("to", True)):
            try:
                cleaned[name] = parse_bound(cleaned[name], zone=self.zone, end=end) if cleaned.get(name) else None
            except NotAMoment as error:
                self.add_error(name, str(error))
        if cleaned.get("from") and cleaned.get("to") and cleaned["from"] > cleaned["to"]:
            self.add_error("from", "Must not be later than `to`.")
        return cleaned


class BoundedFilterSet(FilterSet):
    """A filter set with `from` and `to` on the column that `moment` names; both ends are included."""

    moment = "created_at"

    @classmethod
    def get_filters(cls) -> "OrderedDict[str, Filter]":
        bounds = {
            "from": CharFilter(field_name=cls.moment, lookup_expr="gte", label="First moment or day (ISO 8601)"),
            "to": CharFilter(field_name=cls.moment, lookup_expr="lte", label="Last moment or day (ISO 8601)"),
        }
        return OrderedDict(super().get_filters() | bounds)

    def get_form_class(self) -> type[forms.Form]:
        plain = super().get_form_class()
        return type(plain.__name__, (_BoundsForm, plain), {"zone": self.zone()})

    def zone(self) -> tzinfo:
        """Return the time zone in which a bound without an offset is read."""
        return UTC
