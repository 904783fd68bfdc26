"""The Celery task that reads numbers: a message says that something may be due; a process reads until nothing is."""

from django.conf import settings

from analytics.sync import Syncer
from ouipost.celery import app
from ouipost.runtime.node import NodeStops

RUN_SECONDS = 30
"""After this long a process takes another message: syncing is not all that it does."""


@app.task
def sync_due() -> None:
    """Read numbers until nothing is due, or for half a minute; not at all where `SYNC_THREADS` is 0."""
    if settings.SYNC_THREADS:
        Syncer(settings.SYNC_THREADS, stopping=NodeStops()).run_until_idle(seconds=RUN_SECONDS)
