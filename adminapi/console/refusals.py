"""The console's error pages: that there is no such page, or that one may not see it."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import csrf, defaults

from adminapi.console.pages import show
from adminapi.middleware import CONSOLE

ELSEWHERE = ("Origin checking failed", "Referer checking failed")
"""How Django's reasons begin for a form that comes from another address."""


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404, in the console's frame where staff ask for one of its pages; lead to a page that lacks its slash."""
    if _lacks_slash(request):
        return HttpResponseRedirect(request.get_full_path(force_append_slash=True))
    if not _is_staffs(request):
        return defaults.page_not_found(request, exception)
    told = _("What you are looking for was removed, or belongs to a workspace that you are not a member of.")
    return _refused(request, _("Not found"), told, HTTPStatus.NOT_FOUND)


def _lacks_slash(request: HttpRequest) -> bool:
    """Whether this may be a page of the console but for the slash at its end."""
    found = request.resolver_match  # None, or what catches all below the console, which has no name
    is_unknown = found is None or not found.url_name
    is_below = f"{request.path}/".startswith(CONSOLE) and not request.path.endswith("/")
    return request.method in ("GET", "HEAD") and is_unknown and is_below


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403, in the console's frame where staff ask for one of its pages."""
    if not _is_staffs(request):
        return defaults.permission_denied(request, exception)
    told = _("You have no permission for this page. An administrator can give it to you.")
    return _refused(request, _("Not for you"), told, HTTPStatus.FORBIDDEN)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form without its secret, one from before the last login, or from another site."""
    if not request.path.startswith(CONSOLE):
        return csrf.csrf_failure(request, reason)
    answer = _refused if _is_staffs(request) else _stopped
    return answer(request, _("Nothing was changed"), _remedy(reason), HTTPStatus.FORBIDDEN)


def _remedy(reason: str) -> str:
    """Return what can be done about it: a proxy that hides where people are keeps everybody from logging in."""
    if reason.startswith(ELSEWHERE):
        return _(
            "Your browser says that this form comes from another address than this installation's. If you run it: set "
            "PUBLIC_BASE_URL to the address that people open, and let no proxy in front change the header "
            "Referrer-Policy."
        )
    return _(
        "This page is from before you last logged in or out, or your browser keeps no cookies. Go back, copy what you "
        "typed, load the page again, and repeat it."
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 500, in the console in words, on a page that asks nothing of what may be broken."""
    if not request.path.startswith(CONSOLE):
        return defaults.server_error(request)
    told = _(
        "Something went wrong here. What you did may or may not have been done: check before you repeat it. "
        "If it happens again, tell whoever runs this installation what you did and when: the server's log says why."
    )
    return _stopped(request, _("It did not work"), told, HTTPStatus.INTERNAL_SERVER_ERROR)


def _refused(request: HttpRequest, title: str, told: str, status: HTTPStatus) -> HttpResponse:
    return show(request, "console/refused.html", title=title, told=told, status=status)


def _stopped(request: HttpRequest, title: str, told: str, status: HTTPStatus) -> HttpResponse:
    """Answer outside the console's frame, which asks who is there."""
    context = {"title": title, "says": told, "again": reverse("admin:index")}
    return render(request, "accounts/stopped.html", context, status=status)


def _is_staffs(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)  # not there yet where a middleware refused
    return request.path.startswith(CONSOLE) and user is not None and user.is_active and user.is_staff
