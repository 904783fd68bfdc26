"""Answers as bytes: what JSON has no form for is written as REST framework writes it."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import Serializer
from rest_framework.utils.serializer_helpers import ReturnDict

from ouipost.api.envelope import EnvelopeRenderer
from posts.models import PostStatus

VALUES: list[Any] = [
    'é \u2028 🥖 " \\ \x00 </script>',
    [True, None, 1.5, -(2**53), (1, 2), {}],
    {1: "one", None: 0, PostStatus.DRAFT: PostStatus.FAILED},
    [Decimal("1.50"), UUID(int=7), gettext_lazy("Save"), ErrorDetail("No.", code="no")],
    [datetime(2026, 11, 25, 9, 30, 0, 123_456, tzinfo=UTC), date(2026, 11, 25), timedelta(seconds=90)],
    ReturnDict({"a": [1]}, serializer=Serializer()),
    {"names": dict.fromkeys("ab", 1).keys(), "bytes": b"plain"},
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_reads_as_it_does_from_rest_framework(value: Any) -> None:
    answer = EnvelopeRenderer().render(value, "application/json", {})

    assert json.loads(answer) == {"success": True, "data": json.loads(JSONRenderer().render(value))}


def test_a_caller_who_asks_for_indentation_gets_it() -> None:
    answer = EnvelopeRenderer().render({"a": 1}, "application/json; indent=2", {})

    assert answer.decode() == json.dumps({"success": True, "data": {"a": 1}}, indent=2)


def test_a_number_that_json_has_no_form_for_is_null() -> None:
    assert EnvelopeRenderer().render([float("nan"), float("inf")]) == b'{"success":true,"data":[null,null]}'
