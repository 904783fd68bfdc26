"""Posts on X as readers get them: the asked fields under their old or new names, with numbers and files."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth
from ouipost.simulator.call import Call
from ouipost.simulator.models import Media, Post
from ouipost.simulator.networks.twitter.access import (
    ID,
    PROBLEMS,
    authorized,
    chosen_fields,
    invalid,
    not_found,
)
from ouipost.simulator.networks.twitter.media import key_of

PRIVATE_METRICS_AGE = timedelta(days=30)
PRIVATE = ("non_public_metrics", "organic_metrics")
NEW_NAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "referenced_tweets": "referenced_posts",
    "note_tweet": "note_post",
}
FIELDS = (
    "id",
    "text",
    "created_at",
    "author_id",
    "conversation_id",
    "in_reply_to_user_id",
    "entities",
    "attachments",
    "public_metrics",
    *NEW_NAMES,
    *NEW_NAMES.values(),
    "lang",
    "possibly_sensitive",
    "reply_settings",
    "source",
    *PRIVATE,
)
MEDIA_FIELDS = (
    "media_key",
    "type",
    "width",
    "height",
    "duration_ms",
    "alt_text",
    "public_metrics",
    "non_public_metrics",
)
MEDIA_TYPES = {"3": "photo", "16": "animated_gif", "7": "video"}
EXPANSIONS = ("attachments.media_keys", "author_id", "referenced_tweets.id")
PUBLIC_METRICS = {
    "retweet_count": 8,
    "reply_count": 6,
    "like_count": 60,
    "quote_count": 3,
    "bookmark_count": 5,
    "impression_count": 1500,
}
PRIVATE_METRICS = {"impression_count": 1500, "url_link_clicks": 30, "user_profile_clicks": 9, "engagements": 100}


def fields_of(call: Call) -> set[str]:
    """Return the fields to show: those requested by their old or new name, and the default ones."""
    fields = chosen_fields(call, "tweet.fields", FIELDS) | chosen_fields(call, "post.fields", FIELDS)
    return fields | {"id", "text", "edit_history_tweet_ids"}


def renamed(call: Call, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts under the new names where the caller asked with them."""
    return {NEW_NAMES.get(name, name): value for name, value in facts.items()} if call.text("post.fields") else facts


def shown(call: Call, post: Post, fields: set[str]) -> dict[str, Any]:
    """Return the asked fields of a post; private numbers only where they may be seen."""
    everything = public(call, post)
    if may_see_private(call, post):
        everything |= {name: private_metrics(call, post) for name in PRIVATE}
    asked = fields | {old for old, new in NEW_NAMES.items() if new in fields}
    return renamed(call, {name: everything[name] for name in FIELDS if name in asked and name in everything})


def public(call: Call, post: Post) -> dict[str, Any]:
    """Return the fields that everybody sees."""
    facts: dict[str, Any] = {
        "id": post.external_id,
        "text": post.data["text"],
        "created_at": stamp(post.created_at),
        "author_id": post.account,
        "conversation_id": post.root or post.external_id,
        "edit_history_tweet_ids": [post.external_id],
        "public_metrics": public_metrics(call, post),
        "lang": "en",
        "possibly_sensitive": False,
        "reply_settings": post.data.get("reply_settings", "everyone"),
    }
    if note := post.data.get("note"):
        facts["note_tweet"] = note
    if post.data["urls"]:
        facts["entities"] = {"urls": post.data["urls"]}
    if post.media:
        facts["attachments"] = {"media_keys": [item["key"] for item in post.media]}
    if post.parent:
        facts["referenced_tweets"] = [{"type": "replied_to", "id": post.parent}]
        facts["in_reply_to_user_id"] = post.data["parent_author"]
    return facts


def public_metrics(call: Call, post: Post) -> dict[str, int]:
    """Return the numbers that everybody sees; the account's own replies count among them."""
    numbers = {name: growth.counted(call, post, name, most) for name, most in PUBLIC_METRICS.items()}
    numbers["reply_count"] += Post.objects.alive().filter(network=ID, parent=post.external_id).count()
    if call.text("post.fields"):
        numbers["repost_count"] = numbers.pop("retweet_count")
    return numbers


def private_metrics(call: Call, post: Post) -> dict[str, int]:
    """Return the numbers that only the author sees."""
    return {name: growth.counted(call, post, name, most) for name, most in PRIVATE_METRICS.items()}


def may_see_private(call: Call, post: Post) -> bool:
    """Return whether the caller wrote this post, less than 30 days ago."""
    young = post.created_at > call.now - PRIVATE_METRICS_AGE
    return call.token is not None and call.token.account == post.account and young


def stamp(at: datetime) -> str:
    """Return a time as X writes it: in whole seconds, with a fraction that says nothing."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def lookup(call: Call) -> HttpResponse:
    """Show up to a hundred posts by their ids; those that are not there become errors."""
    authorized(call, "tweet.read", "users.read")
    ids = [item for item in call.text("ids").split(",") if item]
    if not 1 <= len(ids) <= 100 or not all(item.isdigit() for item in ids):
        raise invalid("ids must be 1 to 100 ids of posts.", "ids", call.text("ids"))
    fields = fields_of(call)
    found = {post.external_id: post for post in Post.objects.alive().filter(network=ID, external_id__in=ids)}
    errors = [not_found("tweet", item, "ids") for item in ids if item not in found]
    posts = [found[item] for item in ids if item in found]
    errors += [forbidden_field(post, name) for post in posts for name in forbidden(call, post, fields)]
    return JsonResponse(answer([shown(call, post, fields) for post in posts], errors) | includes(call, posts))


def includes(call: Call, posts: list[Post]) -> dict[str, Any]:
    """Return the files of posts beside them, where they were asked for."""
    fields = chosen_fields(call, "media.fields", MEDIA_FIELDS) | {"media_key", "type"}
    if "attachments.media_keys" not in chosen_fields(call, "expansions", EXPANSIONS):
        return {}
    files = [file_view(call, post, item["id"]) for post in posts for item in post.media]
    media = [{name: file[name] for name in MEDIA_FIELDS if name in fields and name in file} for file in files]
    return {"includes": {"media": media}} if media else {}


def file_view(call: Call, post: Post, media_id: str) -> dict[str, Any]:
    """Return all fields of a file of a post; only videos are counted."""
    file = Media.objects.defer("content").get(network=ID, account=post.account, external_id=media_id)
    kind = MEDIA_TYPES[key_of(file).partition("_")[0]]
    facts = {"media_key": key_of(file), "type": kind, "width": file.width, "height": file.height}
    facts |= {"alt_text": file.alt_text} if file.alt_text else {}
    if kind != "video":
        return facts
    facts["duration_ms"] = int(file.data.get("seconds", 0) * 1000)
    facts["public_metrics"] = {"view_count": growth.counted(call, post, "view_count", 900)}
    if may_see_private(call, post):
        quarters = {f"playback_{percent}_count": 800 - 7 * percent for percent in (0, 25, 50, 75, 100)}
        facts["non_public_metrics"] = {name: growth.counted(call, post, name, most) for name, most in quarters.items()}
    return facts


def forbidden(call: Call, post: Post, fields: set[str]) -> list[str]:
    """Return the asked fields that this caller may not see."""
    return [] if may_see_private(call, post) else [name for name in PRIVATE if name in fields]


def forbidden_field(post: Post, name: str) -> dict[str, Any]:
    """Return the error entry for a private number."""
    return {
        "resource_id": post.external_id,
        "parameter": f"tweet.fields.{name}",
        "resource_type": "tweet",
        "section": "data",
        "title": "Field Authorization Error",
        "detail": f"Sorry, you are not authorized to access '{name}' on the Tweet with id : [{post.external_id}].",
        "type": f"{PROBLEMS}not-authorized-for-field",
    }


def answer(data: Any, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Return data and errors, each only where there is some."""
    return ({"data": data} if data else {}) | ({"errors": errors} if errors else {})


def show(call: Call, post_id: str) -> HttpResponse:
    """Show one post."""
    authorized(call, "tweet.read", "users.read")
    fields = fields_of(call)
    post = Post.objects.living(ID, post_id)
    if post is None:
        return JsonResponse(answer(None, [not_found("tweet", post_id)]))
    errors = [forbidden_field(post, name) for name in forbidden(call, post, fields)]
    return JsonResponse(answer(shown(call, post, fields), errors) | includes(call, [post]))
