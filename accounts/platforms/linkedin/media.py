"""Files for LinkedIn, each owned by the author of the post: https://learn.microsoft.com/linkedin/marketing/community-management/shares/videos-api"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from accounts.platforms.base import Save
from accounts.platforms.errors import ProcessingFailed, Rejected, StillWorking, Unavailable, Unknown
from accounts.platforms.http import bearer, dig, dig_count, dig_list, dig_text, moment, said
from accounts.platforms.limits import ONE_OF
from accounts.platforms.linkcard import Picture, fetch_link_card
from accounts.platforms.linkedin.api import Api, encoded
from accounts.platforms.linkedin.errors import UploadOver
from accounts.platforms.shapes import Handles, Media, Operation
from accounts.platforms.uploads import GIVEN, UPLOADS, Part, Progress, part_of, upload_missing
from ouipost.phrases import Phrase

CARD = "card"
"""The upload step of a link's article."""
IMAGES_LIVE = timedelta(hours=20)
"""Time that an uploaded image may wait for its post; it is not documented."""
THUMBNAIL_WAITS = timedelta(minutes=5)
"""Time for which a post waits for its link's picture to be ready."""
THUMBNAIL_TYPES = ("image/jpeg", "image/png", "image/gif")
LONGEST_DESCRIPTION = 4000
"""Limit of an article's description, from memory of the documentation."""
IMAGE_SECONDS = PART_SECONDS = 60
DOCUMENT_SECONDS = 600
SHORTEST_WAIT, LONGEST_WAIT = 10.0, 60.0
"""Seconds between two requests for a file's state, each of which counts for the member's daily quota."""
OCTETS = {"Content-Type": "application/octet-stream"}


def prepare(api: Api, operation: Operation, save: Save) -> Handles:
    """Upload the post's files or article, and return their handles."""
    content, owner = operation.content, operation.account.remote_id
    kind = content.media[0].type if content.media else ""
    if kind == "video":
        return _Video(api, operation, save).run()
    if kind == "document":
        return _Document(api, operation, save).run()
    steps: dict[str, Callable[[], Any]] = {each.id: partial(_image, api, owner, each.read) for each in content.media}
    if content.link and not content.media:
        steps[CARD] = partial(_article, api, owner, content.link, content.title)
    return upload_missing(operation, save, steps, not_before=operation.now - IMAGES_LIVE)


def _image(api: Api, owner: str, read: Callable[[], bytes]) -> str:
    given = api.post("/rest/images?action=initializeUpload", {"initializeUploadRequest": {"owner": owner}})
    urn, url = dig_text(given, "value", "image"), dig_text(given, "value", "uploadUrl")
    if not (urn and url):
        raise Unavailable(Phrase("LinkedIn gave no place for an image."))
    api.put(url, read(), headers=bearer(api.token), timeout=IMAGE_SECONDS)
    return urn


def _article(api: Api, owner: str, link: str, title: str) -> dict[str, str]:
    """Return a link's article with title, description and picture: LinkedIn does not read the page itself."""
    card, longest = fetch_link_card(api.session, link), api.connector.limits.max_title_characters or 0
    article = {
        "source": link,
        "title": (title.strip() or card.title or link[: longest // 2])[:longest],  # some characters count as two
        "description": card.description[:LONGEST_DESCRIPTION],
        "thumbnail": _thumbnail(api, owner, card.picture),
    }
    return {key: value for key, value in article.items() if value}


def has_waited_for_card(operation: Operation) -> bool:
    """Whether a link's picture was uploaded so long ago that the post goes out without it if it is not ready."""
    at = moment(dig_text(operation.handles, UPLOADS, CARD, "at"))
    return at is not None and at <= operation.now - THUMBNAIL_WAITS


def _thumbnail(api: Api, owner: str, picture: Picture | None) -> str:
    """Upload a link's picture; empty on failure, since a post without the picture is better than none."""
    if picture is None or picture.mime_type not in THUMBNAIL_TYPES:
        return ""
    try:
        return _image(api, owner, lambda: picture.content)
    except (Rejected, Unavailable, Unknown):
        return ""


class _Asset:
    """A file that is uploaded in several stored steps, and then processed by LinkedIn."""

    kind: str
    """The kind's name in addresses and answers."""

    def __init__(self, api: Api, operation: Operation, save: Save) -> None:
        self.api = api
        self.now = operation.now
        self.owner = operation.account.remote_id
        self.media: Media = operation.content.media[0]
        self.progress = Progress(operation.handles, save, UPLOADS, self.media.id)

    @property
    def state(self) -> Handles:
        return self.progress.state

    def run(self) -> Handles:
        if "ready" not in self.state:
            if "sent_at" not in self.state:
                self._send()
            self._await()
        return self.progress.handles

    def _send(self) -> None:
        if not self.progress.is_good(now=self.now):
            self.progress.begin(self._begin())
        try:
            self._bring()
        except UploadOver:
            self.progress.forget()
            raise
        self.progress.keep({"sent_at": self.now.isoformat()})

    def _begin(self) -> dict[str, Any]:
        raise NotImplementedError

    def _bring(self) -> None:
        raise NotImplementedError

    def _initialize(self, **request: Any) -> tuple[Any, dict[str, Any]]:
        body = {"initializeUploadRequest": {"owner": self.owner} | request}
        given = dig(self.api.post(f"/rest/{self.kind}s?action=initializeUpload", body), "value")
        urn = dig_text(given, self.kind)
        if not urn:
            raise Unavailable(Phrase("LinkedIn gave no place for a {kind}.", kind=ONE_OF[self.kind]))
        ends = dig_count(given, "uploadUrlsExpireAt") or dig_count(given, "uploadUrlExpiresAt")
        ends_at = datetime.fromtimestamp(ends / 1000, UTC) if ends else self.now + IMAGES_LIVE
        return given, {GIVEN: urn, "ends_at": ends_at.isoformat()}

    def _await(self) -> None:
        """Raise StillWorking until LinkedIn has processed the file; continue if the state may not be read."""
        try:
            shown = self.api.get(f"/rest/{self.kind}s/{encoded(self.state[GIVEN])}")
        except Rejected as error:
            if error.status != 403:
                raise
            shown = {"status": "AVAILABLE"}
        status = dig_text(shown, "status")
        if status == "PROCESSING_FAILED":
            why = said(
                "LinkedIn",
                dig(shown, "processingFailureReason"),
                otherwise=Phrase("cannot use the {kind}.", kind=ONE_OF[self.kind]),
            )
            raise ProcessingFailed(why, network_code=status)
        if status != "AVAILABLE":
            raise StillWorking(
                Phrase("LinkedIn is working on the {kind}.", kind=ONE_OF[self.kind]), retry_after=self._wait()
            )
        self.progress.begin({GIVEN: self.state[GIVEN], "ready": True})

    def _wait(self) -> float:
        """Return the seconds until the next request for the state; they grow with the time since the upload."""
        sent_at = datetime.fromisoformat(self.state["sent_at"])
        return min(max(SHORTEST_WAIT, (self.now - sent_at).total_seconds() / 5), LONGEST_WAIT)


class _Document(_Asset):
    kind = "document"

    def _begin(self) -> dict[str, Any]:
        given, state = self._initialize()
        url = dig_text(given, "uploadUrl")
        if not url:
            raise Unavailable(Phrase("LinkedIn gave no place for a document."))
        return state | {"url": url}

    def _bring(self) -> None:
        self.progress.keep({}, seconds=DOCUMENT_SECONDS)
        with self.media.open() as file:
            self.api.put(self.state["url"], file, headers=bearer(self.api.token), timeout=DOCUMENT_SECONDS)


class _Video(_Asset):
    kind = "video"

    def _begin(self) -> dict[str, Any]:
        given, state = self._initialize(fileSizeBytes=self.media.size, uploadCaptions=False, uploadThumbnail=False)
        parts = [_part(each) for each in dig_list(given, "uploadInstructions")]
        if not parts or not all(url for url, _, _ in parts):
            raise Unavailable(Phrase("LinkedIn gave no place for a video."))
        return state | {"token": dig_text(given, "uploadToken"), "parts": parts, "tags": []}

    def _bring(self) -> None:
        for url, first, last in self.state["parts"][len(self.state["tags"]) :]:
            tag = self._bring_part(url, part_of(self.media, first, last + 1))
            self.progress.keep({"tags": [*self.state["tags"], tag]})
        given = self.state
        finished = {"video": given[GIVEN], "uploadToken": given["token"], "uploadedPartIds": given["tags"]}
        self.api.post("/rest/videos?action=finalizeUpload", {"finalizeUploadRequest": finished})

    def _bring_part(self, url: str, part: Part) -> str:
        answer = self.api.put(url, part.content, headers=OCTETS, timeout=PART_SECONDS)
        tag = answer.headers.get("ETag", "").strip('"')
        if not tag:
            raise Unavailable(Phrase("LinkedIn took a part of a video and gave no tag for it."))
        return tag


def _part(instruction: Any) -> list[Any]:
    first, last = dig_count(instruction, "firstByte") or 0, dig_count(instruction, "lastByte") or 0
    return [dig_text(instruction, "uploadUrl"), first, last]
