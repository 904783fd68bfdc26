"""GIFs and videos on X, as the facts describe their way in: begun, sent in chunks, closed, worked on."""

import io
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.http import HttpResponse

from tests.simulator.clip import film
from tests.simulator.conftest import Net, User, X, body, gif, png, tags, use_up, x_tokens

pytestmark = pytest.mark.django_db(databases=["simulator"])
Tweet = Callable[..., HttpResponse]
UPLOAD = f"{X}/media/upload"


def initialize(net: Net, token: str, size: int, **values: Any) -> Any:
    data = {"media_type": "video/mp4", "total_bytes": size, "media_category": "tweet_video"} | values
    return net.json(f"{UPLOAD}/initialize", token, data)


def append(net: Net, token: str, media_id: str, index: int | str, content: bytes) -> Any:
    chunk = io.BytesIO(content)
    chunk.name = "chunk"
    return net.upload(f"{UPLOAD}/{media_id}/append", token, segment_index=index, media=chunk)


def finalize(net: Net, token: str, media_id: str) -> Any:
    return net.json(f"{UPLOAD}/{media_id}/finalize", token)


def status(net: Net, token: str, media_id: str) -> Any:
    return body(net.get(UPLOAD, token, command="STATUS", media_id=media_id))["data"]


def send(net: Net, token: str, content: bytes, **values: Any) -> Any:
    """Send a whole file in three chunks and return what finalize says of it."""
    media_id = body(initialize(net, token, len(content), **values))["data"]["id"]
    size = len(content) // 3 + 1
    for index, start in enumerate(range(0, len(content), size)):
        assert append(net, token, media_id, index, content[start : start + size]).status_code == 200
    return body(finalize(net, token, media_id))["data"]


def send_gif(net: Net, token: str, content: bytes) -> Any:
    return send(net, token, content, media_type="image/gif", media_category="tweet_gif")


def test_a_video_comes_in_chunks_and_is_shown(net: Net, user: User, tweet: Tweet) -> None:
    film_bytes = film()
    begun = body(initialize(net, user.token, len(film_bytes)))["data"]
    assert begun == {"id": begun["id"], "media_key": f"7_{begun['id']}", "expires_after_secs": 86400}
    assert "expires_at" in body(append(net, user.token, begun["id"], 1, film_bytes[2000:]))["data"]
    append(net, user.token, begun["id"], 0, b"a chunk that is sent again")
    append(net, user.token, begun["id"], 0, film_bytes[:2000])

    whole = body(finalize(net, user.token, begun["id"]))["data"]
    answer = tweet("Look", media={"media_ids": [begun["id"]]})

    assert whole == begun | {"size": len(film_bytes)}
    assert answer.status_code == 201
    one = body(net.get(f"{X}/tweets/{body(answer)['data']['id']}", user.token, **{"tweet.fields": "attachments"}))
    assert one["data"]["attachments"] == {"media_keys": [begun["media_key"]]}
    assert [post["media_count"] for post in net.posts()] == [1]


def test_a_gif_comes_in_chunks_under_a_key_of_its_own(net: Net, user: User, tweet: Tweet) -> None:
    sent = send_gif(net, user.token, gif())
    alt = {"id": sent["id"], "metadata": {"alt_text": {"text": "It blinks"}}}
    assert net.json(f"{X}/media/metadata", user.token, alt).status_code == 200

    answer = tweet("", media={"media_ids": [sent["id"]]})

    assert sent["media_key"] == f"16_{sent['id']}"
    shown = net.get(f"x.com/i/status/{body(answer)['data']['id']}")
    assert any('alt="It blinks"' in tag for tag in tags(shown, "img"))


def test_a_file_is_used_once_it_was_worked_on(net: Net, user: User, tweet: Tweet) -> None:
    net.fault("twitter", "slow_processing", seconds=8)

    sent = send(net, user.token, film())
    attached = {"media": {"media_ids": [sent["id"]]}}
    early = tweet("early", **attached)

    assert sent["processing_info"]["state"] == "pending"
    assert 1 <= sent["processing_info"]["check_after_secs"] <= 5
    assert early.status_code == 400
    net.wait(4)
    assert status(net, user.token, sent["id"])["processing_info"]["state"] == "in_progress"
    net.wait(5)
    assert status(net, user.token, sent["id"])["processing_info"] == {"state": "succeeded", "progress_percent": 100}
    assert tweet("late", **attached).status_code == 201


def test_work_that_fails_says_why(net: Net, user: User, tweet: Tweet) -> None:
    net.fault("twitter", "processing_failed")

    sent = send(net, user.token, film())

    assert sent["processing_info"]["state"] == "failed"
    assert sent["processing_info"]["error"]["name"] == "InvalidMedia"
    assert status(net, user.token, sent["id"])["processing_info"] == sent["processing_info"]
    assert tweet("x", media={"media_ids": [sent["id"]]}).status_code == 400


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"codec": "mpeg4"}, "H.264"),
        ({"audio": "libmp3lame"}, "AAC"),
        ({"fps": 90}, "60 frames"),
        ({"width": 320, "height": 64}, "aspect ratio"),
        ({"width": 16, "height": 16}, "32 pixels"),
        ({"seconds": 0.3}, "0.5 seconds"),
        ({"codec": "libvpx-vp9", "audio": "", "container": "webm"}, "MP4 or MOV"),
    ],
)
def test_a_video_that_x_cannot_show_fails(net: Net, user: User, values: dict[str, Any], words: str) -> None:
    sent = send(net, user.token, film(**values))

    assert words in sent["processing_info"]["error"]["message"]


@pytest.mark.parametrize("values", [{"container": "mov"}, {"audio": ""}, {"width": 96, "height": 32}, {"fps": 60}])
def test_other_videos_are_taken(net: Net, user: User, values: dict[str, Any]) -> None:
    assert "processing_info" not in send(net, user.token, film(**values), media_type="video/quicktime")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a noise", "no GIF"),
        (png().getvalue(), "no GIF"),
        (gif(width=1281), "1280x1080"),
        (gif(height=1081), "1280x1080"),
        (gif(351), "350 frames"),
    ],
)
def test_a_gif_that_x_cannot_show_fails(net: Net, user: User, content: bytes, words: str) -> None:
    assert words in send_gif(net, user.token, content)["processing_info"]["error"]["message"]


def test_a_gif_has_a_number_of_pixels_in_all(net: Net, user: User) -> None:
    with patch("ouipost.simulator.networks.twitter.media.MAX_GIF_PIXELS", 47):
        sent = send_gif(net, user.token, gif(3))

    assert "47 pixels" in sent["processing_info"]["error"]["message"]


def test_all_users_of_an_app_share_a_quota_of_a_day(net: Net, user: User) -> None:
    first = initialize(net, user.token, 9)
    use_up("app app:POST initialize", left=0, of=180_000)
    second = initialize(net, user.token, 9)

    assert [each["x-app-limit-24hour-remaining"] for each in (first, second)] == ["179999", "0"]
    assert (second.status_code, second["x-rate-limit-remaining"]) == (429, "1873")


def test_noise_is_no_video(net: Net, user: User) -> None:
    assert "no video" in send(net, user.token, b"noise")["processing_info"]["error"]["message"]


@pytest.mark.parametrize(
    "values",
    [
        {"media_category": "tweet_image"},
        {"media_category": 5},
        {"media_type": "image/gif"},
        {"media_type": "video/webm"},
        {"total_bytes": 0},
        {"total_bytes": "many"},
        {"total_bytes": 8192 * 1024 * 1024 + 1},
        {"media_category": "tweet_gif", "media_type": "image/gif", "total_bytes": 15 * 1024 * 1024 + 1},
    ],
)
def test_an_upload_that_cannot_be_taken_is_refused_before_it_begins(
    net: Net, user: User, values: dict[str, Any]
) -> None:
    assert initialize(net, user.token, 10, **values).status_code == 400


def test_wrong_chunks_are_refused(net: Net, user: User) -> None:
    media_id = body(initialize(net, user.token, 100))["data"]["id"]
    bob = x_tokens(net, login="Bob")["access_token"]

    wrong = [append(net, user.token, media_id, index, b"x") for index in ("-1", "1000", "9" * 5000, "")]
    wrong.append(append(net, user.token, media_id, 0, bytes(5 * 1024 * 1024 + 1)))
    wrong.append(append(net, bob, media_id, 0, b"x"))
    wrong.append(append(net, user.token, "1", 0, b"x"))
    wrong.append(net.upload(f"{UPLOAD}/{media_id}/append", user.token, segment_index=0))
    wrong.append(net.json(f"{UPLOAD}/{media_id}/append", user.token, {"segment_index": 0, "media": "eA=="}))
    wrong.append(net.upload(f"{UPLOAD}/{media_id}/append?segment_index=0", user.token, media=io.BytesIO(b"x")))

    assert [answer.status_code for answer in wrong] == [400] * 10


def test_an_upload_is_closed_once_and_whole(net: Net, user: User, tweet: Tweet) -> None:
    content = film()
    media_id = body(initialize(net, user.token, len(content)))["data"]["id"]
    append(net, user.token, media_id, 0, content[:100])
    append(net, user.token, media_id, 2, content[100:])

    gap = finalize(net, user.token, media_id)
    unready = tweet("x", media={"media_ids": [media_id]})
    append(net, user.token, media_id, 1, content[100:200])
    append(net, user.token, media_id, 2, content[200:])

    assert (gap.status_code, unready.status_code) == (400, 400)
    assert finalize(net, user.token, media_id).status_code == 200
    assert finalize(net, user.token, media_id).status_code == 400
    assert append(net, user.token, media_id, 3, b"x").status_code == 400


def test_of_an_upload_that_is_not_closed_no_more_is_told_than_of_one_that_is_ready(net: Net, user: User) -> None:
    begun = body(initialize(net, user.token, 100))["data"]
    media_id = begun["id"]

    assert status(net, user.token, media_id).keys() == begun.keys()
    assert net.get(UPLOAD, user.token, command="INIT", media_id=media_id).status_code == 400


def test_a_video_stands_alone(net: Net, user: User, tweet: Tweet) -> None:
    moving = send(net, user.token, film())["id"]
    blinking = send_gif(net, user.token, gif())["id"]
    still = body(net.upload(UPLOAD, user.token, media=png(), media_category="tweet_image"))["data"]["id"]

    for other in (blinking, still):
        assert tweet("both", media={"media_ids": [moving, other]}).status_code == 400
    assert tweet("gif", media={"media_ids": [blinking, still]}).status_code == 400


def test_twenty_minutes_are_the_longest_video_of_a_user_who_does_not_pay(net: Net, user: User, tweet: Tweet) -> None:
    premium = x_tokens(net, login="Ada Premium")["access_token"]
    content = film(seconds=1210, fps=1, audio="")

    mine, theirs = (send(net, token, content)["id"] for token in (user.token, premium))

    answer = tweet("long", media={"media_ids": [mine]})
    assert answer.status_code == 403
    assert body(answer)["detail"] == "This user is not allowed to post a video longer than 20 minutes."
    data = {"text": "long", "media": {"media_ids": [theirs]}}
    assert net.json(f"{X}/tweets", premium, data).status_code == 201


def test_views_of_a_video_are_counted_beside_the_posts(net: Net, user: User, tweet: Tweet) -> None:
    sent = send(net, user.token, film())
    picture = body(net.upload(UPLOAD, user.token, media=png(), media_category="tweet_image"))["data"]
    posts = [body(tweet(f"{each['id']}", media={"media_ids": [each["id"]]}))["data"]["id"] for each in (sent, picture)]
    net.wait(7000)

    answer = body(
        net.get(
            f"{X}/tweets",
            user.token,
            ids=",".join(posts),
            expansions="attachments.media_keys",
            **{"media.fields": "public_metrics,non_public_metrics,duration_ms"},
        )
    )

    video, photo = answer["includes"]["media"]
    assert (video["media_key"], video["type"], video["duration_ms"]) == (sent["media_key"], "video", 1000)
    assert video["public_metrics"]["view_count"] > 0
    assert set(video["non_public_metrics"]) == {f"playback_{percent}_count" for percent in (0, 25, 50, 75, 100)}
    assert photo == {"media_key": picture["media_key"], "type": "photo"}
