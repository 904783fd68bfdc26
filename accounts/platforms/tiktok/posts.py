"""TikTok's posts: the requests, the handles kept between the calls, and the results."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.platforms.base import Save
from accounts.platforms.errors import PlatformError, StillWorking
from accounts.platforms.http import dig_text
from accounts.platforms.shapes import Account, Content, Handles, Operation, Published
from accounts.platforms.tiktok import errors as tiktok_errors
from accounts.platforms.tiktok.validation import CREATOR, INTERACTIONS, PUBLIC
from accounts.platforms.uploads import UPLOADS, uploaded
from ouipost.phrases import Phrase

UPLOAD_LIVES = timedelta(minutes=55)
"""TikTok takes bytes for an hour."""
MODERATION = timedelta(minutes=1)
"""A public post mostly has its id after this time; a longer wait would delay the report of a published post."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
PAUSE_FOR_ID, PAUSE_AFTER_FAILURE = 10.0, 60.0
LONGEST_PAUSE_FOR_FILES, FETCHED_WITHIN = 7200.0, 21_600.0
"""Seconds: the longest pause before photos that TikTok could not fetch are sent again, and the time for that."""
PHOTOS = "photos"
PHOTO = "photo"


def is_public(content: Content) -> bool:
    """Return whether the post will be public; only then it gets an id and is listed."""
    return content.options.get("privacy_level") == PUBLIC


def for_this_try(operation: Operation, handles: Handles) -> Handles:
    """Return the handles for this try, marked if photos, or a post that TikTok gave up, are sent once more.

    The mark must not be saved before they are sent: a process that dies before that has not sent them again. Photos
    that TikTok could not fetch are certainly not there: they are sent as if for the first time.
    """
    given_up = handles.get("given_up")
    photos_again = operation.armed_at is not None and operation.content.video is None
    is_marked = given_up not in tiktok_errors.NOT_FETCHED and (photos_again or given_up is not None)
    left = {name: handle for name, handle in handles.items() if name != "given_up"}
    return left | ({"again": True} if is_marked else {})


def about_to_be_whole(handles: Handles) -> Handles:
    """Return the handles marked as those of a video whose last chunk is sent next.

    This mark must not be saved before the chunk may be sent, either.
    """
    return {**handles, "last": True}


def may_be_whole(handles: Handles) -> bool:
    """Return whether the last chunk of a video may have been sent."""
    return "last" in handles


def without_post(handles: Handles) -> dict[str, Any]:
    """Return the handles without those of a post that was begun and dropped."""
    return {name: handles[name] for name in (UPLOADS, "again") if name in handles}


def takes_bytes(handles: Handles, now: datetime) -> bool:
    """Return whether a video was begun and TikTok still takes its bytes."""
    is_open = "upload_url" in handles and not handles.get("gone")
    return is_open and datetime.fromisoformat(handles["begun_at"]) >= now - UPLOAD_LIVES


def video_info(content: Content, handles: Handles) -> dict[str, Any]:
    """Return the `post_info` of a video."""
    info = {"title": content.text} | _info(content, handles, INTERACTIONS)
    return info | _given(content, "is_aigc", "video_cover_timestamp_ms")


def with_photos(content: Content, handles: Handles, save: Save) -> Handles:
    """Return the handles with the photos' addresses; they are saved after each conversion, which may take long."""
    addresses = []
    for each in content.media:
        addresses.append(each.pull_url())
        if each.converted:
            save(handles)
    return {**handles, PHOTOS: addresses}


def photo_post(content: Content, handles: Handles) -> dict[str, Any]:
    """Return the request that posts photos, which TikTok fetches from us."""
    texts = {"title": content.title, "description": content.text}
    info = {name: text for name, text in texts.items() if text} | _info(content, handles, INTERACTIONS[:1])
    source = {"source": "PULL_FROM_URL", "photo_images": handles[PHOTOS]}
    return {
        "media_type": "PHOTO",
        "post_mode": "DIRECT_POST",
        "post_info": info | _given(content, "auto_add_music"),
        "source_info": source | {"photo_cover_index": content.options.get("photo_cover_index", 0)},
    } | _given(content, "is_aigc")


def _info(content: Content, handles: Handles, interactions: tuple[str, ...]) -> dict[str, Any]:
    """Return the common part of `post_info`; an interaction that the creator has turned off stays off."""
    creator, options = uploaded(handles, CREATOR), content.options
    closed = {
        f"disable_{each}": creator.get(f"{each}_disabled") is True or options.get(f"disable_{each}", False)
        for each in interactions
    }
    disclosed = {name: options.get(name, False) for name in ("brand_content_toggle", "brand_organic_toggle")}
    return {"privacy_level": options.get("privacy_level", "")} | closed | disclosed


def _given(content: Content, *names: str) -> dict[str, Any]:
    return {name: content.options[name] for name in names if name in content.options}


def taken(message: str, handles: Mapping[str, Any]) -> StillWorking:
    """Return the error that makes the engine ask for the outcome later."""
    return StillWorking(message, retry_after=FIRST_PAUSE, handles=handles)


def still_working(operation: Operation) -> StillWorking:
    """Return the error that makes the engine ask again, with growing waits."""
    wait = min(max(operation.waited / 2, FIRST_PAUSE), LONGEST_PAUSE)
    return StillWorking(Phrase("TikTok is working on the post."), retry_after=wait)


def misses_bytes(operation: Operation, arrived: int | None) -> bool:
    """Return whether the last chunk certainly did not arrive, or may be sent again without harm."""
    video, handles = operation.content.video, operation.handles
    if video is None or handles.get("complete"):
        return False
    return takes_bytes(handles, operation.now) if arrived is None else arrived < video.size


def given_up(operation: Operation, reason: str) -> PlatformError:
    """Return the error of a post that TikTok gave up; for a temporary reason the post is sent again."""
    pause = _pause_before_another(operation, reason)
    if pause is None:
        return tiktok_errors.given_up(reason)
    if reason in tiktok_errors.NOT_FETCHED:
        told = Phrase("TikTok could not fetch the files from this installation's public address: they are sent again.")
    else:
        told = Phrase("TikTok gave up on the post: it is sent once more.")
    return StillWorking(
        told,
        retry_after=pause,
        handles=without_post(operation.handles) | {"given_up": reason},
        network_code=reason,
    )


def _pause_before_another(operation: Operation, reason: str) -> float | None:
    """Return the seconds before the post is sent again; None if it is not.

    After an error of TikTok's it is sent once more. If TikTok could not fetch the files, it is sent again for hours,
    with growing pauses: the web process may be away while the workers run.
    """
    if reason in tiktok_errors.NOT_FETCHED:
        pause = min(max(2 * operation.waited, PAUSE_AFTER_FAILURE), LONGEST_PAUSE_FOR_FILES)
        return pause if operation.waited + pause < FETCHED_WITHIN else None
    is_first = reason == tiktok_errors.INTERNAL and not operation.handles.get("again")
    return PAUSE_AFTER_FAILURE if is_first else None


def published(operation: Operation, publish_id: str, status: Any) -> Published:
    """Return the post; one that is not public has no id, and is identified by its publish_id.

    Raises StillWorking for a public one that may get its id soon.
    """
    post_id = dig_text(status, "publicaly_available_post_id", 0)
    if post_id:
        return shown(operation.account, kind_of(publish_id), post_id)
    if is_public(operation.content) and operation.now < operation.begun_again("begun_at") + MODERATION:
        raise StillWorking(Phrase("TikTok has published the post and is reviewing it."), retry_after=PAUSE_FOR_ID)
    return Published(remote_id=publish_id, url=f"https://www.tiktok.com/@{operation.account.username}")


def kind_of(publish_id: str) -> str:
    """Return the kind of post with this publish_id."""
    return PHOTO if publish_id.startswith("p_") else "video"


def shown(account: Account, kind: str, post_id: str) -> Published:
    """Return a post by its own id, with an address made of the id, whose form for photos is from memory.

    The real address comes with the post's numbers.
    """
    return Published(remote_id=post_id, url=f"https://www.tiktok.com/@{account.username}/{kind}/{post_id}")
