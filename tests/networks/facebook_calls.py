"""Facebook's calls as Meta's documentation has them, written down once for all tests of its connector."""

from collections.abc import Mapping
from typing import Any

from accounts.platforms.facebook import Facebook
from accounts.platforms.shapes import Account, App, Profile, Published
from tests.networks.platform_case import Call, later, make_answer

GRAPH = "https://graph.facebook.com/v26.0"
# HMAC-SHA256 of the token, keyed with the word "secret", worked out with openssl.
PAGE_PROOF = {"appsecret_proof": "710494efc716f58ebead07a419640ce0090d5597dfd6a643850e192561bab3c2"}
USER_PROOF = {"appsecret_proof": "deede35e92f63a15cbdbdd3b8c4087450ed917999765974420406ca5f56557c7"}
PAGE_BEARER = {"Authorization": "Bearer PAGE_TOKEN"}
USER_BEARER = {"Authorization": "Bearer USER_TOKEN"}
PAGE_FIELDS = "id,name,username,access_token,category,link,picture.type(large){url},followers_count,fan_count,tasks"
CONNECTOR = Facebook(App(client_id="id", client_secret="secret"))
ACCOUNT = Account(
    remote_id="1001",
    access_token="PAGE_TOKEN",
    refresh_token="USER_TOKEN",
    username="bakery",
    metadata={"page_id": "1001", "category": "Bakery", "user_id": "9"},
)
BAKERY = {
    "id": "1001",
    "name": "Bakery",
    "username": "bakery",
    "access_token": "PAGE_TOKEN",
    "category": "Bakery",
    "picture": {"data": {"url": "https://cdn.example/p.jpg"}},
    "followers_count": 1234,
    "fan_count": 1200,
    "tasks": ["ANALYZE", "CREATE_CONTENT"],
}
ANALYST_ONLY = BAKERY | {"id": "1002", "tasks": ["ANALYZE"]}
TOKENLESS = BAKERY | {"id": "1004", "access_token": ""}
BOOKS = {"id": "1003", "name": "Books", "access_token": "BOOKS_TOKEN", "tasks": ["CREATE_CONTENT"]}
NEXT = "https://graph.facebook.com/v26.0/1/accounts?access_token=X&limit=100&after=b"
PROFILE = Profile(name="Bakery", username="bakery", profile_image="https://cdn.example/p.jpg", followers=1234)
CALLER = ("CONTENT_REJECTED", "caller")
OWNER = ("TOKEN_REVOKED", "account_owner")
QUOTA = ("RATE_LIMITED_BY_PLATFORM", "network")
BUSY = ("PLATFORM_UNAVAILABLE", "network")


def read(path: str, answer: Any, *, user: bool = False, **params: Any) -> Call:
    headers, proof = (USER_BEARER, USER_PROOF) if user else (PAGE_BEARER, PAGE_PROOF)
    return Call("GET", f"{GRAPH}/{path}", {"headers": headers, "params": params | proof}, make_answer(200, answer))


def pages(edge: str, *found: Any, following: str = "", **cursor: str) -> Call:
    answer = {"data": list(found), "paging": {"next": following} if following else {"cursors": {"after": "z"}}}
    return read(edge, answer, user=True, fields=PAGE_FIELDS, limit=100, **cursor)


def accounts(*found: Any, following: str = "", **cursor: str) -> Call:
    return pages("me/accounts", *found, following=following, **cursor)


def permissions(*granted: str, declined: str = "read_insights") -> Call:
    rows = [{"permission": each, "status": "granted"} for each in granted]
    answer = {"data": [*rows, {"permission": declined, "status": "declined"}]}
    return read("me/permissions", answer, user=True)


def feed(**fields: str) -> Call:
    return write("feed", {"id": "1001_555"}, **fields)


def write(edge: str, answer: Any, *, host: str = "graph.facebook.com", **fields: str) -> Call:
    """Return a call that writes for the Page."""
    # only of the hosts that are named graph it is known that they take a token in a header
    in_form = host != "graph.facebook.com"
    sends = {"data": fields | {"access_token": "PAGE_TOKEN"}} if in_form else {"headers": PAGE_BEARER, "data": fields}
    sends["data"] |= PAGE_PROOF
    return Call("POST", f"https://{host}/v26.0/1001/{edge}", sends, make_answer(200, answer))


def photo(media_id: str, answer: Any, **fields: str) -> Call:
    sends = {
        "headers": PAGE_BEARER,
        "data": {"published": "false"} | fields | PAGE_PROOF,
        "files": {"source": (f"{media_id}.jpg", f"bytes of {media_id}".encode(), "image/jpeg")},
    }
    return Call("POST", f"{GRAPH}/1001/photos", sends, make_answer(200, answer))


def permalink(post_id: str) -> Call:
    return read(post_id, {"permalink_url": f"https://www.facebook.com/bakery/posts/{post_id}"}, fields="permalink_url")


def published(post_id: str) -> Published:
    return Published(remote_id=post_id, url=f"https://www.facebook.com/bakery/posts/{post_id}")


def listing(*posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    fields = "id,message,created_time,permalink_url,status_type,attachments{media_type,target{id},url}"
    since = int(later(minutes=-5).timestamp())
    following = f"{GRAPH}/1001/published_posts?access_token=X&limit=100&after={then}"
    paging = {"cursors": {"before": "b", "after": "z"}} | ({"next": following} if then else {})
    answer = {"data": list(posts)} | ({"paging": paging} if posts or then else {})
    cursor: dict[str, Any] = {"after": after} if after else {}
    return read("1001/published_posts", answer, fields=fields, since=since, limit=100, **cursor)


def listed(message: str, *attachments: tuple[str, str], **fields: Any) -> dict[str, Any]:
    shown = [{"media_type": kind, "target": {"id": target}} for kind, target in attachments]
    facts = {
        "id": "1001_555",
        "message": message,
        "created_time": "2026-11-24T09:59:57+0000",
        "permalink_url": "https://www.facebook.com/bakery/posts/1001_555",
    }
    return facts | ({"attachments": {"data": shown}} if shown else {}) | fields


def upload_error(kind: str, *, retriable: bool = True) -> Any:
    """Return a refusal of the upload host, which has a form of its own."""
    return make_answer(400, {"debug_info": {"retriable": retriable, "type": kind, "message": "No."}})


def stories(*found: Mapping[str, Any]) -> Call:
    since = int(later(minutes=-5).timestamp())
    return read("1001/stories", {"data": list(found)}, since=since, limit=100)


def comment(subject: str, message: str = "Recipe below") -> Call:
    sends = {"headers": PAGE_BEARER, "data": {"message": message} | PAGE_PROOF}
    return Call("POST", f"{GRAPH}/{subject}/comments", sends, make_answer(200, {"id": "555_7"}))


def comments(subject: str, *found: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    asked: dict[str, Any] = {"fields": "id,message,from,created_time", "order": "reverse_chronological", "limit": 100}
    asked |= {"after": after} if after else {}
    following = f"{GRAPH}/{subject}/comments?after={then}"
    answer = {"data": list(found)} | ({"paging": {"next": following}} if then else {})
    return read(f"{subject}/comments", answer, **asked)
