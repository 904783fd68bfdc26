"""Posts, reels, stories and comments of Instagram accounts."""

import secrets
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse

from ouipost.simulator import containers, graph, growth, pages, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.models import Account, Post, atomic
from ouipost.simulator.networks.instagram import containers as instagram
from ouipost.simulator.networks.instagram.access import FACEBOOK_HOST, ID, LOOK, authorized, shortcode

BASIC = "instagram_business_basic"
COMMENTS = "instagram_business_manage_comments"
DAY = timedelta(hours=24)
POSTS_PER_DAY = 100
"""The guide says 100, another page 50; live reports show 100."""
STORY_LIVES = timedelta(hours=24)
MAX_COMMENT = 2200
COMMENTS_PER_PAGE = 50
NODE = "id"


def publish(call: Call, ig: str) -> HttpResponse:
    """Make a container visible, once."""
    account = authorized(call, instagram.PUBLISH, ig)
    if not call.text("creation_id"):
        raise invalid("The parameter creation_id is required")
    with atomic():
        # the lock keeps two calls at the same moment from both being the last one within the quota
        owner = Account.objects.select_for_update().get(network=ID, external_id=account)
        container = containers.find(ID, account, call.text("creation_id"))
        if container is None or container.data["is_item"]:
            raise error("The media that was asked for does not exist.", 24, 2207006)
        instagram.require_finished(call, container)
        if used(call, account) >= POSTS_PER_DAY:
            raise error("The user has reached the maximum number of posts within a day.", 9, 2207042)
        containers.take(container)
        post = publishing.publish(call, ID, **values_of(owner, container))
    return JsonResponse({"id": post.external_id})


def values_of(owner: Account, container: Any) -> dict[str, Any]:
    """Return the columns of a container's post."""
    external_id, code, product = f"179{secrets.randbelow(10**14):014}", shortcode(), container.data["product"]
    addresses = {
        "STORY": f"https://www.instagram.com/stories/{owner.username}/{external_id}/",
        "REELS": f"https://www.instagram.com/reel/{code}/",
    }
    return {
        "account": owner.external_id,
        "external_id": external_id,
        "text": container.data["caption"],
        "media": [{"id": each.external_id, "alt": each.alt_text} for each in containers.files(container)],
        "url": addresses.get(product, f"https://www.instagram.com/p/{code}/"),
        "data": {"product": product, "kind": container.data["kind"], "shortcode": code}
        | ({"share_to_feed": container.data["share_to_feed"]} if product == "REELS" else {}),
    }


def used(call: Call, account: str) -> int:
    """Return the used part of the quota of the last 24 hours."""
    recent = Post.objects.of(ID, account).filter(kind=Post.POST, created_at__gt=call.now - DAY)
    return recent.count()


def publishing_limit(call: Call, ig: str) -> HttpResponse:
    """Show the number of the account's posts within a day, and their limit."""
    account = authorized(call, BASIC, ig)
    config = {"quota_total": POSTS_PER_DAY, "quota_duration": 86_400}
    limit = {"quota_usage": used(call, account), "config": config}
    fields = graph.fields_of(call.text("fields") or "quota_usage")
    return JsonResponse({"data": [graph.pick(limit, fields, "ContentPublishingLimit")]})


def posts_of(call: Call, account: str) -> "QuerySet[Post]":
    """Return an account's posts as lists show them, newest first."""
    rows = Post.objects.of(ID, account).listed(call.now, call.seconds("list_lag")).filter(kind=Post.POST)
    return rows.order_by("-created_at", "-pk")


def listed(call: Call, ig: str) -> HttpResponse:
    """List posts and reels, newest first."""
    account = authorized(call, BASIC, ig)
    rows = [post for post in posts_of(call, account) if post.data["product"] != "STORY"]
    return page(call, rows)


def stories(call: Call, ig: str) -> HttpResponse:
    """List the stories that have not expired."""
    account = authorized(call, BASIC, ig)
    young = posts_of(call, account).filter(created_at__gt=call.now - STORY_LIVES)
    return page(call, [post for post in young if post.data["product"] == "STORY"])


def page(call: Call, rows: list[Post]) -> HttpResponse:
    """Return one page of posts with the asked fields."""
    fields = graph.fields_of(call.text("fields") or NODE)
    return JsonResponse(graph.page_of(call, rows, lambda post: graph.pick(node(call, post), fields, "Media")))


def existing(call: Call, external_id: str) -> Post:
    """Return an existing post or comment, or refuse; a story lasts a day."""
    post = Post.objects.living(ID, external_id)
    if post is None or is_over(call, post):
        raise graph.missing(call)
    return post


def is_over(call: Call, post: Post) -> bool:
    """Return whether this is an expired story."""
    return post.data.get("product") == "STORY" and post.created_at <= call.now - STORY_LIVES


def show(call: Call, node_id: str) -> HttpResponse:
    """Show the asked fields of a container, a post or a comment."""
    account = authorized(call, BASIC)
    container = containers.find(ID, account, node_id)
    fields = graph.fields_of(call.text("fields") or NODE)
    if container is not None:
        return JsonResponse(graph.pick(instagram.status(call, container), fields, "Container"))
    post = existing(call, node_id)
    if post.kind == Post.COMMENT:
        return JsonResponse(graph.pick(comment_node(post), fields, "Comment"))
    authorized(call, BASIC, post.account)
    return JsonResponse(graph.pick(node(call, post), fields, "Media"))


def node(call: Call, post: Post) -> dict[str, Any]:
    """Return the fields of a post."""
    own = Post.objects.alive().filter(network=ID, root=post.external_id).count()
    return {
        "id": post.external_id,
        "caption": post.text or None,
        "permalink": post.url,
        "shortcode": post.data["shortcode"],
        "timestamp": graph.stamp(post.created_at),
        "media_type": post.data["kind"],
        "media_product_type": post.data["product"],
        "is_shared_to_feed": post.data.get("share_to_feed"),
        "username": Account.objects.get(network=ID, external_id=post.account).username,
        "like_count": growth.counted(call, post, "likes", 60),
        "comments_count": growth.counted(call, post, "comments", 12) + own,
    }


def comment(call: Call, media: str) -> HttpResponse:
    """Comment as the account."""
    post = existing(call, media)
    authorized(call, COMMENTS, post.account)
    message = call.text("message")
    if not message.strip() or len(message) > MAX_COMMENT:
        raise invalid(f"Param message must have 1 to {MAX_COMMENT} characters")
    if post.data.get("product") == "STORY":
        raise graph.missing(call)
    made = publishing.publish(
        call,
        ID,
        account=post.account,
        external_id=f"178{secrets.randbelow(10**14):014}",
        kind=Post.COMMENT,
        root=post.root or post.external_id,
        parent=post.external_id,
        text=message,
        url=post.url,
    )
    if "fields" in call.params:  # only this answer of it is known
        raise error("(#20) The comment could not be shown", 20, 1772107)
    return JsonResponse({"id": made.external_id})


def comments(call: Call, media: str) -> HttpResponse:
    """List the comments of a post, newest first."""
    post = existing(call, media)
    authorized(call, COMMENTS, post.account)
    rows = Post.objects.listed(call.now, call.seconds("list_lag")).filter(network=ID, parent=post.external_id)
    fields = graph.fields_of(call.text("fields") or "id,text,timestamp")
    shown = graph.page_of(
        call,
        list(rows.order_by("-created_at", "-pk")),
        lambda each: graph.pick(comment_node(each), fields, "Comment"),
        default=COMMENTS_PER_PAGE,
        most=COMMENTS_PER_PAGE,
    )
    return JsonResponse(shown)


def comment_node(post: Post) -> dict[str, Any]:
    """Return the fields of a comment."""
    author = Account.objects.get(network=ID, external_id=post.account)
    return {
        "id": post.external_id,
        "text": post.text,
        "timestamp": graph.stamp(post.created_at),
        "username": author.username,
        "from": {"id": author.external_id, "username": author.username},
        "media": {"id": post.root},
    }


def delete(call: Call, node_id: str) -> HttpResponse:
    """Delete a post with its comments: by Facebook login only."""
    if call.host != FACEBOOK_HOST:
        raise graph.missing(call)
    post = existing(call, node_id)
    authorized(call, BASIC, post.account)
    if call.token is None or "instagram_manage_contents" not in call.token.scopes:
        raise error("(#10) Application does not have permission for this action", 10)
    publishing.delete(call, post)
    return JsonResponse({"success": True})


def permalink(call: Call, code: str) -> HttpResponse:
    """Show a post to anybody, by its code; a story by its id, for a day."""
    rows = Post.objects.alive().filter(network=ID, kind=Post.POST)
    post = rows.filter(data__shortcode=code).first() or rows.filter(external_id=code).first()
    external_id = post.external_id if post and not is_over(call, post) else ""
    return pages.permalink(call, LOOK, ID, external_id)
