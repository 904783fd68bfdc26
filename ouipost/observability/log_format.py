"""The formats of log lines, and the last line of a process that cannot start, perhaps for lack of settings."""

import json
import os
from datetime import UTC, datetime

TEXT, JSON = "text", "json"
ALL = (TEXT, JSON)


def wanted() -> str:
    """Return the format in LOG_FORMAT, which may be an unknown one; the default is JSON in production, else text."""
    return os.environ.get("LOG_FORMAT", JSON if os.environ.get("ENVIRONMENT") == "production" else TEXT)


def refusal(reason: str) -> str:
    """Return the reason why a process does not start as a log line; in text format it is the sentence alone."""
    if wanted() != JSON:
        return reason
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": reason, "level": "critical", "logger": "ouipost", "timestamp": at})
