"""/api/posts/{id}/media and /api/media: uploads, against the reference and the contract."""

from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from ouipost.events.models import Event
from posts.media import files
from posts.models import Media, Post
from tests.conftest import ApiClient
from tests.contract.seed import assert_matches, sample
from tests.contract.world import but_for_times, error_of, fields_of, upload
from tests.factories import NOW, make_account, make_media, make_post
from tests.networks.tables import NETWORKS
from tests.posts.media.clips import clip, pdf
from tests.posts.media.pictures import opened, picture
from tests.posts.media.served import stored_files
from workspaces.models import Workspace

MADE = ("media.size", "media.url", "media.thumbnail_url")


def fetched(api: ApiClient, url: str) -> Any:
    """Ask for a signed address as anybody would: without a key."""
    parts = urlsplit(url)
    return api.client.get(f"{parts.path}?{parts.query}")


def test_an_upload_answers_201_as_in_the_reference(api: ApiClient, post: Post) -> None:
    alt_text = sample("POST /api/posts/{id}/media")["media"]["alt_text"]

    with time_machine.travel("2024-01-22T10:30:00Z", tick=False):
        response = upload(api, post, picture(size=(1200, 800)), type="image", alt_text=alt_text)

    assert_matches(response, "POST /api/posts/{id}/media", status=201, made=MADE)
    assert len(stored_files()) == 2  # the image and its thumbnail


def test_its_addresses_open_without_a_key_and_hold_the_picture(api: ApiClient, post: Post) -> None:
    media = upload(api, post, picture(size=(1200, 800))).json()["data"]["media"]

    whole, thumbnail = fetched(api, media["url"]), fetched(api, media["thumbnail_url"])

    content = whole.getvalue()
    assert (whole.status_code, thumbnail.status_code) == (200, 200)
    assert (len(content), opened(content).size) == (media["size"], (1200, 800))
    assert max(opened(thumbnail.getvalue()).size) < 1200


def test_a_repeated_answer_has_addresses_that_are_good_from_now_on(api: ApiClient, post: Post) -> None:
    api.headers["Idempotency-Key"] = "k"

    def written(post: Post) -> list[Any]:
        sent = upload(api, post, picture(), filename="café & co.jpg").json()["data"]["media"]
        media = api.put(f"/api/media/{sent['id']}", {"alt_text": "A"}).json()["data"]["media"]
        changed = api.put(f"/api/posts/{post.pk}", {"title": "B"}).json()["data"]["post"]
        return [sent, media, *changed["media"]]

    def found(shown: list[Any]) -> list[Any]:
        answers = [fetched(api, each[name]) for each in shown for name in ("url", "thumbnail_url")]
        return [(each.status_code, each.headers.get("Content-Disposition"), each.getvalue()) for each in answers]

    with time_machine.travel("2026-11-25T12:00:00Z", tick=False) as clock:
        first = written(post)
        before = found(first)
        clock.shift(7200)
        again = written(post)
        after = found(again)

    addresses = {"url": None, "thumbnail_url": None}
    assert [each | addresses for each in again] == [each | addresses for each in first]
    assert ({status for status, _, _ in before}, after) == ({200}, before)


def test_a_videos_and_a_documents_facts_are_shown_and_given_to_networks(api: ApiClient, post: Post) -> None:
    uploads = [upload(api, post, clip(), filename="a.mp4"), upload(api, post, pdf(3), filename="b.pdf")]

    video, document = (response.json()["data"]["media"] for response in uploads)

    assert video["dimensions"] == {"width": 320, "height": 240}
    assert (round(video["duration_seconds"], 1), video["pages"]) == (2.0, None)
    assert {**video["video"], "bitrate": video["video"]["bitrate"] > 0} == {
        "codec": "h264", "audio_codec": "aac", "fps": 25.0, "bitrate": True,
    }  # fmt: skip
    assert (document["duration_seconds"], document["video"], document["pages"]) == (None, None, 3)
    sent = files.as_content(post)
    assert [(each.filename, round(each.seconds, 1), each.fps, each.width, each.pages) for each in sent] == [
        ("a.mp4", 2.0, 25.0, 320, 0),
        ("b.pdf", 0, 0, 0, 3),
    ]
    assert [(each.video_codec, each.audio_codec) for each in sent] == [("h264", "aac"), ("", "")]


def test_an_address_expires_after_an_hour(api: ApiClient, post: Post) -> None:
    with time_machine.travel("2026-11-25T12:00:00Z", tick=False) as clock:
        url = upload(api, post, picture()).json()["data"]["media"]["url"]
        clock.shift(3599)
        in_time = fetched(api, url)
        in_time.close()
        clock.shift(1)
        late = fetched(api, url)

    assert (in_time.status_code, late.status_code) == (200, 403)


def test_what_an_upload_answers_is_what_a_get_shows_and_the_post_has_it(api: ApiClient, post: Post) -> None:
    media = upload(api, post, picture()).json()["data"]["media"]

    alone = api.get(f"/api/media/{media['id']}").json()["data"]["media"]
    on_post = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]["media"]
    in_list = api.get("/api/posts").json()["data"]["posts"][0]["media"]

    addresses = {"url": "", "thumbnail_url": ""}
    assert alone | addresses == media | addresses
    assert [(each["id"], each["type"]) for each in on_post] == [(media["id"], "image")]
    assert [each["id"] for each in in_list] == [media["id"]]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_alt_text_and_position_can_be_changed_alone_or_together(api: ApiClient, post: Post, method: str) -> None:
    first, second = make_media(post, position=1), make_media(post, position=2)

    changed = api(method, f"/api/media/{first.pk}", {"position": 3}).json()["data"]["media"]
    api(method, f"/api/media/{second.pk}", {"alt_text": ""})

    order = [each["id"] for each in api.get(f"/api/posts/{post.pk}").json()["data"]["post"]["media"]]
    assert (changed["position"], changed["alt_text"]) == (3, "Product showcase image")
    assert order == [second.pk, first.pk]
    assert Media.objects.get(pk=second.pk).alt_text == ""


def test_the_whole_of_a_get_can_be_sent_back_and_changes_nothing(api: ApiClient, post: Post) -> None:
    media = make_media(post)
    before = api.get(f"/api/media/{media.pk}").json()["data"]["media"]

    response = api.put(f"/api/media/{media.pk}", before | {"id": "x", "size": 1, "type": "video", "post_id": "post_x"})

    after = response.json()["data"]["media"]
    addresses = {"url": "", "thumbnail_url": ""}
    assert response.status_code == 200, response.content
    assert after | addresses == before | addresses


def test_a_file_that_comes_after_the_last_position_stands_last_and_can_be_sent_back_too(
    api: ApiClient, post: Post
) -> None:
    first = upload(api, post, picture()).json()["data"]["media"]
    assert api.put(f"/api/media/{first['id']}", {"position": 1000}).status_code == 200

    second = upload(api, post, picture()).json()["data"]["media"]

    response = api.put(f"/api/media/{second['id']}", second)
    order = [media["id"] for media in api.get(f"/api/posts/{post.pk}").json()["data"]["post"]["media"]]
    assert response.status_code == 200, response.content
    assert order == [first["id"], second["id"]]


def test_deleting_says_so_and_the_file_is_gone(api: ApiClient, post: Post) -> None:
    media = make_media(post)

    response = api.delete(f"/api/media/{media.pk}")

    assert_matches(response, "DELETE /api/media/{id}")
    assert error_of(api.get(f"/api/media/{media.pk}")) == (404, "NOT_FOUND")
    assert api.get(f"/api/posts/{post.pk}").json()["data"]["post"]["media"] == []


def waiting(workspace: Workspace, *, images: int = 1, **values: Any) -> Post:
    """Write a post that Instagram, which takes none without a file, is to get later."""
    account = make_account(workspace, platform="instagram", type="business")
    post = make_post(workspace, accounts=[account], **{"status": "scheduled", "scheduled_at": NOW} | values)
    for number in range(images):
        make_media(post, position=number)
    return post


def changed(api: ApiClient, post: Post, change: str) -> Any:
    """Change the files of a post in one of the ways that there are."""
    first = post.files.order_by("position")[0]
    match change:
        case "delete":
            return api.delete(f"/api/media/{first.pk}")
        case "alt text":
            return api.put(f"/api/media/{first.pk}", {"alt_text": "x" * 1001})
    return upload(api, post, picture())


@pytest.mark.parametrize(
    ("change", "images", "rule"),
    [("delete", 1, "media_required"), ("alt text", 1, "alt_text_too_long"), ("add", 10, "too_many_images")],
)
def test_a_scheduled_post_keeps_files_without_which_it_could_not_go_out(
    api: ApiClient, workspace: Workspace, change: str, images: int, rule: str
) -> None:
    post = waiting(workspace, images=images)
    before = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]

    refused = changed(api, post, change)

    after = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]
    issues = refused.json()["error"]["details"]["issues"]
    assert error_of(refused) == (422, "POST_NOT_PUBLISHABLE")
    assert (issues[0]["rule"], issues[0]["platform"]) == (rule, "instagram")
    assert [each | {"url": "", "thumbnail_url": ""} for each in after["media"]] == [
        each | {"url": "", "thumbnail_url": ""} for each in before["media"]
    ]
    assert not Event.objects.filter(resource_type="media").exists()


@pytest.mark.parametrize(("change", "images"), [("delete", 1), ("alt text", 1), ("add", 10)])
def test_the_files_of_a_draft_are_nobodys_concern(
    api: ApiClient, workspace: Workspace, change: str, images: int
) -> None:
    post = waiting(workspace, images=images, status="draft", scheduled_at=None)

    assert changed(api, post, change).status_code in (200, 201)


def test_a_post_that_could_not_go_out_anyway_may_lose_its_files(api: ApiClient, workspace: Workspace) -> None:
    post = waiting(workspace, images=11)

    answers = [api.delete(f"/api/media/{media.pk}") for media in post.files.all()]

    assert [answer.status_code for answer in answers] == [200] * 10 + [422]


def test_what_one_network_needs_is_kept_whatever_another_one_would_not_take(
    api: ApiClient, workspace: Workspace
) -> None:
    instagram, twitter = (make_account(workspace, platform=name) for name in ("instagram", "twitter"))
    accounts = [instagram, twitter]
    post = make_post(workspace, accounts=accounts, status="scheduled", scheduled_at=NOW, content="x" * 300)
    media = make_media(post)

    refused = api.delete(f"/api/media/{media.pk}")

    assert error_of(refused) == (422, "POST_NOT_PUBLISHABLE")
    assert {issue["rule"] for issue in refused.json()["error"]["details"]["issues"]} >= {"media_required"}


@pytest.mark.parametrize(
    ("content", "filename", "fields", "refusal"),
    [
        (b"", "empty.jpg", {}, (422, "INVALID_MEDIA")),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", {}, (422, "INVALID_MEDIA")),
        (b"<html><script>1</script></html>", "a.jpg", {}, (422, "INVALID_MEDIA")),
        (picture()[:200], "cut.jpg", {}, (422, "INVALID_MEDIA")),
        (picture(), "a.jpg", {"type": "video"}, (422, "INVALID_MEDIA")),
        (picture(), "a.jpg", {"type": "picture"}, (400, "VALIDATION_ERROR")),
        (picture(), "a.jpg", {"type": ""}, (400, "VALIDATION_ERROR")),
        (picture(), "a.jpg", {"alt": "x"}, (400, "VALIDATION_ERROR")),
    ],
)
def test_what_is_no_good_file_leaves_nothing(
    api: ApiClient, post: Post, content: bytes, filename: str, fields: dict[str, str], refusal: tuple[int, str]
) -> None:
    response = upload(api, post, content, filename=filename, **fields)

    assert error_of(response) == refusal
    assert (Media.objects.count(), stored_files()) == (0, [])


def test_the_bytes_decide_and_not_the_name(api: ApiClient, post: Post) -> None:
    media = upload(api, post, picture("PNG"), filename="photo.jpg").json()["data"]["media"]

    assert (media["mime_type"], media["type"]) == ("image/png", "image")


def test_json_is_not_what_an_upload_takes_and_a_form_needs_its_file(api: ApiClient, post: Post) -> None:
    as_json = api.post(f"/api/posts/{post.pk}/media", {"file": "x"})
    without = api.client.post(f"/api/posts/{post.pk}/media", {"alt_text": "x"}, headers=api.headers)
    as_text = api.client.post(f"/api/posts/{post.pk}/media", {"file": "x"}, headers=api.headers)

    assert error_of(as_json) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert [set(fields_of(answer)) for answer in (without, as_text)] == [{"file"}, {"file"}]


def test_a_file_over_the_limit_is_413_with_the_limit(api: ApiClient, post: Post, settings: Any) -> None:
    settings.IMAGE_MAX_BYTES = 1000

    response = upload(api, post, b"\xff\xd8\xff" + b"x" * 5000)

    assert error_of(response) == (413, "PAYLOAD_TOO_LARGE")
    assert response.json()["error"]["message"] == "The file is too large: it may have 0.001 MB."
    assert response.json()["error"]["details"] == {"limit_bytes": 1000}


def test_a_post_takes_as_many_files_as_any_network(settings: Any) -> None:
    limits = [each.limits_of(name) for each in NETWORKS for name in each.post_types]

    assert max(max(each.max_images, each.max_videos, each.max_media or 0) for each in limits) == settings.POST_MAX_FILES


def test_a_post_takes_so_many_files_and_no_more(api: ApiClient, post: Post, settings: Any) -> None:
    settings.POST_MAX_FILES = 1
    make_media(post)

    assert set(fields_of(upload(api, post, picture()))) == {"file"}
    assert set(fields_of(upload(api, post, b"no picture"))) == {"file"}  # which is not looked into


def test_a_field_that_a_form_has_twice_is_named(api: ApiClient, post: Post) -> None:
    def send(**fields: Any) -> Any:
        return api.client.post(f"/api/posts/{post.pk}/media", fields, headers=api.headers)

    def file() -> SimpleUploadedFile:
        return SimpleUploadedFile("image.jpg", picture())

    answers = [send(file=[file(), file()]), send(file=[file(), "x"]), send(file=file(), alt_text=["a", "a"])]

    told = [fields_of(answer) for answer in answers]
    assert told == [{name: ["Sent more than once."]} for name in ("file", "file", "alt_text")]
    assert not Media.objects.exists()


def send_form(api: ApiClient, post: Post, parts: dict[bytes, bytes]) -> Any:
    """Send a form whose parts have these names, or names and file names, as they are."""
    form = b"".join(b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % part for part in parts.items())
    path, kind = f"/api/posts/{post.pk}/media", "multipart/form-data; boundary=b"
    return api.client.generic("POST", path, form + b"--b--\r\n", kind, headers=api.headers)


def test_a_text_of_a_form_that_is_not_utf_8_is_named_and_not_guessed_at(api: ApiClient, post: Post) -> None:
    answer = send_form(api, post, {b'file"; filename="rye.jpg': picture(), b"alt_text": "Caf\xe9".encode("latin-1")})

    assert fields_of(answer) == {"alt_text": ["Must be UTF-8."]}
    assert not Media.objects.exists()


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (b'file"; filename="Caf\xe9.jpg', "No file was sent. If one was, its name is not UTF-8."),
        (b'files"; filename="rye.jpg', "No file was sent. If one was, its name is not UTF-8."),
        (b"file", "Must be a file: its part of the form needs a file name."),
    ],
)
def test_an_upload_without_a_file_says_why_that_may_be(api: ApiClient, post: Post, part: bytes, told: str) -> None:
    assert fields_of(send_form(api, post, {part: picture()}))["file"] == [told]


def test_a_refused_file_is_the_answer_of_its_key(api: ApiClient, post: Post) -> None:
    api.headers["Idempotency-Key"] = "upload"
    first, again, other = (upload(api, post, content) for content in (b"no picture", b"no picture", picture()))

    assert error_of(first) == (422, "INVALID_MEDIA")
    assert "Idempotent-Replayed" not in first.headers
    assert (again.status_code, again.content, again.headers["Idempotent-Replayed"]) == (422, first.content, "true")
    assert error_of(other) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert not Media.objects.exists()


def test_a_file_that_is_too_large_leaves_its_key_free(api: ApiClient, post: Post, settings: Any) -> None:
    api.headers["Idempotency-Key"] = "upload"
    settings.IMAGE_MAX_BYTES = 100
    large = upload(api, post, picture())
    settings.IMAGE_MAX_BYTES = 20_000_000

    small = upload(api, post, picture(size=(80, 40)))

    assert [large.status_code, small.status_code] == [413, 201]


def test_an_upload_is_replayed_after_its_post_is_gone(api: ApiClient, post: Post) -> None:
    api.headers["Idempotency-Key"] = "upload"
    first = upload(api, post, picture())
    Post.objects.all().delete()

    again, other = upload(api, post, picture()), upload(api, post, picture(size=(80, 40)))

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert but_for_times(again) == but_for_times(first)
    assert error_of(other) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_while_a_file_is_looked_into_its_key_is_taken(
    api: ApiClient, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.headers["Idempotency-Key"] = "upload"
    seen, keep = list[tuple[int, str]](), files.keep

    def look(*args: Any, **values: Any) -> files.Stored:
        seen.append(error_of(upload(api, post, picture())))
        return keep(*args, **values)

    monkeypatch.setattr(files, "keep", look)

    assert upload(api, post, picture()).status_code == 201
    assert seen == [(409, "IDEMPOTENCY_IN_PROGRESS")]


def test_a_key_is_for_one_file_with_one_name(api: ApiClient, post: Post) -> None:
    api.headers["Idempotency-Key"] = "upload"
    first = upload(api, post, picture(), filename="rye.jpg")

    refused = [upload(api, post, picture(), filename="oats.jpg"), upload(api, post, picture(size=(80, 40)))]

    assert first.status_code == 201
    assert [error_of(answer) for answer in refused] == [(422, "IDEMPOTENCY_KEY_REUSED")] * 2
    assert [media.filename for media in post.files.all()] == ["rye.jpg"]
