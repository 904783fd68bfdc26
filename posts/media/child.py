"""Code shared by the child processes that each look into one file. They import nothing of the product but plain
arithmetic, so that they start fast and hold no secret."""

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEBIBYTE = 1024 * 1024


class Refused(Exception):
    """The file breaks a rule; the reason is for programs, the message for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def main(answer_to: Callable[[Any], dict[str, Any]], job: Callable[..., Any]) -> None:
    """Do the job given as JSON in the first argument and print the answer as JSON."""
    sys.stdout.write(json.dumps(answer_to(job(**json.loads(sys.argv[1])))))


def answered(
    work: Callable[[], dict[str, Any]], *, too_costly: str, damaged: str, is_ours: Callable[[int], bool]
) -> dict[str, Any]:
    """Return the result of the work; any fault of the file becomes a reason and a message.

    Raises errors of the machine, such as a full disk: OSErrors whose number `is_ours` accepts.
    """
    try:
        return work()
    except Refused as refusal:
        return {"reason": refusal.reason, "message": str(refusal)}
    except MemoryError:
        return {"reason": "too_costly", "message": too_costly}
    except Exception as error:  # broken bytes lead decoders to raise nearly anything
        number = getattr(error, "errno", None)
        if number is not None and is_ours(number):
            raise
        return {"reason": "damaged", "message": damaged, "detail": f"{type(error).__name__}: {error}"[:300]}


def limit(kind: int, value: int) -> None:
    """Limit a resource of this process, unless it is limited to less already."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def address_space() -> int:
    """Return the bytes that the process has mapped, or 0 on systems other than Linux."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
