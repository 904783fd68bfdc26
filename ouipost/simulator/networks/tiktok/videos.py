"""Reading on TikTok: the person, their public posts with growing numbers, and the posts' pages."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse

from ouipost.simulator import growth, pages, people
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Media, Post, PostQuerySet
from ouipost.simulator.networks.tiktok.access import (
    BASIC,
    ID,
    LIST,
    LOOK,
    PROFILE,
    STATS,
    account_of,
    answer,
    authorized,
    error,
    invalid,
)
from ouipost.simulator.networks.tiktok.creators import PUBLIC

SCOPE_OF = {
    **dict.fromkeys(("open_id", "union_id", "avatar_url", "display_name"), BASIC),
    **dict.fromkeys(("username", "bio_description", "profile_deep_link", "is_verified"), PROFILE),
    **dict.fromkeys(("follower_count", "following_count", "likes_count", "video_count"), STATS),
}
COUNTS = {"like_count": 90, "comment_count": 12, "share_count": 7, "view_count": 2400}
VIDEO_FIELDS = (
    *("id", "create_time", "cover_image_url", "share_url", "video_description", "title", "duration", "height"),
    *("width", "embed_html", "embed_link", "is_aigc", *COUNTS),
)
LONGEST_TEXT = 150
"""In UTF-16 units, as TikTok counts texts."""
MOST, USUAL = 20, 10
LATEST = 10**14
"""The latest cursor, in the year 5138."""


def user_info(call: Call) -> HttpResponse:
    """Show the requested fields of the person; a field without its scope is an error."""
    token = authorized(call, BASIC)
    fields = chosen(call, tuple(SCOPE_OF))
    if any(SCOPE_OF[name] not in token.scopes for name in fields):
        raise error(401, "scope_not_authorized")
    everything = user(call, account_of(token), token.person)
    return answer(user={name: everything[name] for name in fields})


def chosen(call: Call, known: Sequence[str]) -> list[str]:
    """Return the requested fields, or refuse an empty list or an unknown field."""
    names = [name for name in call.query("fields").split(",") if name]
    if not names or any(name not in known for name in names):
        raise invalid("Fields is not set or invalid.")
    return names


def user(call: Call, account: Account, union_id: str) -> dict[str, Any]:
    """Return all fields of a person."""
    posts = public(account.external_id).listed(call.now, 0)
    return {
        "open_id": account.external_id,
        "union_id": union_id,
        "avatar_url": people.avatar(call.base, account),
        "display_name": account.name,
        "username": account.username,
        "bio_description": "",
        "profile_deep_link": f"https://www.tiktok.com/@{account.username}",
        "is_verified": False,
        "follower_count": growth.followers(account.external_id, call.now),
        "following_count": 2,
        "likes_count": sum(counted(call, post, "like_count") for post in posts),
        "video_count": posts.count(),
    }


def public(account: str) -> PostQuerySet:
    """Return the posts of an account that everybody may see."""
    return Post.objects.of(ID, account).filter(data__privacy=PUBLIC)


def list_videos(call: Call) -> HttpResponse:
    """List the person's public posts, newest first, from the cursor of the previous page on."""
    token = authorized(call, LIST)
    fields = chosen(call, VIDEO_FIELDS)
    body = call.json if isinstance(call.json, dict) else {}
    cursor, size = body.get("cursor", 0), body.get("max_count", USUAL)
    if type(cursor) is not int or not 0 <= cursor <= LATEST or type(size) is not int or not 1 <= size <= MOST:
        raise invalid(f"cursor must be a number, and max_count one from 1 to {MOST}.")
    posts = public(token.account).listed(call.now, call.seconds("list_lag"))
    if cursor:
        posts = posts.filter(created_at__lt=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=cursor))
    found = list(posts.order_by("-created_at", "-pk")[: size + 1])
    page = found[:size]
    return answer(
        videos=[shown(call, post, fields) for post in page],
        cursor=milliseconds(page[-1].created_at) if page else cursor,
        has_more=len(found) > size,
    )


def milliseconds(moment: datetime) -> int:
    """Return a time as a cursor; the next page begins before it."""
    return int(moment.timestamp() * 1000)


def query_videos(call: Call) -> HttpResponse:
    """Show public posts of the person by their ids; missing ones are left out."""
    token = authorized(call, LIST)
    fields = chosen(call, VIDEO_FIELDS)
    match call.json:
        case {"filters": {"video_ids": list() as ids}} if 1 <= len(ids) <= MOST:
            pass
        case _:
            raise invalid(f"filters.video_ids must be a list of 1 to {MOST} ids.")
    posts = public(token.account).listed(call.now, 0).filter(external_id__in=[str(each) for each in ids])
    return answer(videos=[shown(call, post, fields) for post in posts.order_by("-created_at", "-pk")])


def shown(call: Call, post: Post, fields: Sequence[str]) -> dict[str, Any]:
    """Return the asked fields of a post."""
    file = Media.objects.defer("content").filter(network=ID, account=post.account, external_id=post.media[0]["id"])
    facts = file.first()
    everything = {
        "id": post.external_id,
        "create_time": int(post.created_at.timestamp()),
        "cover_image_url": f"{call.base}/_media/{facts.pk}" if facts else "",
        "share_url": post.url,
        "video_description": _cut(post.text),
        "title": _cut(post.data["title"] or post.text),
        "duration": int(facts.data.get("seconds", 0)) if facts else 0,
        "height": facts.height if facts else 0,
        "width": facts.width if facts else 0,
        "embed_html": "",
        "embed_link": f"https://www.tiktok.com/player/v1/{post.external_id}",
        "is_aigc": post.data["is_aigc"],
    } | {name: counted(call, post, name) for name in COUNTS}
    return {name: everything[name] for name in fields}


def _cut(text: str) -> str:
    """Return the beginning of a text, which may end with half of an emoji."""
    return text.encode("utf-16-le")[: 2 * LONGEST_TEXT].decode("utf-16-le", errors="surrogatepass")


def counted(call: Call, post: Post, metric: str) -> int:
    """Return a present number of the post."""
    return growth.counted(call, post, metric, COUNTS[metric])


def permalink(call: Call, post_id: str) -> HttpResponse:
    """Show a post, whatever name is in the address."""
    return pages.permalink(call, LOOK, ID, post_id)


def profile(call: Call, username: str) -> HttpResponse:
    """Show the newest post of an account, as posts that are not public have no address of their own."""
    accounts = Account.objects.filter(network=ID, username=username).values_list("external_id", flat=True)
    posts = Post.objects.alive().filter(network=ID, account__in=list(accounts)).order_by("-created_at", "-pk")
    newest = posts.first()
    return pages.permalink(call, LOOK, ID, newest.external_id if newest else "")
