"""Tell the login page that a form was not saved, if its sender was no longer logged in."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from adminapi.middleware import CONSOLE


class UnsavedMiddleware:
    """Adds a message if a form is answered with the login page; scripts report their own calls."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method == "POST" and request.path.startswith(CONSOLE) and _is_lost(request, response):
            messages.warning(request, _("You were logged out, so nothing was saved. Log in, and do it again."))
        return response


def _is_lost(request: HttpRequest, response: HttpResponseBase) -> bool:
    is_form = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    return is_form and response.headers.get("Location") == redirect_to_login(request.get_full_path()).url
