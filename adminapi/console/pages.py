"""Code shared by the console's own pages: the check of permissions, and their frame."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse

from adminapi.console.workspaces import workspaces_of
from ouipost.translating import translated
from posts.media.signing import signed_url
from posts.models import Post
from workspaces.models import User

View = Callable[..., HttpResponseBase]


def page(permission: str | None) -> Callable[[View], View]:
    """Show a page to staff with this permission, or with None to all staff; 403 to others. Strangers log in first."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if permission is not None and permission not in member_of_staff(request).granted:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        shown = admin.site.admin_view(checked)
        shown.console_permission = permission  # type: ignore[attr-defined]  # for the test that walks every page
        return shown

    return decorate


def member_of_staff(request: HttpRequest) -> User:
    """Return the request's user; `page` has checked that they are staff."""
    assert isinstance(request.user, User)
    return request.user


def list_page(model: type[Model]) -> str:
    """Return the address of the list of a model's rows."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def own_page(model: type[Model], pk: str) -> str:
    """Return the address of the page of a row."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])


def posts_of(request: HttpRequest) -> "QuerySet[Post]":
    """Return the posts of the workspaces of the request's user."""
    theirs = workspaces_of(request).order_by()
    return Post.objects.select_related("workspace", "schedule").filter(workspace__in=theirs)


def post_of(request: HttpRequest, pk: str) -> Post:
    """Return a post of a workspace of the request's user; raises Http404."""
    return get_object_or_404(posts_of(request), pk=pk)


def file_address(name: str) -> str:
    """Return the address of a stored file at the page's own host; empty without a name."""
    return signed_url(name, seconds=settings.MEDIA_URL_SECONDS).removeprefix(settings.PUBLIC_BASE_URL) if name else ""


def by_field(errors: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return all errors of each field as one text, in the reader's language."""
    return {name: " ".join(map(translated, texts)) for name, texts in errors.items()}


def show(request: HttpRequest, template: str, *, title: str, status: int = 200, **context: Any) -> TemplateResponse:
    """Answer with a template inside the console's frame."""
    request.current_app = admin.site.name
    around = admin.site.each_context(request)
    return TemplateResponse(request, template, around | {"title": title} | context, status=status)


def show_row(request: HttpRequest, template: str, row: Model, *, title: str, **context: Any) -> TemplateResponse:
    """Answer with the page of a row."""
    return show(request, template, title=title, original=row, opts=row._meta, **context)


def readable_row(model_pages: admin.ModelAdmin[Any], request: HttpRequest, object_id: str) -> Any:
    """Return the row of a read-only page; raises PermissionDenied, or Http404."""
    if request.method not in ("GET", "HEAD") or not model_pages.has_view_permission(request):
        raise PermissionDenied
    return get_object_or_404(model_pages.get_queryset(request), pk=unquote(object_id))
