"""Comments on Facebook: pages write them, and read their own; others' comments require another permission."""

from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.graph import invalid
from ouipost.simulator.models import Post
from ouipost.simulator.networks.facebook.access import ID, MODERATE, authorized, page_token
from ouipost.simulator.networks.facebook.nodes import comment_node, existing


def comment(call: Call, post_id: str) -> HttpResponse:
    """Comment as the page."""
    post = existing(call, post_id)
    token = page_token(call, "me", "pages_manage_engagement", task=MODERATE)
    message = call.text("message")
    if not message.strip():
        raise invalid("Param message must be non-empty")
    if post.kind not in (Post.POST, Post.COMMENT):
        raise graph.missing(call)
    external_id = f"{post.external_id.rpartition('_')[2]}_{publishing.snowflake(call.now)}"
    publishing.publish(
        call,
        ID,
        account=token.account,
        external_id=external_id,
        kind=Post.COMMENT,
        root=post.root or post.external_id,
        parent=post.external_id,
        text=message,
        url=f"https://www.facebook.com/{post.root or post.external_id}?comment_id={external_id}",
    )
    return JsonResponse({"id": external_id})


def comments(call: Call, post_id: str) -> HttpResponse:
    """List the comments of a post: the page's own, and others' if the token has the permission."""
    token = authorized(call, "pages_read_engagement")
    post = existing(call, post_id)
    found = Post.objects.listed(call.now, call.seconds("list_lag")).filter(network=ID, parent=post.external_id)
    if "pages_read_user_content" not in token.scopes:
        found = found.filter(account=token.account)
    newest_first = call.text("order") == "reverse_chronological"
    ordered = found.order_by("-created_at", "-pk") if newest_first else found.order_by("created_at", "pk")
    fields = graph.fields_of(call.text("fields") or "id,message,from,created_time")

    def shown(item: Post) -> dict[str, Any]:
        return graph.pick(comment_node(item), fields, "Comment")

    return JsonResponse(graph.page_of(call, list(ordered), shown))
