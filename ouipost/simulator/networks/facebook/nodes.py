"""The nodes of posts, photos and videos in Facebook's Graph."""

import re
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, growth
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Media, Post
from ouipost.simulator.networks.facebook import processing
from ouipost.simulator.networks.facebook.access import ID, authorized, page_token, sees

REACTIONS = {
    "post_reactions_like_total": 60,
    "post_reactions_love_total": 20,
    "post_reactions_wow_total": 8,
    "post_reactions_haha_total": 8,
    "post_reactions_sorry_total": 4,
    "post_reactions_anger_total": 2,
}
MOST_COMMENTS, MOST_SHARES = 15, 12
SUMMARIES = {"comments", "reactions"}
STATUS_TYPES = {"photo": "added_photos", "video": "added_video", "reel": "added_video"}


def published(call: Call, page: str) -> HttpResponse:
    """List the page's own posts, newest first."""
    token = page_token(call, page, "pages_read_engagement")
    fields = post_fields(call)

    def shown(post: Post) -> dict[str, Any]:
        return graph.pick(post_node(call, post), fields, "Post")

    return JsonResponse(graph.page_of(call, within(call, token.account, Post.POST), shown))


def feed(call: Call, page: str) -> HttpResponse:
    """List the page's feed, including posts of visitors."""
    authorized(call, "pages_read_user_content")
    return published(call, page)


def within(call: Call, account: str, kind: str) -> list[Post]:
    """Return the posts of this kind between `since` and `until`, newest first."""
    posts = Post.objects.of(ID, account).listed(call.now, call.seconds("list_lag")).filter(kind=kind)
    if since := graph.moment(call, "since"):
        posts = posts.filter(created_at__gte=since)
    if until := graph.moment(call, "until"):
        posts = posts.filter(created_at__lte=until)
    return list(posts.order_by("-created_at", "-pk"))


def post_fields(call: Call) -> graph.Fields:
    """Return the requested fields of a post; counts of comments and reactions require their own scope."""
    fields = graph.fields_of(call.text("fields") or "id,message,created_time")
    if SUMMARIES & set(fields):
        authorized(call, "pages_read_user_content")
    return fields


def existing(call: Call, external_id: str) -> Post:
    """Return an existing post or comment of a page that the token may see, or refuse; a post with a video is also found
    by the video's id."""
    token = authorized(call)
    found = Post.objects.alive().filter(network=ID, created_at__lte=call.now)
    post = found.filter(external_id=external_id).first()
    if post is None:
        page, _, video_id = external_id.rpartition("_")
        video = processing.find(video_id, page)
        post = found.filter(external_id=video.data["post"]).first() if video else None
    if post is None or not sees(token, post.account):
        raise graph.missing(call)
    return post


def show(call: Call, node_id: str) -> HttpResponse:
    """Show the asked fields of a post, comment, photo or video."""
    token = authorized(call, "pages_read_engagement")
    if (video := processing.find(node_id)) and sees(token, video.account):
        fields = graph.fields_of(call.text("fields") or "id,description,updated_time")
        return JsonResponse(graph.pick(processing.node(video, call.now), fields, "Video"))
    photo = Media.objects.defer("content").filter(network=ID, external_id=node_id).first()
    if photo is not None:
        if not sees(token, photo.account) or (not photo.used and photo.expires_at <= call.now):
            raise graph.missing(call)
        fields = graph.fields_of(call.text("fields") or "id,created_time")
        return JsonResponse(graph.pick(photo_node(photo), fields, "Photo"))
    post = existing(call, node_id)
    if post.kind == Post.COMMENT:
        fields = graph.fields_of(call.text("fields") or "id,message,created_time")
        return JsonResponse(graph.pick(comment_node(post), fields, "Comment"))
    return JsonResponse(graph.pick(post_node(call, post), post_fields(call), "Post"))


def photo_node(photo: Media) -> dict[str, Any]:
    """Return the fields of a photo."""
    return {
        "id": photo.external_id,
        "created_time": graph.stamp(photo.created_at),
        "width": photo.width,
        "height": photo.height,
        "alt_text_custom": photo.alt_text or None,
    }


def comment_node(post: Post) -> dict[str, Any]:
    """Return the fields of a comment."""
    return {
        "id": post.external_id,
        "message": post.text,
        "from": author(post),
        "created_time": graph.stamp(post.created_at),
        "permalink_url": post.url,
    }


def post_node(call: Call, post: Post) -> dict[str, Any]:
    """Return the fields of a post."""
    shares = growth.counted(call, post, "shares", MOST_SHARES)
    return {
        "id": post.external_id,
        "message": post.text or None,
        "created_time": graph.stamp(post.created_at),
        "updated_time": graph.stamp(post.created_at),
        "permalink_url": post.url,
        "is_published": True,
        "status_type": STATUS_TYPES.get(post.data.get("kind", ""), "mobile_status_update"),
        "from": author(post),
        "attachments": attachments(post),
        "shares": {"count": shares} if shares else None,
        "comments": summary(call, "comments", comment_count(call, post)),
        "reactions": summary(call, "reactions", sum(by_kind(call, post).values())),
    }


def comment_count(call: Call, post: Post) -> int:
    """Return the number of comments on a post: simulated ones of strangers, and stored ones."""
    there = Post.objects.alive().filter(network=ID, root=post.external_id).count()
    return growth.counted(call, post, "comments", MOST_COMMENTS) + there


def by_kind(call: Call, post: Post) -> dict[str, int]:
    """Return the numbers of reactions, by the names of the metrics."""
    return {name: growth.counted(call, post, name, most) for name, most in REACTIONS.items()}


def summary(call: Call, edge: str, total: int) -> dict[str, Any]:
    """Return an edge without entries, and with its size if the summary is requested."""
    asked = re.search(rf"\b{edge}(?:\.\w+\(\w*\))*\.summary\((?:true|1)\)", call.text("fields"))
    return {"data": []} | ({"summary": {"total_count": total}} if asked else {})


def author(post: Post) -> dict[str, str]:
    """Return the author of a post."""
    account = Account.objects.get(network=ID, external_id=post.account)
    return {"id": account.external_id, "name": account.name}


def attachments(post: Post) -> dict[str, Any] | None:
    """Return the attachments of a post: its photos, its video, or its link."""
    is_photo = post.data.get("kind") == "photo"
    address = "https://www.facebook.com/photo/?fbid={}" if is_photo else "https://www.facebook.com/watch/?v={}"
    files = [
        {
            "media_type": "photo" if is_photo else "video",
            "target": {"id": item["id"], "url": address.format(item["id"])},
            "url": address.format(item["id"]),
        }
        for item in post.media
    ]
    link = post.data.get("link")
    links = [{"media_type": "link", "target": {"url": link}, "url": link}] if link else []
    return {"data": files + links} if files or links else None
