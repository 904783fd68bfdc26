from collections.abc import Sequence
from typing import Any, TypeVar

from django.contrib.admin import ModelAdmin as DjangoModelAdmin, TabularInline as TabularInline
from django.db.models import Model
from django.forms import CheckboxInput
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
checkbox: CheckboxInput

class ModelAdmin(DjangoModelAdmin[M]):
    actions_detail: Sequence[Any]
    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]: ...
