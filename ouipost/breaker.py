"""A circuit breaker: callers of a service that does not answer fail at once instead of waiting with every call."""

import logging
import threading
import time

logger = logging.getLogger(__name__)

FAILURES = 3
LOG_SECONDS = 10.0


class Breaker:
    """Opens for `pause_seconds` after three failures in a row, then lets one caller try; threads may share it."""

    def __init__(self, subject: str, *, pause_seconds: float) -> None:
        self._subject = subject
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._pause_until = 0.0
        self._told_at = float("-inf")

    @property
    def is_healthy(self) -> bool:
        return self._failures < FAILURES

    def allows(self) -> bool:
        """Whether to call now; after a pause one caller may try, and the others wait for another pause."""
        if self.is_healthy:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._pause_until:
                return False
            self._pause_until = now + self._pause_seconds
            return True

    def succeeded(self) -> None:
        if self._failures:
            with self._lock:
                was_away, self._failures = not self.is_healthy, 0
            if was_away:
                logger.info("%s answers again", self._subject)

    def failed(self, error: Exception) -> None:
        """Count a failure, and log at most one every 10 s."""
        with self._lock:
            now = time.monotonic()
            self._failures += 1
            self._pause_until = now + self._pause_seconds
            if now < self._told_at + LOG_SECONDS:
                return
            self._told_at = now
        logger.warning("%s does not answer: %s", self._subject, error)
