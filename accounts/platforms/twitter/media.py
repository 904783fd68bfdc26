"""Files for posts on X: images in one piece, GIFs and videos in chunks. https://docs.x.com/x-api/media"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from accounts.platforms.base import Connector, Save, Session
from accounts.platforms.errors import ErrorCode, Rejected, StillWorking, Unavailable
from accounts.platforms.http import bearer, dig, dig_count, dig_list, dig_text, said
from accounts.platforms.limits import ONE_OF
from accounts.platforms.shapes import Handles, Media, Operation
from accounts.platforms.uploads import GIVEN, SENT, UPLOADS, Ending, Part, Progress, upload_missing
from ouipost.phrases import Phrase

USUAL_LIFE = 86_400
"""Seconds for which X keeps an upload, unless its answer gives another time."""
USABLE = 5 / 6
"""The part of this life in which an upload is used; the post needs the rest to go out."""
CHUNK = 4 * 1024 * 1024
MOST_CHUNKS = 1000
"""Chunks have at most 5 MB. With another size, a running upload would not continue where it stopped."""
USUAL_WAIT, LONGEST_WAIT = 5, 600
TAKES_ALT_TEXT = {"image"}
"""Types of files with alt text; X does not document whether it takes one for videos."""


def is_chunked(media: Media) -> bool:
    """Whether X takes this file only in chunks: a video, or an animated GIF."""
    return media.type == "video" or (media.mime_type == "image/gif" and media.animated)


def prepare(connector: Connector, session: Session, operation: Operation, save: Save) -> Handles:
    """Upload the files that X does not have yet; raises StillWorking while it processes a GIF or a video."""
    media = operation.content.media
    if any(map(is_chunked, media)):
        return ChunkedUpload(connector, session, operation, save).run()
    steps = {each.id: partial(_upload_image, connector, session, operation, each) for each in media}
    return upload_missing(operation, save, steps)


def _upload_image(connector: Connector, session: Session, operation: Operation, media: Media) -> Ending:
    headers = bearer(operation.account.access_token)
    answer = connector.call(
        session,
        "POST",
        connector.url("media/upload"),
        headers=headers,
        data={"media_category": "tweet_image"},
        files={"media": (media.filename or "image", media.read(), media.mime_type)},
        timeout=60,
    )
    media_id = _id_of(answer)
    _describe(connector, session, operation, media, media_id)
    return Ending(given=media_id, ends_at=_end_of(answer, now=operation.now))


def _end_of(answer: Any, *, now: datetime) -> datetime:
    """Return the time until which an upload can be posted."""
    life = dig_count(answer, "data", "expires_after_secs")
    return now + USABLE * timedelta(seconds=USUAL_LIFE if life is None else min(life, USUAL_LIFE))


def _id_of(answer: Any) -> str:
    media_id = dig_text(answer, "data", "id")
    if not media_id:
        raise Unavailable(Phrase("Twitter/X took a file and gave no id for it."))
    return media_id


def _describe(connector: Connector, session: Session, operation: Operation, media: Media, media_id: str) -> None:
    if media.alt_text and media.type in TAKES_ALT_TEXT:
        described = {"id": media_id, "metadata": {"alt_text": {"text": media.alt_text}}}
        headers = bearer(operation.account.access_token)
        connector.call(session, "POST", connector.url("media/metadata"), headers=headers, json=described)


def _work_on(answer: Any) -> Any:
    """Return X's processing information of a file, None if there is none."""
    return dig(answer, "data", "processing_info")


class ChunkedUpload:
    """The one GIF or video of a post on its way to X; the handles have its state after every step."""

    def __init__(self, connector: Connector, session: Session, operation: Operation, save: Save) -> None:
        self._connector, self._session, self._operation = connector, session, operation
        self._media = next(filter(is_chunked, operation.content.media))
        self._progress = Progress(operation.handles, save, UPLOADS, self._media.id)

    def run(self) -> Handles:
        """Continue after the last saved step to the end; raises StillWorking while X processes the file."""
        if not self._progress.is_good(now=self._operation.now):
            answer = self._call("POST", "initialize", json=self._announcement())
            ends_at = _end_of(answer, now=self._operation.now)
            self._progress.begin({GIVEN: _id_of(answer), "ends_at": ends_at.isoformat(), SENT: 0})
        if "ready" not in self._progress.state:
            for part in self._progress.parts(self._media, lambda start: start + CHUNK):
                self._send(part)
                self._progress.keep({SENT: part.end})
            self._wait_for(self._close())
            _describe(self._connector, self._session, self._operation, self._media, self._id)
            self._progress.keep({"ready": True})
        return self._progress.handles

    @property
    def _id(self) -> str:
        return str(self._progress.state[GIVEN])

    def _announcement(self) -> dict[str, Any]:
        category = "tweet_video" if self._media.type == "video" else "tweet_gif"
        return {"media_type": self._media.mime_type, "total_bytes": self._media.size, "media_category": category}

    def _send(self, part: Part) -> None:
        segment = {"segment_index": part.start // CHUNK}
        files = {"media": (self._media.filename or "file", part.content, self._media.mime_type)}
        self._call("POST", f"{self._id}/append", data=segment, files=files, timeout=60)

    def _close(self) -> Any:
        """End the upload; if an earlier try may have ended it, read its status first."""
        if "closing" not in self._progress.state:
            self._progress.keep({"closing": True})
            return self._finalize()
        try:
            answer = self._status()
        except Rejected:
            return self._finalize()
        return answer if _work_on(answer) else self._surely_closed(answer)

    def _surely_closed(self, answer: Any) -> Any:
        """End an upload without processing information: it may be processed, or was never ended.

        X refuses to end an upload twice: then this answer is valid.
        """
        try:
            return self._finalize()
        except Rejected:
            return answer

    def _finalize(self) -> Any:
        return self._of_this(self._call("POST", f"{self._id}/finalize"))

    def _status(self) -> Any:
        return self._of_this(self._call("GET", params={"command": "STATUS", "media_id": self._id}))

    def _of_this(self, answer: Any) -> Any:
        """Return the answer if it is about this upload; raises Unavailable if it is not.

        An upload for which X answers an error is forgotten.
        """
        if dig_text(answer, "data", "id") == self._id:
            return answer
        if dig_list(answer, "errors"):
            self._progress.forget()
        words = dig_text(answer, "errors", 0, "detail") or dig_text(answer, "errors", 0, "title")
        raise Unavailable(said("Twitter/X", words, otherwise=Phrase("did not say how an upload stands.")))

    def _call(self, method: str, path: str = "", **request: Any) -> Any:
        url = self._connector.url(f"media/upload/{path}").rstrip("/")
        headers = bearer(self._operation.account.access_token)
        return self._connector.call(self._session, method, url, headers=headers, **request)

    def _wait_for(self, answer: Any) -> None:
        """Raise StillWorking while the file is processed, Rejected if that failed; no information means ready."""
        work = _work_on(answer)
        state = dig_text(work, "state")
        if state not in {"", "succeeded", "failed"}:
            wait = dig_count(work, "check_after_secs") or USUAL_WAIT
            raise StillWorking(
                Phrase("Twitter/X is working on the {kind}.", kind=ONE_OF[self._media.type]),
                retry_after=min(wait, LONGEST_WAIT),
            )
        if state == "failed":
            self._progress.forget()
            error = dig(work, "error")
            words = dig_text(error, "message") or dig_text(error, "name")
            message = said(
                "Twitter/X", words, otherwise=Phrase("could not work on the {kind}.", kind=ONE_OF[self._media.type])
            )
            raise Rejected(message, code=ErrorCode.MEDIA_REJECTED, network_code=dig_text(error, "name"))
