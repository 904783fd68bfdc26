"""The body of a post, and the addresses of posts and comments: https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api"""

import re
from typing import Any

from accounts.platforms.linkedin import littletext
from accounts.platforms.linkedin.api import encoded
from accounts.platforms.linkedin.media import CARD
from accounts.platforms.shapes import Content, Handles, Media, Operation, Published
from accounts.platforms.uploads import uploaded

POST_URN = re.compile(r"urn:li:(?:share|ugcPost):\d+")
ORGANIZATION = "urn:li:organization:"


def is_organization(urn: str) -> bool:
    """Return whether this author is an organization; else it is a member."""
    return urn.startswith(ORGANIZATION)


def body(operation: Operation) -> dict[str, Any]:
    """Return the body that creates the post."""
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
    """Return the post's article or files."""
    if not content.media:
        return {"article": uploaded(handles, CARD)} if content.link else {}
    first = content.media[0]
    if first.type != "image":
        titled = {"title": title(content)} if title(content) else {}
        return {"media": {"id": uploaded(handles, first.id)} | titled}
    images = [_image(each, uploaded(handles, each.id)) for each in content.media]
    return {"media": images[0]} if len(images) == 1 else {"multiImage": {"images": images}}


def title(content: Content) -> str:
    """Return the title of a video or document; a document without one gets its file's name."""
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
    """Return the URN of the post that a refusal names, empty if it names none."""
    found = POST_URN.search(words)
    return found[0] if found else ""


def comments_path(operation: Operation) -> str:
    """Return the path of the comments on the post."""
    return f"/rest/socialActions/{encoded(operation.root.remote_id)}/comments"
