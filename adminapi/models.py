"""Signs of life, for the watchdog and for whoever looks after the installation."""

from datetime import timedelta

from django.db import models

from ouipost.claims import database_now


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beat(self, name: str) -> None:
        """Note that this is alive now, by the database's clock."""
        now = database_now(self.db)
        if not self.filter(pk=name).update(at=now):
            self.get_or_create(pk=name, defaults={"at": now})

    def silence(self, name: str) -> timedelta | None:
        """Return how long nothing was heard of this; None: it never was."""
        heard = self.filter(pk=name).values_list("at", flat=True).first()
        return database_now(self.db) - heard if heard else None


class Heartbeat(models.Model):
    """When something that must go on for ever last showed that it does."""

    name = models.CharField(primary_key=True, max_length=40)
    at = models.DateTimeField()

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name}: {self.at}"
