"""Sharing memory with forked processes."""

import gc


def keep_loaded() -> None:
    """Exclude everything loaded so far from garbage collection: it lives as long as the process.

    A collection writes to the objects that it visits, and forked processes stop sharing the pages that are written to.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # resets the counters: a full collection is due once new objects are a quarter of what it would visit
