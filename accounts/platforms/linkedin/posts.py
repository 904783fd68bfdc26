"""A post as LinkedIn takes it, and how it is recognised: https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api"""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from typing import Any

from accounts.platforms.base import Content, Handles, Media, Operation, ProcessingFailed, Published
from accounts.platforms.http import dig, dig_count, dig_list, dig_text
from accounts.platforms.linkedin import littletext
from accounts.platforms.linkedin.api import Api, encoded
from accounts.platforms.linkedin.media import ASSET, CARD
from accounts.platforms.text import comparable
from accounts.platforms.uploads import UPLOADS, uploaded
from ouipost.phrases import Phrase

POST_URN = re.compile(r"urn:li:(?:share|ugcPost):\d+")
ORGANIZATION = "urn:li:organization:"
LISTED = ("PUBLISHED", "PUBLISH_REQUESTED")


def is_organization(urn: str) -> bool:
    """Return whether this author is an organization; else it is a member."""
    return urn.startswith(ORGANIZATION)


def body(operation: Operation) -> dict[str, Any]:
    """Return what creates the post."""
    content = operation.content
    beside = _beside(content, operation.handles)
    return {
        "author": operation.account.remote_id,
        "commentary": littletext.written(content.text),
        "visibility": content.options.get("visibility", "PUBLIC"),
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    } | ({"content": beside} if beside else {})


def _beside(content: Content, handles: Handles) -> dict[str, Any]:
    """Return what the post shows beside its text."""
    if not content.media:
        return {"article": uploaded(handles, CARD)} if content.link else {}
    first = content.media[0]
    if first.type != "image":
        titled = {"title": title(content)} if title(content) else {}
        return {"media": {"id": handles[ASSET]["urn"]} | titled}
    images = [_image(each, uploaded(handles, each.id)) for each in content.media]
    return {"media": images[0]} if len(images) == 1 else {"multiImage": {"images": images}}


def title(content: Content) -> str:
    """Return the title of a video or document: a document without one goes by its file's name."""
    is_document = any(each.type == "document" for each in content.media)
    return content.title or (content.media[0].filename if is_document else "")


def _image(media: Media, urn: str) -> dict[str, str]:
    return {"id": urn} | ({"altText": media.alt_text} if media.alt_text else {})


def published(urn: str) -> Published:
    """Return the post with this URN."""
    return Published(remote_id=urn, url=f"https://www.linkedin.com/feed/update/{urn}/")


def comment(operation: Operation, urn: str) -> Published:
    """Return the comment with this URN, at the address of its post."""
    return Published(remote_id=urn, url=f"{operation.root.url}?commentUrn={encoded(urn)}")


def named(words: str) -> str:
    """Return the URN of the post that a refusal names, empty where it names none."""
    found = POST_URN.search(words)
    return found[0] if found else ""


def find(api: Api, operation: Operation) -> list[Published]:
    """Return the author's posts that can be this operation's; raises ProcessingFailed for one given up."""
    author = encoded(operation.account.remote_id)
    path = f"/rest/posts?author={author}&q=author&count=10&sortBy=CREATED"
    young = takewhile(lambda each: not _is_older(each, operation.since), api.elements(path, finder=True))
    found = [each for each in young if _is_it(each, operation)]
    urns = [dig_text(each, "id") for each in found if dig_text(each, "lifecycleState") in LISTED]
    if not urns and any(dig(each, "lifecycleState") == "PUBLISH_FAILED" for each in found):
        raise ProcessingFailed(
            Phrase("LinkedIn took the post and could not publish it."), network_code="PUBLISH_FAILED"
        )
    return [published(urn) for urn in dict.fromkeys(urns)]


def _is_older(entry: Any, since: datetime) -> bool:
    created = dig_count(entry, "createdAt")
    return created is not None and created < since.timestamp() * 1000


def _is_it(entry: Any, operation: Operation) -> bool:
    shown, ours = list(_shows(dig(entry, "content"))), _ours(operation.content, operation.handles)
    return (
        dig_count(entry, "createdAt") is not None
        and _comparable(dig_text(entry, "commentary")) == _comparable(littletext.written(operation.content.text))
        and len(shown) == len(ours)
        and all(mine in ("", theirs) for mine, theirs in zip(ours, shown, strict=True))
    )


def _ours(content: Content, handles: Handles) -> list[str]:
    """Return what `_shows` gives of the post; empty for what a restored copy does not know."""
    if not content.media:
        return [comparable(content.link)] if content.link else []
    if content.media[0].type != "image":
        return [dig_text(handles, ASSET, "urn")]
    return [dig_text(handles, UPLOADS, each.id, "given") for each in content.media]


def _comparable(commentary: str) -> str:
    return comparable(littletext.shown(littletext.read(commentary)))


def _shows(beside: Any) -> Iterator[str]:
    """Give the URNs of what a post shows, or the address of its article."""
    if dig(beside, "media") is not None:
        yield dig_text(beside, "media", "id")
    yield from (dig_text(each, "id") for each in dig_list(beside, "multiImage", "images"))
    if dig(beside, "article") is not None:
        yield comparable(dig_text(beside, "article", "source"))


def find_comments(api: Api, operation: Operation) -> list[Published]:
    """Return the account's own comments on its post that can be this operation's."""
    assert operation.reply is not None
    text = comparable(operation.reply.text)
    found = [
        dig_text(each, "commentUrn")
        for each in api.elements(comments_path(operation))
        if dig_text(each, "actor") == operation.account.remote_id
        and (dig_count(each, "created", "time") or 0) >= operation.since.timestamp() * 1000
        and comparable(dig_text(each, "message", "text")) == text
    ]
    return [comment(operation, urn) for urn in dict.fromkeys(found)]


def comments_path(operation: Operation) -> str:
    """Return where the comments on the post are."""
    return f"/rest/socialActions/{encoded(operation.root.remote_id)}/comments"
