"""Finding a post among its account's posts on X: https://docs.x.com/x-api/users/get-posts"""

import re
from collections.abc import Iterator
from datetime import UTC
from functools import partial
from typing import Any

from accounts.platforms.base import Connector, Session
from accounts.platforms.http import dig, dig_count, dig_list, dig_text, pages, recent, text_at, time_at
from accounts.platforms.shapes import Operation
from accounts.platforms.text import comparable

POST_FIELDS = "created_at,text,entities,attachments,note_tweet,referenced_tweets"
LAST_LINK = re.compile(r"(?:(?<!\s)\s+)?(https://t\.co/\w+)$")
ESCAPED = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
"""The only signs that X escapes in a text; "&region=" in an address is no escape. `&amp;` must be the last."""
MEDIA_PAGE = re.compile(r"/status/\d+/(?:photo|video)/\d+$")


def posts_like(connector: Connector, session: Session, operation: Operation) -> list[str]:
    """Return the ids of the account's posts that may be this operation's; raises Unknown if not all can be seen."""
    known = {each.remote_id for each in operation.out}
    read = partial(_newest, connector, session, operation)
    posts = pages(read, at="data", cursor="pagination_token", cursor_of=text_at("meta", "next_token"))
    young = recent(posts, since=operation.since, dated=time_at("created_at"))
    found = [dig_text(each, "id") for each in young if _is_it(each, operation)]
    return [post_id for post_id in dict.fromkeys(found) if post_id not in known]


def _newest(connector: Connector, session: Session, operation: Operation, **cursor: str) -> Any:
    """Return a page of the account's posts; X leaves out the list if it is empty."""
    account = operation.account
    params: dict[str, Any] = {
        "max_results": 100,
        "start_time": operation.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "exclude": "retweets" if operation.reply else "replies,retweets",
        "tweet.fields": POST_FIELDS,
    }
    path = f"users/{account.remote_id}/tweets"
    page = connector.get(session, account.access_token, path, **params, **cursor)
    return {"data": [], **page} if dig_count(page, "meta", "result_count") is not None else None


def _is_it(post: Any, operation: Operation) -> bool:
    files = 0 if operation.reply else len(operation.content.media)
    parents = [operation.parent.remote_id] if operation.reply else []
    return (
        len(dig_list(post, "attachments", "media_keys")) == files
        and list(_answered(post)) == parents
        and comparable(_written_text(post)) == comparable(operation.text)
    )


def _answered(post: Any) -> Iterator[str]:
    for each in dig_list(post, "referenced_tweets") or dig_list(post, "referenced_posts"):
        if dig_text(each, "type") == "replied_to":
            yield dig_text(each, "id")


def _written_text(post: Any) -> str:
    """Return the text as sent: X escapes it, cuts it, shortens its links, and appends a link to the media."""
    whole = dig(post, "note_tweet") or dig(post, "note_post") or post
    text = dig_text(whole, "text")
    links = {dig_text(each, "url"): each for each in dig_list(whole, "entities", "urls") if dig_text(each, "url")}
    last = LAST_LINK.search(text) if dig_list(post, "attachments", "media_keys") else None
    if last and _is_media(links.get(last[1])):
        text = text[: last.start()]
    for sign, written in ESCAPED.items():
        text = text.replace(written, sign)
    for short in sorted(links, key=len, reverse=True):
        text = text.replace(short, dig_text(links[short], "expanded_url") or short)
    return text


def _is_media(link: Any) -> bool:
    """Whether a link is the one that X itself appends; it may be missing among the links of the text."""
    return not link or dig(link, "media_key") is not None or bool(MEDIA_PAGE.search(dig_text(link, "expanded_url")))
