"""A Pin's video, before the Pin: it is registered, uploaded to the storage that Pinterest names, and processed."""

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from accounts.platforms.base import Connector, Save, Session
from accounts.platforms.errors import ErrorCode, PlatformError, Rejected, StillWorking, Unavailable
from accounts.platforms.http import Answer, bearer, dig, dig_text, is_unclear
from accounts.platforms.shapes import Handles, Operation
from accounts.platforms.uploads import GIVEN, UPLOADS, Progress
from ouipost.phrases import Phrase

UPLOAD_SECONDS = 600
POLL_SECONDS = 10.0
FORM_LIVES = timedelta(minutes=30)
"""Time within which a registered file is uploaded; the usual policy of such a storage is an hour."""
VIDEO_LIVES = timedelta(hours=12)
"""Time that an uploaded video may wait for its Pin; Pinterest drops unused ones after an undocumented time."""
WRONG_SIZE = {"EntityTooLarge", "EntityTooSmall"}
STORAGE_CODE = re.compile(rb"<Code>(\w{1,60})</Code>")

FORM, READY = "form", "ready"
"""Handles beside `GIVEN`: the upload form until the file is sent, and the mark that Pinterest has processed it."""


class VideoUpload:
    """The invisible steps that make a file usable for a Pin. `url` is the address to register videos."""

    def __init__(self, connector: Connector, session: Session, operation: Operation, save: Save, *, url: str) -> None:
        self._connector, self._session, self._operation, self._url = connector, session, operation, url
        self._media = operation.content.media[0]
        self._progress = Progress(operation.handles, save, UPLOADS, self._media.id)

    def run(self) -> Handles:
        """Do the steps that are not in the handles yet; raises StillWorking while Pinterest processes the video."""
        lives, now = FORM_LIVES if FORM in self._progress.state else VIDEO_LIVES, self._operation.now
        is_known = self._progress.is_good(now=now, not_before=now - lives)
        video = self._progress.state if is_known else self._register()
        if FORM in video:
            self._progress.begin(video, seconds=UPLOAD_SECONDS)
            self._send(video[FORM])
            self._progress.begin({GIVEN: video[GIVEN], "at": video["at"]})
        if READY not in video:
            self._await(video[GIVEN])
            self._progress.keep({READY: True})
        return self._progress.handles

    def _register(self) -> Handles:
        answer = self._call("POST", self._url, json={"media_type": "video"})
        address, fields = dig_text(answer, "upload_url"), dig(answer, "upload_parameters")
        found = dig_text(answer, "media_id")
        if not found or not address or not isinstance(fields, dict):
            raise Unavailable(Phrase("Pinterest did not say where to upload the video."))
        return {GIVEN: found, "at": self._operation.now.isoformat(), FORM: {"url": address, "fields": fields}}

    def _send(self, form: Mapping[str, Any]) -> None:
        """Send the file with the form's fields before it, which authorize the upload instead of a token."""
        with self._media.open() as content:
            answer = self._session.request(
                "POST",
                form["url"],
                data=form["fields"],
                files={"file": (self._media.filename or "video", content, self._media.mime_type)},
                timeout=UPLOAD_SECONDS - 10,
            )
        if not answer.ok:
            raise self._not_stored(answer)

    def _not_stored(self, answer: Answer) -> PlatformError:
        if not is_unclear(answer.status):
            self._progress.forget()
        found = STORAGE_CODE.search(answer.body)
        code = found[1].decode() if found else ""
        message = Phrase(
            "Pinterest's storage did not take the video: it answered with status {status}.", status=answer.status
        )
        if code in WRONG_SIZE or answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Rejected(message, code=ErrorCode.MEDIA_REJECTED, status=answer.status, network_code=code)
        return Unavailable(message, status=answer.status, network_code=code)

    def _await(self, video_id: str) -> None:
        try:
            status = dig_text(self._call("GET", f"{self._url}/{video_id}"), "status")
        except Rejected as error:
            if error.status != 404:
                raise
            self._progress.forget()
            raise Unavailable(Phrase("Pinterest has dropped the video: it is uploaded again."), status=404) from error
        if status == "failed":
            self._progress.forget()
            raise Rejected(Phrase("Pinterest could not make a Pin of this video."), code=ErrorCode.MEDIA_REJECTED)
        if status != "succeeded":
            raise StillWorking(Phrase("Pinterest is processing the video."), retry_after=POLL_SECONDS)

    def _call(self, method: str, url: str, **request: Any) -> Any:
        headers = bearer(self._operation.account.access_token)
        return self._connector.call(self._session, method, url, headers=headers, **request)
