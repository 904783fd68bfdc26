"""The form at the console's door."""

from typing import Any

from django.utils.translation import gettext_lazy
from unfold.forms import AuthenticationForm


class LoginForm(AuthenticationForm):
    """Says what matters of what was typed: Django's own sentence has the case of an e-mail address matter, too."""

    error_messages: dict[str, Any] = AuthenticationForm.error_messages | {
        "invalid_login": gettext_lazy(
            "The e-mail address or the password is not right. Capitals and small letters differ in a password."
        )
    }
