"""Posts on X: created once, shown with t.co addresses, counted, deleted."""

import hashlib
import html
from datetime import datetime, timedelta
from typing import Any

import regex
from django.http import HttpResponse, JsonResponse

from ouipost.simulator import counting, growth, media, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Media, Post, Token, atomic
from ouipost.simulator.networks.twitter_access import (
    ID,
    PROBLEMS,
    authorized,
    chosen_fields,
    invalid,
    not_found,
    problem,
)

MAX_WEIGHT = 280
MAX_IMAGES = 4
DUPLICATE_WINDOW = timedelta(hours=24)
PRIVATE_METRICS_AGE = timedelta(days=30)
REPLY_REFUSED = "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged"
REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
BODY_FIELDS = {
    "text",
    "media",
    "reply",
    "reply_settings",
    "poll",
    "quote_tweet_id",
    "made_with_ai",
    "paid_partnership",
    "community_id",
    "edit_options",
    "nullcast",
    "for_super_followers_only",
    "share_with_followers",
}
UNSUPPORTED = ("poll", "quote_tweet_id", "community_id", "edit_options")
PRIVATE = ("non_public_metrics", "organic_metrics")
OLD_NAMES = {"edit_history_post_ids": "edit_history_tweet_ids", "referenced_posts": "referenced_tweets"}
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
    "edit_history_tweet_ids",
    "edit_history_post_ids",
    "referenced_tweets",
    "referenced_posts",
    "note_tweet",
    "note_post",
    "lang",
    "possibly_sensitive",
    "reply_settings",
    "source",
    *PRIVATE,
)
CASHTAG = regex.compile(r"(?<![\w$])\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?(?!\w)")
PUBLIC_METRICS = {
    "retweet_count": 8,
    "reply_count": 6,
    "like_count": 60,
    "quote_count": 3,
    "bookmark_count": 5,
    "impression_count": 1500,
}


def create(call: Call) -> HttpResponse:
    """Publish a post, or a reply, once: the same text again is refused for a day."""
    token = authorized(call, "tweet.read", "tweet.write", "users.read")
    body = checked(call)
    text = body.get("text", "")
    with atomic():
        # the lock makes one of two equal posts at the same moment the duplicate
        account = Account.objects.select_for_update().get(network=ID, external_id=token.account)
        files = [file_of(call, token, media_id) for media_id in media_ids(body)]
        if len(files) > 1 and any(file.animated for file in files):
            raise invalid("An animated GIF cannot be mixed with other media.", "media.media_ids")
        parent = parent_of(body, account)
        refuse_duplicate(call, token, text)
        post = publish(call, account, text, files, parent)
    answer = {"id": post.external_id, "text": post.data["text"], "edit_history_tweet_ids": [post.external_id]}
    return JsonResponse({"data": answer}, status=201)


def checked(call: Call) -> dict[str, Any]:
    """Return the JSON body, or refuse what X would not take."""
    body = call.json
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.", "body")
    for name in sorted(body.keys() - BODY_FIELDS):
        raise invalid(
            f"$.{name}: is not defined in the schema and the schema does not allow additional properties", name
        )
    for name in UNSUPPORTED:
        if name in body:
            raise problem(403, "Forbidden", f"You are not permitted to use {name}.", "client-forbidden")
    check_text(body)
    if "reply_settings" in body and body["reply_settings"] not in REPLY_SETTINGS:
        raise invalid(f"reply_settings must be one of {', '.join(REPLY_SETTINGS)}.", "reply_settings")
    return body


def check_text(body: dict[str, Any]) -> None:
    """Refuse a text that is missing, too long, or names two stocks."""
    text = body.get("text", "")
    if not isinstance(text, str) or not (text.strip() or body.get("media")):
        raise invalid("text must be a text that is not empty, unless there is media.", "text")
    if counting.weighted_length(text) > MAX_WEIGHT:
        raise invalid(
            "Your Tweet text is too long. For more information on how Twitter determines text length.", "text"
        )
    if len(CASHTAG.findall(text)) > 1:
        raise invalid("A post can have only one cashtag.", "text")


def media_ids(body: dict[str, Any]) -> list[str]:
    """Return the ids of attached media, or refuse a wrong list."""
    attached = body.get("media", {})
    ids = attached.get("media_ids", []) if isinstance(attached, dict) else None
    if not isinstance(ids, list) or not all(isinstance(item, str) and item.isdigit() for item in ids):
        raise invalid("media.media_ids must be a list of ids.", "media.media_ids")
    if ("media" in body and not 1 <= len(ids) <= MAX_IMAGES) or len(set(ids)) != len(ids):
        raise invalid(f"media.media_ids must have 1 to {MAX_IMAGES} different ids.", "media.media_ids")
    return ids


def file_of(call: Call, token: Token, media_id: str) -> Media:
    """Return an upload of this user that is ready, or refuse."""
    file = media.usable(ID, token.account, media_id, call.now)
    if file is None:
        raise invalid("Your media IDs are invalid.", "media.media_ids", media_id)
    Media.objects.filter(pk=file.pk).update(used=True)
    return file


def parent_of(body: dict[str, Any], account: Account) -> Post | None:
    """Return the post that is replied to: the account's own, or one that names it; refuse any other."""
    reply = body.get("reply")
    if reply is None:
        return None
    parent_id = reply.get("in_reply_to_tweet_id") if isinstance(reply, dict) else None
    if not isinstance(parent_id, str) or not parent_id.isdigit():
        raise invalid("reply.in_reply_to_tweet_id must be the id of a post.", "reply.in_reply_to_tweet_id")
    parent = Post.objects.alive().filter(network=ID, external_id=parent_id).first()
    if parent is None:
        raise problem(403, "Forbidden", "You attempted to reply to a Tweet that is deleted or not visible to you.")
    if parent.account != account.external_id and f"@{account.username}".lower() not in parent.text.lower():
        raise problem(403, "Forbidden", f"{REPLY_REFUSED} by the author of the post you are replying to.")
    return parent


def refuse_duplicate(call: Call, token: Token, text: str) -> None:
    """Refuse a text that the user has posted within the last day."""
    recent = Post.objects.alive().of(ID, token.account).filter(created_at__gt=call.now - DUPLICATE_WINDOW)
    if text.strip() and recent.filter(text=text.strip()).exists():
        raise problem(403, "Forbidden", "You are not allowed to create a Tweet with duplicate content.")


def publish(call: Call, account: Account, text: str, files: list[Media], parent: Post | None) -> Post:
    """Make the post visible, with its text as X gives it back."""
    external_id = publishing.snowflake(call.now)
    url = f"https://x.com/{account.username}/status/{external_id}"
    shown, urls = shortened(text.strip(), f"{url}/photo/1" if files else "")
    return publishing.publish(
        now=call.now,
        lag=call.seconds("list_lag"),
        network=ID,
        account=account.external_id,
        external_id=external_id,
        kind=Post.COMMENT if parent else Post.POST,
        root=(parent.root or parent.external_id) if parent else "",
        parent=parent.external_id if parent else "",
        text=text.strip(),
        media=[{"id": file.external_id, "alt": file.alt_text} for file in files],
        url=url,
        data={"text": shown, "urls": urls, "parent_author": parent.account if parent else ""},
    )


def shortened(text: str, media_url: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the text with t.co addresses and escaped signs, and the list of what they stand for."""
    shown, position, entities = "", 0, []
    for url in counting.urls(text):
        shown += html.escape(text[position : url.start], quote=False)
        entities.append(entity(len(shown), url.expanded))
        shown += str(entities[-1]["url"])
        position = url.end
    shown += html.escape(text[position:], quote=False)
    if media_url:
        shown += " " if shown else ""
        entities.append(entity(len(shown), media_url))
        shown += str(entities[-1]["url"])
    return shown, entities


def entity(start: int, expanded: str) -> dict[str, Any]:
    """Return the entity of a shortened address."""
    short = f"https://t.co/{hashlib.sha256(expanded.encode()).hexdigest()[:10]}"
    display = expanded.partition("://")[2]
    return {"start": start, "end": start + len(short), "url": short, "expanded_url": expanded, "display_url": display}


def fields_of(call: Call) -> set[str]:
    """Return the fields to show: what was asked under the old or new name, and what is always there."""
    fields = chosen_fields(call, "tweet.fields", FIELDS) | chosen_fields(call, "post.fields", FIELDS)
    history = "edit_history_post_ids" if call.text("post.fields") else "edit_history_tweet_ids"
    return fields | {"id", "text", history}


def shown(call: Call, post: Post, fields: set[str]) -> dict[str, Any]:
    """Return the asked fields of a post; private numbers only where they may be seen."""
    everything = public(call, post)
    if may_see_private(call, post):
        everything |= {name: private_metrics(call, post) for name in PRIVATE}
    everything |= {new: everything[old] for new, old in OLD_NAMES.items() if old in everything}
    return {name: everything[name] for name in FIELDS if name in fields and name in everything}


def public(call: Call, post: Post) -> dict[str, Any]:
    """Return the fields that everybody sees."""
    facts: dict[str, Any] = {
        "id": post.external_id,
        "text": post.data["text"],
        "created_at": stamp(post.created_at),
        "author_id": post.account,
        "conversation_id": post.root or post.external_id,
        "edit_history_tweet_ids": [post.external_id],
        "public_metrics": {name: counted(call, post, name, most) for name, most in PUBLIC_METRICS.items()},
        "lang": "en",
        "possibly_sensitive": False,
        "reply_settings": "everyone",
    }
    replies = Post.objects.alive().filter(network=ID, parent=post.external_id).count()
    facts["public_metrics"]["reply_count"] += replies
    if post.data["urls"]:
        facts["entities"] = {"urls": post.data["urls"]}
    if post.media:
        facts["attachments"] = {"media_keys": [f"3_{item['id']}" for item in post.media]}
    if post.parent:
        facts["referenced_tweets"] = [{"type": "replied_to", "id": post.parent}]
        facts["in_reply_to_user_id"] = post.data["parent_author"]
    return facts


def counted(call: Call, post: Post, metric: str, most: int) -> int:
    """Return a number of the post as it stands now."""
    return growth.grown(post.external_id, metric, since=post.created_at, now=call.now, most=most)


def private_metrics(call: Call, post: Post) -> dict[str, int]:
    """Return the numbers that only the author sees."""
    names = {"impression_count": 1500, "url_link_clicks": 30, "user_profile_clicks": 9, "engagements": 100}
    return {name: counted(call, post, name, most) for name, most in names.items()}


def may_see_private(call: Call, post: Post) -> bool:
    """Return whether the caller wrote this post, less than 30 days ago."""
    young = post.created_at > call.now - PRIVATE_METRICS_AGE
    return call.token is not None and call.token.account == post.account and young


def stamp(at: datetime) -> str:
    """Return a time as X writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


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
    return JsonResponse(answer([shown(call, post, fields) for post in posts], errors))


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
    post = Post.objects.alive().filter(network=ID, external_id=post_id).first()
    if post is None:
        return JsonResponse(answer(None, [not_found("tweet", post_id)]))
    errors = [forbidden_field(post, name) for name in forbidden(call, post, fields)]
    return JsonResponse(answer(shown(call, post, fields), errors))


def delete(call: Call, post_id: str) -> HttpResponse:
    """Delete a post of the caller."""
    token = authorized(call, "tweet.read", "tweet.write", "users.read")
    own = Post.objects.alive().of(ID, token.account).filter(external_id=post_id)
    if not own.update(deleted_at=call.now) and Post.objects.filter(network=ID, external_id=post_id).exists():
        raise problem(403, "Forbidden", "You are not authorized to delete this Tweet.")
    return JsonResponse({"data": {"deleted": True}})
