"""A stored file is given out at its signed address: that one, until it expires, and as a file only."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import time_machine
from pytest_django import Settings

from posts.media.signing import signed_url
from posts.media.storage import store
from tests.posts.media.served import body, fetch

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]  # closing an answer looks after open connections
NAME = "media/ab/abcdef0123456789abcdef0123456789.jpg"
CONTENT = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def stored(settings: Settings, tmp_path: Path) -> Path:
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "posts.media.storage.DurableFileStorage"}}
    settings.MEDIA_ROOT = tmp_path / "stored"
    settings.PUBLIC_BASE_URL = "https://social.example.com"
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    store(source, NAME)
    return tmp_path / "stored" / NAME


def altered(url: str, **changes: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | changes)).geturl()


def test_a_signed_address_is_absolute_and_says_when_it_ends() -> None:
    now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)

    with time_machine.travel(now, tick=False):
        url, again = signed_url(NAME, seconds=3600), signed_url(NAME, seconds=3600)

    expires = int((now + timedelta(hours=1)).timestamp())
    assert url.startswith(f"https://social.example.com/media/{NAME}?expires={expires}&signature=")
    assert url == again


def test_a_signed_address_gives_the_file_as_a_file() -> None:
    response = fetch(signed_url(NAME, seconds=3600, download_name='caf\u00e9 "1".jpg'))

    assert (response.status_code, body(response)) == (200, CONTENT)
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Length"] == str(len(CONTENT))
    assert response["Content-Disposition"] == "inline; filename*=utf-8''caf%C3%A9%20%221%22.jpg"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"].startswith("private, max-age=3")


def test_an_address_without_a_name_to_save_under_is_inline() -> None:
    response = fetch(signed_url(NAME, seconds=60), "HEAD")

    assert response["Content-Disposition"] == "inline"


def test_a_cache_may_keep_the_file_no_longer_than_the_address_is_good() -> None:
    response = fetch(signed_url(NAME, seconds=10), "HEAD")

    assert 8 <= int(response["Cache-Control"].removeprefix("private, max-age=")) <= 10


def test_what_is_no_image_is_saved_and_not_shown(tmp_path: Path) -> None:
    store(tmp_path / "source", "media/ab/evil.html")

    response = fetch(signed_url("media/ab/evil.html", seconds=60, download_name="evil.html"), "HEAD")

    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="evil.html"'


URL = signed_url(NAME, seconds=3600, download_name="9a.jpg")
QUERY = dict(parse_qsl(urlsplit(URL).query))
EXPIRES, SIGNATURE = QUERY["expires"], QUERY["signature"]
ALTERED = {
    "a later end": altered(URL, expires=str(int(time.time()) + 99_999)),
    "an end written otherwise": altered(URL, expires="0" + EXPIRES),
    "no end": altered(URL, expires=""),
    "an end that is no number": altered(URL, expires="never"),
    "another name to save under": altered(URL, download="a.html"),
    "no name to save under": altered(URL, download=""),
    "a digit moved from the name to the end": altered(URL, expires=EXPIRES + "9", download="a.jpg"),
    "another file": URL.replace("abcdef", "abcdee", 1),
    "another folder": URL.replace("/media/media/", "/media/thumbs/"),
    "a way out": URL.replace(NAME, "../../etc/passwd"),
    "a NUL": URL.replace(NAME, "media/a%00.jpg"),
    "the last digit": altered(URL, signature=SIGNATURE[:-1] + ("0" if SIGNATURE[-1] != "0" else "1")),
    "half a signature": altered(URL, signature=SIGNATURE[:32]),
    "a signature of letters": altered(URL, signature="\u00e9" * 64),
    "capitals": altered(URL, signature=SIGNATURE.upper()),
    "no signature": altered(URL, signature=""),
    "nothing": URL.partition("?")[0],
}


@pytest.mark.parametrize("url", ALTERED.values(), ids=ALTERED.keys())
def test_an_altered_address_is_refused(url: str) -> None:
    response = fetch(url)

    assert response.status_code == 403
    assert response.json() == {
        "success": False,
        "error": {
            "code": "PERMISSION_DENIED",
            "message": "The address of the file was altered. Ask the API for a new one.",
            "details": {},
        },
    }


def test_the_unaltered_address_of_those_is_good() -> None:
    assert fetch(URL, "HEAD").status_code == 200


def test_an_address_is_good_until_its_end_and_not_after() -> None:
    good = fetch(signed_url(NAME, seconds=30), "HEAD")
    expired = fetch(signed_url(NAME, seconds=-1))

    assert (good.status_code, expired.status_code) == (200, 403)
    assert expired.json()["error"]["code"] == "PERMISSION_DENIED"
    assert "expired" in expired.json()["error"]["message"]
    assert expired["Cache-Control"] == "no-store"


def test_another_secret_makes_other_signatures(settings: Settings) -> None:
    url = signed_url(NAME, seconds=60)

    settings.SECRET_KEY = "another secret of more than thirty-two characters"

    assert fetch(url).status_code == 403


def test_a_file_that_is_gone_is_404(stored: Path) -> None:
    url = signed_url(NAME, seconds=60)
    stored.unlink()

    response = fetch(url)

    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_file_can_only_be_read(method: str) -> None:
    response = fetch(signed_url(NAME, seconds=60), method)

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert response.json()["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_head_tells_the_size_and_sends_nothing() -> None:
    response = fetch(signed_url(NAME, seconds=60), "HEAD", Range="bytes=0-9")

    assert (response.status_code, response.content) == (200, b"")
    assert (response["Content-Length"], response["Accept-Ranges"]) == (str(len(CONTENT)), "bytes")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, 256_000),
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=70000-200000", 70_000, 200_001),
        ("bytes=255990-", 255_990, 256_000),
        ("bytes=255990-999999", 255_990, 256_000),
        ("bytes=-10", 255_990, 256_000),
        ("bytes=-999999", 0, 256_000),
    ],
)
def test_a_range_is_sent_alone(asked: str, start: int, end: int) -> None:
    response = fetch(signed_url(NAME, seconds=60), Range=asked)

    assert (response.status_code, body(response)) == (206, CONTENT[start:end])
    assert response["Content-Range"] == f"bytes {start}-{end - 1}/256000"
    assert response["Content-Length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=256000-", "bytes=999999-1000000", "bytes=-0"])
def test_a_range_that_the_file_does_not_have_is_416(asked: str) -> None:
    response = fetch(signed_url(NAME, seconds=60), Range=asked)

    assert (response.status_code, response["Content-Range"]) == (416, "bytes */256000")


@pytest.mark.parametrize("known", ['"a"', 'W/"a"', "Mon, 01 Jan 2024 00:00:00 GMT"])
def test_a_range_of_a_file_that_is_known_by_what_we_never_gave_is_the_whole_file(known: str) -> None:
    response = fetch(signed_url(NAME, seconds=60), Range="bytes=0-9", **{"If-Range": known})

    assert (response.status_code, body(response)) == (200, CONTENT)


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=-", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=" + "9" * 99]
)
def test_a_range_that_makes_no_sense_is_the_whole_file(asked: str) -> None:
    response = fetch(signed_url(NAME, seconds=60), Range=asked)

    assert (response.status_code, body(response)) == (200, CONTENT)


def test_the_file_is_sent_in_blocks_and_closed() -> None:
    response = fetch(signed_url(NAME, seconds=60))

    blocks = list(response.streaming_content)
    response.close()

    assert max(len(block) for block in blocks) <= 64 * 1024
    assert b"".join(blocks) == CONTENT
