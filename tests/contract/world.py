"""Worlds in which the product can answer what the reference's samples say."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.dateparse import parse_datetime

from accounts.models import SocialAccount
from ouipost.events.models import Event
from posts.models import Post, Target, TargetStatus
from posts.status import sync
from tests.conftest import ApiClient
from tests.factories import NOW, make_account, make_post
from workspaces.models import Workspace

CALLBACK = "https://client.example/callback"
PASSWORD = "a long pass phrase"
"""That of the users whom `make_user` makes."""


def at(text: str) -> datetime:
    """Return the moment that a sample writes."""
    moment = parse_datetime(text)
    assert moment is not None
    return moment


def connect_all(workspace: Workspace, *platforms: str) -> list[SocialAccount]:
    """Connect one account of each platform."""
    return [make_account(workspace, platform=name, remote_id=f"at-{name}") for name in platforms]


def make_published(
    workspace: Workspace, accounts: Sequence[SocialAccount], *, results: Mapping[str, Mapping[str, Any]], **values: Any
) -> Post:
    """Write a post that is published everywhere; `results` has, by platform, what its network gave for it."""
    post = make_post(workspace, accounts=list(accounts), status=TargetStatus.PUBLISHED, **values)
    for platform, result in results.items():
        Target.objects.filter(post=post, platform=platform).update(**result)
    sync(post)
    return post


def create(api: ApiClient, **values: Any) -> Post:
    """Create a post over the API: for Facebook, unless `values` say otherwise."""
    response = api.post("/api/posts", {"content": "Fresh bread", "platforms": ["facebook"]} | values)
    return Post.objects.get(pk=data_of(response, status=201)["post"]["id"])


def fill(workspace: Workspace, count: int, *, status: str = "draft", **values: Any) -> list[Post]:
    """Write many plain posts at once."""
    filled = {"content": "One of many", "created_at": NOW, "moment": NOW, "status": status} | values
    return Post.objects.bulk_create(Post(workspace=workspace, **filled) for _ in range(count))


def fill_published(account: SocialAccount, count: int, *, published_at: datetime) -> None:
    """Write many posts that this account has published."""
    posts = fill(account.workspace, count, status="published", published_at=published_at, moment=published_at)
    Target.objects.bulk_create(
        Target(
            post=post,
            account=account,
            platform=account.platform,
            status=TargetStatus.PUBLISHED,
            published_at=published_at,
        )
        for post in posts
    )


def upload(api: ApiClient, post: Post, content: bytes, *, filename: str = "image.jpg", **fields: str) -> Any:
    """Send a file as a browser's form would."""
    file = SimpleUploadedFile(filename, content)
    return api.client.post(f"/api/posts/{post.pk}/media", {"file": file, **fields}, headers=api.headers)


def but_for_times(answer: Any) -> bytes:
    """Return the body of an answer without what ends at a time and is told anew."""
    return re.sub(rb'(?<=\?)expires=\w+&signature=\w+|(?<="expires_in":)\d+', b"", answer.content)


def data_of(response: Any, *, status: int = 200) -> Any:
    """Return the data of an answer, which must have this status."""
    assert response.status_code == status, response.content
    return response.json()["data"]


def fields_of(response: Any) -> dict[str, list[str]]:
    """Return what a refused request is told, by field; the answer must be the contract's whole envelope for it."""
    body = response.json()
    assert response.status_code == 400, body
    assert body["success"] is False
    assert body["error"]["code"] == "VALIDATION_ERROR"
    fields: dict[str, list[str]] = body["error"]["details"]["fields"]
    return fields


def error_of(response: Any) -> tuple[int, str]:
    """Return status and code of a failed request; the answer must be the contract's envelope."""
    body = response.json()
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["message"]
    assert isinstance(body["error"]["details"], dict)
    return response.status_code, body["error"]["code"]


def log_in(email: str = "admin@example.com", password: str = PASSWORD, **environment: Any) -> Any:
    """Log in as a script would, from `REMOTE_ADDR` and with what else is given of the request's environment."""
    body = {"email": email, "password": password}
    return Client().post("/admin/login", body, content_type="application/json", **environment)


def told(kind: str) -> Event:
    """Return the one line that the journal has of this kind; an administrator must be its author."""
    event = Event.objects.get(type=kind)
    assert (event.user_email, event.key_id, event.ip_address) == ("admin@example.com", "", "127.0.0.1")
    return event
