"""A scheduler for Celery's beat that keeps no schedule file and stops sending to queues that no worker reads."""

import logging
from typing import Any

from celery.beat import ScheduleEntry, Scheduler

from ouipost.celery import waiting
from ouipost.queues import DEFAULT, UNHEARD

logger = logging.getLogger(__name__)


class Beat(Scheduler):
    """Sends each entry's message when it is due, unless UNHEARD messages wait in its queue already."""

    is_away = False

    def tick(self, *arguments: Any, **options: Any) -> Any:
        """Send the due messages; returns the seconds until the next is due.

        Celery uses the wall clock: if that is set back, it would send nothing until the old time is reached again.
        """
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at and entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            self._heap = None  # Celery computes the due times again
        return super().tick(*arguments, **options)

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send the entry's message; if the broker fails, the message is lost, and only the first failure is logged."""
        try:
            if waiting(self.producer, (entry.options or {}).get("queue", DEFAULT)) < UNHEARD:
                self.apply_async(entry, producer=producer, advance=False)
        except Exception as error:
            if not self.is_away:
                logger.warning("The broker does not answer, no messages are sent: %s", error)
            self.is_away = True
            return
        if self.is_away:
            logger.info("The broker answers again")
        self.is_away = False
