"""Threads: hosts, paths and profiles."""

from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, people, tokens
from ouipost.simulator.call import Call, Network, Route, form
from ouipost.simulator.containers import find
from ouipost.simulator.models import Account
from ouipost.simulator.networks.threads import containers, insights, posts
from ouipost.simulator.networks.threads.access import ID, LOGIN, authorized

GRAPH = ("graph.threads.net", "graph.threads.com")
WWW = ("www.threads.net", "www.threads.com")
V = r"/v1\.0"
CALLS_LIMIT = 4


def admit(call: Call, route: Route) -> None:
    """Count calls against the profile's hour."""
    if call.host in GRAPH:
        graph.count(f"{ID}:{call.account or 'app'}", call, kind="threads", code=CALLS_LIMIT)


def me(call: Call, user: str) -> HttpResponse:
    """Show the token's profile."""
    profile = Account.objects.get(network=ID, external_id=authorized(call, user=user))
    node: dict[str, Any] = {
        "id": profile.external_id,
        "username": profile.username,
        "name": profile.name,
        "threads_profile_picture_url": people.avatar(call.base, profile),
        "threads_biography": f"This is {profile.name}.",
        "is_verified": False,
    }
    return JsonResponse(graph.pick(node, graph.fields_of(call.text("fields") or "id"), "User"))


def show(call: Call, node_id: str) -> HttpResponse:
    """Show the asked fields of a profile, a container, a post or a reply."""
    account = authorized(call)
    if node_id == account:
        return me(call, node_id)
    fields = graph.fields_of(call.text("fields") or posts.DEFAULT_FIELDS)
    container = find(ID, account, node_id)
    if container is not None:
        return JsonResponse(graph.pick(containers.status(call, container), fields, "Container"))
    post = posts.existing(call, node_id)
    authorized(call, user=post.account)
    return JsonResponse(graph.pick(posts.node(post), fields, "Media"))


def debug_token(call: Call) -> HttpResponse:
    """Show the facts of a token to a caller with a valid one of the same app."""
    authorized(call)
    token = tokens.find(ID, call.text("input_token"), "user")
    if token is None or call.token is None or token.client_id != call.token.client_id:
        raise graph.invalid("The input_token is not a token of this app")
    facts = {
        "type": "USER",
        "is_valid": token.revoked_at is None and not token.expired(call.now),
        "issued_at": int(token.issued_at.timestamp()),
        "expires_at": int(token.expires_at.timestamp()) if token.expires_at else 0,
        "scopes": token.scopes,
        "user_id": token.account,
    }
    return JsonResponse({"data": facts})


USER = V + r"/(?P<user>me|\d+)"
MEDIA = V + r"/(?P<media>\d+)"
NETWORK = Network(
    id=ID,
    hosts=GRAPH + WWW,
    not_found=graph.unknown_path,
    identify=LOGIN.identify,
    revoke=tokens.revoke_app,
    admit=admit,
    routes=(
        *form(hosts=WWW, pattern="/oauth/authorize", handler=LOGIN.dialog),
        Route(method="GET", hosts=WWW, pattern=r"/@[\w.]+/post/(?P<code>[\w-]+)/?", handler=posts.permalink),
        Route(method="POST", hosts=GRAPH, pattern="/oauth/access_token", handler=LOGIN.trade_code),
        Route(method="GET", hosts=GRAPH, pattern="/access_token", handler=LOGIN.lengthen),
        Route(method="GET", hosts=GRAPH, pattern="/refresh_access_token", handler=LOGIN.renew),
        Route(method="GET", hosts=GRAPH, pattern=f"(?:{V})?/debug_token", handler=debug_token),
        Route(
            method="POST",
            hosts=GRAPH,
            pattern=USER + "/threads",
            handler=containers.create,
            visible=lambda call: call.flag("auto_publish_text", default=False),
            upload=lambda call: call.text("media_type") in ("IMAGE", "VIDEO"),
        ),
        Route(method="POST", hosts=GRAPH, pattern=USER + "/threads_publish", handler=posts.publish, visible=True),
        Route(method="GET", hosts=GRAPH, pattern=USER + "/threads", handler=posts.threads),
        Route(method="GET", hosts=GRAPH, pattern=V + "/(?P<user>me)/replies", handler=posts.replies),
        Route(method="GET", hosts=GRAPH, pattern=MEDIA + "/replies", handler=posts.replies_to),
        Route(method="GET", hosts=GRAPH, pattern=USER + "/threads_publishing_limit", handler=posts.publishing_limit),
        Route(method="GET", hosts=GRAPH, pattern=USER + "/threads_insights", handler=insights.of_user),
        Route(method="GET", hosts=GRAPH, pattern=MEDIA + "/insights", handler=insights.of_media),
        Route(method="GET", hosts=GRAPH, pattern=V + "/(?P<user>me)", handler=me),
        Route(method="GET", hosts=GRAPH, pattern=V + r"/(?P<node_id>\d+)", handler=show),
        Route(method="DELETE", hosts=GRAPH, pattern=MEDIA, handler=posts.delete),
    ),
)
