"""Celery's beat for doorbells: keeps no file, and rings no doorbell that nobody hears."""

import logging
from typing import Any

from celery.beat import ScheduleEntry, Scheduler

from ouipost.celery import waiting
from ouipost.queues import DEFAULT, UNHEARD

logger = logging.getLogger(__name__)


class Beat(Scheduler):
    """Rings whatever is on the schedule, unless a hundred messages wait in the queue already."""

    is_away = False

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send the message of an entry; one that cannot be sent is lost, and the log is told of the first alone."""
        try:
            if waiting(self.producer, (entry.options or {}).get("queue", DEFAULT)) < UNHEARD:
                self.apply_async(entry, producer=producer, advance=False)
        except Exception as error:
            if not self.is_away:
                logger.warning("The broker does not answer, nothing is rung: %s", error)
            self.is_away = True
            return
        if self.is_away:
            logger.info("The broker answers again")
        self.is_away = False
