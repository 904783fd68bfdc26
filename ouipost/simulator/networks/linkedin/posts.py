"""Posts on LinkedIn: created once, listed for organizations, changed and deleted."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import pages, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Media, Post, atomic
from ouipost.simulator.networks.linkedin import text as little
from ouipost.simulator.networks.linkedin.access import (
    ID,
    ORGANIZATION,
    POSTING_ROLES,
    authorized,
    denied,
    error,
    existing,
    invalid,
    milliseconds,
    paging,
    urn_of,
    with_role,
    writer,
)
from ouipost.simulator.networks.linkedin.media import usable

MAX_COMMENTARY = 3000
MAX_TITLE, MAX_DESCRIPTION, MAX_ALT_TEXT = 400, 4000, 4086
LEAST_IMAGES, MOST_IMAGES = 2, 20
DUPLICATE_WINDOW = timedelta(minutes=10)
VISIBILITIES = ("PUBLIC", "CONNECTIONS", "LOGGED_IN")
FIELDS = {
    "author",
    "commentary",
    "visibility",
    "distribution",
    "content",
    "lifecycleState",
    "isReshareDisabledByAuthor",
}
Files = list[tuple[Media, str]]
"""The files of a post, each with its alt text."""


def create(call: Call) -> HttpResponse:
    """Publish a post: the same text of the same author again is refused for ten minutes."""
    body = checked(call)
    author = body["author"]
    writer(call, author)
    text = understood(body["commentary"])
    with atomic():
        # the lock makes one of two simultaneous equal posts the duplicate
        Account.objects.select_for_update().get(network=ID, external_id=author)
        files = files_of(call, author, body.get("content"))
        if not (text.shown.strip() or body.get("content")):
            raise invalid("commentary", "a post needs a text or content", "MISSING_FIELD", 422)
        refuse_duplicate(call, author, text.shown)
        post = publish(call, body, text, files)
    return HttpResponse(status=201, headers={"x-restli-id": post.external_id})


def checked(call: Call) -> dict[str, Any]:
    """Return the JSON body, or refuse an invalid one."""
    body = call.json
    if not isinstance(body, dict):
        raise error(400, "The request body must be a JSON object")
    for name in sorted(body.keys() - FIELDS):
        raise invalid(name, "unrecognized field found but not allowed")
    for name in ("author", "commentary", "visibility", "distribution", "lifecycleState"):
        if name not in body:
            raise invalid(name, "field is required but not found and has no default value", "MISSING_FIELD", 422)
    if not isinstance(body["author"], str) or not isinstance(body["commentary"], str):
        raise invalid("commentary", "author and commentary must be texts")
    check_choices(body)
    return body


def check_choices(body: Mapping[str, Any]) -> None:
    """Refuse an unknown visibility, state or distribution, or one that this author may not use."""
    if body["lifecycleState"] != "PUBLISHED":
        raise invalid("lifecycleState", "must be PUBLISHED")
    if body["visibility"] not in VISIBILITIES:
        raise invalid("visibility", f"must be one of {', '.join(VISIBILITIES)}")
    if body["visibility"] == "CONNECTIONS" and body["author"].startswith(ORGANIZATION):
        raise invalid("visibility", "CONNECTIONS is for members")
    distribution = body["distribution"]
    if not isinstance(distribution, dict) or distribution.get("feedDistribution") not in ("MAIN_FEED", "NONE"):
        raise invalid("distribution", "feedDistribution must be MAIN_FEED or NONE")


def understood(commentary: str) -> little.Little:
    """Parse a commentary, or refuse it."""
    try:
        text = little.parse(commentary)
    except little.Malformed as wrong:
        raise invalid("commentary", f"Unexpected reserved character {wrong}: escape it") from None
    if text.units > MAX_COMMENTARY:
        message = f"text length ({text.units} characters) exceeded the maximum allowed ({MAX_COMMENTARY} characters)"
        raise invalid("commentary", message, "FIELD_LENGTH_TOO_LONG")
    return text


def files_of(call: Call, author: str, content: Any) -> Files:
    """Return the files of a post, or refuse them."""
    match content:
        case None:
            return []
        case {"article": dict() as article, **rest} if not rest:
            return thumbnail_of(call, author, article)
        case {"media": dict() as shown, **rest} if not rest:
            return [file_of(call, author, shown, kinds=("image", "video", "document"))]
        case {"multiImage": {"images": list() as images, **more}, **rest} if not rest and not more:
            if not LEAST_IMAGES <= len(images) <= MOST_IMAGES:
                raise invalid("content.multiImage.images", f"must be {LEAST_IMAGES} to {MOST_IMAGES} images")
            return [file_of(call, author, each, kinds=("image",)) for each in images]
    raise invalid("content", "must be one of article, media and multiImage")


def thumbnail_of(call: Call, author: str, article: Mapping[str, Any]) -> Files:
    """Return the picture of an article, or refuse the article."""
    source, title, description = (article.get(name, "") for name in ("source", "title", "description"))
    if not isinstance(source, str) or not pages.is_address(source):
        raise invalid("content.article.source", "must be a web address")
    check_text("content.article.title", title, MAX_TITLE, required=True)
    check_text("content.article.description", description, MAX_DESCRIPTION)
    thumbnail = article.get("thumbnail")
    return [file_of(call, author, {"id": thumbnail}, kinds=("image",))] if thumbnail else []


def check_text(field: str, text: Any, most: int, *, required: bool = False) -> None:
    """Refuse a value that is no text, missing, or too long."""
    if not isinstance(text, str):
        raise invalid(field, "must be a text")
    if required and not text.strip():
        raise invalid(field, "field is required", "MISSING_FIELD", 422)
    if len(text.encode("utf-16-le")) // 2 > most:
        raise invalid(field, f"has more than {most} characters", "FIELD_LENGTH_TOO_LONG", 422)


def file_of(call: Call, author: str, shown: Any, *, kinds: tuple[str, ...]) -> tuple[Media, str]:
    """Return one file with its alt text, or refuse it."""
    urn = str(shown.get("id", "")) if isinstance(shown, dict) else ""
    kind = urn.split(":")[2] if urn.count(":") == 3 else ""
    if kind not in kinds:
        raise invalid("content", f"{urn!r} is not a URN of {', '.join(kinds)}", "INVALID_URN_TYPE")
    if kind != "image" and "altText" in shown:
        raise invalid("content.media.altText", "is for images")
    check_text("altText", shown.get("altText", ""), MAX_ALT_TEXT)
    check_text("title", shown.get("title", ""), MAX_TITLE, required=kind == "document")
    return usable(call, author, urn), shown.get("altText", "")


def refuse_duplicate(call: Call, author: str, text: str) -> None:
    """Refuse a text that this author has just posted, and name the post."""
    recent = Post.objects.alive().of(ID, author).filter(kind=Post.POST, created_at__gt=call.now - DUPLICATE_WINDOW)
    twin = recent.filter(text=text).order_by("-created_at").first() if text.strip() else None
    if twin is not None:
        raise error(422, f"Content is a duplicate of {twin.external_id}")


def publish(call: Call, body: Mapping[str, Any], text: little.Little, files: Files) -> Post:
    """Make the post visible."""
    content = body.get("content") or {}
    is_ugc = any(file.data["kind"] != "image" for file, _ in files)
    urn = f"urn:li:{'ugcPost' if is_ugc else 'share'}:{publishing.snowflake(call.now)}"
    Media.objects.filter(pk__in=[file.pk for file, _ in files]).update(used=True)
    return publishing.publish(
        call,
        ID,
        account=body["author"],
        external_id=urn,
        kind=Post.FAILED if "processing_failed" in call.effects else Post.POST,
        text=text.shown,
        media=[] if "article" in content else [{"id": file.external_id, "alt": alt} for file, alt in files],
        url=f"https://www.linkedin.com/feed/update/{urn}/",
        data={
            "commentary": text.stored,
            "content": content,
            "visibility": body["visibility"],
            "link": content.get("article", {}).get("source", ""),
            "ready_at": call.ready_at.isoformat(),
        },
    )


def find(call: Call) -> HttpResponse:
    """List the posts of an organization, newest first; nobody can list those of members."""
    if call.text("q") != "author" or call.request.headers.get("X-RestLi-Method") != "FINDER":
        raise error(400, "Send q=author with the header X-RestLi-Method: FINDER")
    author = urn_of(call, "author")
    reader(call, author)
    if call.text("sortBy") not in ("", "CREATED", "LAST_MODIFIED"):
        raise invalid("sortBy", "must be CREATED or LAST_MODIFIED")
    posts = Post.objects.of(ID, author).listed(call.now, call.seconds("list_lag")).exclude(kind=Post.COMMENT)
    asked, page = paging(call, posts.count())
    return JsonResponse(
        {"elements": [shown(call, each) for each in posts.order_by("-created_at", "-pk")[asked]]} | page
    )


def reader(call: Call, author: str) -> None:
    """Refuse callers who may not read the posts of this author."""
    if not author.startswith(ORGANIZATION):
        raise denied(f"{call.path} of a member: r_member_social is closed")
    with_role(call, author, POSTING_ROLES, "r_organization_social")


def shown(call: Call, post: Post) -> dict[str, Any]:
    """Return a post as lists give it."""
    at = milliseconds(post.created_at)
    facts = {
        "id": post.external_id,
        "author": post.account,
        "commentary": post.data["commentary"],
        "createdAt": at,
        "publishedAt": at,
        "lastModifiedAt": at,
        "lifecycleState": lifecycle_state(call, post),
        "visibility": post.data["visibility"],
    }
    return facts | ({"content": post.data["content"]} if post.data["content"] else {})


def lifecycle_state(call: Call, post: Post) -> str:
    """Return the processing state of a post."""
    if call.now < datetime.fromisoformat(post.data["ready_at"]):
        return "PUBLISH_REQUESTED"
    return "PUBLISH_FAILED" if post.kind == Post.FAILED else "PUBLISHED"


def show(call: Call, urn: str) -> HttpResponse:
    """Show one post of an organization."""
    authorized(call)
    post = existing(urn)
    reader(call, post.account)
    return JsonResponse(shown(call, post))


def change(call: Call, urn: str) -> HttpResponse:
    """Change the commentary of a post."""
    if call.request.headers.get("X-RestLi-Method") != "PARTIAL_UPDATE":
        raise error(400, "Send the header X-RestLi-Method: PARTIAL_UPDATE")
    authorized(call)
    post = existing(urn)
    writer(call, post.account)
    match call.json:
        case {"patch": {"$set": {"commentary": str() as commentary}}}:
            text = understood(commentary)
        case _:
            raise invalid("patch", f"only commentary can be set, not {json.dumps(call.json)[:100]}")
    Post.objects.filter(pk=post.pk).update(text=text.shown, data=post.data | {"commentary": text.stored})
    return HttpResponse(status=204)


def delete(call: Call, urn: str) -> HttpResponse:
    """Delete a post with its comments; deleting a missing post succeeds, too."""
    if call.request.headers.get("X-RestLi-Method") != "DELETE":
        raise error(400, "Send the header X-RestLi-Method: DELETE")
    authorized(call)
    post = Post.objects.living(ID, urn)
    if post is not None:
        writer(call, post.account)
        publishing.delete(call, post)
    return HttpResponse(status=204)
