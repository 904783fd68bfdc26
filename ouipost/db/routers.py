"""Keeps the simulator's tables in a database of their own."""

from typing import Any

from django.conf import settings


class SimulatorRouter:
    """Routes the simulator app's models to the `simulator` database, and keeps all others out of it."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "simulator" if model._meta.app_label == "simulator" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if app_label == "simulator":
            return db == "simulator"
        return False if db == "simulator" and "simulator" in settings.DATABASES else None
