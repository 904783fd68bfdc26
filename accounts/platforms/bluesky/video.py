"""The one video of a post: through Bluesky's video service, or plainly where that has no part in the account's server.

https://docs.bsky.app/docs/tutorials/video
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from accounts.platforms.base import (
    Answer,
    AuthExpired,
    Connector,
    Handles,
    Operation,
    PlatformError,
    RateLimited,
    Rejected,
    Save,
    Session,
    StillWorking,
    Unavailable,
    WhoActs,
)
from accounts.platforms.bluesky.api import get, service_of, xrpc
from accounts.platforms.bluesky.errors import has_no_bluesky
from accounts.platforms.http import bearer, decoded, dig, dig_count, dig_text, said
from accounts.platforms.uploads import UPLOADS
from ouipost.phrases import Phrase

SERVICE = "https://video.bsky.app"
AUDIENCE = "did:web:video.bsky.app"
LIMITS, UPLOAD = "app.bsky.video.getUploadLimits", "com.atproto.repo.uploadBlob"
JOB = "job"
"""The handle of the work that the service does."""
LIVES = timedelta(hours=1)
"""Servers drop a blob that no record names after some hours."""
AUTHORITY = timedelta(minutes=25)
"""For how long the service may act for the account; servers allow half an hour."""
LONGEST_UPLOAD = 600
USUAL_WAIT = 5
UNTIL_THERE_IS_ROOM = 3600.0
KNOWN, UNCONFIRMED = "already_exists", "unconfirmed_email"
NOT_TAKEN_BY_SERVER = "pds_upload_failure"
"""Why a job failed of which the video is in order: the service could not give it to the account's server."""


class VideoUpload:
    """The one video of a post on its way to Bluesky."""

    def __init__(self, connector: Connector, session: Session, operation: Operation, save: Save) -> None:
        self._connector, self._session, self._operation, self._save = connector, session, operation, save
        self._media, self._account = operation.content.media[0], operation.account
        self._handles = operation.handles

    def run(self) -> Handles:
        if self._is_fresh(self._handles.get(UPLOADS, {}).get(self._media.id)):
            return self._handles
        if self._is_fresh(self._handles.get(JOB)):
            self._look(self._status())
            return self._handles
        self._handles = _without(self._handles, JOB)
        if self._has_service():
            self._look(self._start())
        else:
            self._remember_blob(self._upload_plainly())
        return self._handles

    def _is_fresh(self, step: Mapping[str, Any] | None) -> bool:
        return step is not None and datetime.fromisoformat(step["at"]) >= self._operation.now - LIVES

    def _has_service(self) -> bool:
        """The service must reach the account's server; a server of its own kind, or one of old, has no part in it."""
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
        end = str(int((self._operation.now + AUTHORITY).timestamp()))
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
        """Whether the service takes this account's videos; raises where it does, but not this one."""
        try:
            limits = self._connector.call(self._session, "GET", xrpc(SERVICE, LIMITS), headers=bearer(token))
        except (AuthExpired, Rejected):
            return False
        videos, size = dig_count(limits, "remainingDailyVideos"), dig_count(limits, "remainingDailyBytes")
        message = said("Bluesky", dig(limits, "message"), otherwise=Phrase("takes no videos of this account now."))
        if videos == 0 or (size is not None and size < self._media.size):
            raise RateLimited(message, retry_after=UNTIL_THERE_IS_ROOM)
        if dig(limits, "canUpload") is False:
            raise Rejected(message, code="MEDIA_REJECTED", who_acts=WhoActs.ACCOUNT_OWNER)
        return True

    def _start(self) -> Any:
        """Send the video; where the service has it already, it says which work that was."""
        token = self._authority(f"did:web:{urlsplit(service_of(self._account)).hostname}", UPLOAD)
        self._save(self._handles, seconds=LONGEST_UPLOAD)
        query = urlencode({"did": self._account.remote_id, "name": self._media.filename or "video.mp4"})
        answer = self._send(f"{xrpc(SERVICE, 'app.bsky.video.uploadVideo')}?{query}", token)
        trouble = dig_text(decoded(answer), "jobStatus", "error") or dig_text(decoded(answer), "error")
        if trouble == UNCONFIRMED:
            message = Phrase("Bluesky takes no videos of this account yet: confirm the account's e-mail address.")
            facts: dict[str, Any] = {"status": answer.status, "network_code": trouble}
            raise Rejected(message, code="MEDIA_REJECTED", who_acts=WhoActs.ACCOUNT_OWNER, **facts)
        if not answer.ok and trouble != KNOWN:
            raise _not_the_account(self._connector.classify(answer))
        return answer.json()

    def _upload_plainly(self) -> Any:
        self._save(self._handles, seconds=LONGEST_UPLOAD)
        answer = self._send(xrpc(service_of(self._account), UPLOAD), self._account.access_token)
        if not answer.ok:
            raise self._connector.classify(answer)
        return dig(answer.json(), "blob")

    def _send(self, url: str, token: str) -> Answer:
        headers = bearer(token) | {"Content-Type": self._media.mime_type}
        with self._media.open() as file:
            return self._session.request("POST", url, headers=headers, data=file, timeout=LONGEST_UPLOAD)

    def _status(self) -> Any:
        params = {"jobId": self._handles[JOB]["id"]}
        url = xrpc(SERVICE, "app.bsky.video.getJobStatus")
        return self._connector.call(self._session, "GET", url, params=params)

    def _look(self, answer: Any) -> None:
        status = dig(answer, "jobStatus") or answer
        job = dig_text(status, "jobId")
        if isinstance(dig(status, "blob"), dict):
            self._remember_blob(dig(status, "blob"))
        elif dig_text(status, "state") == "JOB_STATE_FAILED":
            self._forget_job()
            raise _failed(status)
        elif job:
            self._handles = {**self._handles, JOB: self._handles.get(JOB, {"id": job, "at": self._now})}
            self._save(self._handles)
            raise StillWorking(Phrase("Bluesky is working on the video."), retry_after=USUAL_WAIT)
        else:
            raise Unavailable(Phrase("Bluesky took a video and did not say what became of it."))

    def _remember_blob(self, blob: Any) -> None:
        if not isinstance(blob, dict):
            raise Unavailable(Phrase("Bluesky took a video and did not say where it is."))
        self._handles = {**self._handles, UPLOADS: {self._media.id: {"given": blob, "at": self._now}}}
        self._save(self._handles)

    def _forget_job(self) -> None:
        self._handles = _without(self._handles, JOB)
        self._save(self._handles)

    @property
    def _now(self) -> str:
        return self._operation.now.isoformat()


def _without(handles: Handles, name: str) -> Handles:
    return {key: value for key, value in handles.items() if key != name}


def _is_not_there(error: PlatformError) -> bool:
    return has_no_bluesky(error) or error.status == 404


def _not_the_account(error: PlatformError) -> PlatformError:
    """What the service thinks of its own token says nothing about the account's."""
    if not isinstance(error, AuthExpired):
        return error
    return Rejected(code="MEDIA_REJECTED", who_acts=WhoActs.ACCOUNT_OWNER, **error.facts)


def _failed(status: Any) -> PlatformError:
    code = dig_text(status, "failureCode") or dig_text(status, "error")
    words = dig_text(status, "message") or dig_text(status, "error") or code
    message = said("Bluesky", words, otherwise=Phrase("could not work on the video."))
    if code == NOT_TAKEN_BY_SERVER:
        return Unavailable(message, network_code=code)
    return Rejected(message, code="MEDIA_REJECTED", network_code=code)
