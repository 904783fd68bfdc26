"""Who asks, and whether they may."""

from typing import Any, Protocol, cast

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from ouipost.errors import DomainError


class Caller(Protocol):
    """Who makes a request: what `request.auth` is after authentication."""

    @property
    def pk(self) -> str: ...

    @property
    def tier(self) -> str:
        """A row of `settings.RATE_LIMITS`; empty for a caller who is not limited."""
        ...

    def has_permission(self, name: str, /) -> bool: ...


class MissingPermission(DomainError):
    code = "PERMISSION_DENIED"
    status = 403
    message = "The credential lacks the permission that `details.required` names."


class HasPermission(BasePermission):
    """Lets a caller through who holds what the view requires; see `required_for`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = caller_of(request)
        if caller is None:
            raise NotAuthenticated
        required = required_for(request.method or "", view)
        if required and not caller.has_permission(required):
            raise MissingPermission(required=required)
        return True


def caller_of(request: Request) -> Caller | None:
    """Return who was authenticated, if anybody was."""
    return cast("Caller | None", request.auth)


def required_for(method: str, view: Any) -> str | None:
    """Return the view's `required_permission` (None: any caller may), else `<scope>.read` or `<scope>.write`."""
    if hasattr(view, "required_permission"):
        override: str | None = view.required_permission
        return override
    return f"{view.scope}.{'read' if method in SAFE_METHODS else 'write'}"
