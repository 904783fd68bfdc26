"""Facebook Pages on the Graph API: login, tokens, and the routes to the modules beside this one."""

import secrets
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, pages, people, tokens
from ouipost.simulator.call import Call, Network, Route, form
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.models import Account, Token
from ouipost.simulator.networks.facebook import comments, insights, nodes, posts, stories, videos
from ouipost.simulator.networks.facebook import owned as own_pages
from ouipost.simulator.networks.facebook.access import (
    EDGES,
    ID,
    SCOPES,
    UPLOAD_HOST,
    VIDEO_HOST,
    authorized,
    identify,
    user_token,
)

GRAPH = ("graph.facebook.com",)
VIDEO = (VIDEO_HOST,)
UPLOAD = (UPLOAD_HOST,)
WWW = ("www.facebook.com",)
V = r"/v\d+\.\d+"
LOOK = pages.Look(name="Facebook", colour="#1877f2", allow="continue", allow_label="Continue")
CODE_LIFETIME = timedelta(minutes=10)
SHORT_LIFETIME = timedelta(hours=1, minutes=30)
LONG_LIFETIME = timedelta(days=60)
DATA_ACCESS = timedelta(days=90)


def admit(call: Call, route: Route) -> None:
    """Refuse dead versions, and count calls of the Graph against the account's hour."""
    if call.host in GRAPH + VIDEO:
        graph.check_version(call)
        graph.check_proof(call)
        graph.count(f"{ID}:{call.account or 'app'}", call)


def dialog(call: Call) -> HttpResponse:
    """Show the login dialog, which lets the person choose pages; then send them back with a code or a refusal."""
    scopes = [scope for scope in call.text("scope").split(",") if scope]
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if not call.text("client_id") or not pages.is_redirect_uri(call.text("redirect_uri")):
        return pages.problem(LOOK, "The parameters client_id and redirect_uri are required.")
    if call.text("response_type") not in ("", "code"):
        return pages.problem(LOOK, "response_type must be code.")
    if unknown:
        return pages.problem(LOOK, f"Invalid Scopes: {', '.join(unknown)}.")
    scopes = scopes or list(SCOPES if call.text("config_id") else ("public_profile",))
    choices = [(str(index), f"{people.DEFAULT_LOGIN} {kind}") for index, kind in enumerate(own_pages.KINDS)]
    denied = pages.DENIED | {"error_reason": "user_denied", "error_description": "Permissions error"}
    return pages.ask(call, LOOK, scopes, grant_code, choices=choices, choosable=True, denied=denied)


def grant_code(call: Call, someone: people.Person, scopes: list[str]) -> str:
    """Return a code for the person who logged in and the pages they ticked."""
    external_id = str(people.number(ID, someone.key))
    people.keep(ID, external_id, username=someone.handle, name=someone.name, kind="person")
    ticked = call.request.POST.getlist("pages")
    left_out = set() if call.text("auth_type") == "rerequest" else declined_before(call, external_id)
    granted = [scope for scope in pages.granted(call, scopes) if scope not in left_out]
    chosen = [kind for index, kind in enumerate(own_pages.KINDS) if str(index) in ticked]
    return tokens.issue_code(
        call,
        ID,
        f"AQ{secrets.token_urlsafe(48)}",
        lifetime=CODE_LIFETIME,
        person=external_id,
        account=external_id,
        scopes=list(dict.fromkeys(["public_profile", *granted])),
        declined=[each for each in scopes if each not in granted],
        **own_pages.reached(someone, chosen),
    )


def declined_before(call: Call, person: str) -> set[str]:
    """Return the scopes that the person declined the last time; they are asked again only if the app requests it."""
    living = Token.objects.filter(network=ID, kind="user", client_id=call.text("client_id"), person=person)
    last = living.filter(revoked_at=None).order_by("-pk").first()
    return set(last.data["declined"]) if last else set()


def access_token(call: Call) -> HttpResponse:
    """Give a short-lived token for a code, or a long-lived one for a living user token."""
    client_id, secret = call.text("client_id"), call.text("client_secret")
    if not client_id:
        raise error("Missing client_id parameter.", 101)
    if not secret or not tokens.secret_fits(ID, client_id, secret):
        raise error("Error validating client secret.", 1)
    match call.text("grant_type"):
        case "" | "authorization_code":
            return exchange_code(call, client_id)
        case "fb_exchange_token":
            return exchange_token(call, client_id)
        case _:
            raise invalid("grant_type must be authorization_code or fb_exchange_token")


def exchange_code(call: Call, client_id: str) -> HttpResponse:
    """Give a short-lived user token for a code that is fresh, unused, and sent with its own redirect address."""
    code = tokens.find(ID, call.text("code"), "code")
    if code is None or code.client_id != client_id:
        raise error("Invalid verification code format.", 100)
    if call.text("redirect_uri") != code.data["redirect_uri"]:
        raise error(
            "Error validating verification code. Please make sure your redirect_uri is identical to the one you used "
            "in the OAuth dialog request",
            100,
            36008,
        )
    if code.expired(call.now):
        raise error("This authorization code has expired.", 100, 36007)
    if not tokens.spend(code, call.now):
        raise error("This authorization code has been used.", 100, 36009)
    return user_token_answer(call, code, SHORT_LIFETIME, long=False)


def exchange_token(call: Call, client_id: str) -> HttpResponse:
    """Give a long-lived user token for a living one of the same app."""
    token = tokens.find(ID, call.text("fb_exchange_token"), "user")
    if token is None or token.client_id != client_id:
        raise error("Invalid OAuth access token - Cannot parse access token", 190)
    call.token = token
    authorized(call)
    return user_token_answer(call, token, LONG_LIFETIME, long=True)


def user_token_answer(call: Call, source: Token, lifetime: timedelta, *, long: bool) -> HttpResponse:
    """Issue a user token in the grant of a code or of another token."""
    value = f"EAAU{secrets.token_urlsafe(80)}"
    proofs = own_pages.proofs(value, source, secret=call.text("client_secret"))
    tokens.issue(
        value,
        like=source,
        now=call.now,
        lifetime=lifetime,
        kind="user",
        data={name: source.data[name] for name in (*EDGES, "declined")} | {"long": long} | proofs,
    )
    return JsonResponse({"access_token": value, "token_type": "bearer", "expires_in": int(lifetime.total_seconds())})


def node(call: Call, node_id: str) -> HttpResponse:
    """Show a person, page, post, comment, photo or video by its id."""
    authorized(call)
    if Account.objects.filter(network=ID, external_id=node_id).exists():
        return JsonResponse(own_pages.account_node(call, node_id))
    return nodes.show(call, node_id)


def permissions(call: Call) -> HttpResponse:
    """List the scopes that the person granted, and those that the person left out."""
    token = user_token(call)
    by_status = {"granted": token.scopes, "declined": token.data["declined"]}
    found = [{"permission": each, "status": status} for status, scopes in by_status.items() for each in scopes]
    return JsonResponse({"data": found})


def revoke_permissions(call: Call, user: str, permission: str | None = None) -> HttpResponse:
    """Take back one permission, or the whole consent with all its tokens."""
    token = user_token(call)
    if user not in ("me", token.person):
        raise graph.missing(call)
    if permission is None:
        tokens.revoke_app(token, call.now)
        return JsonResponse({"success": True})
    if permission not in token.scopes:
        raise invalid(f"Permission {permission} was not granted")
    for other in Token.objects.filter(network=ID, client_id=token.client_id, person=token.person):
        other.scopes = [scope for scope in other.scopes if scope != permission]
        other.save(update_fields=["scopes"])
    return JsonResponse({"success": True})


def debug_token(call: Call) -> HttpResponse:
    """Show an app the facts of one of its tokens."""
    client_id, bar, secret = call.credential.partition("|")
    if not (bar and secret and tokens.secret_fits(ID, client_id, secret)):
        client_id = user_token(call).client_id
    token = tokens.find(ID, call.text("input_token"), "user", "page")
    if token is None or token.client_id != client_id:
        raise error("(#100) The App_id in the input_token did not match the Viewing App", 100)
    return JsonResponse({"data": token_facts(call, token)})


def token_facts(call: Call, token: Token) -> dict[str, Any]:
    """Return the body of debug_token."""
    facts = {
        "app_id": token.client_id,
        "type": token.kind.upper(),
        "is_valid": token.revoked_at is None and not token.expired(call.now),
        "expires_at": int(token.expires_at.timestamp()) if token.expires_at else 0,
        "issued_at": int(token.issued_at.timestamp()),
        "data_access_expires_at": int((token.issued_at + DATA_ACCESS).timestamp()),
        "scopes": token.scopes,
        "granular_scopes": [{"scope": scope} for scope in token.scopes],
        "user_id": token.person,
    }
    return facts | ({"profile_id": token.account} if token.kind == "page" else {})


def permalink(call: Call, post_id: str) -> HttpResponse:
    """Show a post or a story to anybody."""
    return pages.permalink(call, LOOK, ID, post_id)


def reel(call: Call, video_id: str) -> HttpResponse:
    """Show a reel to anybody."""
    return pages.permalink(call, LOOK, ID, stories.reel_post(video_id))


PAGE = V + r"/(?P<page>me|\d+)"
POST = V + r"/(?P<post_id>\d+_\d+)"
POST_OR_VIDEO = V + r"/(?P<post_id>\d+(?:_\d+)?)"
BUSINESS = V + r"/(?P<business>\d+)/(?P<edge>owned_pages|client_pages)"
PERMISSIONS = V + r"/(?P<user>me|\d+)/permissions(?:/(?P<permission>\w+))?"
SIGN_IN = (
    *form(hosts=WWW, pattern=V + "/dialog/oauth", handler=dialog),
    Route(method="GET", hosts=GRAPH, pattern=V + "/oauth/access_token", handler=access_token),
    Route(method="POST", hosts=GRAPH, pattern=V + "/oauth/access_token", handler=access_token),
    Route(method="GET", hosts=GRAPH, pattern=V + "/debug_token", handler=debug_token),
    Route(method="GET", hosts=GRAPH, pattern=V + "/me", handler=own_pages.me),
    Route(method="GET", hosts=GRAPH, pattern=V + "/me/accounts", handler=own_pages.my_accounts),
    Route(method="GET", hosts=GRAPH, pattern=V + "/me/businesses", handler=own_pages.businesses),
    Route(method="GET", hosts=GRAPH, pattern=BUSINESS, handler=own_pages.business_pages),
    Route(method="GET", hosts=GRAPH, pattern=V + "/me/permissions", handler=permissions),
    Route(method="DELETE", hosts=GRAPH, pattern=PERMISSIONS, handler=revoke_permissions),
)
PUBLISHING = (
    Route(method="POST", hosts=GRAPH, pattern=PAGE + "/feed", handler=posts.create, visible=True),
    Route(
        method="POST",
        hosts=GRAPH,
        pattern=PAGE + "/photos",
        handler=posts.add_photo,
        visible=lambda call: call.flag("published", default=True),
        upload=True,
    ),
    Route(
        method="POST",
        hosts=GRAPH + VIDEO,
        pattern=PAGE + "/videos",
        handler=videos.add_video,
        visible=videos.publishes_video,
        upload=videos.brings_video,
    ),
    Route(
        method="POST",
        hosts=GRAPH,
        pattern=PAGE + "/video_reels",
        handler=videos.add_reel,
        visible=videos.is_finish,
    ),
    Route(
        method="POST",
        hosts=GRAPH,
        pattern=PAGE + "/video_stories",
        handler=videos.add_video_story,
        visible=videos.is_finish,
    ),
    Route(
        method="POST",
        hosts=UPLOAD,
        pattern="/video-upload" + V + r"/(?P<video_id>\d+)",
        handler=videos.receive,
        upload=True,
    ),
    Route(method="POST", hosts=GRAPH, pattern=PAGE + "/photo_stories", handler=stories.add_photo_story, visible=True),
    Route(method="POST", hosts=GRAPH, pattern=POST_OR_VIDEO + "/comments", handler=comments.comment, visible=True),
)
READING = (
    Route(method="GET", hosts=WWW, pattern=r"/(?P<post_id>\d+_\d+)/?", handler=permalink),
    Route(method="GET", hosts=WWW, pattern=r"/reel/(?P<video_id>\d+)/?", handler=reel),
    Route(method="GET", hosts=GRAPH, pattern=PAGE + "/published_posts", handler=nodes.published),
    Route(method="GET", hosts=GRAPH, pattern=PAGE + "/feed", handler=nodes.feed),
    Route(method="GET", hosts=GRAPH, pattern=PAGE + "/stories", handler=stories.stories),
    Route(method="GET", hosts=GRAPH, pattern=PAGE + "/video_reels", handler=stories.reels),
    Route(method="GET", hosts=GRAPH, pattern=PAGE + "/insights", handler=insights.of_page),
    Route(method="GET", hosts=GRAPH, pattern=POST + "/insights", handler=insights.of_post),
    Route(method="GET", hosts=GRAPH, pattern=POST_OR_VIDEO + "/comments", handler=comments.comments),
    Route(method="POST", hosts=GRAPH, pattern=POST, handler=posts.edit),
    Route(method="DELETE", hosts=GRAPH, pattern=POST_OR_VIDEO, handler=posts.delete),
    Route(method="GET", hosts=GRAPH, pattern=V + r"/(?P<node_id>\d+(?:_\d+)?)", handler=node),
)
NETWORK = Network(
    id=ID,
    hosts=GRAPH + VIDEO + UPLOAD + WWW,
    not_found=graph.unknown_path,
    identify=identify,
    revoke=tokens.revoke_app,
    admit=admit,
    routes=SIGN_IN + PUBLISHING + READING,
)
