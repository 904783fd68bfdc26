"""Instagram for businesses and creators, by its own login and by Facebook's: hosts, paths and accounts."""

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, people, tokens
from ouipost.simulator.call import Call, Network, Route, form
from ouipost.simulator.models import Account
from ouipost.simulator.networks.instagram import containers, insights, posts
from ouipost.simulator.networks.instagram.access import (
    FACEBOOK_HOST,
    ID,
    LOGIN,
    OWN_HOST,
    authorized,
    identify,
)

GRAPH = (OWN_HOST, FACEBOOK_HOST)
OWN = (OWN_HOST,)
API = ("api.instagram.com",)
WWW = ("www.instagram.com",)
V = r"/v\d+\.\d+"
OURS = r"/v\d+\.\d+/1[78]\d{15}(?:/.*)?"
"""The paths on Facebook's host that are Instagram's: its ids have another length."""
CALLS_LIMIT = 80002


def admit(call: Call, route: Route) -> None:
    """Refuse dead versions, and count calls against the account's hour."""
    if call.host in GRAPH:
        if call.path.startswith("/v"):
            graph.check_version(call)
        if call.host == FACEBOOK_HOST:
            graph.check_proof(call)
        graph.count(f"{ID}:{call.account or 'app'}", call, kind="instagram", code=CALLS_LIMIT)


def me(call: Call) -> HttpResponse:
    """Show the token's account; its `id` is the app's own, `user_id` the one that all paths take."""
    account = Account.objects.get(network=ID, external_id=authorized(call, posts.BASIC))
    node = insights.profile(call, account)
    node["id"] = str(people.number(ID, "app scoped", account.external_id))
    return JsonResponse(graph.pick(node, graph.fields_of(call.text("fields") or "id"), "User"))


def account(call: Call, ig: str) -> HttpResponse:
    """Show an account that the token can act for."""
    found = Account.objects.get(network=ID, external_id=authorized(call, posts.BASIC, ig))
    node = (insights.own_fields if call.host == FACEBOOK_HOST else insights.profile)(call, found)
    return JsonResponse(graph.pick(node, graph.fields_of(call.text("fields") or "id"), "IGUser"))


def forget(call: Call) -> HttpResponse:
    """Take back the whole consent."""
    authorized(call, posts.BASIC)
    assert call.token is not None
    tokens.revoke_app(call.token, call.now)
    return JsonResponse({"success": True})


IG = V + r"/(?P<ig>me|17841\d{12})"
MEDIA = V + r"/(?P<media>\d+)"
CODE = r"(?P<code>[\w-]+)"
NETWORK = Network(
    id=ID,
    hosts=OWN + API + WWW,
    shared=((FACEBOOK_HOST, OURS),),
    not_found=graph.unknown_path,
    identify=identify,
    revoke=tokens.revoke_app,
    admit=admit,
    routes=(
        *form(hosts=WWW, pattern="/oauth/authorize", handler=LOGIN.dialog),
        Route(method="GET", hosts=WWW, pattern=f"/(?:p|reel)/{CODE}/?", handler=posts.permalink),
        Route(method="GET", hosts=WWW, pattern=rf"/stories/[\w.]+/{CODE}/?", handler=posts.permalink),
        Route(method="POST", hosts=API, pattern="/oauth/access_token", handler=LOGIN.trade_code),
        Route(method="GET", hosts=OWN, pattern="/access_token", handler=LOGIN.lengthen),
        Route(method="GET", hosts=OWN, pattern="/refresh_access_token", handler=LOGIN.renew),
        Route(method="GET", hosts=OWN, pattern=V + "/me", handler=me),
        Route(method="DELETE", hosts=OWN, pattern=V + "/me/permissions", handler=forget),
        Route(
            method="POST",
            hosts=GRAPH,
            pattern=IG + "/media",
            handler=containers.create,
            upload=lambda call: call.text("media_type") != "CAROUSEL",
        ),
        Route(method="POST", hosts=GRAPH, pattern=IG + "/media_publish", handler=posts.publish, visible=True),
        Route(method="GET", hosts=GRAPH, pattern=IG + "/media", handler=posts.listed),
        Route(method="GET", hosts=GRAPH, pattern=IG + "/stories", handler=posts.stories),
        Route(method="GET", hosts=GRAPH, pattern=IG + "/content_publishing_limit", handler=posts.publishing_limit),
        Route(method="GET", hosts=GRAPH, pattern=IG + "/insights", handler=insights.of_account),
        Route(method="GET", hosts=GRAPH, pattern=MEDIA + "/insights", handler=insights.of_media),
        Route(method="POST", hosts=GRAPH, pattern=MEDIA + "/comments", handler=posts.comment, visible=True),
        Route(method="GET", hosts=GRAPH, pattern=MEDIA + "/comments", handler=posts.comments),
        Route(method="GET", hosts=GRAPH, pattern=IG, handler=account),
        Route(method="GET", hosts=GRAPH, pattern=V + r"/(?P<node_id>\d+)", handler=posts.show),
        Route(method="DELETE", hosts=GRAPH, pattern=V + r"/(?P<node_id>\d+)", handler=posts.delete),
    ),
)
