"""Comments under YouTube's videos: written, answered, listed newest first."""

import secrets
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import publishing
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Post
from ouipost.simulator.networks.youtube.access import FORCE_SSL, ID, authorized, refusal, writing
from ouipost.simulator.networks.youtube.videos import page_size, parts_of, stamp, watch_url

PARTS = ("id", "snippet")
MAX_COMMENT = 10_000


def insert_thread(call: Call) -> HttpResponse:
    """Comment on a video."""
    token = writing(call, FORCE_SSL)
    parts_of(call, PARTS)
    match call.json:
        case {"snippet": {"videoId": str() as video_id, "topLevelComment": {"snippet": {"textOriginal": text}}}}:
            pass
        case _:
            raise refused("commentTextRequired", "The comment resource that is being inserted must specify a text.")
    video = commentable(video_id)
    comment = publish(call, token.account, checked(text), video, parent=video.external_id, number=thread_id())
    return JsonResponse(thread(comment))


def commentable(video_id: str) -> Post:
    """Return a video that may have comments, or refuse."""
    video = Post.objects.alive().filter(network=ID, external_id=video_id, kind=Post.POST).first()
    if video is None:
        raise refusal(404, "videoNotFound", "The video cannot be found.", domain="youtube.commentThread")
    if video.data["made_for_kids"]:
        message = "The video identified by the videoId parameter has disabled comments."
        raise refusal(403, "commentsDisabled", message, domain="youtube.commentThread", word="PERMISSION_DENIED")
    return video


def insert_reply(call: Call) -> HttpResponse:
    """Answer a comment."""
    token = writing(call, FORCE_SSL)
    parts_of(call, PARTS)
    match call.json:
        case {"snippet": {"parentId": str() as parent_id, "textOriginal": text}}:
            pass
        case _:
            raise refused("commentTextRequired", "The comment resource that is being inserted must specify a text.")
    parent = Post.objects.alive().filter(network=ID, external_id=parent_id, kind=Post.COMMENT).first()
    if parent is None:
        raise refusal(404, "parentCommentNotFound", "The parent comment cannot be found.", domain="youtube.comment")
    video = Post.objects.get(network=ID, external_id=parent.root)
    number = f"{parent_id}.{secrets.token_urlsafe(16)}"
    return JsonResponse(resource(publish(call, token.account, checked(text), video, parent=parent_id, number=number)))


def refused(reason: str, message: str) -> Exception:
    """Return the refusal of a comment that is wrong in itself."""
    return refusal(400, reason, message, domain="youtube.comment")


def thread_id() -> str:
    """Return a new id of a comment."""
    return f"Ugz{secrets.token_urlsafe(16)}"


def checked(text: Any) -> str:
    """Return the text of a comment, or refuse one that is empty or too long."""
    if not isinstance(text, str) or not text.strip():
        raise refused("commentTextRequired", "The comment resource that is being inserted must specify a text.")
    if len(text) > MAX_COMMENT:
        raise refused("commentTextTooLong", "The comment resource contains too many characters.")
    return text


def publish(call: Call, channel: str, text: str, video: Post, *, parent: str, number: str) -> Post:
    """Put a comment under a video."""
    return publishing.publish(
        call,
        ID,
        account=channel,
        external_id=number,
        kind=Post.COMMENT,
        root=video.external_id,
        parent=parent,
        text=text,
        url=f"{watch_url(video.external_id)}&lc={number}",
    )


def listing(call: Call) -> HttpResponse:
    """List the comments on a video, without the answers to them, newest first."""
    authorized(call, FORCE_SSL)
    parts_of(call, PARTS)
    size = page_size(call, 20, 1, 100)
    video = commentable(call.text("videoId"))
    under = Post.objects.filter(network=ID, parent=video.external_id)
    comments = under.listed(call.now, call.seconds("list_lag"))
    if last := comments.filter(external_id=call.text("pageToken") or "-").first():
        comments = comments.older_than(last)
    found = list(comments.order_by("-created_at", "-pk")[: size + 1])
    items = [thread(comment) for comment in found[:size]]
    answer: dict[str, Any] = {"kind": "youtube#commentThreadListResponse", "items": items}
    if len(found) > size:
        answer["nextPageToken"] = found[size - 1].external_id
    return JsonResponse(answer)


def thread(comment: Post) -> dict[str, Any]:
    """Return a comment and how often it was answered."""
    replies = Post.objects.alive().filter(network=ID, parent=comment.external_id).count()
    return {
        "kind": "youtube#commentThread",
        "id": comment.external_id,
        "snippet": {"videoId": comment.root, "topLevelComment": resource(comment), "totalReplyCount": replies},
    }


def resource(comment: Post) -> dict[str, Any]:
    """Return a comment as YouTube shows it to everybody, and its text as it was written."""
    author = Account.objects.get(network=ID, external_id=comment.account)
    return {
        "kind": "youtube#comment",
        "id": comment.external_id,
        "snippet": {
            "textDisplay": comment.text,
            "textOriginal": comment.text,
            "authorDisplayName": f"@{author.username}",
            "authorChannelId": {"value": comment.account},
            "publishedAt": stamp(comment.created_at),
        },
    }
