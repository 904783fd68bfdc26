"""Garbage collection without loaded code: visiting it takes time, and memory that forked processes would share."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Collect no garbage while the block loads modules, nor later in their objects.

    Python would collect again and again while objects are added, and once at the end: a third of a short command.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def keep_loaded() -> None:
    """Exclude everything loaded so far from garbage collection, since it lives as long as the process.

    A collection writes to the objects that it visits, and forked processes no longer share the pages written to.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # resets the counters: a full collection is due once new objects are a quarter of what it would visit
