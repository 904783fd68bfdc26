"""Uploading a video to TikTok: equal chunks in order; the last one makes the post.

https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
"""

import re
from dataclasses import dataclass

from accounts.platforms.base import Connector, Save, Session
from accounts.platforms.errors import Unavailable
from accounts.platforms.http import Answer
from accounts.platforms.shapes import Handles, Media
from accounts.platforms.tiktok.posts import without_post
from accounts.platforms.uploads import SENT, Part, Progress
from ouipost.phrases import Phrase

LEAST_CHUNK = 5 * 1024 * 1024
CHUNK_SECONDS = 80
RANGE = re.compile(r"bytes\s+0-(\d+)/\d+")
TAKEN = {200, 201}
GONE = {403, 404}
"""The address has expired, or never existed."""
OUT_OF_STEP = {206, 416}
"""Statuses whose answers give the number of bytes received."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The division of a video into chunks; the last chunk also takes the remaining bytes."""

    size: int

    @property
    def count(self) -> int:
        return max(self.size // LEAST_CHUNK, 1)

    @property
    def chunk(self) -> int:
        return self.size // self.count

    @property
    def last(self) -> int:
        """Return the start of the last chunk."""
        return (self.count - 1) * self.chunk

    def end(self, start: int) -> int:
        """Return the end of the chunk with this byte."""
        return self.size if start >= self.last else (start // self.chunk + 1) * self.chunk

    def arrived(self, number: int) -> int:
        """Return how many bytes TikTok has, from its number after `bytes 0-`."""
        # TikTok calls it the number of bytes, but it stands where a range has its last byte: whole chunks decide
        is_whole = number == self.size or (number <= self.last and number % self.chunk == 0)
        return number if is_whole else number + 1


def send_all_but_the_last(
    connector: Connector, session: Session, video: Media, handles: Handles, save: Save
) -> Handles:
    """Send the chunks that TikTok does not have yet, and return the handles; they are saved after each chunk."""
    plan, progress = Plan(size=video.size), Progress(handles, save)
    for chunk in progress.parts(video, lambda start: min(plan.end(start), plan.last)):
        answer = put(session, video, handles["upload_url"], chunk)
        if answer.status in GONE:
            progress.begin(without_post(handles))
            raise Unavailable(Phrase("TikTok has closed the upload: it is started again."), status=answer.status)
        progress.keep({SENT: _goes_on_at(connector, answer, chunk, plan)}, seconds=CHUNK_SECONDS)
    return progress.handles


def _goes_on_at(connector: Connector, answer: Answer, chunk: Part, plan: Plan) -> int:
    """Return the first byte that TikTok misses after a chunk; by default the end of a good, the start of a bad one."""
    if not answer.ok and answer.status not in OUT_OF_STEP:
        raise connector.classify(answer)
    arrived = received(answer, plan)
    if arrived is None:
        return chunk.end if answer.ok else chunk.start
    return arrived


def put(session: Session, media: Media, url: str, chunk: Part) -> Answer:
    """Send a chunk, or the rest of one."""
    headers = {"Content-Type": media.mime_type, "Content-Range": chunk.content_range}
    return session.request("PUT", url, headers=headers, data=chunk.content, timeout=CHUNK_SECONDS)


def received(answer: Answer, plan: Plan) -> int | None:
    """Return how many bytes TikTok has, None if the answer does not say."""
    found = RANGE.match(answer.headers.get("Content-Range", ""))
    return plan.arrived(int(found[1])) if found else None
