"""Finding a post or comment among those of its author: https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api"""

from collections.abc import Iterator
from typing import Any

from accounts.platforms.errors import ProcessingFailed, StillWorking
from accounts.platforms.http import dig, dig_count, dig_list, dig_text, recent
from accounts.platforms.linkedin import littletext, posts
from accounts.platforms.linkedin.api import Api, encoded
from accounts.platforms.shapes import Content, Handles, Operation, Published
from accounts.platforms.text import comparable
from accounts.platforms.uploads import GIVEN, UPLOADS
from ouipost.phrases import Phrase

SHORTEST_WAIT, LONGEST_WAIT = 10.0, 300.0


def find_posts(api: Api, operation: Operation) -> list[Published]:
    """Return the author's posts that may be this operation's.

    Raises StillWorking while LinkedIn has yet to publish one of them, ProcessingFailed for one given up.
    """
    author = encoded(operation.account.remote_id)
    path = f"/rest/posts?author={author}&q=author&count=10&sortBy=CREATED"
    young = recent(api.pages(path, finder=True), since=operation.since, dated=_created)
    found = [each for each in young if _is_it(each, operation)]
    states = {dig_text(each, "lifecycleState") for each in found}
    urns = [dig_text(each, "id") for each in found if dig_text(each, "lifecycleState") == "PUBLISHED"]
    if "PUBLISH_REQUESTED" in states:
        wait = min(max(operation.waited / 2, SHORTEST_WAIT), LONGEST_WAIT)
        raise StillWorking(Phrase("{network} is still processing the post.", network="LinkedIn"), retry_after=wait)
    if not urns and "PUBLISH_FAILED" in states:
        raise ProcessingFailed(
            Phrase("LinkedIn took the post and could not publish it."), network_code="PUBLISH_FAILED"
        )
    return [posts.published(urn) for urn in dict.fromkeys(urns)]


def _created(entry: Any) -> float | None:
    milliseconds = dig_count(entry, "createdAt")
    return None if milliseconds is None else milliseconds / 1000


def _is_it(entry: Any, operation: Operation) -> bool:
    shown, ours = list(_shows(dig(entry, "content"))), _ours(operation.content, operation.handles)
    return (
        _comparable(dig_text(entry, "commentary")) == _comparable(littletext.written(operation.content.text))
        and len(shown) == len(ours)
        and all(mine in ("", theirs) for mine, theirs in zip(ours, shown, strict=True))
    )


def _ours(content: Content, handles: Handles) -> list[str]:
    """Return what `_shows` should yield for the post; empty strings for handles that a restored copy lacks."""
    if not content.media:
        return [comparable(content.link)] if content.link else []
    return [dig_text(handles, UPLOADS, each.id, GIVEN) for each in content.media]


def _comparable(commentary: str) -> str:
    return comparable(littletext.shown(littletext.read(commentary)))


def _shows(beside: Any) -> Iterator[str]:
    """Yield the URNs of a post's files, or the address of its article."""
    if dig(beside, "media") is not None:
        yield dig_text(beside, "media", "id")
    yield from (dig_text(each, "id") for each in dig_list(beside, "multiImage", "images"))
    if dig(beside, "article") is not None:
        yield comparable(dig_text(beside, "article", "source"))


def find_comments(api: Api, operation: Operation) -> list[Published]:
    """Return the account's own comments on its post that may be this operation's."""
    text = comparable(operation.text)
    found = [
        dig_text(each, "commentUrn")
        for page in api.pages(posts.comments_path(operation))
        for each in page
        if dig_text(each, "actor") == operation.account.remote_id
        and (dig_count(each, "created", "time") or 0) >= operation.since.timestamp() * 1000
        and comparable(dig_text(each, "message", "text")) == text
    ]
    return [posts.comment(operation, urn) for urn in dict.fromkeys(found)]
