import time

from django.apps import AppConfig
from django.contrib import admin

STARTED = time.monotonic()
"""When this process was set up."""


class AdminapiConfig(AppConfig):
    name = "adminapi"
    label = "adminapi"

    def ready(self) -> None:
        from adminapi.console import words  # not before all models are there

        admin.site.index_template = "console/overview.html"
        words.translate_names(admin.site)
        words.announce_texts()
