"""Answers that came while the database was away: a synced line each on this machine, until they are settled."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from accounts.platforms.base import Published, Recovery
from ouipost.claims import Claim
from ouipost.writer import Inline
from posts.models import Target
from posts.settling import Report, settle_all

logger = logging.getLogger(__name__)


def path() -> Path:
    """Return the file: one for all workers of this machine."""
    return Path(settings.OUIPOST_HOME) / "answers.jsonl"


def keep(report: Report) -> None:
    """Write down that a network has published; on disk when this returns, if the disk still takes anything."""
    try:
        with _locked() as file:
            file.write(f"{json.dumps(_encoded(report))}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        logger.exception("The answer for target %s could not be written down", report.claim.pk)


def replay() -> int:
    """Settle what was written down, and forget it; returns how many answers there were.

    A target that was settled or taken over in the meantime only gets the late answer in its log.
    """
    if not path().exists():
        return 0
    with _locked() as file:
        file.seek(0)
        reports = [_decoded(json.loads(line)) for line in file if line.endswith("\n")]
        for report in reports:
            _settle(report)
        file.truncate(0)
    return len(reports)


def _settle(report: Report) -> None:
    assert isinstance(report.outcome, Published)
    known = Target.objects.filter(pk=report.claim.pk, remote_id=report.outcome.remote_id)
    if known.exists():
        return
    if not Inline().run(settle_all, report):
        logger.warning("The post of target %s is gone: its late answer is forgotten", report.claim.pk)


@contextmanager
def _locked() -> Iterator[IO[str]]:
    with path().open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _encoded(report: Report) -> dict[str, Any]:
    assert isinstance(report.outcome, Published)
    facts = {name: getattr(report, name) for name in ("step", "unresolved", "listing_lag")}
    return facts | {
        "target": report.claim.pk,
        "fence": report.claim.fence,
        "outcome": asdict(report.outcome),
        "started_at": report.started_at.isoformat(),
        "recovery": str(report.recovery),
    }


def _decoded(line: dict[str, Any]) -> Report:
    return Report(
        claim=Claim(pk=line["target"], fence=line["fence"], deadline=0),
        step=line["step"],
        unresolved=line["unresolved"],
        outcome=Published(**line["outcome"]),
        started_at=datetime.fromisoformat(line["started_at"]),
        recovery=Recovery(line["recovery"]),
        listing_lag=line["listing_lag"],
    )
