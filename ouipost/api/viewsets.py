"""The base of every resource: the declarations of a subclass, and the methods that its actions call."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, cast

from django.db.models import Model
from django.http import Http404
from rest_framework import status
from rest_framework.exceptions import MethodNotAllowed, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from ouipost.api import idempotency, limits
from ouipost.api.filters import blank_problems, query_problems, refuse_key_in_address
from ouipost.api.inputs import StrictInput
from ouipost.api.permissions import CallerAuthentication, caller_of
from ouipost.api.reading import open_chunks, refuse_encoded, values_of
from ouipost.api.schema import CHANGES, EnvelopeSchema
from ouipost.api.showing import shown
from ouipost.api.vocabulary import WARNINGS
from ouipost.db.locks import in_transaction
from ouipost.errors import InvalidInput, problems_in
from ouipost.ids import may_be_id

REPLAYABLE = (400, 404, 409, 422)
ADMITTED_FOR_SECONDS = 1.0
"""How long a credential that was checked counts as checked; a body may take many minutes to come."""
M = TypeVar("M", bound=Model)
P = TypeVar("P")
V = TypeVar("V", bound="ApiViewSet[Any]")
Given = ParamSpec("Given")


class ApiViewSet(GenericViewSet[M]):
    """A resource; `Lists` and `Retrieves` add the actions that read it, and a subclass those that change it.

    A request is checked in this order: credential, rate limit, method, permission, query, form of the ids, body.
    `scope` (or `required_permission`) is the permission needed. `query_parameters = {action: names}` are parameters of
    an action in addition to a list's filters and pages. `extra_fields = {action: {name: JSON Schema}}` are fields of
    its response in addition to the row or the message; `warnings` are left out if there are none.
    """

    resource: ClassVar[str]
    resources: ClassVar[str]
    scope: ClassVar[str]
    detail_class: ClassVar[type[BaseSerializer[Any]] | None] = None
    """The serializer of a single row; None: the same as in a list."""
    input_class: ClassVar[type[StrictInput] | None] = None
    query_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    extra_fields: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    answers_anew: ClassVar[tuple[str, ...]] = ()
    """Actions whose stored response is not repeated: a repeated request is answered from the present state."""
    takes_idempotency_key: ClassVar[bool] = True
    """Whether a repeated request gets the first one's response; False: its `Idempotency-Key` is ignored."""
    secrets: ClassVar[Mapping[str, Sequence[idempotency.Path]]] = {}
    """Paths of secret values in an action's response, by action; they are stored for ten minutes only."""
    paging_optional = False
    has_read = has_begun = False
    admitted_at: float | None = None
    needs_workspace = False

    lookup_value_regex = "[^/]+"  # any text is routed here, so that the credential is checked first
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    schema = EnvelopeSchema()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "update" in vars(cls):  # PUT and PATCH are the same: both change the given fields
            cls.partial_update = cls.update  # type: ignore[attr-defined]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        limits.enforce(request._request, caller_of(request))
        refuse_key_in_address(request)
        if self.action is None:
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)
        if self.action != "list" or self.pagination_class is None:
            self._check_query(request)  # a list's filters and pages are checked together with the names
        if not all(map(may_be_id, self.kwargs.values())):
            raise Http404  # before any query: some databases ignore a space at the end of an id
        self.admitted_at = time.monotonic()
        refuse_encoded(request)
        open_chunks(request)

    def _check_query(self, request: Request) -> None:
        blank = blank_problems(request.query_params)
        problems = blank | problems_in(self.read_query) | query_problems(request, self)
        if problems:
            raise ValidationError(problems)  # unlike InvalidInput it takes any name, and callers choose these

    def read_query(self) -> None:
        """Read the query of an action other than `list`, for a subclass to override; raises InvalidInput."""

    def handle_exception(self, exc: Exception) -> Response:
        """Return the error response; a repeated idempotent request gets its stored response instead.

        The row may have been deleted or changed since, so that the repeat fails before its work begins. A repeat with
        a different and invalid body fails as well, and the answer says that its key was used.
        """
        response = super().handle_exception(exc)
        if not self._may_repeat(response) or self.hides(exc):
            return response
        try:
            stored = idempotency.find(self.request, secrets=self._secrets)
            return response if stored is None or self.action in self.answers_anew else self._renewed(stored)
        except (idempotency.IdempotencyKeyReused, idempotency.IdempotencyInProgress) as refusal:
            return super().handle_exception(refusal)
        except (InvalidInput, Http404):  # the stored response must not be shown
            return response

    def hides(self, error: Exception) -> bool:
        """Whether this error means that the caller may not see even a stored response; for a subclass to override."""
        return False

    def _may_repeat(self, response: Response) -> bool:
        """Whether the request failed before its work began, so that its key may have a stored response."""
        if self.admitted_at is None or self.has_begun or not self.takes_idempotency_key:
            return False
        return self.request.method not in SAFE_METHODS and response.status_code in REPLAYABLE

    def read(
        self, input_class: type[StrictInput], *, instance: Model | None = None, partial: bool = False
    ) -> dict[str, Any]:
        """Return the body's validated values; raises ValidationError with all problems of the body."""
        self.has_read = True
        context = {**self.get_serializer_context(), "instance": instance}
        return values_of(input_class, self.request.data, context=context, partial=partial)

    @property
    def _secrets(self) -> Sequence[idempotency.Path]:
        return self.secrets.get(self.action or "", ())

    def once(self, work: Callable[[], Response]) -> Response:
        """Run the work and store its idempotent response in one transaction, retried if it loses a race for a lock."""
        self._receive()
        if not self.takes_idempotency_key:
            return in_transaction(work)
        return self._renewed(idempotency.once(self.request, self._beginning(work), secrets=self._secrets))

    def once_outside(self, work: Callable[[], Response]) -> Response:
        """Run work that waits for a network, outside any transaction, and then store its idempotent response."""
        self._receive()
        return self._renewed(idempotency.once_outside(self.request, self._beginning(work)))

    def once_prepared(
        self, prepare: Callable[[], AbstractContextManager[P]], work: Callable[[P], Response]
    ) -> Response:
        """Run the work as `once` does, on a value that `prepare` yields before the transaction, such as a file."""
        self._receive()
        return self._renewed(idempotency.once_prepared(self.request, self._beginning(prepare), work))

    def renew(self, data: dict[str, Any]) -> None:
        """Correct what is no longer true in a stored response that is replayed; for a subclass to override.

        Raises InvalidInput or Http404 if the caller may not see the response any more.
        """

    def _renewed(self, response: Response) -> Response:
        if idempotency.REPLAYED in response.headers and not response.exception:
            self.renew(response.data)
        return response

    def _receive(self) -> None:
        """Receive the body before a transaction opens, as it may come slowly; refuse one that the action does not read.

        `update` reads it within its transaction, beside the row.
        """
        if self.action in CHANGES and not self.has_read:
            _ = self.request.body
        elif not self.has_read:
            self.read(StrictInput)
        if self._took_long:
            self.readmit()

    def readmit(self) -> None:
        """Check the caller again, whose body took long to come; for a subclass to extend with what it has read since.

        Raises as `initial` does if the credential has ended meanwhile, or lacks the permission now.
        """
        authentication = cast("CallerAuthentication | None", self.request.successful_authenticator)
        if authentication is not None:  # whoever logs in has no credential yet
            self.request.user, self.request.auth = authentication.authenticate_again(self.request)
            self.check_permissions(self.request)

    @property
    def _took_long(self) -> bool:
        return self.admitted_at is not None and time.monotonic() - self.admitted_at >= ADMITTED_FOR_SECONDS

    def _beginning(self, work: Callable[[], P]) -> Callable[[], P]:
        """Wrap the work so that `has_begun` is set before it runs."""

        def begin() -> P:
            self.has_begun = True
            return work()

        return begin

    def created(self, data: M | Mapping[str, Any], **extra: Any) -> Response:
        """Return a 201 with the row under the resource's name, or with this data."""
        return Response(self._data(data, extra), status=status.HTTP_201_CREATED)

    def answered(self, data: M | Mapping[str, Any], **extra: Any) -> Response:
        """Return a 200 with the row under the resource's name, or with this data."""
        return Response(self._data(data, extra))

    def done(self, message: str, **more: Any) -> Response:
        """Return a 200 with a message for people, and more fields for programs."""
        return Response({"message": message, **more})

    def _data(self, data: M | Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
        beside = {name: value for name, value in extra.items() if value or name not in WARNINGS}
        if isinstance(data, Mapping):
            return {**data, **beside}
        return {self.resource: shown(self.detail_class or self.get_serializer_class(), data), **beside}


def once(action: Callable[Concatenate[V, Given], Response]) -> Callable[Concatenate[V, Given], Response]:
    """Make all of an action the work of `ApiViewSet.once`.

    An action that reads the request first, outside the transaction, calls `self.once` instead.
    """

    @wraps(action)
    def taken(self: V, /, *args: Given.args, **kwargs: Given.kwargs) -> Response:
        return self.once(lambda: action(self, *args, **kwargs))

    return taken


class Lists(ApiViewSet[M]):
    """GET of the collection."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the rows, filtered and paginated."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([shown(self.get_serializer_class(), row) for row in rows or ()])


class Retrieves(ApiViewSet[M]):
    """GET of one row."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one row."""
        return self.answered(self.get_object())
