"""Videos, reels and video stories of Pages: https://developers.facebook.com/docs/video-api

Each has an id before it is visible, and one last call that publishes it. Facebook takes that call, processes the file,
and shows it later; the status of the id shows the progress.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import ProcessingFailed, RateLimited, Rejected, StillWorking, Unavailable
from accounts.platforms.facebook.api import GRAPH_HOST, VIDEO_HOST, page_address, post_id_of
from accounts.platforms.facebook.errors import is_failed_upload
from accounts.platforms.facebook.posts import Way, stories_of
from accounts.platforms.http import dig, dig_count, dig_list, dig_text, said
from accounts.platforms.meta.failures import MakeAgain, counted, failures_so_far
from accounts.platforms.meta.visibility import is_not_visible
from accounts.platforms.shapes import Handles, Operation, Published
from accounts.platforms.uploads import SENT, Progress
from ouipost.phrases import Phrase

UPLOAD_HOST = "https://rupload.facebook.com/"
UPLOAD_LIVES = timedelta(hours=20)
"""Time within which an upload is continued; it is not documented, but photos are kept for about 24 hours."""
UPLOAD_SECONDS = 600
"""Timeout of a call that sends bytes."""
SHORTEST_WAIT, LONGEST_WAIT = 5.0, 60.0
NOT_FINISHED = {"uploading", "upload_complete"}
"""Statuses of a video before its last call."""
GIVEN_UP = {"upload_failed", "expired", "error"}
COMPLETE = {"complete", "completed"}
"""Both words are in the documentation."""
REELS_ARE_FULL = "613"
"""The code of custom limits: the documentation names none for a Page that has its thirty reels of a day."""
UNPROCESSED = Phrase("the video could not be processed.")
PHASES = ("uploading_phase", "processing_phase", "publishing_phase")


class VideoWay(Way):
    """The common part of all videos: one handle, whose status is asked for."""

    recovery = Recovery.HANDLE
    edge: ClassVar[str]
    host: ClassVar[str] = GRAPH_HOST

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        """Bring the file; an upload that failed is begun anew twice, and then given up."""
        try:
            return self._uploaded(session, operation, save)
        except Unavailable as failure:
            if not is_failed_upload(failure):
                raise
            raise counted(operation, save, MakeAgain(**failure.facts)) from failure

    def _uploaded(self, session: Session, operation: Operation, save: Save) -> Handles:
        """Begin an upload, or go on with the one that there is, until Facebook has the whole file."""
        progress = Progress(operation.handles, save)
        lives = progress.is_good(now=operation.now, not_before=operation.now - UPLOAD_LIVES)
        if lives and progress.state[SENT] == operation.content.media[0].size:
            return operation.handles
        there = self._there(session, operation) if lives else None
        begun = self._begun(session, operation) if there is None else {**operation.handles, SENT: there}
        progress.begin(begun, seconds=UPLOAD_SECONDS)
        self._send(session, operation, progress)
        return progress.handles

    def _there(self, session: Session, operation: Operation) -> int | None:
        """Return how many bytes Facebook has of an interrupted upload, None if it cannot be continued."""
        try:
            status = dig(self._ask(session, operation, fields="status"), "status")
        except Rejected as error:
            if is_not_visible(error):
                return None
            raise
        if dig(status, "video_status") in GIVEN_UP:
            return None
        there = dig_count(status, "uploading_phase", "bytes_transfered")
        return int(operation.handles[SENT]) if there is None else there

    def _begun(self, session: Session, operation: Operation) -> Handles:
        return {**self._open(session, operation), **failures_so_far(operation.handles)}

    def _open(self, session: Session, operation: Operation) -> dict[str, Any]:
        """Begin an upload, and return its handles."""
        raise NotImplementedError

    def _start(self, session: Session, operation: Operation, fields: Mapping[str, str], *names: str) -> dict[str, Any]:
        fields = {"upload_phase": "start"} | dict(fields)
        answer = self.graph.write(session, operation.account, self.edge, fields, host=self.host)
        given = {name: dig_text(answer, name) for name in ("video_id", *names)}
        if not all(given.values()):
            raise Unavailable(Phrase("Facebook opened an upload and did not say where it goes."))
        return given | {"at": operation.now.isoformat()}

    def _send(self, session: Session, operation: Operation, progress: Progress) -> None:
        """Send the bytes that Facebook does not have yet."""
        raise NotImplementedError

    def commit(self, session: Session, operation: Operation) -> Published:
        """Finish the upload, and raise StillWorking: Facebook shows the video once it is processed."""
        fields = {"upload_phase": "finish"} | self._last_fields(operation)
        answer = self.graph.finish(session, operation.account, self.edge, fields, self.host)
        taken = {"taken": True, "post_id": dig_text(answer, "post_id")}
        raise self._working(operation, handles=dict(operation.handles) | taken)

    def _last_fields(self, operation: Operation) -> dict[str, str]:
        raise NotImplementedError

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        try:
            answer = self._ask(session, operation, fields="status,post_id,permalink_url")
        except Rejected as error:
            if is_not_visible(error):
                return []
            raise
        status = dig(answer, "status")
        if problem := _problem(status):
            raise ProcessingFailed(said("Facebook", problem, otherwise=Phrase("could not process the video.")))
        if _is_out(status):
            return self._published(session, operation, answer)
        if dig(status, "video_status") in NOT_FINISHED and not operation.handles.get("taken"):
            return []
        raise self._working(operation)

    def _published(self, session: Session, operation: Operation, answer: Any) -> list[Published]:
        """Return the post; its id may come later than the post, and then the video's id replaces it."""
        video_id = str(operation.handles["video_id"])
        known = str(operation.handles.get("post_id", "")) or dig_text(answer, "post_id") or video_id
        post_id = post_id_of(operation.account, known)
        url = page_address(answer, self._path(operation, post_id))
        return [Published(remote_id=post_id, url=url, facts={"video_id": video_id})]

    def _path(self, operation: Operation, post_id: str) -> str:
        return post_id

    def _ask(self, session: Session, operation: Operation, fields: str) -> Any:
        token = operation.account.access_token
        return self.graph.get(session, token, str(operation.handles["video_id"]), fields=fields)

    def _working(self, operation: Operation, handles: Handles | None = None) -> StillWorking:
        """Return StillWorking with a wait that grows with the time already waited."""
        wait = min(max(SHORTEST_WAIT, operation.waited / 5), LONGEST_WAIT)
        return StillWorking(Phrase("Facebook is processing the video."), retry_after=wait, handles=handles)


class Video(VideoWay):
    """A video post, uploaded in the chunks that Facebook asks for."""

    edge = "videos"
    host = VIDEO_HOST

    def _open(self, session: Session, operation: Operation) -> dict[str, Any]:
        size = {"file_size": str(operation.content.media[0].size)}
        given = self._start(session, operation, size, "upload_session_id", "start_offset", "end_offset")
        start, end = _offsets(given)
        kept = {name: given[name] for name in ("video_id", "upload_session_id", "at")}
        return kept | {SENT: start, "chunk": end - start}

    def _send(self, session: Session, operation: Operation, progress: Progress) -> None:
        """Send the chunks that Facebook asks for, one after the other, until it wants none."""
        end = min(progress.state[SENT] + progress.state["chunk"], operation.content.media[0].size)
        while (start := progress.state[SENT]) < end:
            sent, end = self._transfer(session, operation, progress.state, end)
            progress.keep({SENT: sent}, seconds=UPLOAD_SECONDS)
            progress.require_further(start)

    def _transfer(self, session: Session, operation: Operation, handles: Handles, end: int) -> tuple[int, int]:
        media, start = operation.content.media[0], int(handles[SENT])
        fields = {
            "upload_phase": "transfer",
            "upload_session_id": str(handles["upload_session_id"]),
            "start_offset": str(start),
        }
        with media.open() as file:
            file.seek(start)
            chunk = file if end >= media.size else file.read(end - start)
            files = {"video_file_chunk": (media.filename or "video", chunk, media.mime_type)}
            request = {"host": self.host, "files": files, "timeout": UPLOAD_SECONDS}
            return _offsets(self.graph.write(session, operation.account, self.edge, fields, **request))

    def _last_fields(self, operation: Operation) -> dict[str, str]:
        content = operation.content
        session_id = {"upload_session_id": str(operation.handles["upload_session_id"])}
        return session_id | {"title": content.title, "description": content.text}


class Reel(VideoWay):
    """A short upright video, whose bytes go to the upload host in one stream."""

    edge = "video_reels"

    def commit(self, session: Session, operation: Operation) -> Published:
        """Finish it; a full day of reels, as a Page takes thirty, holds up no posts of other kinds."""
        try:
            return super().commit(session, operation)
        except RateLimited as error:
            error.is_of_a_kind = error.network_code == REELS_ARE_FULL
            raise

    def _open(self, session: Session, operation: Operation) -> dict[str, Any]:
        return self._start(session, operation, {}, "upload_url") | {SENT: 0}

    def _send(self, session: Session, operation: Operation, progress: Progress) -> None:
        size = operation.content.media[0].size
        if progress.state[SENT] < size:
            self._stream(session, operation, str(progress.state["upload_url"]), int(progress.state[SENT]))
        progress.keep({SENT: size})

    def _stream(self, session: Session, operation: Operation, url: str, offset: int) -> None:
        """Send the file from this byte on; an interrupted upload continues at the byte in its status."""
        if not url.startswith(UPLOAD_HOST):
            raise Unavailable(Phrase("Facebook named an address for the upload that is not its own."))
        media, token = operation.content.media[0], operation.account.access_token
        headers = {"Authorization": f"OAuth {token}", "offset": str(offset), "file_size": str(media.size)}
        with media.open() as file:
            file.seek(offset)
            answer = self.graph.call(session, "POST", url, headers=headers, data=file, timeout=UPLOAD_SECONDS)
        if dig(answer, "success") is not True:
            raise Unavailable(Phrase("Facebook did not say that it has the whole video."))

    def _last_fields(self, operation: Operation) -> dict[str, str]:
        content = operation.content
        video = {"video_id": str(operation.handles["video_id"]), "video_state": "PUBLISHED"}
        return video | {"description": content.text, "title": content.title}

    def _path(self, operation: Operation, post_id: str) -> str:
        return f"reel/{operation.handles['video_id']}"


class VideoStory(Reel):
    """A video that is shown as a story."""

    edge = "video_stories"

    def _last_fields(self, operation: Operation) -> dict[str, str]:
        return {"video_id": str(operation.handles["video_id"])}

    def _published(self, session: Session, operation: Operation, answer: Any) -> list[Published]:
        listed = stories_of(self.graph, session, operation, str(operation.handles["video_id"]))
        if not listed:
            raise self._working(operation)
        return listed


def _offsets(answer: Any) -> tuple[int, int]:
    """Return the start and the end of the bytes that Facebook wants next."""
    try:
        return int(dig_text(answer, "start_offset")), int(dig_text(answer, "end_offset"))
    except ValueError as error:
        raise Unavailable(Phrase("Facebook did not say which bytes it wants next.")) from error


def _problem(status: Any) -> str:
    """Return a video's error, empty if there is none; a phase may have it while the video's status is processing."""
    for phase in (dig(status, name) for name in PHASES):
        errors = [dig(phase, "error"), *dig_list(phase, "errors")]
        for error in filter(None, errors):
            return dig_text(error, "message") or UNPROCESSED
        if "error" in (dig(phase, "status"), dig(phase, "publish_status")):
            return UNPROCESSED
    return UNPROCESSED if dig(status, "video_status") in GIVEN_UP else ""


def _is_out(status: Any) -> bool:
    phase = dig(status, "publishing_phase")
    if phase is None:
        return bool(dig(status, "video_status") == "ready")
    return dig(phase, "status") in COMPLETE and dig(phase, "publish_status") == "published"
