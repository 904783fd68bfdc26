"""Failed containers: another container is made for the post, as long as that may help."""

from typing import ClassVar

from accounts.platforms.base import Save
from accounts.platforms.errors import PlatformError, ProcessingFailed, Rejected, Unavailable, WhoActs
from accounts.platforms.shapes import Handles, Operation
from ouipost.phrases import Phrase

FAILURES, MAYBE_BLOCKED, CODE = "failures", "maybe_blocked", "network_code"
SO_FAR = (FAILURES, MAYBE_BLOCKED, CODE)
MOST_FAILURES, MOST_UNEXPLAINED, MOST_DISGUISED = 3, 6, 2


class NotReady(Unavailable):
    """Certainly not published: the container is not ready, or is gone; `prepare` handles both."""


class MakeAgain(Unavailable):
    """A container failed for a reason that another one may avoid."""

    most_failures: ClassVar[int | None] = MOST_FAILURES
    """How many such failures end the post; None: they are not counted, and the time for trying ends it."""


class Unexplained(MakeAgain):
    """A container failed without a reason: it may be the file, or that the network could not fetch it."""

    most_failures = MOST_UNEXPLAINED


class NotFetched(MakeAgain):
    """The network could not fetch a file from us: the web process may be away while the workers run."""

    most_failures = None
    who_acts = WhoActs.OPERATOR


def counted(operation: Operation, save: Save, failure: PlatformError) -> PlatformError:
    """Forget the containers for another try; after the last try return that the network gave the post up."""
    if not isinstance(failure, MakeAgain) or count(operation, save, most=failure.most_failures):
        return failure
    return _given_up(failure)


def to_be_made_anew(operation: Operation, failure: MakeAgain) -> PlatformError:
    """Return the failure of a container at its publishing, with the remaining handles for another try.

    The handles stay while an earlier call may be under way, which could publish this container beside a new one.
    """
    if operation.armed_at is not None:
        return failure
    failure.handles = _kept(operation, failure.most_failures)
    return _given_up(failure) if failure.handles is None else failure


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


def count(operation: Operation, save: Save, *, most: int | None = MOST_FAILURES) -> bool:
    """Count a failure, if there is a `most`, and forget the containers; returns whether there is another try."""
    kept = _kept(operation, most)
    if kept is not None:
        save(kept)
    return kept is not None


def failures_so_far(handles: Handles) -> Handles:
    """Return what is kept of these handles by those of another try that is made anew."""
    return {key: value for key, value in handles.items() if key in SO_FAR}


def _kept(operation: Operation, most: int | None) -> Handles | None:
    """Return the handles after one more failure: what failed so far; None after the last one."""
    so_far = failures_so_far(operation.handles)
    if most is None:
        return so_far
    failures = int(so_far.get(FAILURES, 0)) + 1
    return {**so_far, FAILURES: failures} if failures < most else None
