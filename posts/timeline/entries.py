"""The parts of a timeline: its lines, and the causes of failures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.platforms.errors import WhoActs


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why something did not work: our code, and the network's own number and words where it gave some."""

    code: str
    message: str
    network_code: str = ""
    http_status: int | None = None


def cause_of(error: Mapping[str, Any]) -> Cause:
    """Return a target's error as a cause."""
    return Cause(code=error["code"], message=error["message"], network_code=error.get("network_code", ""))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a timeline; `retry_safe` is None if there is nothing to send again."""

    at: datetime
    kind: str
    message: str
    target_id: str | None = None
    platform: str | None = None
    cause: Cause | None = None
    who_acts: WhoActs | None = None
    retry_safe: bool | None = None
    next_attempt_at: datetime | None = None
