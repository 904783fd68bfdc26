"""Failed containers: another container is made for the post, as long as that may help."""

from accounts.platforms.base import Save
from accounts.platforms.errors import PlatformError, ProcessingFailed, Rejected, Unavailable, WhoActs
from accounts.platforms.shapes import Handles, Operation
from ouipost.phrases import Phrase

FAILURES, MAYBE_BLOCKED, CODE = "failures", "maybe_blocked", "network_code"
SO_FAR = (FAILURES, MAYBE_BLOCKED, CODE)
MOST_FAILURES, MOST_DISGUISED = 3, 2


class NotReady(Unavailable):
    """Certainly not published: the container is not ready, or is gone; `prepare` handles both."""


class MakeAgain(Unavailable):
    """A container failed for a reason that another one may avoid."""


def counted(operation: Operation, save: Save, failure: PlatformError) -> PlatformError:
    """Forget the containers for another try; after the last try return that the network gave the post up."""
    if not isinstance(failure, MakeAgain) or count(operation, save):
        return failure
    return _given_up(failure)


def to_be_made_anew(operation: Operation, failure: MakeAgain) -> PlatformError:
    """Return the failure of a container at its publishing, with the remaining handles for another try.

    The handles stay while an earlier call may be under way, which could publish this container beside a new one.
    """
    if operation.armed_at is not None:
        return failure
    failure.handles = _kept(operation)
    return failure if failure.handles else _given_up(failure)


def maybe_blocked(operation: Operation, error: PlatformError) -> Unavailable:
    """Return the failure of a visible call that had no effect, and may be a block in disguise, with its count."""
    count = int(operation.handles.get(MAYBE_BLOCKED, 0)) + 1
    return Unavailable(handles={**operation.handles, MAYBE_BLOCKED: count, CODE: error.network_code}, **error.facts)


def require_unblocked(operation: Operation, network: str) -> None:
    """Raise Rejected if the visible call failed as often as an error that may be a block in disguise is believed."""
    if int(operation.handles.get(MAYBE_BLOCKED, 0)) < MOST_DISGUISED:
        return
    message = Phrase("{network} failed twice to publish it, and may take it for spam.", network=network)
    raise Rejected(message, who_acts=WhoActs.ACCOUNT_OWNER, network_code=operation.handles[CODE])


def _given_up(failure: MakeAgain) -> ProcessingFailed:
    return ProcessingFailed(who_acts=failure.who_acts, **failure.facts)


def count(operation: Operation, save: Save) -> bool:
    """Count a failure and forget the containers; returns whether there is another try."""
    kept = _kept(operation)
    if kept:
        save(kept)
    return bool(kept)


def failures_so_far(handles: Handles) -> Handles:
    """Return what is kept of these handles by those of another try that is made anew."""
    return {key: value for key, value in handles.items() if key in SO_FAR}


def _kept(operation: Operation) -> Handles:
    """Return the handles after one more failure: what failed so far; empty after the last one."""
    failures = int(operation.handles.get(FAILURES, 0)) + 1
    return {**failures_so_far(operation.handles), FAILURES: failures} if failures < MOST_FAILURES else {}
