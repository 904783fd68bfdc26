"""Uploading a video to TikTok: equal chunks in order, of which the last one makes it a post.

https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
"""

import re
from dataclasses import dataclass

from accounts.platforms.base import Answer, Connector, Handles, Media, Save, Session, Unavailable
from accounts.platforms.tiktok.posts import without_post
from accounts.platforms.uploads import SENT, Part, Progress
from ouipost.phrases import Phrase

LEAST_CHUNK = 5 * 1024 * 1024
CHUNK_SECONDS = 80
RANGE = re.compile(r"bytes\s+0-(\d+)/\d+")
TAKEN = {200, 201}
GONE = {403, 404}
"""The address is over, or was never there."""
OUT_OF_STEP = {206, 416}
"""These tell how many bytes are there."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a video is cut: the last chunk also takes the few bytes that are left over."""

    size: int

    @property
    def count(self) -> int:
        return max(self.size // LEAST_CHUNK, 1)

    @property
    def chunk(self) -> int:
        return self.size // self.count

    @property
    def last(self) -> int:
        """Return where the last chunk begins."""
        return (self.count - 1) * self.chunk

    def end(self, start: int) -> int:
        """Return where the chunk ends that this byte is in."""
        return self.size if start >= self.last else (start // self.chunk + 1) * self.chunk

    def arrived(self, told: int) -> int:
        """Return how many bytes TikTok has, from what it tells behind `bytes 0-`."""
        # it calls that their number and writes it where a range has its last byte: what makes whole chunks is meant
        is_whole = told == self.size or (told <= self.last and told % self.chunk == 0)
        return told if is_whole else told + 1


def send_all_but_the_last(
    connector: Connector, session: Session, video: Media, handles: Handles, save: Save
) -> Handles:
    """Send the chunks that TikTok does not have yet, and return the handles; each is saved when it is there."""
    plan, progress = Plan(size=video.size), Progress(handles, save)
    for chunk in progress.parts(video, lambda start: min(plan.end(start), plan.last)):
        answer = put(session, video, handles["upload_url"], chunk)
        if answer.status in GONE:
            progress.begin(without_post(handles))
            raise Unavailable(Phrase("TikTok has closed the upload: it is started again."), status=answer.status)
        progress.keep({SENT: _goes_on_at(connector, answer, chunk, plan)}, seconds=CHUNK_SECONDS)
    return progress.handles


def _goes_on_at(connector: Connector, answer: Answer, chunk: Part, plan: Plan) -> int:
    """Return the first byte that TikTok misses after a chunk: where it does not say, that of a chunk it refused."""
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
    """Return how many bytes TikTok has, None where it does not say."""
    found = RANGE.match(answer.headers.get("Content-Range", ""))
    return plan.arrived(int(found[1])) if found else None
