"""The formats of log lines, and the last line of a process that cannot start, perhaps for lack of settings."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

TEXT, JSON = "text", "json"
ALL = (TEXT, JSON)
PROCESSES = ("serve", "web", "work")
"""The commands of `manage.py` that a service manager runs; people run the others, and read what they log."""


def wanted() -> str:
    """Return the format in LOG_FORMAT, which may be an unknown one; the default is JSON in production, else text.

    The default of commands that people run is always text.
    """
    is_for_machines = os.environ.get("ENVIRONMENT") == "production" and not _is_run_by_a_person()
    return os.environ.get("LOG_FORMAT", "").strip() or (JSON if is_for_machines else TEXT)


def _is_run_by_a_person() -> bool:
    """Whether this process is a command of `manage.py` that does not serve or work until it is stopped."""
    program, *arguments = sys.argv
    return Path(program).name == "manage.py" and not (arguments and arguments[0] in PROCESSES)


def refusal(reason: str) -> str:
    """Return the reason why a process does not start as a log line; in text format it is the sentence alone."""
    if wanted() != JSON:
        return reason
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": reason, "level": "critical", "logger": "ouipost", "timestamp": at})
