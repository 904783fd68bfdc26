"""Posts and replies of Threads profiles."""

import secrets
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse

from ouipost.simulator import containers, graph, pages, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.models import Account, Media, Post, atomic
from ouipost.simulator.networks.threads.access import (
    DELETE,
    ID,
    LOOK,
    PUBLISH,
    READ_REPLIES,
    REPLY,
    authorized,
)

DAY = timedelta(hours=24)
POSTS_PER_DAY, REPLIES_PER_DAY, DELETES_PER_DAY = 250, 1000, 100
QUOTA_CODE = 613
"""The code for a used-up quota is not documented; this is the one for an app's custom limits."""
DEFAULT_FIELDS = "id"


def publish(call: Call, user: str) -> HttpResponse:
    """Make a container visible, once."""
    account = authorized(call, PUBLISH, user=user)
    if not call.text("creation_id"):
        raise invalid("The parameter creation_id is required")
    container = containers.find(ID, account, call.text("creation_id"))
    if container is None or container.data["is_item"]:
        raise error("The requested resource does not exist", 24)
    if container.data["reply_to"]:
        authorized(call, REPLY, user=user)
    return out(call, account, container)


def out(call: Call, account: str, container: Media) -> HttpResponse:
    """Publish a container that is ready and was not published before; one that is not ready counts as missing."""
    with atomic():
        owner = Account.objects.select_for_update().get(network=ID, external_id=account)
        container.refresh_from_db(fields=["used"])
        if containers.state(container, call) != containers.FINISHED:
            raise error("The requested resource does not exist", 24)
        kind = Post.COMMENT if container.data["reply_to"] else Post.POST
        if used(call, account, kind) >= (REPLIES_PER_DAY if container.data["reply_to"] else POSTS_PER_DAY):
            raise error("The profile has reached its limit of a day", QUOTA_CODE)
        containers.take(container)
        post = publishing.publish(call, ID, kind=kind, **values_of(owner, container))
    return JsonResponse({"id": post.external_id})


def values_of(owner: Account, container: Media) -> dict[str, Any]:
    """Return the columns of a container's post."""
    told, code = container.data, f"D{secrets.token_urlsafe(8)}"
    parent = Post.objects.filter(network=ID, external_id=told["reply_to"]).first() if told["reply_to"] else None
    return {
        "account": owner.external_id,
        "external_id": f"179{secrets.randbelow(10**14):014}",
        "root": (parent.root or parent.external_id) if parent else "",
        "parent": parent.external_id if parent else "",
        "text": told["text"],
        "media": [{"id": each.external_id, "alt": each.alt_text} for each in containers.files(container)],
        "url": f"https://www.threads.com/@{owner.username}/post/{code}",
        "data": {name: told[name] for name in ("kind", "link", "topic_tag", "reply_control")} | {"shortcode": code},
    }


def used(call: Call, account: str, kind: str) -> int:
    """Return the number of the profile's posts or replies within a day."""
    return Post.objects.of(ID, account).filter(kind=kind, created_at__gt=call.now - DAY).count()


def deleted(call: Call, account: str) -> int:
    """Return the number of posts and replies that the profile deleted within a day."""
    return Post.objects.of(ID, account).filter(deleted_at__gt=call.now - DAY).count()


def publishing_limit(call: Call, user: str) -> HttpResponse:
    """Show the profile's use within a day, and its quotas."""
    account = authorized(call, user=user)
    limit: dict[str, Any] = {"quota_usage": used(call, account, Post.POST), "config": config(POSTS_PER_DAY)}
    limit |= {"reply_quota_usage": used(call, account, Post.COMMENT), "reply_config": config(REPLIES_PER_DAY)}
    limit |= {"delete_quota_usage": deleted(call, account), "delete_config": config(DELETES_PER_DAY)}
    fields = graph.fields_of(call.text("fields") or "quota_usage,config")
    return JsonResponse({"data": [graph.pick(limit, fields, "ThreadsPublishingLimit")]})


def config(total: int) -> dict[str, int]:
    """Return the size of a quota."""
    return {"quota_total": total, "quota_duration": 86_400}


def threads(call: Call, user: str) -> HttpResponse:
    """List the profile's posts, newest first."""
    account = authorized(call, user=user)
    return page(call, Post.objects.of(ID, account).filter(kind=Post.POST))


def replies(call: Call, user: str) -> HttpResponse:
    """List the profile's replies, newest first."""
    account = authorized(call, READ_REPLIES, user=user)
    return page(call, Post.objects.of(ID, account).filter(kind=Post.COMMENT))


def replies_to(call: Call, media: str) -> HttpResponse:
    """List the replies to a post, newest first."""
    authorized(call, READ_REPLIES)
    return page(call, Post.objects.filter(network=ID, parent=existing(call, media).external_id))


def page(call: Call, rows: "QuerySet[Post]") -> HttpResponse:
    """Return one page of posts; only its cursor leads to the next one."""
    rows = rows.filter(pk__in=Post.objects.listed(call.now, call.seconds("list_lag")).values("pk"))
    if since := graph.moment(call, "since"):
        rows = rows.filter(created_at__gte=since)
    if until := graph.moment(call, "until"):
        rows = rows.filter(created_at__lte=until)
    fields = graph.fields_of(call.text("fields") or DEFAULT_FIELDS)
    found = list(rows.order_by("-created_at", "-pk"))
    shown = graph.page_of(call, found, lambda post: graph.pick(node(post), fields, "Media"))
    shown.get("paging", {}).pop("next", None)
    return JsonResponse(shown)


def existing(call: Call, external_id: str) -> Post:
    """Return an existing post or reply, or refuse."""
    post = Post.objects.living(ID, external_id)
    if post is None:
        raise graph.missing(call)
    return post


def node(post: Post) -> dict[str, Any]:
    """Return the fields of a post or reply."""
    owner = Account.objects.get(network=ID, external_id=post.account)
    return {
        "id": post.external_id,
        "media_product_type": "THREADS",
        "media_type": post.data["kind"],
        "permalink": post.url,
        "shortcode": post.data["shortcode"],
        "username": owner.username,
        "owner": {"id": owner.external_id},
        "text": post.text or None,
        "timestamp": graph.stamp(post.created_at),
        "topic_tag": post.data["topic_tag"] or None,
        "link_attachment_url": post.data["link"] or None,
        "reply_audience": post.data["reply_control"].upper(),
        "is_reply": bool(post.parent),
        "root_post": {"id": post.root} if post.root else None,
        "replied_to": {"id": post.parent} if post.parent else None,
    }


def delete(call: Call, media: str) -> HttpResponse:
    """Delete a post or reply of the caller; replies to it stay."""
    account = authorized(call, DELETE)
    post = existing(call, media)
    authorized(call, user=post.account)
    if deleted(call, account) >= DELETES_PER_DAY:
        raise error("The profile has reached its limit of a day", QUOTA_CODE)
    Post.objects.filter(pk=post.pk).update(deleted_at=call.now)
    return JsonResponse({"success": True, "deleted_id": post.external_id})


def permalink(call: Call, code: str) -> HttpResponse:
    """Show a post to anybody."""
    post = Post.objects.alive().filter(network=ID, data__shortcode=code).first()
    return pages.permalink(call, LOOK, ID, post.external_id if post else "")
