import time

from django.apps import AppConfig

STARTED = time.monotonic()
"""When this process was set up."""


class AdminapiConfig(AppConfig):
    name = "adminapi"
    label = "adminapi"
