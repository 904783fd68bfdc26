"""A resumable upload: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol

A session begins with the video's metadata; then come its bytes. The last byte creates the video, so all pieces but the
last are sent while preparing, and are invisible.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from accounts.platforms.base import Connector, Save, Session
from accounts.platforms.errors import PlatformError, Rejected, Unavailable, Unknown
from accounts.platforms.http import Answer, bearer, dig_text
from accounts.platforms.shapes import Content, Handles, Media, Operation
from accounts.platforms.uploads import SENT, Part, Progress, part_of
from accounts.platforms.youtube.errors import is_unknown
from ouipost.phrases import Phrase

START = "https://www.googleapis.com/upload/youtube/{version}/videos"
TRUSTED_HOST = ".googleapis.com"
UNIT = 256 * 1024
"""All pieces but the last are multiples of this size. The last one is no larger than it, so that its call is short."""
PIECE = 32 * UNIT
PIECE_SECONDS = 120
RESUME_INCOMPLETE = 308
OVER = {404, 410}
"""Statuses of an ended session, whatever the reason beside them."""
KEPT = re.compile(r"bytes=0-(\d+)")
CATEGORY = "22"
"""People & Blogs, for a video without a category of its own."""
DECLARATIONS = {"made_for_kids": "selfDeclaredMadeForKids", "synthetic_media": "containsSyntheticMedia"}

SESSION, ASKED_AT, VIDEO, GIVEN_AT = "session", "at", "video", "given_at"
"""The handles beside the number of bytes sent: the session's address, the time of that number, the video's id, and the
time when the id became known."""


class SessionOver(Exception):
    """YouTube no longer knows this upload, or does not continue it."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One video on its way to YouTube."""

    connector: Connector
    session: Session
    operation: Operation

    @property
    def video(self) -> Media:
        video = self.operation.content.video
        assert video is not None
        return video

    @property
    def last_byte(self) -> int:
        """The latest start of the piece that creates the video."""
        return max(self.video.size - 1, 0)

    def before_last(self, sent: int) -> int:
        """Return the bytes, in whole units, to send before the last piece, after those that YouTube has."""
        return (self.last_byte - sent) // UNIT * UNIT

    def bring(self, save: Save) -> Handles:
        """Send all pieces but the last, continuing an earlier try, and return the handles."""
        begun = self._begun()
        progress = Progress(begun, save)
        progress.begin(begun, seconds=PIECE_SECONDS)
        for piece in progress.parts(self.video, self._end_of):
            progress.keep({SENT: self._send(begun, piece)}, seconds=PIECE_SECONDS)
        return progress.handles

    def _end_of(self, start: int) -> int:
        """Return the end of the piece that begins here; equal to its start if only the last one is left."""
        return start + min(PIECE, self.before_last(start))

    def _begun(self) -> dict[str, Any]:
        """Return the handles of a live session; a number of bytes from another time is read again."""
        handles, now = dict(self.operation.handles), self.operation.now.isoformat()
        if SESSION in handles and VIDEO not in handles:
            try:
                kept = handles[SENT] if handles[ASKED_AT] == now else self._kept(handles)
                return {**handles, SENT: kept, ASKED_AT: now}
            except SessionOver:
                pass
        return {SESSION: self._start(), SENT: 0, ASKED_AT: now}

    def _start(self) -> str:
        """Begin a session and return its address, which must be on a host of Google's."""
        content, video = self.operation.content, self.video
        headers = {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Upload-Content-Length": str(video.size),
            "X-Upload-Content-Type": video.mime_type,
        }
        notify = "true" if content.options.get("notify_subscribers", True) else "false"
        answer = self.session.request(
            "POST",
            START.format(version=self.connector.version),
            headers=bearer(self.operation.account.access_token) | headers,
            params={"uploadType": "resumable", "part": "snippet,status", "notifySubscribers": notify},
            json=resource(content),
        )
        if not answer.ok:
            raise self.connector.classify(answer)
        address = answer.headers.get("Location", "")
        parts = urlsplit(address)
        if parts.scheme != "https" or not (parts.hostname or "").endswith(TRUSTED_HOST):
            raise Unavailable(
                Phrase("YouTube began an upload and gave no address of its own for it."), status=answer.status
            )
        return address

    def _kept(self, handles: Handles) -> int:
        """Return how many of the bytes before the last one YouTube has; raises SessionOver."""
        answer = self._ask(handles)
        return self.before_last(0) if answer.ok else self._kept_bytes(answer)

    def _kept_bytes(self, answer: Answer) -> int:
        """Return the number of bytes in a 308, without the last one, which is sent in any case."""
        found = KEPT.fullmatch(answer.headers.get("Range", ""))
        return min(int(found[1]) + 1, self.last_byte) if found else 0

    def _ask(self, handles: Handles) -> Answer:
        """Ask for the state of the upload, without sending bytes; the answer is 308 or has the video."""
        headers = self._headers(f"bytes */{self.video.size}")
        answer = self.session.request("PUT", handles[SESSION], headers=headers, data=b"")
        if answer.ok or answer.status == RESUME_INCOMPLETE:
            return answer
        error = self.connector.classify(answer)
        if _is_over(error):
            raise SessionOver
        raise error

    def _send(self, handles: Handles, piece: Part) -> int:
        """Send a piece that is not the last, and return how many bytes YouTube has now."""
        answer = self.session.request(
            "PUT",
            handles[SESSION],
            headers=self._headers(piece.content_range),
            data=piece.content,
            timeout=PIECE_SECONDS,
        )
        if answer.status == RESUME_INCOMPLETE:
            return self._kept_bytes(answer)
        error = self.connector.classify(answer)
        if _is_over(error):
            raise Unavailable(
                Phrase("YouTube broke off the upload: it is asked how far it came."), status=answer.status
            )
        raise error

    def finish(self) -> str:
        """Send the last piece, which creates the video, and return the video's id."""
        piece = part_of(self.video, self.operation.handles[SENT], self.video.size)
        try:
            return self.connector.call_visible(
                self.session,
                "PUT",
                self.operation.handles[SESSION],
                id_at=("id",),
                headers=self._headers(piece.content_range),
                data=piece.content,
            )
        except Rejected as error:
            if _is_over(error):
                raise Unknown(**error.facts) from error
            raise

    def video_id(self) -> str:
        """Return the id of this upload's video, empty while bytes are missing; raises SessionOver."""
        answer = self._ask(self.operation.handles)
        if answer.status == RESUME_INCOMPLETE:
            return ""
        video_id = dig_text(answer.json(), "id")
        if not video_id:
            raise Unknown(
                Phrase("YouTube says that the upload is complete, and not what video it is."), status=answer.status
            )
        return video_id

    def _headers(self, span: str) -> dict[str, str]:
        token = bearer(self.operation.account.access_token)
        return token | {"Content-Type": self.video.mime_type, "Content-Range": span}


def _is_over(error: PlatformError) -> bool:
    return error.status in OVER or is_unknown(error)


def resource(content: Content) -> dict[str, Mapping[str, Any]]:
    """Return the metadata of a video."""
    options = content.options
    snippet: dict[str, Any] = {
        "title": content.title,
        "description": content.text,
        "categoryId": options.get("category", CATEGORY),
    }
    if options.get("tags"):
        snippet["tags"] = options["tags"]
    declared = {theirs: options[ours] for ours, theirs in DECLARATIONS.items() if ours in options}
    return {"snippet": snippet, "status": {"privacyStatus": options.get("privacy", "public")} | declared}
