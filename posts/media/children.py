"""Jobs on files of strangers, done in child processes that hold no secrets and have few rights."""

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from django.conf import settings

from ouipost.errors import DomainError
from ouipost.phrases import Phrase
from posts.media.intake import InvalidMedia
from posts.media.storage import StorageUnavailable

logger = logging.getLogger(__name__)

ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
"""All that a child sees of our environment, which holds secrets."""

FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
"""Messages of a child when the disk is full."""

RETRY_SECONDS = 30

FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that neither a crash nor a limit of its own sends to a child."""

slots = threading.BoundedSemaphore(2)
"""Decoding a large picture takes up to a gigabyte; more children at once would need more memory and be no faster."""


class TooBusy(DomainError):
    """The machine had no time for the file. (A file that is too much work hits the limit of processor time instead.)"""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = Phrase(
        "This machine is too busy to check the file; try again after the number of seconds in Retry-After."
    )


class Stopped(TooBusy):
    """The child was ended from outside, by whoever stops this process, or by a system that is out of memory."""

    message = Phrase(
        "The check of the file was stopped from outside; try again after the number of seconds in Retry-After."
    )


class ChildBroken(RuntimeError):
    """The child process failed, and the file is not to blame."""


def run(script: Path, *, seconds: float, too_costly: str, **job: Any) -> dict[str, Any]:
    """Have a child do a job given as JSON and return its answer.

    Raises InvalidMedia if the child refuses the file, crashes over it, or exceeds its limits, Stopped if it is ended
    from outside, TooBusy if it does not end within these seconds, StorageUnavailable if the disk is full.
    """
    command = [sys.executable, "-P", str(script), json.dumps(job, default=str)]
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    paths = [str(settings.BASE_DIR), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    try:
        with slots:
            done = subprocess.run(  # noqa: S603 - our own script, no shell
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environment,
                timeout=seconds,
            )
    except subprocess.TimeoutExpired as error:
        logger.warning("A process that looked into a file was ended: it got no more of the processors in %s s", seconds)
        raise TooBusy(retry_after=RETRY_SECONDS) from error
    if done.returncode < 0:
        logger.warning("A process that looked into a file was ended by signal %s", -done.returncode)
        if -done.returncode in FROM_OUTSIDE:
            raise Stopped(retry_after=RETRY_SECONDS)
        raise InvalidMedia(too_costly, reason="too_costly")
    if done.returncode:
        raise _broken(done.stderr.decode(errors="replace"))
    return _accepted(json.loads(done.stdout))


def _broken(told: str) -> Exception:
    if any(word in told for word in FULL):
        return StorageUnavailable(reason=told.strip().rpartition("\n")[2])
    return ChildBroken(told)


def _accepted(answer: dict[str, Any]) -> dict[str, Any]:
    if "reason" not in answer:
        return answer
    logger.info("A file was refused as %s: %s", answer["reason"], answer.get("detail", ""))
    raise InvalidMedia(answer["message"], reason=answer["reason"])
