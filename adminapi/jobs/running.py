"""Run jobs: work that takes longer than a request is done in the worker, row by row.

A row and the note that it is done are one transaction, so an interrupted job goes on with the remaining rows. Before
each row, the worker checks that the person who began the job still has the permission.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import Error, transaction
from django.db.models import F
from django.http import Http404
from django.utils import translation
from django.utils.translation import gettext as _

from adminapi.jobs import catalogue
from adminapi.jobs.kinds import Gone, Kind
from adminapi.jobs.models import NAME_LENGTH, NOTE_LENGTH, Job, JobRow, JobStatus, RowStatus
from ouipost import claims
from ouipost.claims import Claim, LostClaim, engine_time, extending
from ouipost.errors import DomainError
from ouipost.events.journal import Actor, record
from ouipost.translating import words
from workspaces.models import User

logger = logging.getLogger(__name__)
STEP = timedelta(seconds=2)
"""After this long the worker turns to other work before it goes on."""
LEASE = engine_time(60)
EXTEND_SECONDS = LEASE.total_seconds() / 3
"""The interval of extending the lease: copying a row's files, or asking its network, may take longer than a lease."""
MOST_DEATHS = 3
"""A row is skipped after so many workers in a row died at it."""
IN_A_STATEMENT = 500


@transaction.atomic
def begin(kind: Kind, subjects: Iterable[tuple[str, str]], *, key: str, total: int, actor: Actor, now: datetime) -> Job:
    """Begin a job on these subjects, by id and name, or return the one that this form has begun already."""
    job, is_new = Job.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind.name,
            "total": total,
            "created_at": now,
            "due_at": claims.database_now(),
            "user_id": actor.user_id,
            "user_email": actor.user_email,
            "language": translation.get_language(),
            "ip_address": actor.ip_address,
            "user_agent": actor.user_agent,
        },
    )
    if is_new:
        rows = (
            JobRow(job=job, place=place, subject_id=pk, name=name[:NAME_LENGTH])
            for place, (pk, name) in enumerate(subjects, start=1)
        )
        JobRow.objects.bulk_create(rows, batch_size=IN_A_STATEMENT)
        record("begun", job, actor=actor, kind=kind.name, total=total)
    return job


@transaction.atomic
def stop(job: Job, *, actor: Actor, now: datetime) -> bool:
    """Stop a job, including the row that is under way; returns False if it was over."""
    ended = {"status": JobStatus.STOPPED, "finished_at": now, "due_at": None, "lease_until": None}
    if not Job.objects.filter(pk=job.pk, status=JobStatus.WORKING).update(fence=F("fence") + 1, **ended):
        return False
    record("stopped", job, actor=actor, kind=job.kind)
    return True


def work_on_due(*, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Do a step of the job that is due for longest; returns the number of processed rows, or parts of one.

    Once the process `is_ending`, no further row is begun.
    """
    held = claims.claim_due(Job.objects.all(), limit=1, lease=LEASE)
    return sum(_step(claim, is_ending) for claim in held)


def _step(claim: Claim, is_ending: Callable[[], bool]) -> int:
    job = Job.objects.get(pk=claim.pk)
    with translation.override(job.language):
        try:
            with extending(partial(_hold, claim), every=EXTEND_SECONDS):
                return _work(job, claim, is_ending)
        except LostClaim:
            logger.info("%s was stopped, or another worker has it", job.pk)
            return 0


def _hold(claim: Claim) -> None:
    claims.write(Job, claim, lease_until=claims.database_now() + LEASE)


def _work(job: Job, claim: Claim, is_ending: Callable[[], bool]) -> int:
    ends, looked_at = time.monotonic() + STEP.total_seconds(), 0
    for row in _waiting(job):
        if looked_at and (is_ending() or time.monotonic() > ends):
            _release(claim, due_at=claims.database_now())
            return looked_at
        kind, user = catalogue.BY_NAME.get(job.kind), User.objects.filter(pk=job.user_id).first()
        if kind is None or user is None or kind.permission not in user.granted:
            _release(claim, due_at=None, status=JobStatus.REFUSED, finished_at=claims.database_now())
            return looked_at
        if claim.unsettled >= MOST_DEATHS and not looked_at:
            _refuse(claim, row, _("It was skipped: the worker was interrupted each time it began with it."))
        else:
            _do(kind, row, user, claim)
        looked_at += 1
    _release(claim, due_at=None, status=JobStatus.DONE, finished_at=claims.database_now())
    return looked_at


def _waiting(job: Job) -> Iterator[JobRow]:
    """Give the first row that is not settled, again and again until all are."""
    while row := job.rows.filter(status=RowStatus.WAITING).select_related("job").order_by("place").first():
        yield row


def _do(kind: Kind, row: JobRow, user: User, claim: Claim) -> None:
    """Do a row, or a part of one, or note why it cannot be done; raises LostClaim, and the database's errors."""

    def settle(*, done: int = 1, is_over: bool = True, note: str = "") -> None:
        _settle(claim, row, RowStatus.DONE if is_over else RowStatus.WAITING, done=done, note=note)

    try:
        kind.work(row, user=user, actor=row.job.actor, settle=settle)
    except DomainError as error:
        _refuse(claim, row, words(error))
    except Http404:
        _refuse(claim, row, words(Gone()))
    except (Error, LostClaim):
        raise
    except Exception:
        logger.exception("%s failed at %s", row.job_id, row.subject_id)
        _refuse(claim, row, _("It failed unexpectedly. The log of the worker tells why."))


def _refuse(claim: Claim, row: JobRow, note: str) -> None:
    _settle(claim, row, RowStatus.REFUSED, refused=1, note=note)


@transaction.atomic
def _settle(claim: Claim, row: JobRow, status: RowStatus, *, done: int = 0, refused: int = 0, note: str = "") -> None:
    counted = {"done": F("done") + done, "refused": F("refused") + refused}
    if not claims.write(Job, claim, claim_count=0, **counted):
        raise LostClaim
    JobRow.objects.filter(pk=row.pk).update(status=status, done=F("done") + done, note=note[:NOTE_LENGTH])


def _release(claim: Claim, **values: Any) -> None:
    if not claims.release(Job, claim, **values):
        raise LostClaim
