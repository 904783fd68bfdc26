"""Django's admin with all pages of the console: loaded with the addresses, for workers show nobody a page."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.utils.translation import override

from adminapi.console import words
from adminapi.console.login import LoginForm


def load() -> Any:
    """Load every page that the apps have for a model, and return the addresses of all."""
    admin.autodiscover()
    if admin.site.is_registered(Group):
        admin.site.unregister(Group)  # roles have their place
    admin.site.login_form = LoginForm
    admin.site.index_template = "console/overview.html"
    with override(settings.LANGUAGE_CODE):  # a reader of another may be the first to come
        words.translate_names(admin.site)
    return admin.site.urls
