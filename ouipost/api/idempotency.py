"""Idempotency-Key: the first response is kept for a day, and a repeated request gets that response.

A request begins by inserting a row that it owns, under a lease, which is extended while it looks into files or asks
networks. The response is stored on that row in the transaction that does the work, so a process that dies leaves both
or neither; a request that has lost its row rolls its work back. The row is not a `Claimable`: releasing a key deletes
its row, so a fence would start again at zero with the next one, while the name of a run is never used twice.
"""

import hashlib
import hmac
import json
import logging
import re
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, TypeVar

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import Error, IntegrityError, models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac
from rest_framework.request import Request, is_form_media_type
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from ouipost.api.failures import describe
from ouipost.api.models import StoredAnswer
from ouipost.claims import database_now, extending
from ouipost.db.configuration import release_old_connections
from ouipost.db.locks import in_transaction
from ouipost.db.pruning import Old
from ouipost.db.sealed import opened, seal
from ouipost.errors import DomainError, InvalidInput
from ouipost.phrases import Phrase

logger = logging.getLogger(__name__)
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY = re.compile(r"[\x20-\x7e]{1,255}")
LEASE, EXTEND_SECONDS = timedelta(seconds=60), 20.0
"""Work that may take longer than the lease extends it meanwhile."""
KEPT = timedelta(hours=24)
SECRETS_KEPT = timedelta(minutes=10)
KEPT_REFUSALS = (409, 422)
NAME_LENGTH = 8
"""A body's mark begins with so many characters that name its key."""

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")
Work = Callable[[], Response]
Path = tuple[str, ...]
"""The keys that lead to a value in a response's data, outermost first."""


class IdempotencyInProgress(DomainError):
    code = "IDEMPOTENCY_IN_PROGRESS"
    status = 409
    message = Phrase("The first request with this Idempotency-Key is still running; ask again in a second.")


class IdempotencyKeyReused(DomainError):
    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422
    message = Phrase("This Idempotency-Key was used with another body; send a new key with a new request.")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A request that owns its idempotency key and may do its work."""

    digest: str
    owner: str

    @property
    def rows(self) -> "models.QuerySet[StoredAnswer]":
        """The run's row; empty once another run owns it or it has its answer."""
        return StoredAnswer.objects.filter(pk=self.digest, owner=self.owner, status=None)


def once(request: Request, work: Work, *, secrets: Sequence[Path] = ()) -> Response:
    """Run the work and store its response in one transaction, or replay the response that the request's key has.

    `secrets` are the paths of secret values in the response: they are replayed for ten minutes, and null after that.
    """
    run = begin(request, secrets=secrets)
    if isinstance(run, Response):
        return run
    if run is None:
        return in_transaction(work)
    return _guarded(run, lambda: in_transaction(lambda: _answered(run, work, secrets=secrets)))


def once_outside(request: Request, work: Work) -> Response:
    """Run the work outside any transaction and then store its response, or replay the response that the key has."""
    run = begin(request)
    if isinstance(run, Response):
        return run
    return work() if run is None else _at_length(run, lambda: _answered(run, work, undo=False))


def once_prepared(
    request: Request, prepare: Callable[[], AbstractContextManager[Prepared]], work: Callable[[Prepared], Response]
) -> Response:
    """Run the work as `once` does, on the value that `prepare` yields before the transaction opens.

    A refusal by `prepare` is kept as the response too.
    """
    run = begin(request)
    if isinstance(run, Response):
        return run

    def perform() -> Response:
        with prepare() as prepared:
            release_old_connections()  # the server may have closed the open one while a file was stored
            made = partial(work, prepared)
            return in_transaction(made if run is None else lambda: _answered(run, made))

    return perform() if run is None else _at_length(run, perform)


def begin(request: Request, *, secrets: Sequence[Path] = ()) -> Run | Response | None:
    """Return a run that owns the request's key, or the response that the key has; None without a key.

    Commits at once. Raises InvalidInput for a malformed key, IdempotencyKeyReused for a key used with another body,
    and IdempotencyInProgress while the first request still runs.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise InvalidInput(**{HEADER: ["Must be 1 to 255 printable ASCII characters."]})
    run, marks = Run(digest=_digest(request, key), owner=uuid.uuid4().hex), marks_of(request)
    while not _guarded(run, lambda: _start(run, marks) or in_transaction(lambda: _take_over(run, marks))):
        row = StoredAnswer.objects.filter(pk=run.digest).first()
        if row is None:
            continue  # released between the two statements: the key is free again
        return _stored(row, marks, secrets=secrets)
    return run


def find(request: Request, *, secrets: Sequence[Path] = ()) -> Response | None:
    """Return the response that the request's key has; None if there is none, and for multipart forms.

    Raises IdempotencyKeyReused and IdempotencyInProgress as `begin` does; `secrets` are as in `once`.
    """
    key = request.headers.get(HEADER, "")
    if not KEY.fullmatch(key) or is_form_media_type(request.content_type):
        return None
    marks = marks_of(request)
    row = StoredAnswer.objects.exclude(_is_free(marks, now=database_now())).filter(pk=_digest(request, key)).first()
    return _stored(row, marks, secrets=secrets) if row else None


def forget_secrets(now: datetime) -> None:
    """Delete stored secrets that are too old to be replayed; the rest of each response stays."""
    StoredAnswer.objects.filter(created_at__lt=now - SECRETS_KEPT).exclude(sealed="").update(sealed="")


def old(now: datetime) -> tuple[Old, ...]:
    """Return the stored responses that are older than a day."""
    rows = StoredAnswer.objects.filter(created_at__lt=now - KEPT).order_by("created_at", "pk")
    return (Old(name="answers", rows=rows),)


def marks_of(request: Request) -> list[str]:
    """Return the marks of the body under each secret of the installation, the one for new rows first.

    A mark is keyed because bodies hold passwords: nobody can check a guess against a backup of the database.
    """
    content = _digest_of_body(request).encode()
    keys = [_key(str(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return [_name(key) + hmac.digest(key, content, "sha256").hex()[NAME_LENGTH:] for key in keys]


def _digest_of_body(request: Request) -> str:
    """Return the SHA-256 of the body's bytes; for a form, of its values and its files, each with its name."""
    if not is_form_media_type(request.content_type):
        return hashlib.sha256(request.body).hexdigest()
    files = [(name, [(file.name, _file_digest(file)) for file in files]) for name, files in request.FILES.lists()]
    return _hash([list(request.POST.lists()), files])


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    return salted_hmac("ouipost.api.idempotency", "key", secret=secret, algorithm="sha256").digest()


def _name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:NAME_LENGTH]


def _is_of_another(row: StoredAnswer, marks: Sequence[str]) -> bool:
    """Whether the row is of another body; False if its key is gone, as nobody can tell, and work is not done twice."""
    return row.fingerprint not in marks and row.fingerprint[:NAME_LENGTH] in [mark[:NAME_LENGTH] for mark in marks]


def _may_be_of(marks: Sequence[str]) -> Q:
    """Match the rows that `_is_of_another` is False for."""
    known = Q()
    for mark in marks:
        known |= Q(fingerprint__startswith=mark[:NAME_LENGTH])
    return Q(fingerprint__in=marks) | ~known


def _stored(row: StoredAnswer, marks: Sequence[str], *, secrets: Sequence[Path]) -> Response:
    """Return the stored response of a key to a request with this body; raises as `begin` does."""
    if _is_of_another(row, marks):
        raise IdempotencyKeyReused
    if row.status is None:
        raise IdempotencyInProgress(retry_after=1)
    return _replay(row, secrets=secrets)


def _replay(row: StoredAnswer, *, secrets: Sequence[Path]) -> Response:
    body = json.loads(row.body)
    if row.sealed and secrets and database_now() - row.created_at < SECRETS_KEPT:
        for path, value in zip(secrets, json.loads(opened(row, "sealed")), strict=True):
            _put(body, path, value)
    replay = Response(body, status=row.status, headers={REPLAYED: "true"})
    replay.exception = (row.status or 0) >= 400
    return replay


def _start(run: Run, marks: Sequence[str]) -> bool:
    """Insert the run's row; returns False if the key is already known."""
    now = Now()
    row = StoredAnswer(pk=run.digest, owner=run.owner, fingerprint=marks[0], created_at=now, lease_until=now + LEASE)
    try:
        in_transaction(lambda: row.save(force_insert=True))
    except IntegrityError:
        return False
    return True


def _take_over(run: Run, marks: Sequence[str]) -> bool:
    """Take over the row of a key that has expired, or whose run died before its response; returns whether it did."""
    now = database_now()
    values = {"fingerprint": marks[0], "owner": run.owner, "lease_until": now + LEASE, "created_at": now}
    rows = StoredAnswer.objects.filter(_is_free(marks, now=now), pk=run.digest)
    return bool(rows.update(status=None, body="", sealed="", **values))


def _is_free(marks: Sequence[str], *, now: datetime) -> Q:
    """Match keys that have expired, and those whose run with this body died before its response."""
    return Q(created_at__lt=now - KEPT) | Q(_may_be_of(marks), status=None, lease_until__lte=now)


def _answered(run: Run, work: Work, *, undo: bool = True, secrets: Sequence[Path] = ()) -> Response:
    """Run the work and store its response.

    With `undo`, raises IdempotencyInProgress if another run has taken the key over, so that the work rolls back.
    """
    response = work()
    if not run.rows.update(status=response.status_code, **_kept(run, response.data, secrets)) and undo:
        raise IdempotencyInProgress(retry_after=1)
    return response


def _kept(run: Run, data: Any, secrets: Sequence[Path]) -> dict[str, str]:
    """Return the columns of a stored response: its secrets are taken out of the body and encrypted."""
    if not secrets:
        return {"body": _dump(data)}
    body = json.loads(_dump(data))
    shown = [_put(body, path, None) for path in secrets]
    answer = StoredAnswer(pk=run.digest)
    seal(answer, "sealed", _dump(shown))
    return {"body": _dump(body), "sealed": answer.sealed}


def _put(body: Any, path: Path, value: str | None) -> Any:
    """Replace the value at this path of a response and return the former one."""
    *outer, name = path
    for each in outer:
        body = body[each]
    before, body[name] = body[name], value
    return before


def _at_length(run: Run, perform: Callable[[], Response]) -> Response:
    """Call `perform` as `_guarded` does, and extend the run's lease while it takes and the process lives."""
    with extending(lambda: run.rows.update(lease_until=Now() + LEASE), every=EXTEND_SECONDS):
        return _guarded(run, perform)


def _guarded(run: Run, perform: Callable[[], Result]) -> Result:
    """Call `perform`, a part of the run, and end the run if it fails.

    A commit may have succeeded although its answer was lost, so the run may own the key even if beginning has failed.
    """
    try:
        return perform()
    except Exception as error:
        _settle(run, error)
        raise


def _settle(run: Run, error: Exception) -> None:
    """After a rolled-back run, store a business rule's refusal as the response, or free the key for anything else."""
    try:
        release_old_connections()  # the error may be a lost connection
        if isinstance(error, DomainError) and error.status in KEPT_REFUSALS:
            failure = describe(error)
            run.rows.update(status=failure.status, body=_dump(failure.body))
        else:
            run.rows.delete()
    except Error:
        # The first error is the one to report; the key is free again when its lease ends.
        logger.warning("The idempotency key of %s was not freed", run.digest[:12], exc_info=True)


def _digest(request: Request, key: str) -> str:
    caller = getattr(request.user, "pk", None) or getattr(request.auth, "pk", "")  # the user, whatever their login
    is_inside = request.parser_context["view"].needs_workspace  # elsewhere the path says it all
    workspace = request.headers.get("X-Workspace-ID", "") if is_inside else ""
    return _hash([caller, workspace, request.method, request.path, request.META.get("QUERY_STRING", ""), key])


def _file_digest(file: "UploadedFile[bytes]") -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _hash(value: list[Any]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _dump(data: Any) -> str:
    return json.dumps(data, cls=JSONEncoder)
