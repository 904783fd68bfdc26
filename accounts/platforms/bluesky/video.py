"""The one video of a post: sent to Bluesky's video service, or plainly to servers that the service does not support.

https://docs.bsky.app/docs/tutorials/video
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

from accounts.platforms.base import Connector, Save, Session
from accounts.platforms.bluesky.api import get, service_of, xrpc
from accounts.platforms.bluesky.errors import ClocksDiffer, has_no_bluesky
from accounts.platforms.bluesky.variant import variant
from accounts.platforms.errors import (
    AuthExpired,
    ErrorCode,
    PlatformError,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    WhoActs,
)
from accounts.platforms.http import Answer, bearer, decoded, dig, dig_count, dig_text, said
from accounts.platforms.shapes import Handles, Operation
from accounts.platforms.uploads import GIVEN, SENT, UPLOADS, Progress
from ouipost.phrases import Phrase

SERVICE = "https://video.bsky.app"
AUDIENCE = "did:web:video.bsky.app"
LIMITS, UPLOAD = "app.bsky.video.getUploadLimits", "com.atproto.repo.uploadBlob"
JOB, DROPPED = "job", "dropped"
"""Stored progress of a video: first, if sent in parts, `{id, size (of a part), sent}`, then `{job, at}` while the
service works on it, then `{given, at}`; and the handle that counts how often the server has dropped its blob."""
LIVES = timedelta(hours=1)
"""Servers drop a blob that no record names after some hours."""
AUTHORITY = timedelta(minutes=25)
"""The time for which the service may act for the account; servers allow half an hour."""
LONGEST_UPLOAD = 600
IN_ONE_CALL = 20_000_000
"""A larger video is sent in parts, so that a slow line, or a worker that dies, costs no more than one of them."""
START_SECONDS, PART_SECONDS = 30, 120
NAME = "video.mp4"
"""The file name of every upload in parts: a name of more than 256 bytes is refused, and nobody sees it."""
OCTETS = {"Content-Type": "application/octet-stream"}
USUAL_WAIT = 5
UNTIL_THERE_IS_ROOM = 3600.0
KNOWN, UNCONFIRMED = "already_exists", "unconfirmed_email"
OF_A_DAY = re.compile("daily|quota", re.IGNORECASE)
"""Words in the code or message for a dropped video that mean that today's quota is used up, not that it is bad."""
FINISHING = "UploadNotReady"
UPLOAD_IS_OVER = {"UploadNotFound", "UploadExpired", "UploadAborted", "UploadFailed", "MissingParts"}
NOT_TAKEN_BY_SERVER = "pds_upload_failure"
"""The code of a job that failed although the video is fine: the service could not pass it to the account's server."""


class VideoUpload:
    """The one video of a post on its way to Bluesky."""

    def __init__(self, connector: Connector, session: Session, operation: Operation, save: Save) -> None:
        self._connector, self._session, self._operation = connector, session, operation
        self._media, self._account = operation.content.media[0], operation.account
        self._progress, self._began = Progress(operation.handles, save, UPLOADS, self._media.id), monotonic()
        self._ahead = timedelta(0)
        """How far the server's clock is ahead of ours, if it has refused a time of ours."""

    def run(self) -> Handles:
        if self._is_fresh(JOB):
            self._look(self._status())
        elif not self._is_fresh(GIVEN):
            self._bring()
        return self._progress.handles

    def _is_fresh(self, step: str) -> bool:
        now = self._operation.now
        return step in self._progress.state and self._progress.is_good(now=now, not_before=now - LIVES)

    def _bring(self) -> None:
        """Bring the video to the service, or to the server if it has none.

        The service processes no file twice, and would name the same blob again. So a video whose blob was dropped goes
        to the server, or, if it is too large for that, to the service as another file.
        """
        is_begun, was_dropped = SENT in self._progress.state, DROPPED in self._progress.handles
        # the quota is also checked for a video that the server dropped: without room it would be dropped again
        has_service = is_begun or self._has_service()
        if (was_dropped or not has_service) and not is_begun and self._is_taken_plainly(has_service=has_service):
            return
        if was_dropped:
            handles = self._progress.handles
            self._media = variant(self._media, f"{handles['rkey']} {handles[DROPPED]}")
        self._look(self._bring_to_service())

    def _has_service(self) -> bool:
        """Whether the service can take the video: it must reach the account's server, which must know the service."""
        parts = urlsplit(service_of(self._account))
        if parts.scheme != "https" or parts.port:
            return False
        try:
            token = self._authority(AUDIENCE, LIMITS)
        except (Rejected, Unavailable) as error:
            if not _is_not_there(error):
                raise
            return False
        return self._may_upload(token)

    def _authority(self, audience: str, method: str) -> str:
        """Return a new token with which the service may act for the account, by the server's clock."""
        try:
            return self._token(audience, method)
        except ClocksDiffer as error:
            if error.theirs is None:
                raise
            self._ahead = error.theirs - self._now
            return self._token(audience, method)

    def _token(self, audience: str, method: str) -> str:
        end = str(int((self._now + self._ahead + AUTHORITY).timestamp()))
        answer = get(
            self._connector,
            self._session,
            self._account,
            "com.atproto.server.getServiceAuth",
            aud=audience,
            lxm=method,
            exp=end,
        )
        return dig_text(answer, "token")

    def _may_upload(self, token: str) -> bool:
        """Whether the service takes videos of this account; raises if it does, but not this one."""
        try:
            limits = self._connector.call(self._session, "GET", xrpc(SERVICE, LIMITS), headers=bearer(token))
        except (AuthExpired, Rejected):
            return False
        if dig_text(limits, "error") == UNCONFIRMED:
            raise _unconfirmed()
        videos, size = dig_count(limits, "remainingDailyVideos"), dig_count(limits, "remainingDailyBytes")
        if videos == 0 or (size is not None and size < self._media.size):
            raise _over_the_day(dig(limits, "message"))
        if dig(limits, "canUpload") is False:
            message = said("Bluesky", dig(limits, "message"), otherwise=Phrase("takes no videos of this account now."))
            raise Rejected(message, code=ErrorCode.MEDIA_REJECTED, who_acts=WhoActs.ACCOUNT_OWNER)
        return True

    def _bring_to_service(self) -> Any:
        """Send the video to the service, and return the status of its job."""
        if self._media.size <= IN_ONE_CALL:
            return self._in_one_call()
        try:
            return self._in_parts()
        except (Rejected, Unavailable) as error:
            if not has_no_bluesky(error):
                raise
            return self._in_one_call()

    def _in_one_call(self) -> Any:
        """Send the video; if the service already has it, the answer names the earlier job."""
        token = self._authority(self._server, UPLOAD)
        self._progress.begin({}, seconds=LONGEST_UPLOAD)
        query = urlencode({"did": self._account.remote_id, "name": self._media.filename or NAME})
        return self._taken(self._send(f"{xrpc(SERVICE, 'app.bsky.video.uploadVideo')}?{query}", token))

    def _in_parts(self) -> Any:
        """Send the missing parts, and finish the upload; the service accepts each call again."""
        if SENT not in self._progress.state:
            self._progress.begin(self._begin_parts(), seconds=PART_SECONDS)
        upload, size = self._progress.state["id"], self._progress.state["size"]
        for part in self._progress.parts(self._media, lambda start: start + size):
            place = {"jobId": upload, "partNumber": str(part.start // size + 1)}
            self._ask("uploadPart", headers=OCTETS, params=place, data=part.content)
            self._progress.keep({SENT: part.end}, seconds=PART_SECONDS)
        return self._ask("finishUpload", json={"jobId": upload})

    def _begin_parts(self) -> dict[str, Any]:
        asked = {"sizeBytes": self._media.size, "mimeType": self._media.mime_type, "name": NAME}
        begun = self._ask("startUpload", json=asked, timeout=START_SECONDS)
        upload, size = dig_text(begun, "jobId"), dig_count(begun, "partSizeBytes")
        if not upload or not size or size < 0:
            raise Unavailable(Phrase("Bluesky began an upload and did not say how its parts are sent."))
        return {"id": upload, "size": size, SENT: 0}

    def _ask(
        self, method: str, *, headers: Mapping[str, str] | None = None, timeout: float = PART_SECONDS, **request: Any
    ) -> Any:
        """Begin or continue an upload, each time with a new token, since the upload may outlast the previous one."""
        proof = bearer(self._authority(self._server, UPLOAD)) | dict(headers or {})
        url = xrpc(SERVICE, f"app.bsky.video.{method}")
        return self._taken(self._session.request("POST", url, headers=proof, timeout=timeout, **request))

    @property
    def _server(self) -> str:
        return f"did:web:{urlsplit(service_of(self._account)).hostname}"

    def _taken(self, answer: Answer) -> Any:
        """Return the service's answer about a video that it takes; raises the error of a refusal."""
        trouble = dig_text(decoded(answer), "jobStatus", "error") or dig_text(decoded(answer), "error")
        facts: dict[str, Any] = {"status": answer.status, "network_code": trouble}
        if trouble == UNCONFIRMED:
            raise _unconfirmed(**facts)
        if trouble == FINISHING:
            raise self._at_work()
        if trouble in UPLOAD_IS_OVER:
            self._progress.forget()
            raise Unavailable(Phrase("Bluesky has closed the upload: it is started again."), **facts)
        if not answer.ok and trouble != KNOWN:
            raise _not_the_account(self._connector.classify(answer))
        return answer.json()

    def _is_taken_plainly(self, *, has_service: bool) -> bool:
        """Send the video to the server; returns False if it is too large for that, and the service can take it."""
        self._progress.begin({}, seconds=LONGEST_UPLOAD)
        answer = self._send(xrpc(service_of(self._account), UPLOAD), self._account.access_token)
        if has_service and answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return False
        if not answer.ok:
            raise self._connector.classify(answer)
        self._remember_blob(dig(answer.json(), "blob"))
        return True

    def _send(self, url: str, token: str) -> Answer:
        headers = bearer(token) | {"Content-Type": self._media.mime_type}
        with self._media.open() as file:
            return self._session.request("POST", url, headers=headers, data=file, timeout=LONGEST_UPLOAD)

    def _status(self) -> Any:
        params = {"jobId": self._progress.state[JOB]}
        url = xrpc(SERVICE, "app.bsky.video.getJobStatus")
        try:
            return self._connector.call(self._session, "GET", url, params=params)
        except (AuthExpired, Rejected) as error:  # not a fault of the video or the account
            self._progress.forget()
            raise Unavailable(**error.facts) from error

    def _look(self, answer: Any) -> None:
        status = dig(answer, "jobStatus") or answer
        job = dig_text(status, "jobId")
        if isinstance(dig(status, "blob"), dict):
            self._remember_blob(dig(status, "blob"))
        elif dig_text(status, "state") == "JOB_STATE_FAILED" or (dig_text(status, "error") and not job):
            self._progress.forget()
            raise _failed(status)
        elif job:
            if not self._is_fresh(JOB):
                self._progress.begin({JOB: job, "at": self._now.isoformat()})
            raise self._at_work()
        else:
            raise Unavailable(Phrase("Bluesky took a video and did not say what became of it."))

    def _remember_blob(self, blob: Any) -> None:
        if not isinstance(blob, dict):
            raise Unavailable(Phrase("Bluesky took a video and did not say where it is."))
        self._progress.begin({GIVEN: blob, "at": self._now.isoformat()})

    def _at_work(self) -> StillWorking:
        return StillWorking(Phrase("Bluesky is working on the video."), retry_after=USUAL_WAIT)

    @property
    def _now(self) -> datetime:
        """The present time, to the minute, since an upload may take hours."""
        return self._operation.now + timedelta(minutes=(monotonic() - self._began) // 60)


def _is_not_there(error: PlatformError) -> bool:
    return has_no_bluesky(error) or error.status == 404


def _not_the_account(error: PlatformError) -> PlatformError:
    """Return the error, but never AuthExpired: the service's refusal of its own token is not about the account's."""
    if not isinstance(error, AuthExpired):
        return error
    return Rejected(code=ErrorCode.MEDIA_REJECTED, who_acts=WhoActs.ACCOUNT_OWNER, **error.facts)


def _unconfirmed(**facts: Any) -> Rejected:
    message = Phrase("Bluesky takes no videos of this account yet: confirm the account's e-mail address.")
    return Rejected(message, code=ErrorCode.MEDIA_REJECTED, who_acts=WhoActs.ACCOUNT_OWNER, **facts)


def _over_the_day(words: Any, **facts: Any) -> RateLimited:
    reason = said("Bluesky", words, otherwise=Phrase("has no room for this one."))
    message = Phrase("The account has reached Bluesky's daily limit for videos: {told}", told=reason)
    return RateLimited(message, retry_after=UNTIL_THERE_IS_ROOM, is_of_a_kind=True, **facts)


def _failed(status: Any) -> PlatformError:
    code = dig_text(status, "failureCode") or dig_text(status, "error")
    words = dig_text(status, "message") or dig_text(status, "error") or code
    message = said("Bluesky", words, otherwise=Phrase("could not work on the video."))
    if code == NOT_TAKEN_BY_SERVER:
        return Unavailable(message, network_code=code)
    if OF_A_DAY.search(f"{code} {words}"):
        return _over_the_day(words, network_code=code)
    return Rejected(message, code=ErrorCode.MEDIA_REJECTED, network_code=code)
