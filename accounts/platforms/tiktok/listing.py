"""Finding photos among the public posts of a creator: https://developers.tiktok.com/doc/tiktok-api-v2-video-list"""

from functools import partial
from typing import Any

from accounts.platforms.base import Session
from accounts.platforms.errors import Unknown
from accounts.platforms.http import dig, dig_count, dig_text, pages, recent
from accounts.platforms.shapes import Account, Content, Operation
from accounts.platforms.text import length
from accounts.platforms.tiktok.api import TikTokApi
from ouipost.phrases import Phrase
from ouipost.unicode import composed

FIELDS = "id,create_time,video_description,title,share_url"
AT_ONCE = 20
LISTED_UNITS = 140
"""The list shows the first 150 units of a text, counted in an undocumented way."""
OF_THE_CUT = 10
"""Characters at the end of a text of that length that may not be ours: half an emoji, or an ellipsis."""


def photos_like(api: TikTokApi, session: Session, operation: Operation) -> list[str]:
    """Return the ids of the posts that may be these photos.

    A video with the same text does not count. If only such a video is found, it raises Unknown, because the form of
    photos' addresses is from memory.
    """
    read = partial(_newest, api, session, operation.account)
    videos = pages(read, at="videos", cursor="cursor", cursor_of=_next_cursor)
    alike = [each for each in recent(videos, since=operation.since, dated=_created) if _is_it(each, operation.content)]
    found = [dig_text(each, "id") for each in alike if "/video/" not in dig_text(each, "share_url")]
    if alike and not found:
        raise Unknown(Phrase("TikTok lists a video with the text of the photos, and no photos."))
    return list(dict.fromkeys(found))


def _newest(api: TikTokApi, session: Session, account: Account, cursor: str = "") -> Any:
    body = {"max_count": AT_ONCE} | ({"cursor": int(cursor)} if cursor else {})
    return api.ask(session, account.access_token, "video/list", params={"fields": FIELDS}, json=body)


def _next_cursor(page: Any) -> str:
    if dig(page, "has_more") is not True:
        return ""
    cursor = dig_count(page, "cursor")
    if cursor is None:
        raise Unknown(Phrase("TikTok did not say how its list goes on."))
    return str(cursor)


def _created(video: Any) -> float | None:
    return dig_count(video, "create_time")


def _is_it(video: Any, content: Content) -> bool:
    """Return whether an entry of the list may be this post, which has the same text as far as it is shown."""
    shown = dig_text(video, "video_description") or dig_text(video, "title")
    ours, theirs = _flat(content.text or content.title), _flat(shown)
    is_cut = length(shown, "utf16_units") >= LISTED_UNITS and ours.startswith(theirs[:-OF_THE_CUT])
    return ours == theirs or is_cut


def _flat(text: str) -> str:
    return " ".join(composed(text).split())
