"""The record of a post or a reply: text, facets, embed, references. https://docs.bsky.app/docs/advanced-guides/posts"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from accounts.platforms.base import Connector, Session
from accounts.platforms.bluesky import api as bluesky_api
from accounts.platforms.bluesky.atproto import CARD, COLLECTION, byte_range
from accounts.platforms.errors import RateLimited, Rejected, Unavailable, Unknown
from accounts.platforms.http import dig_text, moment
from accounts.platforms.shapes import Account, Handles, Media, Operation, Published
from accounts.platforms.text import Span, find_hashtags, find_mentions, find_whole_links, length
from accounts.platforms.uploads import uploaded
from ouipost.phrases import Phrase

Feature = dict[str, Any] | None

LONGEST_TAG, LONGEST_TAG_BYTES = 64, 640
FAILING_SINCE = "failing_since"
"""The handle with the time since which no record could be written."""
PATIENCE = timedelta(minutes=2)
"""How long a post waits for the look-up of its mentions; a missing link matters less than a missing post."""


def written(
    connector: Connector, session: Session, operation: Operation, handles: Handles, *, created_at: str
) -> dict[str, Any]:
    """Return the record; asks the server for the ids of mentioned accounts and of the posts that a reply refers to."""
    failing_since = moment(dig_text(handles, FAILING_SINCE))
    may_wait = failing_since is None or operation.now < failing_since + PATIENCE
    parts = {
        "langs": list(operation.content.options.get("langs", [])),
        "facets": _facets(connector, session, operation.account, operation.text, may_wait=may_wait),
        "embed": embed(operation, handles),
        "reply": _references(connector, session, operation) if operation.reply else None,
    }
    record = {"$type": COLLECTION, "text": operation.text, "createdAt": created_at}
    return record | {key: value for key, value in parts.items() if value}


def embed(operation: Operation, handles: Handles) -> dict[str, Any] | None:
    """Return the record's embed, made of the uploads; None for a reply or a plain text."""
    content = operation.content
    if operation.reply:
        return None
    if content.video:
        return _video(content.video, handles)
    if content.media:
        images = [_shown(each, "image", handles) | {"alt": each.alt_text} for each in content.media]
        return {"$type": "app.bsky.embed.images", "images": images}
    if content.link:
        return {"$type": "app.bsky.embed.external", "external": uploaded(handles, CARD)}
    return None


def _video(media: Media, handles: Handles) -> dict[str, Any]:
    alt_text = {"alt": media.alt_text} if media.alt_text else {}
    return {"$type": "app.bsky.embed.video"} | _shown(media, "video", handles) | alt_text


def _shown(media: Media, name: str, handles: Handles) -> dict[str, Any]:
    shown = {name: uploaded(handles, media.id)}
    if media.width and media.height:
        shown["aspectRatio"] = {"width": media.width, "height": media.height}
    return shown


def _references(connector: Connector, session: Session, operation: Operation) -> dict[str, Any]:
    return {
        "root": _reference(connector, session, operation.account, operation.root),
        "parent": _reference(connector, session, operation.account, operation.parent),
    }


def _reference(connector: Connector, session: Session, account: Account, published: Published) -> dict[str, str]:
    """Return a post's reference; its content id is looked up if a person settled the post, as it is unknown then."""
    uri, cid = published.remote_id, dig_text(published.facts, "cid")
    if not cid:
        place = {"repo": account.remote_id, "collection": COLLECTION, "rkey": uri.rpartition("/")[2]}
        found = bluesky_api.get(connector, session, account, "com.atproto.repo.getRecord", **place)
        uri, cid = dig_text(found, "uri"), dig_text(found, "cid")
    if not (uri and cid):
        raise Rejected(Phrase("Bluesky did not say where the post to reply to is."))
    return {"uri": uri, "cid": cid}


def _facets(
    connector: Connector, session: Session, account: Account, text: str, *, may_wait: bool
) -> list[dict[str, Any]]:
    spans: list[tuple[Span, Callable[[str], Feature]]] = [(each, _link) for each in find_whole_links(text)]
    mention = partial(_mention, connector, session, account, may_wait=may_wait)
    spans += [(each, mention) for each in find_mentions(text)]
    spans += [(each, _tag) for each in find_hashtags(text)]
    facets: list[dict[str, Any]] = []
    end = 0
    for span, describe in sorted(spans, key=lambda each: each[0].start):
        feature = describe(span.value) if span.start >= end else None
        if feature:
            facets.append({"index": byte_range(text, span), "features": [feature]})
            end = span.end
    return facets


def _link(address: str) -> Feature:
    return {"$type": "app.bsky.richtext.facet#link", "uri": address}


def _mention(connector: Connector, session: Session, account: Account, handle: str, *, may_wait: bool) -> Feature:
    """Return a mention; None for an unknown handle, and after the wait for one that the server cannot look up."""
    try:
        found = bluesky_api.get(connector, session, account, "com.atproto.identity.resolveHandle", handle=handle)
    except Rejected:
        return None
    except (Unavailable, Unknown) as error:
        if may_wait or isinstance(error, RateLimited):
            raise
        return None
    did = dig_text(found, "did")
    return {"$type": "app.bsky.richtext.facet#mention", "did": did} if did else None


def _tag(word: str) -> Feature:
    is_short = length(word, "graphemes") <= LONGEST_TAG and len(word.encode()) <= LONGEST_TAG_BYTES
    return {"$type": "app.bsky.richtext.facet#tag", "tag": word} if is_short else None
