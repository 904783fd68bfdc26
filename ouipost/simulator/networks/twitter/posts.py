"""Posts on X: checked, created once, with t.co addresses, deleted."""

import hashlib
import html
from datetime import timedelta
from typing import Any

import regex
from django.http import HttpResponse, JsonResponse

from ouipost.simulator import counting, media, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Media, Post, Token, atomic
from ouipost.simulator.networks.twitter.access import ID, authorized, invalid, is_premium, problem
from ouipost.simulator.networks.twitter.media import GIF, IMAGE, key_of

MAX_WEIGHT, MAX_PREMIUM_WEIGHT = 280, 25_000
MAX_IMAGES = 4
MAX_VIDEO_MINUTES, MAX_PREMIUM_VIDEO_MINUTES = 20, 125
DUPLICATE_WINDOW = timedelta(hours=24)
REPLY_REFUSED = "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged"
REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
FLAGS = ("made_with_ai", "paid_partnership")
UNSUPPORTED = ("poll", "quote_tweet_id", "community_id", "edit_options")
SCHEMA = {
    "": {"text", "media", "reply", "reply_settings", *FLAGS, *UNSUPPORTED},
    "media": {"media_ids", "tagged_user_ids"},
    "reply": {"in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata"},
}
"""The fields of a post, and of its nested objects."""
CASHTAG = regex.compile(r"(?<![\w$])\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?(?!\w)")


def create(call: Call) -> HttpResponse:
    """Publish a post, or a reply, once: the same text again is refused for a day."""
    token = authorized(call, "tweet.read", "tweet.write", "users.read")
    body = checked(call)
    text = body.get("text", "")
    with atomic():
        # the lock makes one of two equal posts at the same moment the duplicate
        account = Account.objects.select_for_update().get(network=ID, external_id=token.account)
        check_text(body, MAX_PREMIUM_WEIGHT if is_premium(account) else MAX_WEIGHT)
        files = [file_of(call, token, media_id) for media_id in media_ids(body)]
        check_files(files, account)
        parent = parent_of(body, account)
        refuse_duplicate(call, token, text)
        Media.objects.filter(pk__in=[file.pk for file in files]).update(used=True)
        post = publish(call, account, body, files, parent)
    answer = {"id": post.external_id, "text": post.data["text"], "edit_history_tweet_ids": [post.external_id]}
    return JsonResponse({"data": answer}, status=201)


def checked(call: Call) -> dict[str, Any]:
    """Return the JSON body, or refuse one that X takes from nobody."""
    body = call.json
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.", "body")
    refuse_unknown(body)
    for name in UNSUPPORTED:
        if name in body:
            raise problem(403, "Forbidden", f"You are not permitted to use {name}.", "client-forbidden")
    for name in FLAGS:
        if not isinstance(body.get(name, False), bool):
            raise invalid(f"{name} must be true or false.", name)
    if "reply_settings" in body and body["reply_settings"] not in REPLY_SETTINGS:
        raise invalid(f"reply_settings must be one of {', '.join(REPLY_SETTINGS)}.", "reply_settings")
    return body


def refuse_unknown(body: dict[str, Any]) -> None:
    """Refuse a field that a post, or a nested object of it, does not have."""
    for part, known in SCHEMA.items():
        fields = body.get(part, {}) if part else body
        for name in sorted(fields.keys() - known if isinstance(fields, dict) else ()):
            path = ".".join(filter(None, ("$", part, name)))
            words = f"{path}: is not defined in the schema and the schema does not allow additional properties"
            raise invalid(words, name)


def check_text(body: dict[str, Any], most: int) -> None:
    """Refuse a text that is missing, too long, or names two stocks."""
    text = body.get("text", "")
    if not isinstance(text, str) or not (text.strip() or body.get("media")):
        raise invalid("text must be a text that is not empty, unless there is media.", "text")
    if counting.weighted_length(text) > most:
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
    return file


def check_files(files: list[Media], account: Account) -> None:
    """Refuse a GIF or a video beside other files, and a video that is too long for this user."""
    kinds = [file.data.get("category", IMAGE) for file in files]
    if len(files) > 1 and (set(kinds) != {IMAGE} or any(file.animated for file in files)):
        raise invalid("A GIF or a video cannot be mixed with other media.", "media.media_ids")
    minutes = MAX_PREMIUM_VIDEO_MINUTES if is_premium(account) else MAX_VIDEO_MINUTES
    if any(file.data.get("seconds", 0) > minutes * 60 for file in files):
        words = f"This user is not allowed to post a video longer than {minutes} minutes."
        raise problem(403, "Forbidden", words)


def parent_of(body: dict[str, Any], account: Account) -> Post | None:
    """Return the post that is replied to: the account's own, or one that names it; refuse any other."""
    reply = body.get("reply")
    if reply is None:
        return None
    parent_id = reply.get("in_reply_to_tweet_id") if isinstance(reply, dict) else None
    if not isinstance(parent_id, str) or not parent_id.isdigit():
        raise invalid("reply.in_reply_to_tweet_id must be the id of a post.", "reply.in_reply_to_tweet_id")
    parent = Post.objects.living(ID, parent_id)
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


def publish(call: Call, account: Account, body: dict[str, Any], files: list[Media], parent: Post | None) -> Post:
    """Make the post visible, with its text as X gives it back."""
    external_id, text = publishing.snowflake(call.now), body.get("text", "").strip()
    url = f"https://x.com/{account.username}/status/{external_id}"
    kind = "photo" if any(file.data.get("category", IMAGE) in (IMAGE, GIF) for file in files) else "video"
    settings = {name: body[name] for name in ("reply_settings", *FLAGS) if name in body}
    return publishing.publish(
        call,
        ID,
        account=account.external_id,
        external_id=external_id,
        kind=Post.COMMENT if parent else Post.POST,
        root=(parent.root or parent.external_id) if parent else "",
        parent=parent.external_id if parent else "",
        text=text,
        media=[{"id": file.external_id, "alt": file.alt_text, "key": key_of(file)} for file in files],
        url=url,
        data=written(text, f"{url}/{kind}/1" if files else "")
        | settings
        | {"parent_author": parent.account if parent else ""},
    )


def written(text: str, media_url: str) -> dict[str, Any]:
    """Return the text as X shows it, and, of a long one, the note that has it whole."""
    if counting.weighted_length(text) <= MAX_WEIGHT:
        shown, urls = shortened(text, media_url)
        return {"text": shown, "urls": urls}
    whole, links = shortened(text, "")
    note = {"text": whole} | ({"entities": {"urls": links}} if links else {})
    cut, urls = shortened(f"{text[: MAX_WEIGHT // 2]}…", media_url)
    return {"text": cut, "urls": urls, "note": note}


def shortened(text: str, media_url: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the text with t.co addresses and escaped signs, and the list of the original addresses."""
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


def delete(call: Call, post_id: str) -> HttpResponse:
    """Delete a post of the caller."""
    token = authorized(call, "tweet.read", "tweet.write", "users.read")
    own = Post.objects.alive().of(ID, token.account).filter(external_id=post_id)
    if not own.update(deleted_at=call.now) and Post.objects.filter(network=ID, external_id=post_id).exists():
        raise problem(403, "Forbidden", "You are not authorized to delete this Tweet.")
    return JsonResponse({"data": {"deleted": True}})
