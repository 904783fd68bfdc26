"""Starting with settings of one's own: each time in a new process, forked from one that has loaded what they import."""

import json
import os
import sys
import traceback
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "accounts.platforms",
        "ouipost.configuration.stores",
        "ouipost.db.configuration",
        "ouipost.observability.logs",
        "ouipost.outbound.guard",
    ]
)


class Started(NamedTuple):
    """What came of a start: the settings, or the traceback."""

    settings: dict[str, object]
    said: str


def start(home: Path, **variables: str) -> Started:
    """Read the settings with these variables alone; those that `MISSING` names are not installed."""
    ours, theirs = FORKS.Pipe()
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(home)} | variables
    process = FORKS.Process(target=_read, args=(environment, theirs))
    process.start()
    theirs.close()
    told: str = ours.recv()
    process.join()
    return Started(*json.loads(told))


def refusal(home: Path, **variables: str) -> str:
    """Return the last line of what a start with these variables says that fails."""
    done = start(home, **variables)
    assert not done.settings
    return done.said.splitlines()[-1]


def _read(environment: dict[str, str], told: "Connection[str, str]") -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.modules |= dict.fromkeys(environment.get("MISSING", "").split(","))  # type: ignore[arg-type]  # None: it is missing
    try:
        from ouipost import settings
    except Exception:  # whatever it is: it is what the start says
        told.send(json.dumps([{}, traceback.format_exc()]))
        return
    names = [name for name in dir(settings) if name.isupper()]
    loaded = [name for name in ("sentry_sdk", "opentelemetry") if name in sys.modules]
    shown = {"loaded": loaded} | {name: getattr(settings, name) for name in names}
    told.send(json.dumps([shown, ""], default=str))
