"""Stories of Facebook pages, and the lists of stories and reels."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph
from ouipost.simulator.call import Call
from ouipost.simulator.models import Post, atomic
from ouipost.simulator.networks.facebook.access import CREATE_CONTENT, ID, WRITE, page_token
from ouipost.simulator.networks.facebook.nodes import within
from ouipost.simulator.networks.facebook.posts import publish, take_photo
from ouipost.simulator.networks.facebook.processing import STORY

LIFETIME = timedelta(hours=24)


def add_photo_story(call: Call, page: str) -> HttpResponse:
    """Publish a story from a photo that was uploaded before and used for nothing yet."""
    token = page_token(call, page, *WRITE, task=CREATE_CONTENT)
    with atomic():
        photo = take_photo(call, token.account, call.text("photo_id"))
        post = publish(call, token.account, "", [photo], kind=STORY)
    return JsonResponse({"success": True, "post_id": post.external_id.partition("_")[2]})


def stories(call: Call, page: str) -> HttpResponse:
    """List the page's stories, those that are over, too."""
    token = page_token(call, page, "pages_read_engagement")

    def shown(post: Post) -> dict[str, Any]:
        return {
            "post_id": post.external_id.partition("_")[2],
            "status": "PUBLISHED" if call.now < post.created_at + LIFETIME else "ARCHIVED",
            "creation_time": int(post.created_at.timestamp()),
            "media_type": "photo" if post.data["kind"] == "photo" else "video",
            "media_id": post.media[0]["id"],
            "url": post.url,
        }

    return JsonResponse(graph.page_of(call, within(call, token.account, STORY), shown))


def reels(call: Call, page: str) -> HttpResponse:
    """List the page's reels."""
    token = page_token(call, page, "pages_read_engagement")
    fields = graph.fields_of(call.text("fields") or "id,description,updated_time")
    found = [post for post in within(call, token.account, Post.POST) if post.data.get("kind") == "reel"]

    def shown(post: Post) -> dict[str, Any]:
        node = {"id": post.data["media_id"], "description": post.text, "updated_time": graph.stamp(post.created_at)}
        return graph.pick(node, fields, "Video")

    return JsonResponse(graph.page_of(call, found, shown))


def reel_post(video_id: str) -> str:
    """Return the id of the post that a reel's address shows."""
    post = Post.objects.alive().filter(network=ID, data__kind="reel", data__media_id=video_id).first()
    return post.external_id if post else ""
