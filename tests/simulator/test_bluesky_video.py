"""Bluesky's video service as the facts describe it: a server's word, a job, and a blob for the post."""

import time
from typing import Any
from unittest.mock import patch

import pytest

from ouipost.simulator import atproto
from ouipost.simulator.networks.bluesky import parts
from ouipost.simulator.networks.bluesky.access import FIRST_PDS
from tests.simulator.clip import film
from tests.simulator.conftest import POSTS, RKEY, XRPC, Net, Session, body, record, tags

pytestmark = pytest.mark.django_db(databases=["simulator"])
VIDEO = "video.bsky.app/xrpc/app.bsky.video"
PDS = f"did:web:{FIRST_PDS}"
OCTETS = "application/octet-stream"
UPLOAD, LIMITS = "com.atproto.repo.uploadBlob", "app.bsky.video.getUploadLimits"


def auth(net: Net, session: Session, method: str = UPLOAD, audience: str = PDS, **more: Any) -> Any:
    return net.get(f"{XRPC}/com.atproto.server.getServiceAuth", session.access, aud=audience, lxm=method, **more)


def authority(net: Net, session: Session, method: str = UPLOAD, audience: str = PDS) -> str:
    token: str = body(auth(net, session, method, audience))["token"]
    return token


def upload(net: Net, session: Session, content: bytes, *, mime: str = "video/mp4", token: str = "") -> Any:
    token = token or authority(net, session)
    return net.call("POST", f"{VIDEO}.uploadVideo?did={session.did}&name=film.mp4", token, content, mime)


def job(net: Net, job_id: str) -> Any:
    return body(net.get(f"{VIDEO}.getJobStatus", jobId=job_id))["jobStatus"]


def start(net: Net, session: Session, size: int, **more: Any) -> Any:
    data = {"sizeBytes": size, "mimeType": "video/mp4", "name": "film.mp4"} | more
    return net.json(f"{VIDEO}.startUpload", authority(net, session), data)


def part(net: Net, session: Session, job_id: str, number: Any, content: bytes, mime: str = OCTETS) -> Any:
    address = f"{VIDEO}.uploadPart?jobId={job_id}&partNumber={number}"
    return net.call("POST", address, authority(net, session), content, mime)


def finish(net: Net, session: Session, job_id: str, method: str = "finishUpload") -> Any:
    return net.json(f"{VIDEO}.{method}", authority(net, session), {"jobId": job_id})


def progress(net: Net, session: Session, job_id: str) -> Any:
    return body(net.get(f"{VIDEO}.getUploadStatus", authority(net, session), jobId=job_id))


def room(net: Net, session: Session) -> Any:
    return body(net.get(f"{VIDEO}.getUploadLimits", authority(net, session, LIMITS, "did:web:video.bsky.app")))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 1000)


def cut(content: bytes) -> list[bytes]:
    return [content[at : at + 1000] for at in range(0, len(content), 1000)]


def error(response: Any) -> tuple[int, str]:
    return response.status_code, body(response)["error"]


def test_a_video_becomes_a_blob_that_a_post_shows(net: Net, session: Session) -> None:
    content = film()

    done = body(upload(net, session, content))
    embed = {
        "$type": "app.bsky.embed.video",
        "video": done["blob"],
        "alt": "A red box",
        "aspectRatio": {"width": 64, "height": 64},
    }
    data = {"repo": session.did, "collection": POSTS, "rkey": RKEY, "record": record("Look", embed=embed)}
    put = net.json(f"{XRPC}/com.atproto.repo.putRecord", session.access, data)

    assert (done["state"], done["did"], done["progress"]) == ("JOB_STATE_COMPLETED", session.did, 100)
    assert (done["blob"]["mimeType"], done["blob"]["size"]) == ("video/mp4", len(content))
    assert job(net, done["jobId"]) == done
    assert put.status_code == 200
    assert [post["media_count"] for post in net.posts()] == [1]
    shown = net.get(f"bsky.app/profile/{session.did}/post/{RKEY}")
    assert any('aria-label="A red box"' in tag for tag in tags(shown, "video"))


def test_the_blob_is_there_once_the_work_is_done(net: Net, session: Session) -> None:
    net.fault("bluesky", "slow_processing", seconds=10)

    begun = body(upload(net, session, film()))

    assert (begun["state"], "blob" in begun) == ("JOB_STATE_CREATED", False)
    again = upload(net, session, film())
    assert error(again) == (409, "already_exists")
    assert body(again)["jobId"] == begun["jobId"]
    net.wait(5)
    assert job(net, begun["jobId"])["state"] == "JOB_STATE_ENCODING"
    net.wait(6)
    assert job(net, begun["jobId"])["state"] == "JOB_STATE_COMPLETED"


def test_a_video_that_is_known_already_still_gives_its_blob(net: Net, session: Session) -> None:
    first = body(upload(net, session, film()))

    again = upload(net, session, film())

    assert error(again) == (409, "already_exists")
    assert body(again)["blob"] == first["blob"]


def test_a_blob_of_unfinished_or_failed_work_cannot_be_posted(net: Net, session: Session) -> None:
    def put(content: bytes) -> Any:
        ref = {"$link": atproto.cid(content, atproto.RAW)}
        blob = {"$type": "blob", "ref": ref, "mimeType": "video/mp4", "size": len(content)}
        value = record(embed={"$type": "app.bsky.embed.video", "video": blob})
        data = {"repo": session.did, "collection": POSTS, "rkey": RKEY, "record": value}
        return net.json(f"{XRPC}/com.atproto.repo.putRecord", session.access, data)

    net.fault("bluesky", "slow_processing", seconds=10)
    upload(net, session, film())
    net.fault("bluesky", "processing_failed")
    failed = body(upload(net, session, film(seconds=2)))

    assert (failed["state"], failed["failureCode"]) == ("JOB_STATE_FAILED", "encoding_failure")
    assert [error(put(film(seconds=seconds))) for seconds in (1, 2)] == [(400, "BlobNotFound")] * 2
    assert body(upload(net, session, film(seconds=2)))["state"] == "JOB_STATE_COMPLETED"
    assert put(film(seconds=2)).status_code == 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"noise", "no video"),
        (film(container="mov"), "no MP4"),
        (film(seconds=601, fps=1, audio=""), "600 seconds"),
    ],
    ids=["noise", "mov", "long"],
)
def test_a_file_that_cannot_be_shown_fails(net: Net, session: Session, content: bytes, words: str) -> None:
    answer = body(upload(net, session, content))

    assert (answer["state"], answer["failureCode"]) == ("JOB_STATE_FAILED", "validation_failure")
    assert words in answer["message"]


def test_a_service_token_is_for_one_method_and_some_minutes(net: Net, session: Session) -> None:
    token = authority(net, session)

    assert error(net.get(f"{VIDEO}.getUploadLimits", token)) == (401, "AuthenticationRequired")
    assert error(net.get(f"{VIDEO}.getUploadLimits", session.access)) == (401, "AuthenticationRequired")
    assert error(net.get(f"{XRPC}/com.atproto.server.getSession", token)) == (400, "InvalidToken")
    for stranger in ("did:web:video.bsky.app", "did:web:pds.example.org"):
        misled = authority(net, session, audience=stranger)
        assert error(upload(net, session, film(), token=misled)) == (401, "AuthenticationRequired")
    net.wait(61)
    assert error(upload(net, session, film(), token=token)) == (401, "AuthenticationRequired")


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"audience": "bsky.social"}, (400, "InvalidRequest")),
        ({"exp": "soon"}, (400, "InvalidRequest")),
        ({"exp": int(time.time()) - 5}, (400, "BadExpiration")),
        ({"exp": int(time.time()) + 3600}, (400, "BadExpiration")),
        ({"exp": int(time.time()) + 1500, "method": ""}, (400, "BadExpiration")),
    ],
)
def test_a_server_gives_no_token_for_just_anything(
    net: Net, session: Session, values: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert error(auth(net, session, **values)) == answer
    assert auth(net, session, exp=int(time.time()) + 1500).status_code == 200


def test_wrong_uploads_are_refused(net: Net, session: Session) -> None:
    token = authority(net, session)
    other = Session("did:plc:other", session.access, session.refresh)

    assert error(upload(net, other, film(), token=token)) == (401, "AuthenticationRequired")
    assert error(upload(net, session, b"", token=token)) == (400, "InvalidRequest")
    assert error(upload(net, session, film(), mime="video/webm", token=token)) == (400, "InvalidRequest")
    unnamed = net.call("POST", f"{VIDEO}.uploadVideo?did={session.did}", token, film(), "video/mp4")
    assert error(unnamed) == (400, "InvalidRequest")
    with patch("ouipost.simulator.networks.bluesky.video.MAX_BYTES", 100):
        assert error(upload(net, session, film(), token=token)) == (413, "PayloadTooLarge")
    assert error(net.get(f"{VIDEO}.getJobStatus", jobId="none")) == (400, "InvalidRequest")
    assert error(net.get(f"{VIDEO}.getJobStatus")) == (400, "InvalidRequest")


def test_a_day_has_a_number_of_videos(net: Net, session: Session) -> None:
    before = room(net, session)
    upload(net, session, film())
    after = room(net, session)
    with patch("ouipost.simulator.networks.bluesky.video.VIDEOS_A_DAY", 1):
        over = room(net, session)
        refused = upload(net, session, film(seconds=2))

    assert before == {"canUpload": True, "remainingDailyVideos": 25, "remainingDailyBytes": 10_000_000_000}
    assert (after["remainingDailyVideos"], after["remainingDailyBytes"]) == (24, 10_000_000_000 - len(film()))
    assert (over["canUpload"], over["remainingDailyVideos"]) == (False, 0)
    assert "daily" in over["message"]
    assert error(refused) == (429, "RateLimitExceeded")


@pytest.mark.parametrize(
    ("embed", "message"),
    [
        ({"aspectRatio": {"width": 0, "height": 1}}, "integer too small"),
        ({"alt": 5}, "at $.record.embed.alt"),
        ({"alt": "x" * 1001}, "grapheme too big (maximum 1000, got 1001) at $.record.embed.alt"),
        ({"captions": [{"lang": "en"}] * 21}, "array too big (maximum 20, got 21)"),
        ({"captions": [{"lang": "en"}]}, 'Missing required key "file"'),
    ],
)
def test_a_video_embed_keeps_its_schema(net: Net, session: Session, embed: dict[str, Any], message: str) -> None:
    blob = body(upload(net, session, film()))["blob"]
    value = record(embed={"$type": "app.bsky.embed.video", "video": blob} | embed)
    data = {"repo": session.did, "collection": POSTS, "rkey": RKEY, "record": value}

    answer = net.json(f"{XRPC}/com.atproto.repo.putRecord", session.access, data)

    assert message in body(answer)["message"]


@pytest.mark.usefixtures("small_parts")
def test_a_video_may_come_in_parts_in_any_order_and_more_than_once(net: Net, session: Session) -> None:
    content = film(index_first=False)
    pieces = cut(content)
    begun = body(start(net, session, len(content)))

    answers = [body(part(net, session, begun["jobId"], n, pieces[n - 1])) for n in (2, 1, 2)]
    between = progress(net, session, begun["jobId"])
    early = finish(net, session, begun["jobId"])
    for number, piece in enumerate(pieces[2:], start=3):
        part(net, session, begun["jobId"], number, piece)
    first, again = (body(finish(net, session, begun["jobId"])) for _ in range(2))

    assert (begun["partSizeBytes"], begun["partCount"]) == (1000, len(pieces))
    assert answers == [{"partNumber": number, "sizeBytes": 1000} for number in (2, 1, 2)]
    assert (between["state"], between["receivedParts"]) == ("created", [1, 2])
    assert error(early) == (400, "MissingParts")
    assert first == again == {"completedJobId": first["jobStatus"]["jobId"], "jobStatus": first["jobStatus"]}
    assert first["jobStatus"] == job(net, first["completedJobId"])
    assert first["jobStatus"]["blob"]["ref"]["$link"] == atproto.cid(content, atproto.RAW)
    assert progress(net, session, begun["jobId"])["jobStatus"] == first["jobStatus"]
    assert error(part(net, session, begun["jobId"], 1, pieces[0])) == (400, "UploadNotReady")
    assert body(upload(net, session, content))["jobId"] == first["completedJobId"], "it is one and the same"


@pytest.mark.usefixtures("small_parts")
def test_the_same_file_in_parts_is_the_work_that_there_is(net: Net, session: Session) -> None:
    content = film(index_first=False)
    known = body(upload(net, session, content))
    begun = body(start(net, session, len(content)))
    for number, piece in enumerate(cut(content), start=1):
        part(net, session, begun["jobId"], number, piece)

    assert body(finish(net, session, begun["jobId"]))["completedJobId"] == known["jobId"]


@pytest.mark.usefixtures("small_parts")
def test_parts_of_a_video_that_breaks_the_rules_are_refused(net: Net, session: Session) -> None:
    job_id = body(start(net, session, 2500))["jobId"]
    stranger = net.json(f"{VIDEO}.finishUpload", session.access, {"jobId": job_id})

    for number in (0, 4, "x", ""):
        assert error(part(net, session, job_id, number, b"x" * 1000)) == (400, "InvalidRequest")
    for number, size in ((1, 999), (3, 1000)):
        assert error(part(net, session, job_id, number, b"x" * size)) == (400, "InvalidRequest")
    assert error(part(net, session, job_id, 3, b"x" * 500, "video/mp4")) == (400, "InvalidRequest")
    assert error(part(net, session, "none", 1, b"x" * 1000)) == (400, "UploadNotFound")
    assert error(stranger) == (401, "AuthenticationRequired")
    for wrong in ({"sizeBytes": 0}, {"sizeBytes": True}, {"mimeType": "video/webm"}, {"name": "é" * 129}):
        assert error(start(net, session, 5, **wrong)) == (400, "InvalidRequest")
    assert error(start(net, session, 300_000_001)) == (413, "PayloadTooLarge")


@pytest.mark.usefixtures("small_parts")
def test_an_upload_that_is_over_takes_no_more(net: Net, session: Session) -> None:
    forgotten, given_up = (body(start(net, session, 1000))["jobId"] for _ in range(2))
    taken = room(net, session)["remainingDailyVideos"]

    answers = [body(finish(net, session, given_up, "abortUpload")) for _ in range(2)]
    net.wait(3601)

    assert answers == [{"state": "aborted"}] * 2
    assert (taken, room(net, session)["remainingDailyVideos"]) == (23, 24)
    assert error(part(net, session, given_up, 1, b"x" * 1000)) == (400, "UploadAborted")
    assert error(part(net, session, forgotten, 1, b"x" * 1000)) == (400, "UploadExpired")
    assert error(finish(net, session, forgotten)) == (400, "UploadExpired")
    assert progress(net, session, forgotten)["state"] == "expired"


@pytest.mark.usefixtures("small_parts")
def test_the_work_on_a_video_in_parts_meets_what_was_ordered(net: Net, session: Session) -> None:
    net.fault("bluesky", "processing_failed")
    content = film(index_first=False)
    begun = body(start(net, session, len(content)))
    for number, piece in enumerate(cut(content), start=1):
        part(net, session, begun["jobId"], number, piece)

    assert body(finish(net, session, begun["jobId"]))["jobStatus"]["state"] == "JOB_STATE_FAILED"
