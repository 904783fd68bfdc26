import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.checks import check_admin_app
from django.core import checks

STARTED = time.monotonic()
"""When this process was set up."""


class AdminapiConfig(AppConfig):
    name = "adminapi"

    def ready(self) -> None:
        from adminapi.console import words  # not before all models are there

        words.announce_texts()
        checks.register(check_console, checks.Tags.admin)


def check_console(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check the pages of the console: they are loaded with the addresses, and Django's own check may come before."""
    import_module(settings.ROOT_URLCONF)
    return check_admin_app(app_configs)
