"""What becomes of a post whose container failed: another one is made, as long as that may help."""

from accounts.platforms.base import Handles, Operation, PlatformError, ProcessingFailed, Save, Unavailable

FAILURES = "failures"
MOST_FAILURES = 3


class NotReady(Unavailable):
    """Surely not published: the container is not ready, or is gone; `prepare` sees to either."""


class MakeAgain(Unavailable):
    """A container failed for a reason that another one may not meet."""


def counted(operation: Operation, save: Save, failure: PlatformError) -> PlatformError:
    """Forget the containers for another try, or return that the network gave it up after the last one."""
    if not isinstance(failure, MakeAgain) or count(operation, save):
        return failure
    return _given_up(failure)


def to_be_made_anew(operation: Operation, failure: MakeAgain) -> PlatformError:
    """Return the failure of a container as it was published, with what is left of the handles for another try.

    While an earlier call may be on its way they stay: it could publish this container beside a new one.
    """
    if operation.armed_at is not None:
        return failure
    failure.handles = _kept(operation)
    return failure if failure.handles else _given_up(failure)


def _given_up(failure: MakeAgain) -> ProcessingFailed:
    return ProcessingFailed(who_acts=failure.acts, **failure.facts)


def count(operation: Operation, save: Save) -> bool:
    """Count a failure and forget the containers; returns whether there is another try."""
    kept = _kept(operation)
    if kept:
        save(kept)
    return bool(kept)


def failures_so_far(handles: Handles) -> Handles:
    """Return what is kept of these handles by those of another try that is made anew."""
    return {key: value for key, value in handles.items() if key == FAILURES}


def _kept(operation: Operation) -> Handles:
    """Return the handles after one more failure: how many there were, nothing after the last one."""
    failures = int(operation.handles.get(FAILURES, 0)) + 1
    return {FAILURES: failures} if failures < MOST_FAILURES else {}
