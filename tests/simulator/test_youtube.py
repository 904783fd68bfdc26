"""YouTube as the facts describe it."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import av
import pytest
from django.http import HttpResponse

from tests.simulator.conftest import CALLBACK, CHALLENGE, VERIFIER, Net, body, use_up
from tests.simulator.youtube import SCOPES, UNIT, code_of, query

pytestmark = pytest.mark.django_db(databases=["simulator"])
TOKEN, REVOKE = "oauth2.googleapis.com/token", "oauth2.googleapis.com/revoke"
DATA = "youtube.googleapis.com/youtube/v3"
UPLOAD = "www.googleapis.com/upload/youtube/v3/videos"
REPORTS = "youtubeanalytics.googleapis.com/v2/reports"
FORM = {"client_id": "app", "client_secret": "sec", "redirect_uri": CALLBACK}


def clip(seconds: int = 1) -> bytes:
    """Return a small video file."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 48, "yuv420p"
        for _ in range(5 * seconds):
            frame = av.VideoFrame(32, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


CLIP = clip()
LONG = CLIP + b"\0" * (UNIT * 2)
"""The same video with something behind it, so that it fills three pieces."""


def exchange(net: Net, code: str, *, at: str = TOKEN, **change: str) -> HttpResponse:
    return net.form(at, data=FORM | {"grant_type": "authorization_code", "code": code} | change)


def refresh(net: Net, token: str, **change: str) -> HttpResponse:
    data = {"client_id": "app", "client_secret": "sec", "grant_type": "refresh_token", "refresh_token": token}
    return net.form(TOKEN, data=data | change)


@pytest.fixture
def grant(net: Net) -> dict[str, Any]:
    answer: dict[str, Any] = body(exchange(net, code_of(net)))
    return answer


@pytest.fixture
def token(grant: dict[str, Any]) -> str:
    return str(grant["access_token"])


def reason(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, body(response)["error"]["errors"][0]["reason"]


def oauth_error(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, body(response)["error"]


def begin(net: Net, token: str, *, part: str = "snippet,status", **fields: Any) -> HttpResponse:
    snippet = {"title": "Bread", "description": "How to", "tags": ["rye"], "categoryId": "22"}
    status = {"privacyStatus": "public", "selfDeclaredMadeForKids": False}
    data = {
        "snippet": snippet | {name: value for name, value in fields.items() if name in snippet},
        "status": status | {name: value for name, value in fields.items() if name not in snippet},
    }
    return net.call(
        "POST",
        f"{UPLOAD}?uploadType=resumable&part={part}",
        token,
        data,
        "application/json",
        {"X-Upload-Content-Type": "video/mp4"},
    )


def put(net: Net, session: str, content: bytes, span: str, **headers: str) -> HttpResponse:
    address = session.removeprefix("https://")
    return net.call("PUT", address, "", content, "video/mp4", {"Content-Range": f"bytes {span}"} | headers)


def session_of(net: Net, token: str, **fields: Any) -> str:
    response = begin(net, token, **fields)
    assert response.status_code == 200, response.content
    return response["Location"]


def send(net: Net, session: str, content: bytes = CLIP) -> HttpResponse:
    return put(net, session, content, f"0-{len(content) - 1}/{len(content)}")


def uploaded(net: Net, token: str, content: bytes = CLIP, **fields: Any) -> str:
    video_id: str = body(send(net, session_of(net, token, **fields), content))["id"]
    return video_id


def shown(net: Net, token: str, *ids: str, part: str = "status,processingDetails") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = body(net.get(f"{DATA}/videos", token, part=part, id=",".join(ids)))["items"]
    return items


def comment(net: Net, token: str, video_id: str, text: str = "First!") -> HttpResponse:
    snippet = {"videoId": video_id, "topLevelComment": {"snippet": {"textOriginal": text}}}
    return net.json(f"{DATA}/commentThreads?part=snippet", token, {"snippet": snippet})


def test_a_code_needs_its_address_its_client_its_secret_and_its_verifier(net: Net) -> None:
    code = code_of(net, query(code_challenge=CHALLENGE, code_challenge_method="S256"))

    assert exchange(net, code_of(net)).status_code == 200
    assert oauth_error(exchange(net, code, client_secret="guess")) == (401, "invalid_client")
    assert oauth_error(exchange(net, code, client_id="")) == (400, "invalid_request")
    assert oauth_error(exchange(net, code, client_id="other")) == (400, "invalid_grant")
    assert oauth_error(exchange(net, code, redirect_uri="https://app.example/")) == (400, "redirect_uri_mismatch")
    assert oauth_error(exchange(net, code, code_verifier="w" * 50)) == (400, "invalid_grant")
    assert oauth_error(exchange(net, code, grant_type="password")) == (400, "unsupported_grant_type")
    assert oauth_error(exchange(net, code, at=f"{TOKEN}?client_secret=sec")) == (400, "invalid_request")
    assert exchange(net, code, code_verifier=VERIFIER).status_code == 200
    assert oauth_error(exchange(net, code, code_verifier=VERIFIER)) == (400, "invalid_grant")


def test_the_tokens_say_what_was_granted(net: Net, grant: dict[str, Any]) -> None:
    assert grant["expires_in"] == 3599
    assert grant["token_type"] == "Bearer"
    assert grant["scope"].split() == SCOPES


def test_single_scopes_can_be_left_out(net: Net) -> None:
    code = code_of(net, choosing="scopes", scopes=SCOPES[:2])

    granted = body(exchange(net, code))

    assert granted["scope"].split() == SCOPES[:2]
    video_id = uploaded(net, granted["access_token"])
    assert reason(comment(net, granted["access_token"], video_id)) == (403, "insufficientPermissions")


def test_a_refresh_token_comes_again_only_when_consent_is_asked_for(net: Net) -> None:
    first = body(exchange(net, code_of(net, query(prompt=""))))
    second = body(exchange(net, code_of(net, query(prompt=""))))
    asked = body(exchange(net, code_of(net)))
    online = body(exchange(net, code_of(net, query(access_type="online"))))

    assert ["refresh_token" in each for each in (first, second, asked, online)] == [True, False, True, False]


def test_a_refresh_gives_no_new_refresh_token_and_the_old_one_stays(net: Net, grant: dict[str, Any]) -> None:
    net.wait(3600)
    assert reason(net.get(f"{DATA}/channels", grant["access_token"], part="id", mine="true")) == (401, "authError")

    first, second = body(refresh(net, grant["refresh_token"])), body(refresh(net, grant["refresh_token"]))

    assert first.keys() == second.keys() == {"access_token", "expires_in", "scope", "token_type"}
    assert net.get(f"{DATA}/channels", first["access_token"], part="id", mine="true").status_code == 200


def test_a_refresh_token_dies_after_six_months_without_use(net: Net, grant: dict[str, Any]) -> None:
    net.wait(150 * 86_400)
    assert refresh(net, grant["refresh_token"]).status_code == 200
    net.wait(150 * 86_400)
    assert refresh(net, grant["refresh_token"]).status_code == 200
    net.wait(183 * 86_400)

    assert oauth_error(refresh(net, grant["refresh_token"])) == (400, "invalid_grant")


def test_revoking_the_refresh_token_kills_the_grant(net: Net, grant: dict[str, Any], token: str) -> None:
    assert net.form(REVOKE, data={"token": grant["refresh_token"]}).status_code == 200

    dead = refresh(net, grant["refresh_token"])
    assert body(dead) == {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    assert reason(net.get(f"{DATA}/channels", token, part="id", mine="true")) == (401, "authError")
    assert oauth_error(net.form(REVOKE, data={"token": grant["refresh_token"]})) == (400, "invalid_token")


def test_a_token_to_revoke_stands_in_a_form(net: Net, grant: dict[str, Any]) -> None:
    data = {"token": grant["refresh_token"]}

    in_address, as_json = net.form(f"{REVOKE}?token={grant['refresh_token']}"), net.json(REVOKE, data=data)

    assert {oauth_error(each) for each in (in_address, as_json)} == {(400, "invalid_request")}
    assert refresh(net, grant["refresh_token"]).status_code == 200


def test_revoking_ends_all_that_the_app_may_do_with_the_channel(net: Net, grant: dict[str, Any]) -> None:
    again = body(exchange(net, code_of(net)))
    somebody_else = body(exchange(net, code_of(net, login="somebody else")))
    other_channel = body(exchange(net, code_of(net, pages=["1"])))

    assert net.form(REVOKE, data={"token": grant["refresh_token"]}).status_code == 200

    assert oauth_error(refresh(net, again["refresh_token"])) == (400, "invalid_grant")
    assert refresh(net, somebody_else["refresh_token"]).status_code == 200
    assert refresh(net, other_channel["refresh_token"]).status_code == 200


def test_an_access_token_stands_in_the_header(net: Net, token: str) -> None:
    asked = net.get(f"{DATA}/channels", part="id", mine="true", access_token=token)

    assert asked.status_code == 401


def test_a_channel_shows_its_handle_its_uploads_and_its_numbers_as_texts(net: Net, token: str) -> None:
    uploaded(net, token)

    answer = body(net.get(f"{DATA}/channels", token, part="snippet,contentDetails,statistics", mine="true"))

    [channel] = answer["items"]
    assert channel["snippet"]["customUrl"].startswith("@demo")
    assert channel["contentDetails"]["relatedPlaylists"]["uploads"] == f"UU{channel['id'][2:]}"
    assert channel["statistics"]["videoCount"] == "1"
    assert channel["statistics"]["subscriberCount"].isdigit()


def test_a_token_is_for_the_one_channel_that_was_picked(net: Net) -> None:
    def title(**form: Any) -> str:
        access = body(exchange(net, code_of(net, **form)))["access_token"]
        [channel] = body(net.get(f"{DATA}/channels", access, part="snippet", mine="true"))["items"]
        return str(channel["snippet"]["title"])

    assert title() == title(pages=["0", "1"]) == "Demo"
    assert title(pages=["1"]) == title(pages=["9", "²", "1"]) == "Demo Bakery"


def test_a_person_without_a_channel_has_no_items_and_cannot_write(net: Net) -> None:
    access = body(exchange(net, code_of(net, login="No Channel")))["access_token"]

    assert "items" not in body(net.get(f"{DATA}/channels", access, part="id", mine="true"))
    assert reason(begin(net, access)) == (401, "youtubeSignupRequired")


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"title": ""}, "invalidTitle"),
        ({"title": "a" * 101}, "invalidTitle"),
        ({"title": "1 < 2"}, "invalidTitle"),
        ({"description": "a > b"}, "invalidDescription"),
        ({"description": "é" * 2501}, "invalidDescription"),
        ({"tags": ["a" * 498, "bc"]}, "invalidTags"),
        ({"tags": ["a b" + "c" * 496]}, "invalidTags"),
        ({"tags": "rye"}, "invalidTags"),
        ({"categoryId": "99"}, "invalidCategoryId"),
        ({"privacyStatus": "secret"}, "invalidVideoMetadata"),
        ({"selfDeclaredMadeForKids": "no"}, "invalidVideoMetadata"),
        ({"publishAt": "2030-01-01T10:00:00Z"}, "invalidPublishAt"),
        ({"publishAt": "2030-01-01T10:00:00", "privacyStatus": "private"}, "invalidPublishAt"),
        ({"publishAt": "soon", "privacyStatus": "private"}, "invalidPublishAt"),
        ({"part": "snippet"}, "unexpectedPart"),
    ],
)
def test_wrong_words_and_settings_are_refused_by_name(
    net: Net, token: str, fields: dict[str, Any], answer: str
) -> None:
    assert reason(begin(net, token, **fields)) == (400, answer)


def test_parts_and_kind_of_an_upload_stand_in_the_address(net: Net, token: str) -> None:
    snippet = {"title": "Bread", "videoId": "v1", "topLevelComment": {"snippet": {"textOriginal": "First!"}}}
    beside = {"snippet": snippet, "part": "snippet", "uploadType": "resumable"}

    assert reason(net.json(UPLOAD, token, beside)) == (400, "mediaBodyRequired")
    assert reason(net.json(f"{UPLOAD}?uploadType=resumable", token, beside)) == (400, "unexpectedPart")
    assert reason(net.json(f"{DATA}/commentThreads", token, beside)) == (400, "required")


@pytest.mark.parametrize(
    "fields",
    [{"title": "a" * 100}, {"description": "é" * 2500}, {"tags": ["a" * 498, "b"]}, {"tags": ["a b" + "c" * 495]}],
)
def test_what_just_fits_is_taken(net: Net, token: str, fields: dict[str, Any]) -> None:
    assert begin(net, token, **fields).status_code == 200


def test_an_upload_that_is_no_video_or_too_large_is_not_begun(net: Net, token: str) -> None:
    def announce(**headers: str) -> HttpResponse:
        address = f"{UPLOAD}?uploadType=resumable&part=snippet"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return net.call("POST", address, token, {"snippet": {"title": "Bread"}}, "application/json", named)

    assert reason(announce(X_Upload_Content_Type="image/png")) == (400, "mediaBodyRequired")
    for wrong in ("274877906945", "²", "9" * 5000):
        assert reason(announce(X_Upload_Content_Length=wrong)) == (400, "mediaBodyRequired")
    assert announce(X_Upload_Content_Length="274877906944").status_code == 200
    assert reason(net.json(f"{UPLOAD}?part=snippet", token, {"snippet": {}})) == (400, "mediaBodyRequired")


def test_a_file_comes_in_pieces_and_is_a_video_with_its_last_byte(net: Net, token: str) -> None:
    session, total = session_of(net, token), len(LONG)

    unheard = put(net, session, b"", f"*/{total}")
    first = put(net, session, LONG[:UNIT], f"0-{UNIT - 1}/{total}")
    again = put(net, session, LONG[:UNIT], f"0-{UNIT - 1}/{total}")
    probe = put(net, session, b"", f"*/{total}")
    assert (unheard.status_code, unheard.headers.get("Range")) == (308, None)
    assert {(each.status_code, each["Range"]) for each in (first, again, probe)} == {(308, f"bytes=0-{UNIT - 1}")}
    assert net.posts() == []

    made = put(net, session, LONG[UNIT:], f"{UNIT}-{total - 1}/{total}")

    assert made.status_code == 201
    video_id = body(made)["id"]
    assert body(made)["status"]["uploadStatus"] == "uploaded"
    assert len(video_id) == 11
    [post] = net.posts(network="youtube")
    assert (post["id"], post["text"], post["media_count"]) == (video_id, "How to", 1)
    assert post["url"] == f"https://www.youtube.com/watch?v={video_id}"


def test_a_finished_session_tells_its_video_and_makes_no_second_one(net: Net, token: str) -> None:
    session = session_of(net, token)
    video_id = body(send(net, session))["id"]

    asked, repeated = put(net, session, b"", f"*/{len(CLIP)}"), send(net, session)

    assert [(each.status_code, body(each)["id"]) for each in (asked, repeated)] == [(200, video_id)] * 2
    assert len(net.posts()) == 1


@pytest.mark.parametrize(
    ("content", "span"),
    [
        (LONG[:1000], f"0-999/{len(LONG)}"),
        (LONG[:UNIT], f"{UNIT}-{2 * UNIT - 1}/{len(LONG)}"),
        (LONG[:UNIT], f"0-{UNIT}/{len(LONG)}"),
        (LONG[:UNIT], "nonsense"),
        (LONG[:UNIT], f"*/{len(LONG)}"),
        (LONG[:UNIT], f"0-{'9' * 5000}/{len(LONG)}"),
    ],
)
def test_a_piece_that_does_not_fit_is_refused(net: Net, token: str, content: bytes, span: str) -> None:
    session = session_of(net, token)

    assert reason(put(net, session, content, span)) == (400, "badRequest")
    assert put(net, session, b"", f"*/{len(LONG)}").headers.get("Range") is None


def test_a_session_is_its_own_credential_and_ends_after_a_week(net: Net, token: str) -> None:
    session = session_of(net, token)
    net.wait(3600)
    dead = put(net, session, b"", f"*/{len(CLIP)}", Authorization=f"Bearer {token}")
    assert reason(dead) == (401, "authError")
    assert put(net, session, b"", f"*/{len(CLIP)}").status_code == 308

    net.wait(7 * 86_400)

    assert put(net, session, b"", f"*/{len(CLIP)}").status_code == 404
    assert put(net, f"{session}x", b"", f"*/{len(CLIP)}").status_code == 404


def test_a_video_is_processed_after_the_time_that_was_ordered(net: Net, token: str) -> None:
    net.fault("youtube", "slow_processing", seconds=60)
    video_id = uploaded(net, token)

    [before] = shown(net, token, video_id)
    net.wait(61)
    [after] = shown(net, token, video_id)

    assert (before["status"]["uploadStatus"], before["processingDetails"]["processingStatus"]) == (
        "uploaded",
        "processing",
    )
    assert (after["status"]["uploadStatus"], after["processingDetails"]["processingStatus"]) == (
        "processed",
        "succeeded",
    )


def test_what_befalls_one_piece_befalls_the_video(net: Net, token: str) -> None:
    net.fault("youtube", "processing_failed")
    session, total = session_of(net, token), len(LONG)
    put(net, session, LONG[:UNIT], f"0-{UNIT - 1}/{total}")
    video_id = body(put(net, session, LONG[UNIT:], f"{UNIT}-{total - 1}/{total}"))["id"]

    [video] = shown(net, token, video_id)

    assert (video["status"]["uploadStatus"], video["status"]["failureReason"]) == ("failed", "conversion")
    assert net.posts() == []


def test_a_file_that_is_no_video_fails_later(net: Net, token: str) -> None:
    video_id = uploaded(net, token, b"not a video")

    [video] = shown(net, token, video_id)

    assert (video["status"]["uploadStatus"], video["status"]["failureReason"]) == ("failed", "invalidFile")
    assert video["processingDetails"]["processingStatus"] == "failed"
    assert net.posts() == []


def outcome(net: Net, token: str, video_id: str) -> dict[str, str]:
    [video] = shown(net, token, video_id)
    status = video["status"]
    return {name: status[name] for name in ("uploadStatus", "rejectionReason") if name in status}


def test_a_unique_channel_rejects_after_processing_a_video_that_it_has_already(net: Net) -> None:
    token = body(exchange(net, code_of(net, login="Ann Unique")))["access_token"]
    first = uploaded(net, token)
    net.fault("youtube", "slow_processing", seconds=60)
    twin, other = uploaded(net, token, title="Rolls"), uploaded(net, token, LONG)

    before = outcome(net, token, twin)
    net.wait(61)

    assert before == {"uploadStatus": "uploaded"}
    assert outcome(net, token, twin) == {"uploadStatus": "rejected", "rejectionReason": "duplicate"}
    assert [outcome(net, token, each) for each in (first, other)] == [{"uploadStatus": "processed"}] * 2
    assert {post["id"] for post in net.posts()} == {first, other}


def test_a_unique_channel_takes_again_what_was_deleted_or_is_on_another_channel(net: Net) -> None:
    token = body(exchange(net, code_of(net, login="Ann Unique")))["access_token"]
    elsewhere = body(exchange(net, code_of(net, login="Ann Unique", pages=["1"])))["access_token"]
    first = uploaded(net, token)
    assert outcome(net, elsewhere, uploaded(net, elsewhere)) == {"uploadStatus": "processed"}
    net.call("DELETE", f"{DATA}/videos?id={first}", token)

    assert outcome(net, token, uploaded(net, token)) == {"uploadStatus": "processed"}


def test_other_channels_may_have_a_video_twice(net: Net, token: str) -> None:
    twins = [uploaded(net, token), uploaded(net, token)]

    assert [outcome(net, token, each) for each in twins] == [{"uploadStatus": "processed"}] * 2


def test_numbers_are_texts_that_grow(net: Net, token: str) -> None:
    video_id = uploaded(net, token)
    [at_first] = shown(net, token, video_id, part="statistics")
    net.wait(86_400)
    fresh = body(exchange(net, code_of(net)))["access_token"]
    [later] = shown(net, fresh, video_id, part="statistics")

    assert set(at_first["statistics"].values()) == {"0"}
    assert int(later["statistics"]["viewCount"]) > 500


def test_counters_of_videos_are_told_beside_those_that_cannot_be(net: Net, token: str) -> None:
    video_id = uploaded(net, token)
    [video] = shown(net, token, video_id, part="snippet")

    answer = body(net.get(f"{DATA}/videos:batchGetStats", token, part="snippet,statistics", id=f"{video_id},gone"))

    [told] = answer["items"]
    assert told.keys() == {"kind", "id", "snippet", "statistics"}
    assert told["snippet"] == {"publishTime": video["snippet"]["publishedAt"]}
    assert told["statistics"].keys() == {"viewCount", "likeCount", "commentCount"}
    assert answer["summary"] == {
        "requestedVideoCount": 2, "succeededVideoCount": 1, "failedVideoCount": 1, "failedVideoIds": ["gone"]
    }  # fmt: skip


def test_fifty_videos_are_shown_at_once_and_those_that_are_gone_are_left_out(net: Net, token: str) -> None:
    video_id = uploaded(net, token)

    assert [each["id"] for each in shown(net, token, "aaaaaaaaaaa", video_id)] == [video_id]
    ids = ",".join(f"v{number}" for number in range(51))
    assert reason(net.get(f"{DATA}/videos", token, part="status", id=ids)) == (400, "invalidFilters")
    assert reason(net.get(f"{DATA}/videos", token, part="status")) == (400, "missingRequiredParameter")
    assert reason(net.get(f"{DATA}/videos", token, id=video_id)) == (400, "required")
    assert reason(net.get(f"{DATA}/videos", token, part="soul", id=video_id)) == (400, "unknownPart")


def test_a_private_video_is_shown_to_its_channel_alone(net: Net, token: str) -> None:
    video_id = uploaded(net, token, privacyStatus="private")
    other = body(exchange(net, code_of(net, login="Ann")))["access_token"]

    assert len(shown(net, token, video_id)) == 1
    assert shown(net, other, video_id) == []
    assert net.get("www.youtube.com/watch", v=video_id).status_code == 404


def test_a_private_video_is_shown_to_all_from_its_time_on(net: Net, token: str) -> None:
    at = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    video_id = uploaded(net, token, privacyStatus="private", publishAt=at)

    before = shown(net, token, video_id)[0]["status"]
    net.wait(1801)

    assert (before["privacyStatus"], before["publishAt"]) == ("private", at)
    assert shown(net, token, video_id)[0]["status"]["privacyStatus"] == "public"
    assert net.get("www.youtube.com/watch", v=video_id).status_code == 200


def test_the_uploads_playlist_lists_the_newest_first_in_pages(net: Net, token: str) -> None:
    [channel] = body(net.get(f"{DATA}/channels", token, part="contentDetails", mine="true"))["items"]
    ask = {
        "part": "snippet,contentDetails",
        "playlistId": channel["contentDetails"]["relatedPlaylists"]["uploads"],
        "maxResults": "1",
    }
    uploaded(net, token, title="Old")
    uploaded(net, token, title="New")

    first = body(net.get(f"{DATA}/playlistItems", token, **ask))
    second = body(net.get(f"{DATA}/playlistItems", token, pageToken=first["nextPageToken"], **ask))

    assert [page["items"][0]["snippet"]["title"] for page in (first, second)] == ["New", "Old"]
    assert "nextPageToken" not in second
    assert reason(net.get(f"{DATA}/playlistItems", token, **ask | {"playlistId": "UU1"})) == (404, "playlistNotFound")
    for wrong in ("51", "²", "9" * 5000):
        refused = net.get(f"{DATA}/playlistItems", token, **ask | {"maxResults": wrong})
        assert reason(refused) == (400, "invalidParameter")


def test_a_lagging_playlist_does_not_list_a_new_video(net: Net, token: str) -> None:
    [channel] = body(net.get(f"{DATA}/channels", token, part="contentDetails", mine="true"))["items"]
    ask = {"part": "snippet", "playlistId": channel["contentDetails"]["relatedPlaylists"]["uploads"]}
    net.fault("youtube", "list_lag", seconds=30)
    uploaded(net, token)

    assert body(net.get(f"{DATA}/playlistItems", token, **ask))["items"] == []
    net.wait(31)
    assert len(body(net.get(f"{DATA}/playlistItems", token, **ask))["items"]) == 1


def test_comments_are_parts_of_their_video(net: Net, token: str) -> None:
    video_id = uploaded(net, token)

    made = body(comment(net, token, video_id))
    reply = {"snippet": {"parentId": made["id"], "textOriginal": "Thanks"}}
    assert net.json(f"{DATA}/comments?part=snippet", token, reply).status_code == 200

    [post] = net.posts()
    assert [each["text"] for each in post["parts"]] == ["First!", "Thanks"]
    listed = body(net.get(f"{DATA}/commentThreads", token, part="snippet", videoId=video_id))
    [thread] = listed["items"]
    assert thread["id"] == made["id"]
    assert thread["snippet"]["totalReplyCount"] == 1
    assert thread["snippet"]["topLevelComment"]["snippet"]["textOriginal"] == "First!"
    [video] = shown(net, token, video_id, part="statistics")
    assert video["statistics"]["commentCount"] == "2"


def test_comments_are_listed_newest_first_in_pages(net: Net, token: str) -> None:
    video_id = uploaded(net, token)
    for text in ("one", "two"):
        comment(net, token, video_id, text)
    ask = {"part": "snippet", "videoId": video_id, "maxResults": "1"}

    first = body(net.get(f"{DATA}/commentThreads", token, **ask))
    second = body(net.get(f"{DATA}/commentThreads", token, pageToken=first["nextPageToken"], **ask))

    texts = [page["items"][0]["snippet"]["topLevelComment"]["snippet"]["textOriginal"] for page in (first, second)]
    assert texts == ["two", "one"]
    assert "nextPageToken" not in second


def test_a_wrong_comment_is_refused_by_name(net: Net, token: str) -> None:
    video_id = uploaded(net, token)

    assert reason(comment(net, token, video_id, " ")) == (400, "commentTextRequired")
    assert reason(comment(net, token, video_id, "a" * 10_001)) == (400, "commentTextTooLong")
    assert reason(comment(net, token, "aaaaaaaaaaa")) == (404, "videoNotFound")
    assert reason(net.json(f"{DATA}/commentThreads?part=snippet", token, {})) == (400, "commentTextRequired")
    assert reason(net.json(f"{DATA}/comments?part=snippet", token, {})) == (400, "commentTextRequired")
    reply = {"snippet": {"parentId": "Ug", "textOriginal": "Hi"}}
    assert reason(net.json(f"{DATA}/comments?part=snippet", token, reply)) == (404, "parentCommentNotFound")
    listed = net.get(f"{DATA}/commentThreads", token, part="snippet", videoId="aaaaaaaaaaa")
    assert reason(listed) == (404, "videoNotFound")


def test_a_video_made_for_kids_takes_no_comments(net: Net, token: str) -> None:
    video_id = uploaded(net, token, selfDeclaredMadeForKids=True)

    assert reason(comment(net, token, video_id)) == (403, "commentsDisabled")
    listed = net.get(f"{DATA}/commentThreads", token, part="snippet", videoId=video_id)
    assert reason(listed) == (403, "commentsDisabled")
    [video] = shown(net, token, video_id, part="statistics")
    assert "commentCount" not in video["statistics"]


def test_a_video_can_be_deleted_by_its_channel_alone(net: Net, token: str) -> None:
    video_id = uploaded(net, token)
    other = body(exchange(net, code_of(net, login="Ann")))["access_token"]

    assert reason(net.call("DELETE", f"{DATA}/videos?id={video_id}", other)) == (403, "forbidden")
    assert net.call("DELETE", f"{DATA}/videos?id={video_id}", token).status_code == 204
    assert reason(net.call("DELETE", f"{DATA}/videos?id={video_id}", token)) == (404, "videoNotFound")
    assert shown(net, token, video_id) == []


def report(net: Net, token: str, video_id: str, **change: str) -> HttpResponse:
    ask = {
        "ids": "channel==MINE",
        "startDate": "2026-01-01",
        "endDate": "2036-12-31",
        "metrics": "views,shares",
        "dimensions": "day",
        "filters": f"video=={video_id}",
        "sort": "day",
    }
    return net.get(REPORTS, token, **ask | change)


def test_a_report_comes_days_late_and_adds_up_to_what_was_counted(net: Net, grant: dict[str, Any]) -> None:
    video_id = uploaded(net, grant["access_token"])
    assert "rows" not in body(report(net, grant["access_token"], video_id))
    net.wait(9 * 86_400)
    token = body(refresh(net, grant["refresh_token"]))["access_token"]

    table = body(report(net, token, video_id))

    assert table["kind"] == "youtubeAnalytics#resultTable"
    assert [each["name"] for each in table["columnHeaders"]] == ["day", "views", "shares"]
    assert 5 <= len(table["rows"]) <= 7
    [video] = shown(net, token, video_id, part="statistics")
    assert abs(sum(row[1] for row in table["rows"]) - int(video["statistics"]["viewCount"])) <= 1
    [[total, _]] = body(report(net, token, video_id, dimensions="", sort=""))["rows"]
    assert total == sum(row[1] for row in table["rows"])


def test_a_report_that_there_is_not_is_refused(net: Net, token: str) -> None:
    for change in ({"dimensions": "ageGroup"}, {"metrics": "joy"}, {"filters": "country==DE"}, {"ids": "channel==UC1"}):
        response = report(net, token, "aaaaaaaaaaa", **change)
        assert reason(response) == (400, "badRequest")
        assert "not supported" in body(response)["error"]["message"]
    assert reason(report(net, token, "a", metrics="estimatedRevenue")) == (403, "forbidden")
    assert reason(report(net, token, "a", startDate="soon")) == (400, "invalidParameter")


def test_a_report_needs_the_scope_to_read_the_channel_too(net: Net) -> None:
    alone = body(exchange(net, code_of(net, choosing="scopes", scopes=SCOPES[2:])))["access_token"]
    both = body(exchange(net, code_of(net, choosing="scopes", scopes=SCOPES[1:])))["access_token"]

    assert reason(report(net, alone, "aaaaaaaaaaa")) == (403, "insufficientPermissions")
    assert report(net, both, "aaaaaaaaaaa").status_code == 200


def test_a_project_may_begin_a_hundred_uploads_a_day_until_midnight_in_california(net: Net) -> None:
    net.control("POST", "clock", {"set": "2026-11-24T10:00:00Z"})
    grant = body(exchange(net, code_of(net)))
    token = grant["access_token"]
    assert begin(net, token).status_code == 200
    use_up(":uploads:", left=1, of=100)
    assert begin(net, token).status_code == 200

    refused = begin(net, token)
    assert reason(refused) == (429, "rateLimitExceeded")
    assert "'Video Uploads per day'" in body(refused)["error"]["message"]
    assert net.get(f"{DATA}/channels", token, part="id", mine="true").status_code == 200
    net.control("POST", "clock", {"set": "2026-11-25T07:59:00Z"})
    token = body(refresh(net, grant["refresh_token"]))["access_token"]
    assert reason(begin(net, token)) == (429, "rateLimitExceeded")
    net.control("POST", "clock", {"set": "2026-11-25T08:01:00Z"})
    assert begin(net, token).status_code == 200


def test_a_limited_channel_may_upload_one_video_in_24_hours(net: Net) -> None:
    grant = body(exchange(net, code_of(net, login="Ann Limited")))
    elsewhere = body(exchange(net, code_of(net, login="Ann Limited", pages=["1"])))
    video_id = uploaded(net, grant["access_token"])
    net.call("DELETE", f"{DATA}/videos?id={video_id}", grant["access_token"])

    assert reason(begin(net, grant["access_token"])) == (400, "uploadLimitExceeded")
    assert begin(net, elsewhere["access_token"]).status_code == 200
    net.wait(86_399)
    token = body(refresh(net, grant["refresh_token"]))["access_token"]
    assert reason(begin(net, token)) == (400, "uploadLimitExceeded")
    net.wait(2)
    assert begin(net, token).status_code == 200


def test_all_else_costs_units_of_the_day(net: Net, token: str) -> None:
    video_id = uploaded(net, token)
    assert comment(net, token, video_id).status_code == 200
    use_up(":units:", left=51, of=10_000)
    assert comment(net, token, video_id, "Again").status_code == 200
    assert net.get(f"{DATA}/videos", token, part="status", id=video_id).status_code == 200

    refused = net.get(f"{DATA}/videos", token, part="status", id=video_id)

    assert reason(refused) == (403, "quotaExceeded")
    assert body(refused)["error"]["errors"][0]["domain"] == "youtube.quota"


def test_an_address_that_google_does_not_have_is_not_found(net: Net) -> None:
    assert reason(net.get(f"{DATA}/everything")) == (404, "notFound")
