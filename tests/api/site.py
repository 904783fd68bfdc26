"""A small site with one resource, kept in the table of stored answers, and a caller for each case."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import include, path
from django_filters import ChoiceFilter
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from ouipost.api import health
from ouipost.api.filters import BoundedFilterSet
from ouipost.api.inputs import Integer, Items, StrictInput, Text
from ouipost.api.models import StoredAnswer
from ouipost.api.schema import KeyScheme
from ouipost.api.viewsets import ApiViewSet, Lists, Retrieves
from ouipost.errors import DomainError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYTHING = frozenset({"notes.read", "notes.write"})


@dataclass(frozen=True, kw_only=True)
class FakeKey:
    pk: str
    tier: str = "enterprise"
    permissions: frozenset[str] = EVERYTHING

    def has_permission(self, name: str) -> bool:
        return name in self.permissions


KEYS: dict[str, FakeKey] = {}


class FakeKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> Any:
        name = request.headers.get("X-API-Key")
        if name is None:
            return None
        if name not in KEYS:
            raise exceptions.AuthenticationFailed
        return None, KEYS[name]

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


class FakeKeyScheme(KeyScheme):
    target_class = "tests.api.site.FakeKeyAuthentication"


class NoteSerializer(serializers.ModelSerializer[StoredAnswer]):
    id = serializers.CharField(source="pk")
    text = serializers.CharField(source="body")

    class Meta:
        model = StoredAnswer
        fields: tuple[str, ...] = ("id", "text", "status", "created_at")


class NoteDetailSerializer(NoteSerializer):
    class Meta(NoteSerializer.Meta):
        fields = (*NoteSerializer.Meta.fields, "owner")


class SlotInput(StrictInput):
    day = Text()
    hour = Integer(min_value=0, max_value=23)


class NoteInput(StrictInput):
    shown = ("id", "created_at")
    guarded = {"status": "POST /api/notes/{id}/close"}
    text = Text(max_length=20)
    slots = Items(child=SlotInput(), required=False)


class FormInput(StrictInput):
    file = serializers.FileField()
    alt = Text()


class NoteFilter(BoundedFilterSet):
    status = ChoiceFilter(choices=[("1", "one"), ("2", "two")])

    def zone(self) -> ZoneInfo:
        return ZoneInfo("Europe/Paris")


class NoteClosed(DomainError):
    code = "NOTE_CLOSED"
    message = "The note is closed."


class Calls:
    """How often work ran, what it shall do, and whether it was in a transaction."""

    count = 0
    work: Callable[[], None] | None = None


def make_note(pk: str, **values: Any) -> StoredAnswer:
    filled = {"fingerprint": "", "owner": "me", "lease_until": NOW, "created_at": NOW, "status": 1, "body": pk}
    return StoredAnswer.objects.create(pk=pk, **filled | values)


class NoteViewSet(Lists[StoredAnswer], Retrieves[StoredAnswer]):
    """/api/notes."""

    authentication_classes = [FakeKeyAuthentication]
    queryset = StoredAnswer.objects.filter(owner="me").order_by("created_at", "pk")
    resource, resources, scope = "note", "notes", "notes"
    serializer_class, detail_class, input_class = NoteSerializer, NoteDetailSerializer, NoteInput
    filterset_class = NoteFilter
    query_parameters = {"retrieve": ("depth",)}
    needs_workspace = True

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a note."""
        values = self.read(NoteInput)

        def work() -> Response:
            Calls.count += 1
            note = make_note(f"note-{Calls.count}", body=values["text"])
            if Calls.work:
                Calls.work()
            return self.created(note, warnings=[])

        return self.once(work)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change a note."""
        note = self.get_object()
        values = self.read(NoteInput, instance=note, partial=True)
        return self.once(lambda: self.answered(values))

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a note."""
        note = self.get_object()

        def work() -> Response:
            note.delete()
            return self.done("Note deleted successfully", deleted=1)

        return self.once(work)

    @action(detail=False, methods=["post"])
    def call(self, request: Request) -> Response:
        """Ask a network."""
        self.read(NoteInput)

        def work() -> Response:
            Calls.count += 1
            if Calls.work:
                Calls.work()
            return self.answered({"calls": Calls.count})

        return self.once_outside(work)

    @action(detail=False, methods=["post"], parser_classes=[MultiPartParser])
    def upload(self, request: Request) -> Response:
        """Look into a file, and take it."""
        self.read(FormInput)

        @contextmanager
        def look() -> Iterator[int]:
            Calls.count += 1
            if Calls.work:
                Calls.work()
            yield Calls.count

        return self.once_prepared(look, lambda count: self.created({"calls": count}))


class PlainNoteViewSet(NoteViewSet):
    """/api/plain: the same notes, without pages until asked."""

    paging_optional = True
    needs_workspace = False


class FailingViewSet(ApiViewSet[StoredAnswer]):
    """/api/fail/<what>: raises what its address names."""

    authentication_classes = [FakeKeyAuthentication]
    queryset = StoredAnswer.objects.none()
    required_permission = None

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if kwargs["pk"] == "rendering":
            return Response({"thing": object()})
        raise FAILURES[kwargs["pk"]]


class OpenViewSet(FailingViewSet):
    """/api/open/<what>: the same for whoever comes, as no credential is taken."""

    authentication_classes = []
    permission_classes = []


def plain(request: HttpRequest, what: str) -> HttpResponse:
    if what == "json":
        return JsonResponse({"its": "own"}, status=418)
    if what == "html":
        return HttpResponse("<h1>No</h1>", status=409, headers={"Retry-After": "7"})
    if what in FAILURES:
        raise FAILURES[what]
    return HttpResponse("fine")


class BrokenMiddleware:
    """Raises before any view, as Django's own middleware does for a host that is not allowed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.headers.get("X-Break", "")
        if name:
            raise FAILURES[name]
        return self.get_response(request)


class Teapot(exceptions.APIException):
    """An error with a status that has no words of ours."""

    status_code = 418


FAILURES: dict[str, Exception] = {
    "bug": RuntimeError("secret internals"),
    "closed": NoteClosed(since="noon"),
    "busy": DomainError(retry_after=3),
    "missing": Http404("No StoredAnswer matches the given query."),
    "forbidden": exceptions.PermissionDenied("secret internals"),
    "odd": exceptions.ParseError("Odd bytes."),
    "bad": BadRequest("secret internals"),
    "suspicious": SuspiciousOperation("secret internals"),
    "fields": TooManyFieldsSent("secret internals"),
    "large": RequestDataTooBig("secret internals"),
    "parts": MultiPartParserError("secret internals"),
    "unread": UnreadablePostError("secret internals"),
    "denied": PermissionDenied("secret internals"),
    "nobody": exceptions.NotAuthenticated("secret internals"),
    "stranger": exceptions.AuthenticationFailed("secret internals"),
    "unacceptable": exceptions.NotAcceptable("secret internals"),
    "teapot": Teapot("secret internals"),
    "type": exceptions.UnsupportedMediaType("text/odd"),
    "database": OperationalError(2006, "secret internals"),
    "connection": InterfaceError(0, "secret internals"),
    "invalid": exceptions.ValidationError(
        {"slots": [{}, {"day": ["No."], "non_field_errors": ["Late."]}], "tags": {"3": ["Long."]}, "name": ["A.", "B."]}
    ),
    "whole": exceptions.ValidationError(["All wrong."]),
}

router = SimpleRouter(trailing_slash=False)
router.register("notes", NoteViewSet, basename="note")
router.register("plain", PlainNoteViewSet, basename="plain")
router.register("fail", FailingViewSet, basename="fail")
router.register("open", OpenViewSet, basename="open")
urlpatterns = [
    path("", health.index),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("api/view/<what>", plain),
    path("admin/view/<what>", plain),
    path("other/<what>", plain),
    path("api/", include("ouipost.api.urls")),
    path("api/", include(router.urls)),
]


def error_of(response: Any) -> tuple[int, str, dict[str, Any]]:
    body = response.json()
    assert (body["success"], body.keys(), body["error"].keys()) == (
        False,
        {"success", "error"},
        {"code", "message", "details"},
    )
    assert "secret" not in response.content.decode()
    return response.status_code, body["error"]["code"], body["error"]["details"]
