"""A Pin's video, before the Pin: registered, uploaded to the storage that Pinterest names, and worked on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from accounts.platforms.base import (
    Answer,
    Connector,
    Handles,
    Media,
    Operation,
    PlatformError,
    Rejected,
    Save,
    Session,
    StillWorking,
    Unavailable,
)
from accounts.platforms.http import bearer, dig, dig_text, is_unclear
from ouipost.phrases import Phrase

VIDEO = "video"
UPLOAD_SECONDS = 600
POLL_SECONDS = 10.0
FORM_LIVES = timedelta(minutes=30)
"""How long a registration may wait for its file; the usual policy of such a storage is an hour."""
VIDEO_LIVES = timedelta(hours=12)
"""How long an uploaded video may wait for its Pin; Pinterest drops unused ones and does not say when."""
WRONG_SIZE = {"EntityTooLarge", "EntityTooSmall"}
STORAGE_CODE = re.compile(rb"<Code>(\w{1,60})</Code>")

Video = Mapping[str, Any]
"""`{id, at}`, with `form` until the file is there, and `ready` once Pinterest has done its work on it."""


def media_id(handles: Handles) -> str:
    """Return the id of the video that was prepared."""
    return dig_text(handles, VIDEO, "id")


@dataclass(frozen=True, kw_only=True)
class VideoUpload:
    """The steps that make a file usable for a Pin; none of them is visible."""

    connector: Connector
    session: Session
    operation: Operation
    save: Save
    url: str
    """Where videos are registered and asked for."""

    def prepare(self, file: Media) -> Handles:
        """Do the steps that the handles do not know yet; raises StillWorking while Pinterest works on the video."""
        video = self._usable() or self._register()
        if "form" in video:
            self.save(self._handles(video), seconds=UPLOAD_SECONDS)
            self._send(file, video["form"])
            video = {"id": video["id"], "at": video["at"]}
            self.save(self._handles(video))
        if not video.get("ready"):
            self._await(video)
            video = {**video, "ready": True}
            self.save(self._handles(video))
        return self._handles(video)

    def _handles(self, video: Video | None) -> Handles:
        others = {name: value for name, value in self.operation.handles.items() if name != VIDEO}
        return others if video is None else others | {VIDEO: dict(video)}

    def _usable(self) -> Video | None:
        video: Video | None = self.operation.handles.get(VIDEO)
        if video is None:
            return None
        lives = FORM_LIVES if "form" in video else VIDEO_LIVES
        return video if self.operation.now < datetime.fromisoformat(video["at"]) + lives else None

    def _register(self) -> Video:
        answer = self._call("POST", self.url, json={"media_type": "video"})
        address, fields = dig_text(answer, "upload_url"), dig(answer, "upload_parameters")
        found = dig_text(answer, "media_id")
        if not found or not address or not isinstance(fields, dict):
            raise Unavailable(Phrase("Pinterest did not say where to upload the video."))
        return {"id": found, "at": self.operation.now.isoformat(), "form": {"url": address, "fields": fields}}

    def _send(self, file: Media, form: Mapping[str, Any]) -> None:
        """The storage knows no tokens: the fields of the form, before the file, say what may be uploaded."""
        with file.open() as content:
            answer = self.session.request(
                "POST",
                form["url"],
                data=form["fields"],
                files={"file": (file.filename or "video", content, file.mime_type)},
                timeout=UPLOAD_SECONDS - 10,
            )
        if not answer.ok:
            raise self._not_stored(answer)

    def _not_stored(self, answer: Answer) -> PlatformError:
        if not is_unclear(answer.status):
            self.save(self._handles(None))
        found = STORAGE_CODE.search(answer.body)
        code = found[1].decode() if found else ""
        message = Phrase(
            "Pinterest's storage did not take the video: it answered with status {status}.", status=answer.status
        )
        if code in WRONG_SIZE or answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Rejected(message, code="MEDIA_REJECTED", status=answer.status, network_code=code)
        return Unavailable(message, status=answer.status, network_code=code)

    def _await(self, video: Video) -> None:
        try:
            status = dig_text(self._call("GET", f"{self.url}/{video['id']}"), "status")
        except Rejected as error:
            if error.status != 404:
                raise
            self.save(self._handles(None))
            raise Unavailable(Phrase("Pinterest has dropped the video: it is uploaded again."), status=404) from error
        if status == "failed":
            self.save(self._handles(None))
            raise Rejected(Phrase("Pinterest could not make a Pin of this video."), code="MEDIA_REJECTED")
        if status != "succeeded":
            raise StillWorking(Phrase("Pinterest is processing the video."), retry_after=POLL_SECONDS)

    def _call(self, method: str, url: str, **request: Any) -> Any:
        headers = bearer(self.operation.account.access_token)
        return self.connector.call(self.session, method, url, headers=headers, **request)
