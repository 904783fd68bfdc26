"""Idempotency-Key: the first answer is kept for a day, and what is asked again gets that answer.

A request starts with a row of its own, under a lease. The answer is stored in the transaction that does the work, by
whoever still owns the row: a request that died left both or neither, and one that lost its row rolls its work back.
"""

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, IntegrityError, models
from django.db.models import Q
from django.db.models.functions import Now
from rest_framework.request import Request, is_form_media_type
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from ouipost.api.failures import describe
from ouipost.api.models import StoredAnswer
from ouipost.claims import database_now
from ouipost.databases import in_transaction
from ouipost.errors import DomainError, InvalidInput
from ouipost.pruning import Old
from ouipost.sealed import opened, seal

logger = logging.getLogger(__name__)
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY = re.compile(r"[\x20-\x7e]{1,255}")
LEASE = timedelta(seconds=60)
KEPT = timedelta(hours=24)
SECRETS_KEPT = timedelta(minutes=10)
KEPT_REFUSALS = (409, 422)

Prepared = TypeVar("Prepared")
Work = Callable[[], Response]
Path = tuple[str, ...]
"""Where something stands in an answer's data, from the outside in."""


class IdempotencyInProgress(DomainError):
    code = "IDEMPOTENCY_IN_PROGRESS"
    status = 409
    message = "The first request with this Idempotency-Key is still running; ask again in a second."


class IdempotencyKeyReused(DomainError):
    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422
    message = "This Idempotency-Key was used with another body; send a new key with a new request."


@dataclass(frozen=True, kw_only=True)
class Run:
    """One request that may do its work."""

    digest: str
    owner: str

    @property
    def rows(self) -> "models.QuerySet[StoredAnswer]":
        """The row, while it is this run's and has no answer."""
        return StoredAnswer.objects.filter(pk=self.digest, owner=self.owner, status=None)


def once(request: Request, work: Work, *, secrets: Sequence[Path] = ()) -> Response:
    """Run the work in one transaction together with its answer, or replay the answer that its key has.

    `secrets` are where the answer shows what is secret: that is replayed for ten minutes, then it is null.
    """
    run = begin(request, secrets=secrets)
    if isinstance(run, Response):
        return run
    if run is None:
        return in_transaction(work)
    return _guarded(run, lambda: in_transaction(lambda: _answered(run, work, secrets=secrets)))


def once_outside(request: Request, work: Work) -> Response:
    """Run the work in no transaction and store its answer after it, or replay the answer that its key has."""
    run = begin(request)
    if isinstance(run, Response):
        return run
    return work() if run is None else _guarded(run, lambda: _answered(run, work, undo=False))


def once_prepared(
    request: Request, prepare: Callable[[], AbstractContextManager[Prepared]], work: Callable[[Prepared], Response]
) -> Response:
    """Run the work as `once` does, on what is prepared before its transaction opens; what that refuses is kept too."""
    run = begin(request)
    if isinstance(run, Response):
        return run

    def perform() -> Response:
        with prepare() as prepared:
            made = partial(work, prepared)
            return in_transaction(made if run is None else lambda: _answered(run, made))

    return perform() if run is None else _guarded(run, perform)


def begin(request: Request, *, secrets: Sequence[Path] = ()) -> Run | Response | None:
    """Start the request, or return the answer that its key has; None without a key. Commits at once."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise InvalidInput(**{HEADER: ["Must be 1 to 255 printable ASCII characters."]})
    run, mark = Run(digest=_digest(request, key), owner=uuid.uuid4().hex), fingerprint(request)
    while not (_start(run, mark) or in_transaction(lambda: _take_over(run, mark))):
        row = StoredAnswer.objects.filter(pk=run.digest).first()
        if row is None:
            continue  # released between the two looks: it is free again
        if row.fingerprint != mark:
            raise IdempotencyKeyReused
        if row.status is None:
            raise IdempotencyInProgress(retry_after=1)
        return _replay(row, secrets=secrets)
    return run


def find(request: Request) -> Response | None:
    """Return the answer that the request's key has for this very body; of forms it knows none."""
    key = request.headers.get(HEADER, "")
    if not KEY.fullmatch(key) or is_form_media_type(request.content_type):
        return None
    answers = StoredAnswer.objects.filter(created_at__gte=database_now() - KEPT).exclude(status=None)
    row = answers.filter(pk=_digest(request, key), fingerprint=fingerprint(request)).first()
    return _replay(row) if row else None


def forget_secrets(now: datetime) -> None:
    """Clear the secrets that are replayed no more; the rest of their answers stays."""
    StoredAnswer.objects.filter(created_at__lt=now - SECRETS_KEPT).exclude(sealed="").update(sealed="")


def old(now: datetime) -> tuple[Old, ...]:
    """Return the answers that are no longer kept."""
    rows = StoredAnswer.objects.filter(created_at__lt=now - KEPT).order_by("created_at", "pk")
    return (Old(name="answers", rows=rows),)


def fingerprint(request: Request) -> str:
    """Return the SHA-256 of the exact body; of a form, that of its values and its files' digests."""
    if not is_form_media_type(request.content_type):
        return hashlib.sha256(request.body).hexdigest()
    files = [(name, [_file_digest(file) for file in files]) for name, files in request.FILES.lists()]
    return _hash([list(request.POST.lists()), files])


def _replay(row: StoredAnswer, *, secrets: Sequence[Path] = ()) -> Response:
    body = json.loads(row.body)
    if row.sealed and secrets and database_now() - row.created_at < SECRETS_KEPT:
        for path, value in zip(secrets, json.loads(opened(row, "sealed")), strict=True):
            _put(body, path, value)
    replay = Response(body, status=row.status, headers={REPLAYED: "true"})
    replay.exception = (row.status or 0) >= 400
    return replay


def _start(run: Run, mark: str) -> bool:
    """Make a key this run's that nobody has shown before."""
    now = Now()
    row = StoredAnswer(pk=run.digest, owner=run.owner, fingerprint=mark, created_at=now, lease_until=now + LEASE)
    try:
        in_transaction(lambda: row.save(force_insert=True))
    except IntegrityError:
        return False
    return True


def _take_over(run: Run, mark: str) -> bool:
    """Make a key this run's that others have shown: it is no longer kept, or its run died before its answer."""
    now = database_now()
    free = Q(created_at__lt=now - KEPT) | Q(status=None, lease_until__lte=now, fingerprint=mark)
    values = {"fingerprint": mark, "owner": run.owner, "lease_until": now + LEASE, "created_at": now}
    rows = StoredAnswer.objects.filter(free, pk=run.digest)
    return bool(rows.update(status=None, body="", sealed="", **values))


def _answered(run: Run, work: Work, *, undo: bool = True, secrets: Sequence[Path] = ()) -> Response:
    """Run the work and store its answer; when another run has taken the key over, that undoes the work if it can."""
    response = work()
    if not 200 <= response.status_code < 300:
        run.rows.delete()
    elif not run.rows.update(status=response.status_code, **_kept(run, response.data, secrets)) and undo:
        raise IdempotencyInProgress(retry_after=1)
    return response


def _kept(run: Run, data: Any, secrets: Sequence[Path]) -> dict[str, str]:
    """Return the columns of an answer: the secrets that it shows, if it does, apart and encrypted."""
    if not secrets:
        return {"body": _dump(data)}
    body = json.loads(_dump(data))
    shown = [_put(body, path, None) for path in secrets]
    answer = StoredAnswer(pk=run.digest)
    seal(answer, "sealed", _dump(shown))
    return {"body": _dump(body), "sealed": answer.sealed}


def _put(body: Any, path: Path, value: str | None) -> Any:
    """Set what stands at this path of an answer, and return what stood there."""
    *outer, name = path
    for each in outer:
        body = body[each]
    before, body[name] = body[name], value
    return before


def _guarded(run: Run, perform: Work) -> Response:
    try:
        return perform()
    except Exception as error:
        _settle(run, error)
        raise


def _settle(run: Run, error: Exception) -> None:
    """Keep a refusal by a business rule; free the key after anything else. The work has rolled back by now."""
    try:
        if isinstance(error, DomainError) and error.status in KEPT_REFUSALS:
            failure = describe(error)
            run.rows.update(status=failure.status, body=_dump(failure.body))
        else:
            run.rows.delete()
    except DatabaseError:
        # The caller is to hear of the first error; the lease frees the key.
        logger.warning("The idempotency key of %s was not freed", run.digest[:12], exc_info=True)


def _digest(request: Request, key: str) -> str:
    caller = getattr(request.user, "pk", None) or getattr(request.auth, "pk", "")  # a person, whatever their login
    workspace = request.headers.get("X-Workspace-ID", "")
    return _hash([caller, workspace, request.method, request.path, request.META.get("QUERY_STRING", ""), key])


def _file_digest(file: "UploadedFile[bytes]") -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _hash(value: list[Any]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _dump(data: Any) -> str:
    return json.dumps(data, cls=JSONEncoder)
