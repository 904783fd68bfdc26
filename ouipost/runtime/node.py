"""Whether this Celery node was asked to stop, for the processes of its pool, which Celery does not inform."""

import threading
from multiprocessing import RawValue
from typing import Any

from celery.signals import worker_shutting_down

# Shared by the processes of this node, which are forked later; without a lock, since any of them may be killed.
_leaving = RawValue("b", 0)


@worker_shutting_down.connect
def _leave(how: str, **_: Any) -> None:
    if how == "Warm":
        _leaving.value = 1


def is_leaving() -> bool:
    """Whether this node was asked to stop after its present tasks."""
    return bool(_leaving.value)


class NodeStops(threading.Event):
    """An event that is also set when the whole node was asked to stop."""

    def is_set(self) -> bool:
        return super().is_set() or is_leaving()
