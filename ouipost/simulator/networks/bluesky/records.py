"""Records of a repository: put, created, read, listed, deleted, as the reference server does it."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import atproto
from ouipost.simulator.call import Call, within
from ouipost.simulator.models import Account, Media, Post, atomic
from ouipost.simulator.networks.bluesky import lexicon
from ouipost.simulator.networks.bluesky.access import ID, did_of, error, invalid, session, spend

POSTS = "app.bsky.feed.post"
COLLECTIONS = (POSTS, "app.bsky.feed.threadgate", "app.bsky.feed.postgate")
WRITES = ((5000, timedelta(hours=1)), (35_000, timedelta(days=1)))
CREATE_POINTS, PUT_POINTS, DELETE_POINTS = 3, 2, 1


def put(call: Call) -> HttpResponse:
    """Write a record at its key: new, unchanged, refused by swapRecord, or replaced."""
    did, collection, rkey = address_in(call, rkey_required=True)
    record = record_in(call, collection)
    spend(call, f"writes:{did}", *WRITES, cost=PUT_POINTS)
    with atomic():
        Account.objects.select_for_update().get(network=ID, external_id=did)
        old = at(did, collection, rkey)
        refuse_swap(call, old, record)
        if old is not None and old.data["cid"] == atproto.record_cid(record):
            return JsonResponse(written(old, commit=None))
        post = write(call, did, collection, rkey, record)
    return JsonResponse(written(post, commit=commit(call)))


def refuse_swap(call: Call, old: Post | None, record: dict[str, Any]) -> None:
    """Refuse if swapRecord names another state than the stored one; an equal record may be repeated."""
    if "swapRecord" not in call.json:
        return
    expected, present = call.json["swapRecord"], old.data["cid"] if old else None
    repeated = expected is None and present == atproto.record_cid(record)
    if expected != present and not repeated:
        raise error(400, "InvalidSwap", f"Record was at {present or 'null'}")


def create(call: Call) -> HttpResponse:
    """Write a new record; a key that is taken is an internal error, as at the reference server."""
    did, collection, rkey = address_in(call, rkey_required=False)
    record = record_in(call, collection)
    spend(call, f"writes:{did}", *WRITES, cost=CREATE_POINTS)
    with atomic():
        Account.objects.select_for_update().get(network=ID, external_id=did)
        rkey = rkey or atproto.tid(call.now)
        if at(did, collection, rkey) is not None:
            raise error(500, "InternalServerError", "Internal Server Error")
        post = write(call, did, collection, rkey, record)
    return JsonResponse(written(post, commit=commit(call)))


def address_in(call: Call, *, rkey_required: bool) -> tuple[str, str, str]:
    """Return repository, collection and key of a write, or refuse."""
    token = session(call)
    if not isinstance(call.json, dict):
        raise invalid("Input must be an object")
    required = ("repo", "collection", "rkey") if rkey_required else ("repo", "collection")
    for name in required:
        if not isinstance(call.json.get(name), str):
            raise invalid(f'Input must have the property "{name}"')
    if did_of(call.json["repo"]) != token.account:
        raise error(403, "AccountNotFound", f"Could not find repo: {call.json['repo']}")
    collection, rkey = call.json["collection"], call.json.get("rkey", "")
    if collection not in COLLECTIONS:
        raise invalid(f"Lexicon not found: lex:{collection}")
    if rkey and not atproto.TID.fullmatch(str(rkey)):
        raise invalid(f"Invalid record key (expected a TID): {rkey}")
    return token.account, collection, rkey


def record_in(call: Call, collection: str) -> dict[str, Any]:
    """Return the record of a write after checking it against its schema."""
    record = call.json.get("record")
    if not isinstance(record, dict):
        raise invalid('Input must have the property "record"')
    record = {"$type": collection} | record
    if record["$type"] != collection:
        raise invalid(f"Invalid $type: expected {collection}, got {record['$type']}")
    return lexicon.checked(record) if collection == POSTS else record


def uri_of(did: str, collection: str, rkey: str) -> str:
    """Return the address of a record."""
    return f"at://{did}/{collection}/{rkey}"


def at(did: str, collection: str, rkey: str) -> Post | None:
    """Return the existing record at a key."""
    return Post.objects.living(ID, uri_of(did, collection, rkey))


def write(call: Call, did: str, collection: str, rkey: str, record: dict[str, Any]) -> Post:
    """Store a record in its place."""
    uri = uri_of(did, collection, rkey)
    data = {"record": record, "cid": atproto.record_cid(record)}
    values: dict[str, Any] = {"account": did, "kind": Post.RECORD, "data": data, "deleted_at": None}
    if collection == POSTS:
        values |= of_post(call, did, rkey, data)
    fresh = {"created_at": call.now, "listed_at": call.now + timedelta(seconds=call.seconds("list_lag"))}
    old = at(did, collection, rkey)
    if old is None:
        values |= fresh
    post, _ = Post.objects.update_or_create(network=ID, external_id=uri, defaults=values)
    if old is not None:
        let_go(old)
    return post


def let_go(gone: Post) -> None:
    """Give the blobs of a record that was deleted or replaced an end again, unless another record names them."""
    alive = Post.objects.of(ID, gone.account).alive()
    is_checked = gone.kind != Post.RECORD
    for blob in lexicon.blobs(gone.data["record"]) if is_checked else []:
        if not alive.filter(data__record__icontains=blob.cid).exists():
            Media.objects.filter(network=ID, account=gone.account, external_id=blob.cid).update(used=False)


def of_post(call: Call, did: str, rkey: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the visible parts of a post's record, and keep the blobs that it uses."""
    record = data["record"]
    files = [stored(call, did, blob) for blob in lexicon.blobs(record)]
    Media.objects.filter(pk__in=[file.pk for file in files]).update(used=True)
    reply = record.get("reply")
    return {
        "kind": Post.COMMENT if reply else Post.POST,
        "root": reply["root"]["uri"] if reply else "",
        "parent": reply["parent"]["uri"] if reply else "",
        "text": record["text"],
        "media": [{"id": item["cid"], "alt": item["alt"]} for item in lexicon.shown(record)],
        "url": f"https://bsky.app/profile/{did}/post/{rkey}",
        "data": data | {"link": lexicon.link(record)},
    }


def stored(call: Call, did: str, blob: lexicon.Blob) -> Media:
    """Return the uploaded file that a record refers to, or refuse one that is gone or described wrongly."""
    file = Media.objects.defer("content").filter(network=ID, account=did, external_id=blob.cid).first()
    ready = file is not None and file.ready_at <= call.now and not file.failed
    if file is None or not ready or not (file.used or file.expires_at > call.now):
        raise error(400, "BlobNotFound", f"Could not find blob: {blob.cid}")
    if file.mime != blob.mime:
        raise error(400, "InvalidMimeType", f"Referenced MimeType does not match stored blob: {blob.mime}")
    if file.size != blob.size:
        raise error(400, "InvalidSize", f"Referenced size does not match stored blob: {blob.size}")
    return file


def blob_of(file: Media) -> dict[str, Any]:
    """Return the object that records refer to a file with."""
    return {"$type": "blob", "ref": {"$link": file.external_id}, "mimeType": file.mime, "size": file.size}


def commit(call: Call) -> dict[str, str]:
    """Return the mark of a new state of the repository."""
    rev = atproto.tid(call.now)
    return {"cid": atproto.cid(rev.encode(), atproto.CBOR), "rev": rev}


def written(post: Post, *, commit: dict[str, str] | None) -> dict[str, Any]:
    """Return the answer to a write; without a commit when nothing changed."""
    answer: dict[str, Any] = {"uri": post.external_id, "cid": post.data["cid"]}
    return answer | ({"commit": commit} if commit else {}) | {"validationStatus": "valid"}


def get(call: Call) -> HttpResponse:
    """Show a record; anybody may."""
    uri = uri_of(did_of(call.text("repo")) or call.text("repo"), call.text("collection"), call.text("rkey"))
    post = Post.objects.living(ID, uri)
    if post is None or call.text("cid") not in ("", post.data["cid"]):
        raise error(400, "RecordNotFound", f"Could not locate record: {uri}")
    return JsonResponse(shown(post))


def shown(post: Post) -> dict[str, Any]:
    """Return a record with its address."""
    return {"uri": post.external_id, "cid": post.data["cid"], "value": post.data["record"]}


def listing(call: Call) -> HttpResponse:
    """List the records of a collection, newest key first; `cursor` goes on."""
    limit = within(call.text("limit") or "50", 1, 100)
    if limit is None:
        raise invalid("Error: limit must be a number from 1 to 100")
    did = did_of(call.text("repo"))
    if did is None:
        raise invalid(f"Could not find repo: {call.text('repo')}")
    prefix = uri_of(did, call.text("collection"), "")
    found = Post.objects.of(ID, did).listed(call.now, call.seconds("list_lag")).filter(external_id__startswith=prefix)
    ascending = call.flag("reverse", default=False)
    if cursor := call.text("cursor"):
        found = found.filter(**{f"external_id__{'gt' if ascending else 'lt'}": prefix + cursor})
    posts = list(found.order_by("external_id" if ascending else "-external_id")[:limit])
    answer: dict[str, Any] = {"records": [shown(post) for post in posts]}
    if len(posts) == limit:
        answer["cursor"] = posts[-1].external_id.rpartition("/")[2]
    return JsonResponse(answer)


def delete(call: Call) -> HttpResponse:
    """Delete a record; one that is not there is fine."""
    did, collection, rkey = address_in(call, rkey_required=True)
    spend(call, f"writes:{did}", *WRITES, cost=DELETE_POINTS)
    found = at(did, collection, rkey)
    if found is None:
        return JsonResponse({})
    with atomic():
        Account.objects.select_for_update().get(network=ID, external_id=did)
        Post.objects.alive().filter(pk=found.pk).update(deleted_at=call.now)
        let_go(found)
    return JsonResponse({"commit": commit(call)})


def stamp(at: datetime) -> str:
    """Return a time as Bluesky writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
