"""The console's error pages: not found, forbidden, forged, and broken."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import csrf, defaults

from adminapi.console.pages import show
from adminapi.middleware import CONSOLE

ELSEWHERE = ("Origin checking failed", "Referer checking failed")
"""The beginnings of Django's reasons for refusing a form from another address."""


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404, in the console's frame if staff ask for one of its pages; redirect a page without its final slash."""
    if _lacks_slash(request):
        return HttpResponseRedirect(request.get_full_path(force_append_slash=True))
    if not _is_staffs(request):
        return defaults.page_not_found(request, exception)
    message = _("What you are looking for was removed, or belongs to a workspace that you are not a member of.")
    return _refused(request, _("Not found"), message, HTTPStatus.NOT_FOUND)


def _lacks_slash(request: HttpRequest) -> bool:
    """Return whether this may be a page of the console without its final slash."""
    found = request.resolver_match  # None, or the console's catch-all, which has no name
    is_unknown = found is None or not found.url_name
    is_below = f"{request.path}/".startswith(CONSOLE) and not request.path.endswith("/")
    return request.method in ("GET", "HEAD") and is_unknown and is_below


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403, in the console's frame if staff ask for one of its pages."""
    if not _is_staffs(request):
        return defaults.permission_denied(request, exception)
    message = _("You have no permission for this page. An administrator can give it to you.")
    return _refused(request, _("Not for you"), message, HTTPStatus.FORBIDDEN)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form without its CSRF token, from before the last login, or from another site."""
    if not request.path.startswith(CONSOLE):
        return csrf.csrf_failure(request, reason)
    answer = _refused if _is_staffs(request) else _stopped
    return answer(request, _("Nothing was changed"), _remedy(reason), HTTPStatus.FORBIDDEN)


def _remedy(reason: str) -> str:
    """Return the remedy; a proxy that hides the browser's address keeps everybody from logging in."""
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
    """Answer 500, in the console with a page that uses no parts that may be broken."""
    if not request.path.startswith(CONSOLE):
        return defaults.server_error(request)
    message = _(
        "Something went wrong here. What you did may or may not have been done: check before you repeat it. "
        "If it happens again, tell whoever runs this installation what you did and when: the server's log says why."
    )
    return _stopped(request, _("It did not work"), message, HTTPStatus.INTERNAL_SERVER_ERROR)


def _refused(request: HttpRequest, title: str, told: str, status: HTTPStatus) -> HttpResponse:
    return show(request, "console/refused.html", title=title, told=told, status=status)


def _stopped(request: HttpRequest, title: str, told: str, status: HTTPStatus) -> HttpResponse:
    """Answer outside the console's frame, which needs the user."""
    context = {"title": title, "says": told, "again": reverse("admin:index")}
    return render(request, "accounts/stopped.html", context, status=status)


def _is_staffs(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)  # missing if an earlier middleware refused
    return request.path.startswith(CONSOLE) and user is not None and user.is_active and user.is_staff
