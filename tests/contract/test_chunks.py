"""Bodies that come in chunks and tell no length, as some clients send all of theirs."""

import io
from typing import Any

import pytest

from posts.models import Media, Post
from tests.conftest import ApiClient
from tests.contract.world import error_of, fields_of
from tests.factories import make_account, make_post
from tests.posts.media.pictures import picture
from workspaces.models import Workspace

MEBIBYTE = 1024 * 1024
FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="bread.jpg"\r\n\r\n%s\r\n--x--\r\n'


@pytest.fixture
def post(workspace: Workspace) -> Post:
    return make_post(workspace, accounts=[make_account(workspace)], content="Bread")


def in_chunks(
    api: ApiClient, method: str, path: str, body: bytes, *, kind: str = "application/json", **headers: str
) -> Any:
    """Send a body as the web server hands one on that came in chunks: to be read until it ends."""
    told: Any = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "CONTENT_TYPE": kind}
    told |= {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    return api.client.generic(method, path, headers=api.headers | headers, **told)


def test_a_change_is_made(api: ApiClient, post: Post) -> None:
    response = in_chunks(api, "PUT", f"/api/posts/{post.pk}", b'{"content": "Rye"}')

    assert (response.status_code, response.json()["data"]["post"]["content"]) == (200, "Rye")


def test_two_bodies_with_one_idempotency_key_are_told_apart(api: ApiClient, post: Post) -> None:
    path, key = f"/api/posts/{post.pk}", {"Idempotency-Key": "k"}
    first = in_chunks(api, "PUT", path, b'{"content": "Rye"}', **key)

    again, other = (in_chunks(api, "PUT", path, b'{"content": "%s"}' % text, **key) for text in (b"Rye", b"Spelt"))

    assert first.json() == again.json()
    assert error_of(other) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_file_is_taken(api: ApiClient, post: Post) -> None:
    form = FORM % picture()

    response = in_chunks(api, "POST", f"/api/posts/{post.pk}/media", form, kind="multipart/form-data; boundary=x")

    assert response.status_code == 201, response.content
    assert Media.objects.get().filename == "bread.jpg"


def test_the_connection_ends_only_where_the_body_was_not_read(api: ApiClient, post: Post) -> None:
    read = in_chunks(api, "PUT", f"/api/posts/{post.pk}", b'{"content": "Rye"}')
    unread = in_chunks(api, "PUT", f"/api/posts/{post.pk}", b'{"content": "Rye"}', **{"X-API-Key": "none"})

    assert (read.status_code, read.headers.get("Connection")) == (200, None)
    assert (unread.status_code, unread.headers.get("Connection")) == (401, "close")


def test_what_is_too_large_is_not_read_to_its_end(api: ApiClient, post: Post) -> None:
    response = in_chunks(api, "PUT", f"/api/posts/{post.pk}", b" " * (3 * MEBIBYTE))

    assert error_of(response) == (413, "PAYLOAD_TOO_LARGE")
    assert response.wsgi_request.environ["wsgi.input"].tell() == MEBIBYTE + 1


def test_a_call_that_takes_no_body_refuses_one(api: ApiClient, post: Post) -> None:
    assert set(fields_of(in_chunks(api, "POST", f"/api/posts/{post.pk}/unschedule", b'{"now": true}'))) == {"now"}
