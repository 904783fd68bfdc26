"""A worker that kills itself at a step of the engine: `python -m tests.crash.worker STEP KILLS FILE`.

The file remembers the targets that were hit, so that each is hit once and all workers together die `KILLS` times.
"""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from adminapi.worker import default_worker  # noqa: E402
from posts import publishing  # noqa: E402
from posts.publishing import Publish  # noqa: E402
from posts.settling import Report  # noqa: E402

FIRST_BYTE_SECONDS = 0.001
OUT_SECONDS = 0.15
_lock = threading.Lock()


class Switch:
    """Kills this process when a target comes by that no worker was killed for."""

    def __init__(self, kills: int, file: Path) -> None:
        self.kills = kills
        self.file = file
        self.is_thrown = False

    def hit(self, pk: str, after: float = 0) -> None:
        with _lock:
            known = self.file.read_text().split() if self.file.exists() else []
            if self.is_thrown or pk in known or len(known) >= self.kills:
                return
            self.is_thrown = True
            with self.file.open("a") as file:
                file.write(f"{pk}\n")
                file.flush()
                os.fsync(file.fileno())
        if after:
            threading.Timer(after, die).start()
        else:
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install(step: str, switch: Switch) -> None:
    """Wrap the engine's own functions so that the switch is hit at this step."""

    def hit(publish: Publish, *_: Any) -> None:
        switch.hit(publish.claim.pk)

    def hit_soon(publish: Publish, *_: Any) -> None:
        switch.hit(publish.claim.pk, after=FIRST_BYTE_SECONDS if step == "first_byte" else OUT_SECONDS)

    def hit_settled(report: Report) -> None:
        switch.hit(report.claim.pk)

    installers: dict[str, Callable[[], None]] = {
        "claimed": lambda: wrap(Publish, "run", before=hit),
        "loaded": lambda: wrap(Publish, "_outcome", before=hit),
        "prepared": lambda: wrap(Publish, "_arm", before=hit),
        "armed": lambda: wrap_commit(hit),
        "first_byte": lambda: wrap_commit(hit_soon),
        "sent": lambda: wrap_commit(hit_soon),
        "answered": lambda: wrap(Publish, "_surely", before=hit),
        "settling": lambda: wrap(publishing, "settle", after=hit_settled),
        "settled": lambda: wrap(Publish, "_surely", after=hit),
        "recovering": lambda: wrap(Publish, "_unlinked", before=hit),
    }
    installers[step]()


def nothing(*_: Any) -> None:
    """Do nothing."""


def wrap(owner: Any, name: str, *, before: Callable[..., None] = nothing, after: Callable[..., None] = nothing) -> None:
    """Call these around a function, with its arguments."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        before(*arguments)
        result = original(*arguments, **named)
        after(*arguments)
        return result

    setattr(owner, name, wrapped)


def wrap_commit(hit: Callable[[Publish], None]) -> None:
    """Hit right before the visible call: once the target is armed, its connector's commit is wrapped."""
    wrap(Publish, "_arm", after=lambda publish, _: wrap(publish.connector, "commit", before=lambda *_: hit(publish)))


def main(step: str, kills: str, file: str) -> None:
    if step:
        install(step, Switch(int(kills), Path(file)))
    worker = default_worker()
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
