"""Keep answers of networks while the database is away: each is a synced line in a file until it is settled."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import DataError, Error, IntegrityError

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    Outdated,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    WhoActs,
)
from accounts.platforms.shapes import Published
from ouipost import claims
from ouipost.claims import Claim
from ouipost.writer import Inline
from posts.publishing.outcomes import AttemptResult, Outcome
from posts.publishing.settling import settle_all

logger = logging.getLogger(__name__)

KINDS: Mapping[str, type[Published] | type[PlatformError]] = {
    each.__name__: each
    for each in (
        *(Published, StillWorking, RateLimited, Outdated, AppStopped, Unavailable, AuthExpired),
        *(ProcessingFailed, Duplicate, Rejected, PlatformError),
    )
}
"""The kinds of answers; an error class of a single network is stored as its common base."""


def path() -> Path:
    """Return the file: one for all workers of this machine."""
    return Path(settings.OUIPOST_HOME) / "answers.jsonl"


def aside_path() -> Path:
    """Return the file of the answers that could not be settled, which an operator must look at."""
    return path().with_name("answers.aside.jsonl")


def keep(result: AttemptResult) -> None:
    """Write down a network's answer; it is on disk when this returns, unless the disk is full."""
    try:
        _append(path(), f"{json.dumps(_encoded(result))}\n".encode())
    except OSError:
        logger.exception("The answer for target %s could not be written down", result.claim.pk)


def replay() -> int:
    """Settle the kept answers, each by itself, and empty the file; returns the number of settled ones.

    If a target was taken over meanwhile, `settle_all` treats the answer as late. Answers that cannot be read or settled
    are set aside. If the database is at fault, its error is raised and the file stays.
    """
    if not path().exists():
        return 0
    with _locked(path()) as file:
        file.seek(0)
        lines = file.readlines()
        failures = [(line, error) for line in lines if (error := _failure(line))]
        for _, error in failures:
            if _is_of_the_database(error):
                raise error
        _set_aside(failures)
        file.truncate(0)
    return len(lines) - len(failures)


def _failure(line: bytes) -> Exception | None:
    """Settle one answer; returns its error, or raises if the database is away, so that the others are not tried."""
    try:
        _settle(_decoded(json.loads(line)))
    except Exception as error:
        claims.database_now()
        return error
    return None


def _is_of_the_database(error: Exception) -> bool:
    """Return whether the answer may be accepted later: the database is locked, full, read-only, or being updated."""
    return isinstance(error, Error) and not isinstance(error, (DataError, IntegrityError))


def _set_aside(failures: Sequence[tuple[bytes, Exception]]) -> None:
    if not failures:
        return
    _append(aside_path(), b"".join(line for line, _ in failures))
    for _, error in failures:
        logger.error("A kept answer cannot be settled: it is set aside in %s", aside_path(), exc_info=error)


def _settle(result: AttemptResult) -> None:
    """Settle an answer; this has no effect if its worker, or an interrupted replay, has settled it already."""
    if not Inline().run(settle_all, result):
        logger.warning("The post of target %s is gone: its late answer is forgotten", result.claim.pk)


def _append(where: Path, lines: bytes) -> None:
    """Append whole lines, synced; after half a line that a full disk left, they begin on a new line."""
    with _locked(where) as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            lines = lines if file.read(1) == b"\n" else b"\n" + lines
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _locked(where: Path) -> Iterator[IO[bytes]]:
    where.touch(mode=0o600)  # handles of a network may be credentials
    with where.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _encoded(result: AttemptResult) -> dict[str, Any]:
    facts = {name: getattr(result, name) for name in ("step", "unresolved", "listing_lag", "is_restored")}
    return facts | {
        "target": result.claim.pk,
        "fence": result.claim.fence,
        "kind": next(each.__name__ for each in type(result.outcome).__mro__ if each in KINDS.values()),
        "outcome": _facts(result.outcome),
        "started_at": result.started_at.isoformat(),
        "sent_at": result.sent_at and result.sent_at.isoformat(),
        "recovery": str(result.recovery),
    }


def _facts(outcome: Outcome) -> dict[str, Any]:
    """Return the fields of the outcome."""
    if isinstance(outcome, Published):
        return asdict(outcome)
    assert isinstance(outcome, PlatformError)
    facts = {"message": outcome.message, "code": outcome.code, "who_acts": str(outcome.who_acts)}
    facts |= {name: getattr(outcome, name) for name in ("status", "network_code")}
    of_some = ("retry_after", "handles", "is_of_a_kind", "is_for_posting")
    told = {name: getattr(outcome, name, None) for name in of_some}
    return facts | {name: value for name, value in told.items() if value is not None}


def _decoded(line: dict[str, Any]) -> AttemptResult:
    kind, facts = KINDS[line["kind"]], line["outcome"]
    if "who_acts" in facts:
        facts = facts | {"who_acts": WhoActs(facts["who_acts"])}
    return AttemptResult(
        claim=Claim(pk=line["target"], fence=line["fence"], deadline=0),
        step=line["step"],
        unresolved=line["unresolved"],
        outcome=kind(**facts),
        started_at=datetime.fromisoformat(line["started_at"]),
        sent_at=datetime.fromisoformat(line["sent_at"]) if line.get("sent_at") else None,
        recovery=Recovery(line["recovery"]),
        listing_lag=line["listing_lag"],
        is_restored=line.get("is_restored", False),
    )
