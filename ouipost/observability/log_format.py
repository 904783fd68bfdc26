"""The forms of a log's lines, and the last line of a process that does not start: its settings may not be there."""

import json
import os
from datetime import UTC, datetime

TEXT, JSON = "text", "json"
ALL = (TEXT, JSON)


def wanted() -> str:
    """Return the form that LOG_FORMAT asks for, which may be none that there is: JSON by default in production."""
    return os.environ.get("LOG_FORMAT", JSON if os.environ.get("ENVIRONMENT") == "production" else TEXT)


def refusal(told: str) -> str:
    """Return why a process does not start as a line of the form that is wanted; in text it is the sentence alone."""
    if wanted() != JSON:
        return told
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": told, "level": "critical", "logger": "ouipost", "timestamp": at})
