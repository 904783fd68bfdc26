from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import pre_migrate

from ouipost.db.configuration import compare_byte_by_byte, notice_silence


class EventsConfig(AppConfig):
    """The lowest of our apps; it also sets up every table's collation and every connection's timeouts."""

    name = "ouipost.events"

    def ready(self) -> None:
        pre_migrate.connect(compare_byte_by_byte, sender=self)
        connection_created.connect(notice_silence)
