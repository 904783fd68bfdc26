"""The base of every console page: what staff change is told to the journal, Django's own log is off."""

from typing import Any, TypeVar

from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from ouipost.events.journal import Actor, record

M = TypeVar("M", bound=Model)


class OperatorAdmin(ModelAdmin[M]):
    """A model in the console; its subclasses state what may be written there."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return self._tell("created", request, obj)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return self._tell("updated", request, obj, message=message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        return [self._tell("deleted", request, each) for each in queryset]

    def _tell(self, verb: str, request: HttpRequest, subject: Any, **details: Any) -> LogEntry:
        record(verb, subject, actor=Actor.from_request(request), **details)
        return LogEntry()


class ReadOnlyAdmin(OperatorAdmin[M]):
    """A model that the console shows and never writes: its rows follow from rules of their own."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(TabularInline[Any, Any]):
    """Rows beside the one that is shown."""

    extra = 0
    can_delete = False
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
