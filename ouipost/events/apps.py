from django.apps import AppConfig
from django.db.models.signals import pre_migrate

from ouipost.databases import compare_byte_by_byte


class EventsConfig(AppConfig):
    name = "ouipost.events"
    label = "events"

    def ready(self) -> None:
        pre_migrate.connect(compare_byte_by_byte, sender=self)
