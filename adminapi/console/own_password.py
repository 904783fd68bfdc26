"""The console's page for one's own password, which uses the same services as the API."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from unfold.forms import AdminOwnPasswordChangeForm

from adminapi.backends import in_words, proven
from adminapi.sessions import logins
from adminapi.sessions.jwts import InvalidToken
from adminapi.sessions.passwords import TooManyLogins, hash_password
from ouipost.db.locks import in_transaction
from ouipost.events.journal import Actor


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """Counts tries of the old password like logins: a session must not allow further guesses."""

    def __init__(self, *args: Any, request: HttpRequest, **options: Any) -> None:
        super().__init__(*args, **options)
        self.request = request

    def clean_old_password(self) -> str:
        given: str = self.cleaned_data["old_password"]
        if proven(self.request, self.user.email, given) is None:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return given


class OwnPasswordView(PasswordChangeView):
    """Changes the password of the logged-in user, and records it in the journal."""

    form_class = OwnPasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def get_success_url(self) -> str:
        return reverse("admin:password_change_done")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(**context) | admin.site.each_context(self.request)

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            values = {"password": hash_password(form.cleaned_data["new_password1"])}
        except TooManyLogins as error:
            form.add_error("new_password1", in_words(error))
            return self.form_invalid(form)
        actor = Actor.from_request(self.request)
        change = partial(logins.update_oneself, form.user, values=values, actor=actor, now=timezone.now())
        try:
            user = in_transaction(change)
        except InvalidToken:
            return HttpResponseRedirect(self.request.path)  # which asks to log in: this session has been ended
        update_session_auth_hash(self.request, user)  # keeps this session
        return HttpResponseRedirect(self.get_success_url())


def own_password(request: HttpRequest) -> HttpResponseBase:
    """Show the page in the console, to staff."""
    request.current_app = admin.site.name
    return admin.site.admin_view(OwnPasswordView.as_view(), cacheable=True)(request)
