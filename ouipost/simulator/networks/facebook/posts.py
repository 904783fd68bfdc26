"""Posts of Facebook pages: publishing texts, links and photos, changing and deleting them."""

import time
from datetime import timedelta
from urllib.parse import urlsplit

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, media, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.models import Account, Media, Post, atomic
from ouipost.simulator.networks.facebook import processing
from ouipost.simulator.networks.facebook.access import CREATE_CONTENT, ID, MODERATE, WRITE, page_token
from ouipost.simulator.networks.facebook.nodes import existing

MAX_MESSAGE = 63_206
MAX_PHOTOS = 10
MAX_PHOTO_BYTES = 10 * 1024 * 1024
PHOTO_FORMATS = ("JPEG", "MPO", "BMP", "PNG", "GIF", "TIFF")
UNPUBLISHED_LIFETIME = timedelta(hours=24)


def create(call: Call, page: str) -> HttpResponse:
    """Publish a text, a link, or photos that were uploaded before."""
    token = page_token(call, page, *WRITE, task=CREATE_CONTENT)
    if not call.flag("published", default=True) or call.text("scheduled_publish_time"):
        raise invalid("The simulator publishes at once; leave out published and scheduled_publish_time")
    message, link = call.text("message"), call.text("link")
    photo_ids = attached(call)
    check_message(message)
    if not (message or link or photo_ids):
        raise invalid("You must provide one of message, link or attached_media")
    if link and not is_address(link):
        raise error("(#1609005) There was a problem scraping data from the provided link.", 1609005)
    with atomic():
        # the lock orders simultaneous calls, so that one sees the other as the last post
        Account.objects.select_for_update().get(network=ID, external_id=token.account)
        refuse_repetition(token.account, message, link, photo_ids)
        photos = [take_photo(call, token.account, photo_id) for photo_id in photo_ids]
        post = publish(call, token.account, message, photos, link=link)
    return JsonResponse({"id": post.external_id})


def check_message(message: str) -> None:
    """Refuse a text that is too long for a post."""
    if len(message) > MAX_MESSAGE:
        raise invalid(f"Param message must be at most {MAX_MESSAGE} characters long")


def is_address(link: str) -> bool:
    """Return whether this is a web address that can be scraped."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "." in (parts.hostname or "") and " " not in link


def attached(call: Call) -> list[str]:
    """Return the photo ids of attached_media, in any of the spellings that Graph takes."""
    value = graph.structure(call, "attached_media")
    if value is None and not call.text("attached_media"):
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) and item.get("media_fbid") for item in value):
        raise invalid("Param attached_media must be an array of {media_fbid}")
    if len(value) > MAX_PHOTOS:
        raise invalid(f"Param attached_media must have at most {MAX_PHOTOS} entries")
    return [str(item["media_fbid"]) for item in value]


def refuse_repetition(account: str, message: str, link: str, photo_ids: list[str]) -> None:
    """Refuse a post that is equal to the page's last one."""
    last = Post.objects.alive().of(ID, account).filter(kind=Post.POST).order_by("-created_at", "-pk").first()
    if last is None or photo_ids or last.media or not message:
        return
    if (last.text, last.data.get("link", "")) == (message, link):
        raise error(
            "Duplicate status message",
            506,
            1455006,
            error_user_title="Duplicate Status Update",
            error_user_msg="This status update is identical to the last one you posted. Try posting something "
            "different, or delete your previous update.",
        )


def take_photo(call: Call, account: str, photo_id: str) -> Media:
    """Return an unpublished photo of this page and mark it used, or refuse."""
    photo = media.usable(ID, account, photo_id, call.now)
    if photo is None:
        raise error(f"(#100) Invalid parameter: photo {photo_id} does not exist", 100, 33)
    if not Media.objects.filter(pk=photo.pk, used=False).update(used=True):
        raise error("(#100) Photos were already posted.", 100, 1366051)
    return photo


def publish(call: Call, account: str, text: str, photos: list[Media], *, link: str = "", kind: str = Post.POST) -> Post:
    """Make a post or a story of the page visible."""
    external_id = f"{account}_{publishing.snowflake(call.now)}"
    return publishing.publish(
        call,
        ID,
        account=account,
        external_id=external_id,
        kind=kind,
        text=text,
        media=[{"id": photo.external_id, "alt": photo.alt_text} for photo in photos],
        url=f"https://www.facebook.com/{external_id}",
        data={"link": link, "kind": "photo" if photos else ""},
    )


def add_photo(call: Call, page: str) -> HttpResponse:
    """Store a photo, and publish it with its caption unless it is for a later post."""
    token = page_token(call, page, *WRITE, task=CREATE_CONTENT)
    check_message(call.text("caption"))
    content = photo_bytes(call)
    picture = examine(call, content)
    time.sleep(call.seconds("slow_processing"))
    published = call.flag("published", default=True)
    with atomic():
        photo = media.keep(
            call,
            ID,
            token.account,
            publishing.snowflake(call.now),
            content,
            lifetime=UNPUBLISHED_LIFETIME,
            seen=picture,
            alt_text=call.text("alt_text_custom"),
            used=published,
        )
        if not published:
            return JsonResponse({"id": photo.external_id})
        post = publish(call, token.account, call.text("caption"), [photo])
    return JsonResponse({"id": photo.external_id, "post_id": post.external_id})


def photo_bytes(call: Call) -> bytes:
    """Return the sent file, or the file fetched from the sent address."""
    if "source" in call.files:
        return call.files["source"]
    if not call.text("url"):
        raise error("(#324) Requires upload file", 324)
    return graph.fetch(call.text("url"), most=MAX_PHOTO_BYTES)


def examine(call: Call, content: bytes) -> media.Picture:
    """Return the facts of a photo that Facebook takes, or refuse it."""
    if len(content) > MAX_PHOTO_BYTES:
        raise error("(#324) Your photos couldn't be uploaded: the file is larger than 10 MB.", 324, 1366046)
    picture = media.look_at(content)
    if picture is None:
        raise error("(#324) Missing or invalid image file", 324)
    if picture.format not in PHOTO_FORMATS or "processing_failed" in call.effects:
        raise error("(#324) Your photos couldn't be uploaded: use JPEG, BMP, PNG, GIF or TIFF.", 324, 1366046)
    return picture


def edit(call: Call, post_id: str) -> HttpResponse:
    """Change the text of a post of the token's page."""
    post = existing(call, post_id)
    page_token(call, post.account, "pages_manage_posts", task=CREATE_CONTENT)
    message = call.text("message")
    check_message(message)
    if not message:
        raise invalid("Param message must be non-empty")
    Post.objects.filter(pk=post.pk).update(text=message)
    return JsonResponse({"success": True})


def delete(call: Call, post_id: str) -> HttpResponse:
    """Delete a post with its comments, a comment, or a video with its post, of the token's page.

    Which task a post's deletion needs is not documented; here it is the one for publishing.
    """
    if (video := processing.find(post_id)) and video.data["post"]:
        post_id = video.data["post"]
    post = existing(call, post_id)
    if post.kind == Post.COMMENT:
        page_token(call, post.account, "pages_manage_engagement", task=MODERATE)
    else:
        page_token(call, post.account, "pages_manage_posts", task=CREATE_CONTENT)
    publishing.delete(call, post)
    return JsonResponse({"success": True})
