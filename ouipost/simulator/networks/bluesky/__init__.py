"""Bluesky on any host: sessions by app password, blobs, profiles; records are in `records`."""

import re
import time
from datetime import timedelta
from functools import partial
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import atproto, growth, media, pages, people, tokens
from ouipost.simulator.call import Call, Network, Route
from ouipost.simulator.models import Account, Post, Token, atomic
from ouipost.simulator.networks.bluesky import parts, records, video
from ouipost.simulator.networks.bluesky.access import (
    ENTRYWAY,
    FIRST_PDS,
    ID,
    did_of,
    error,
    identify,
    invalid,
    is_unconfirmed,
    login_of,
    pds_of,
    revoke,
    session,
    spend,
    unknown_method,
    without_body,
)

PUBLIC_VIEW = "public.api.bsky.app"
WEB = ("bsky.app",)
DIRECTORY = ("plc.directory",)
LOOK = pages.Look(name="Bluesky", colour="#1185fe")
APP_PASSWORD = re.compile(r"[a-z0-9]{4}(?:-[a-z0-9]{4}){3}")
ACCESS_LIFETIME = timedelta(hours=2)
REFRESH_LIFETIME = timedelta(days=90)
REFRESH_GRACE = timedelta(hours=2)
LOGINS = ((30, timedelta(minutes=5)), (300, timedelta(days=1)))
UPLOADS = ((1000, timedelta(days=1)),)
BLOB_LIFETIME = timedelta(hours=6)
MAX_BLOB_BYTES = 5 * 1024 * 1024
MAX_BLOB_BYTES_AT_BLUESKY = 50 * 1024 * 1024


def admit(call: Call, route: Route) -> None:
    """Count nothing here: logins and writes have budgets of their own."""


def create_session(call: Call) -> HttpResponse:
    """Log in with a handle, DID or e-mail address and an app password; every person exists."""
    if not isinstance(call.json, dict):
        raise invalid("Input must be an object with identifier and password")
    for name in ("identifier", "password"):
        if not isinstance(call.json.get(name), str):
            raise invalid(f'Input must have the property "{name}"')
    login = login_of(call.json["identifier"])
    did = did_of(login)
    spend(call, f"login:{did or login[:100]}", *LOGINS)
    if did is None or not APP_PASSWORD.fullmatch(call.json["password"]):
        raise error(401, "AuthenticationRequired", "Invalid identifier or password")
    account = known(did, login)
    password = tokens.digest(call.json["password"])
    if password in account.data.get("deleted_passwords", []):
        raise error(401, "AuthenticationRequired", "Invalid identifier or password")
    source = Token(network=ID, grant=f"{did}:{call.now.timestamp()}", client_id=password, person=did, account=did)
    return JsonResponse(described(call, account) | new_pair(call, source))


def known(did: str, handle: str) -> Account:
    """Return the account of this DID; a new one is created with the handle."""
    return people.keep(ID, did, username=handle, name=handle.partition(".")[0].title())


def new_pair(call: Call, source: Token) -> dict[str, str]:
    """Issue an access and a refresh token in the session of another token."""
    pds = pds_of(call)
    shared = {"sub": source.account, "aud": f"did:web:{pds}", "iat": int(call.now.timestamp())}
    access_end, refresh_end = call.now + ACCESS_LIFETIME, call.now + REFRESH_LIFETIME
    access = atproto.jwt("at+jwt", scope="com.atproto.appPass", exp=int(access_end.timestamp()), **shared)
    refresh = atproto.jwt("refresh+jwt", scope="com.atproto.refresh", exp=int(refresh_end.timestamp()), **shared)
    tokens.issue(access, like=source, now=call.now, lifetime=ACCESS_LIFETIME, kind="access", data={"pds": pds})
    tokens.issue(refresh, like=source, now=call.now, lifetime=REFRESH_LIFETIME, kind="refresh", data={"pds": pds})
    return {"accessJwt": access, "refreshJwt": refresh}


def described(call: Call, account: Account) -> dict[str, Any]:
    """Return the account's part of a session answer."""
    return {
        "did": account.external_id,
        "didDoc": document(account, pds=pds_of(call)),
        "handle": account.username,
        "email": account.username.replace(".", "@", 1),
        "emailConfirmed": not is_unconfirmed(account.external_id),
        "active": True,
    }


def document(account: Account, *, pds: str) -> dict[str, Any]:
    """Return the DID document of an account."""
    endpoint = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": f"https://{pds}"}
    return {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": account.external_id,
        "alsoKnownAs": [f"at://{account.username}"],
        "service": [endpoint],
    }


def resolve_did(call: Call, did: str) -> HttpResponse:
    """Show an identity as the directory does; its server is the one of its last sign-in."""
    account = Account.objects.filter(network=ID, external_id=did).first()
    last = Token.objects.filter(network=ID, account=did).order_by("-issued_at", "-pk").first()
    if account is None or last is None:
        raise error(404, "NotFound", f"DID not registered: {did}")
    return JsonResponse(document(account, pds=last.data.get("pds", FIRST_PDS)))


def refresh_session(call: Call) -> HttpResponse:
    """Give a new pair; the old refresh token gives the same pair again for two hours."""
    without_body(call)
    session(call, "refresh")
    assert call.token is not None
    with atomic():
        old = Token.objects.select_for_update().get(pk=call.token.pk)
        if "next" not in old.data:
            old.data["next"] = new_pair(call, old)
            old.expires_at = min(call.now + REFRESH_GRACE, old.expires_at or call.now)
            old.save(update_fields=["data", "expires_at"])
    account = Account.objects.get(network=ID, external_id=old.account)
    return JsonResponse(described(call, account) | old.data["next"])


def get_session(call: Call) -> HttpResponse:
    """Show the account of this session."""
    account = Account.objects.get(network=ID, external_id=session(call).account)
    return JsonResponse(described(call, account))


def delete_session(call: Call) -> HttpResponse:
    """Log out: the refresh tokens become invalid, the access token stays valid until it expires."""
    without_body(call)
    token = session(call, "refresh")
    of_session = Token.objects.filter(network=ID, grant=token.grant, kind="refresh", revoked_at=None)
    of_session.update(revoked_at=call.now)
    return HttpResponse()


def upload_blob(call: Call) -> HttpResponse:
    """Take a file under the id of its content; it may be sent again."""
    token = session(call)
    if not call.content_type:
        raise invalid("Request encoding (Content-Type) required but not provided")
    at_bluesky = call.host == ENTRYWAY or call.host.endswith(".bsky.network")
    if len(call.raw) > (MAX_BLOB_BYTES_AT_BLUESKY if at_bluesky else MAX_BLOB_BYTES):
        raise error(413, "PayloadTooLarge", "request entity too large")
    if not call.raw or "processing_failed" in call.effects:
        raise invalid("Request has a body that could not be read")
    spend(call, f"uploads:{token.account}", *UPLOADS)
    time.sleep(call.seconds("slow_processing"))
    picture = media.look_at(call.raw)
    kept = media.keep(
        call,
        ID,
        token.account,
        atproto.cid(call.raw, atproto.RAW),
        call.raw,
        lifetime=BLOB_LIFETIME,
        seen=picture,
        mime=picture.mime if picture else call.content_type,
    )
    return JsonResponse({"blob": records.blob_of(kept)})


def resolve_handle(call: Call) -> HttpResponse:
    """Return the DID of a handle; every handle exists, unless it ends in .invalid."""
    handle = call.text("handle").lower()
    if not atproto.is_handle(handle):
        raise invalid("Unable to resolve handle")
    return JsonResponse({"did": atproto.did_of(handle)})


def reader(call: Call) -> None:
    """Refuse readers without a session, except at the public view."""
    if call.host != PUBLIC_VIEW:
        session(call)


def get_profile(call: Call) -> HttpResponse:
    """Show a profile with its counts."""
    reader(call)
    actor = call.text("actor")
    did = did_of(actor)
    if did is None:
        raise invalid("Profile not found")
    account = known(did, actor.lower())
    return JsonResponse(
        author(call, account)
        | {
            "description": "",
            "followersCount": growth.followers(did, call.now),
            "followsCount": 3,
            "postsCount": Post.objects.alive().of(ID, did).exclude(kind=Post.RECORD).count(),
            "indexedAt": records.stamp(call.now),
        }
    )


def author(call: Call, account: Account) -> dict[str, Any]:
    """Return the short form of a profile."""
    return {
        "did": account.external_id,
        "handle": account.username,
        "displayName": account.name,
        "avatar": people.avatar(call.base, account),
    }


def get_posts(call: Call) -> HttpResponse:
    """Show up to 25 posts with their numbers; missing ones are left out."""
    reader(call)
    uris = call.request.GET.getlist("uris")
    if not 1 <= len(uris) <= 25:
        raise invalid("Error: uris must have 1 to 25 elements")
    found = Post.objects.listed(call.now, call.seconds("list_lag")).filter(network=ID, external_id__in=uris)
    by_uri = {post.external_id: post for post in found.exclude(kind=Post.RECORD)}
    return JsonResponse({"posts": [view_of(call, by_uri[uri]) for uri in uris if uri in by_uri]})


def view_of(call: Call, post: Post) -> dict[str, Any]:
    """Return a post as the application view shows it."""
    account = Account.objects.get(network=ID, external_id=post.account)
    replies = Post.objects.alive().filter(network=ID, parent=post.external_id).count()
    counted = partial(growth.counted, call, post)
    return {
        "uri": post.external_id,
        "cid": post.data["cid"],
        "author": author(call, account),
        "record": post.data["record"],
        "likeCount": counted("like", 40),
        "repostCount": counted("repost", 8),
        "replyCount": counted("reply", 6) + replies,
        "quoteCount": counted("quote", 3),
        "bookmarkCount": counted("bookmark", 4),
        "indexedAt": records.stamp(post.created_at),
    }


def permalink(call: Call, actor: str, rkey: str) -> HttpResponse:
    """Show a post to anybody, by handle or DID."""
    uri = f"at://{did_of(actor) or actor}/{records.POSTS}/{rkey}"
    return pages.permalink(call, LOOK, ID, uri)


def xrpc(method: str, name: str, handler: Any, *, visible: bool = False, upload: bool = False, host: str = "") -> Route:
    """Return the route of an XRPC method, on any host unless one is named."""
    return Route(
        method=method,
        pattern=f"/xrpc/{re.escape(name)}",
        handler=handler,
        hosts=(host,) if host else (),
        visible=visible,
        upload=upload,
    )


NETWORK = Network(
    id=ID,
    hosts=(ENTRYWAY, PUBLIC_VIEW, *WEB, *DIRECTORY),
    any_host_under="/xrpc/",
    not_found=unknown_method,
    identify=identify,
    revoke=revoke,
    admit=admit,
    routes=(
        Route(method="GET", hosts=WEB, pattern=r"/profile/(?P<actor>[^/]+)/post/(?P<rkey>\w+)/?", handler=permalink),
        Route(method="GET", hosts=DIRECTORY, pattern=r"/(?P<did>did:plc:\w+)", handler=resolve_did),
        xrpc("POST", "com.atproto.server.createSession", create_session),
        xrpc("POST", "com.atproto.server.refreshSession", refresh_session),
        xrpc("GET", "com.atproto.server.getSession", get_session),
        xrpc("POST", "com.atproto.server.deleteSession", delete_session),
        xrpc("GET", "com.atproto.server.getServiceAuth", video.get_service_auth),
        xrpc("GET", video.LIMITS_METHOD, video.get_upload_limits, host=video.HOST),
        xrpc("POST", "app.bsky.video.uploadVideo", video.upload_video, host=video.HOST, upload=True),
        xrpc("POST", "app.bsky.video.startUpload", parts.start, host=video.HOST),
        xrpc("POST", "app.bsky.video.uploadPart", parts.part, host=video.HOST),
        xrpc("POST", "app.bsky.video.finishUpload", parts.finish, host=video.HOST, upload=True),
        xrpc("GET", "app.bsky.video.getUploadStatus", parts.status, host=video.HOST),
        xrpc("POST", "app.bsky.video.abortUpload", parts.abort, host=video.HOST),
        xrpc("GET", "app.bsky.video.getJobStatus", video.get_job_status, host=video.HOST),
        xrpc("POST", "com.atproto.repo.uploadBlob", upload_blob, upload=True),
        xrpc("POST", "com.atproto.repo.putRecord", records.put, visible=True),
        xrpc("POST", "com.atproto.repo.createRecord", records.create, visible=True),
        xrpc("GET", "com.atproto.repo.getRecord", records.get),
        xrpc("POST", "com.atproto.repo.deleteRecord", records.delete),
        xrpc("GET", "com.atproto.repo.listRecords", records.listing),
        xrpc("GET", "com.atproto.identity.resolveHandle", resolve_handle),
        xrpc("GET", "app.bsky.actor.getProfile", get_profile),
        xrpc("GET", "app.bsky.feed.getPosts", get_posts),
    ),
)
