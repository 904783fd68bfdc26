"""Finding a video or comment among those of the channel: https://developers.google.com/youtube/v3/docs/playlistItems/list"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from accounts.platforms.base import Connector, Session
from accounts.platforms.errors import NotListed, Unknown
from accounts.platforms.http import dig_text, pages, recent, text_at, time_at
from accounts.platforms.shapes import Operation
from accounts.platforms.text import comparable
from accounts.platforms.youtube.media import ASKED_AT
from ouipost.phrases import Phrase

LISTED_AFTER = timedelta(minutes=2)
"""Time after which a new video is surely in the channel's uploads."""
VIDEO_ID = ("contentDetails", "videoId")
OF_A_COMMENT = ("snippet", "topLevelComment", "snippet")
"""The path of the first comment in a thread."""


def videos_like(connector: Connector, session: Session, operation: Operation) -> list[str]:
    """Return the ids of the channel's uploads that may be this one.

    Raises NotListed if there is none, and Unknown while a new one may not be listed yet.
    """
    playlist = operation.account.metadata.get("uploads") or f"UU{operation.account.remote_id[2:]}"
    params = {"part": "snippet,contentDetails", "playlistId": playlist, "maxResults": 50}
    items = _newest(connector, session, operation, "playlistItems", at=("snippet", "publishedAt"), **params)
    titled = [item for item in items if _has(item, "title", operation.content.title)]
    found = [dig_text(item, *VIDEO_ID) for item in titled if _has(item, "description", operation.content.text)]
    if found:
        return list(dict.fromkeys(found))
    if titled:
        raise Unknown(Phrase("YouTube lists a video with the same title and another description."))
    if operation.now < operation.begun_again(ASKED_AT) + LISTED_AFTER:
        raise Unknown(Phrase("YouTube has forgotten the upload, and may not list its video yet."))
    raise NotListed


def _has(item: Any, name: str, ours: str) -> bool:
    return comparable(dig_text(item, "snippet", name)) == comparable(ours)


def comments_like(connector: Connector, session: Session, operation: Operation) -> list[str]:
    """Return the ids of the channel's own comments on its video that may be this one."""
    video = {"videoId": operation.root.remote_id}
    params = {"part": "snippet", **video, "order": "time", "textFormat": "plainText", "maxResults": 100}
    items = _newest(connector, session, operation, "commentThreads", at=(*OF_A_COMMENT, "publishedAt"), **params)
    text = comparable(operation.text)
    found = [
        dig_text(item, "id")
        for item in items
        if dig_text(item, *OF_A_COMMENT, "authorChannelId", "value") == operation.account.remote_id
        and comparable(dig_text(item, *OF_A_COMMENT, "textOriginal")) == text
    ]
    return list(dict.fromkeys(found))


def _newest(
    connector: Connector, session: Session, operation: Operation, name: str, *, at: Sequence[str], **params: Any
) -> Iterator[Any]:
    """Yield the items of a list, newest first, since the call was armed; `at` is the path of an item's time."""
    read = partial(connector.get, session, operation.account.access_token, name, **params)
    items = pages(read, at="items", cursor="pageToken", cursor_of=text_at("nextPageToken"))
    return recent(items, since=operation.since, dated=time_at(*at))
