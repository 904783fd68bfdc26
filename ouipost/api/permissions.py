"""The caller of a request, and its permissions."""

from typing import Any, Protocol, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from ouipost.errors import DomainError
from ouipost.phrases import Phrase


class Caller(Protocol):
    """The authenticated caller of a request: `request.auth`."""

    @property
    def pk(self) -> str: ...

    @property
    def tier(self) -> str:
        """A key of `settings.RATE_LIMITS`; empty for a caller without a limit."""
        ...

    def has_permission(self, name: str, /) -> bool: ...


class CallerAuthentication(BaseAuthentication):
    """Authentication of a caller, for a subclass to fill in."""

    def authenticate_again(self, request: Request) -> tuple[Any, Caller]:
        """Return user and caller of a request that was authenticated before, as they are now, and count it no more.

        Raises the refusal of a credential that has ended meanwhile.
        """
        raise NotImplementedError


class MissingPermission(DomainError):
    code = "PERMISSION_DENIED"
    status = 403
    message = Phrase("The credential lacks the permission that `details.required` names.")


class HasPermission(BasePermission):
    """Allows callers who have the permission that the view requires; see `required_for`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = caller_of(request)
        if caller is None:
            raise NotAuthenticated
        required = required_for(request.method or "", view)
        if required and not caller.has_permission(required):
            raise MissingPermission(required=required)
        return True


def caller_of(request: Request) -> Caller | None:
    """Return the authenticated caller; None for an anonymous request."""
    return cast("Caller | None", request.auth)


def required_for(method: str, view: Any) -> str | None:
    """Return the view's `required_permission` (None: any caller), else `<scope>.read` or `<scope>.write`."""
    if hasattr(view, "required_permission"):
        override: str | None = view.required_permission
        return override
    return f"{view.scope}.{'read' if method in SAFE_METHODS else 'write'}"
