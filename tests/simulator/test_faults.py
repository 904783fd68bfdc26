"""Every ordered trouble, as far as it can be seen without a real connection."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from tests.simulator.conftest import (
    GRAPH,
    XRPC,
    Net,
    Page,
    Session,
    User,
    X,
    bluesky_login,
    body,
    png,
    record,
    x_tokens,
)

pytestmark = pytest.mark.django_db(databases=["simulator"])
Tweet = Callable[..., HttpResponse]
Put = Callable[..., HttpResponse]


def unanswered(response: HttpResponse) -> bool:
    """Return whether this answer makes the server close the connection."""
    return isinstance(response, StreamingHttpResponse) and response["Content-Length"] == "unanswered"


def texts(net: Net) -> list[str]:
    return [post["text"] for post in net.posts()]


def test_a_fault_without_match_meets_only_the_visible_call(net: Net, user: User, tweet: Tweet) -> None:
    net.fault("twitter", "status", status=503, body={"title": "Down"}, headers={"Retry-After": "7"})

    assert net.get(f"{X}/users/me", user.token).status_code == 200
    answer = tweet("x")
    assert (answer.status_code, body(answer), answer["Retry-After"]) == (503, {"title": "Down"}, "7")
    assert texts(net) == []
    assert tweet("x").status_code == 201


def test_a_photo_kept_back_is_no_visible_call(net: Net, page: Page) -> None:
    net.fault("facebook", "status", status=500, body="oops")

    hidden = net.upload(f"{GRAPH}/me/photos", page.token, source=png(), published="false")
    shown = net.upload(f"{GRAPH}/me/photos", page.token, source=png())

    assert (hidden.status_code, shown.status_code, shown.content) == (200, 500, b"oops")


@pytest.mark.parametrize(
    "match",
    [
        "/feed",
        "facebook.com/v26.0",
        "POST graph.facebook.com/v26.0/me/feed",
        "POST /v26.0/me/feed",
        "POST /me/feed",
        "POST",
    ],
)
def test_a_match_is_words_or_a_method_with_a_path(net: Net, page: Page, match: str) -> None:
    net.fault("facebook", "status", status=500, match=match)

    assert net.form(f"{GRAPH}/me/feed", page.token, message="x").status_code == 500


@pytest.mark.parametrize("match", ["GET /me/feed", "POST /feed", "/photos"])
def test_what_does_not_match_is_left_alone(net: Net, page: Page, match: str) -> None:
    net.fault("facebook", "status", status=500, match=match)

    assert net.form(f"{GRAPH}/me/feed", page.token, message="x").status_code == 200


def test_a_fault_may_be_for_one_account_and_several_times(net: Net, user: User, tweet: Tweet) -> None:
    stranger = x_tokens(net, login="Bob")["access_token"]
    net.fault("twitter", "status", status=500, account=user.id, times=2)

    assert net.json(f"{X}/tweets", stranger, {"text": "b"}).status_code == 201
    assert [tweet(text).status_code for text in "123"] == [500, 500, 201]


def test_status_after_accept_publishes_first(net: Net, tweet: Tweet) -> None:
    net.fault("twitter", "status", status=502, after_accept=True)

    assert tweet("x").status_code == 502
    assert texts(net) == ["x"]


@pytest.mark.parametrize(("after", "published"), [(False, []), (True, ["x"])])
def test_reset_closes_without_an_answer(net: Net, tweet: Tweet, after: bool, published: list[str]) -> None:
    net.fault("twitter", "reset", after_accept=after)

    assert unanswered(tweet("x"))
    assert texts(net) == published


@pytest.mark.parametrize(("effect", "published"), [("timeout_before_accept", []), ("timeout_after_accept", ["x"])])
def test_a_timeout_holds_and_then_closes(net: Net, tweet: Tweet, effect: str, published: list[str]) -> None:
    net.fault("twitter", effect, hold=7)
    seen: list[list[str]] = []

    with patch("ouipost.simulator.faults.time.sleep", side_effect=lambda _: seen.append(texts(net))) as sleep:
        response = tweet("x")

    assert unanswered(response)
    sleep.assert_called_once_with(7.0)
    assert seen == [published]
    row = net.control("GET", "requests?match=POST%20/2/tweets")["requests"][0]
    assert (row["status"], row["fault"]) == (None, effect)


def test_a_timeout_holds_a_minute_unless_told(net: Net, tweet: Tweet) -> None:
    net.fault("twitter", "timeout_before_accept")

    with patch("ouipost.simulator.faults.time.sleep", autospec=True) as sleep:
        tweet("x")

    sleep.assert_called_once_with(60.0)


def test_cut_json_looks_whole_and_is_not(net: Net, tweet: Tweet) -> None:
    net.fault("twitter", "cut_json")

    answer = tweet("x")

    assert (answer.status_code, answer["Content-Length"]) == (201, str(len(answer.content)))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        body(answer)
    assert texts(net) == ["x"]


def test_drip_sends_the_answer_byte_by_byte(net: Net, tweet: Tweet) -> None:
    net.fault("twitter", "drip")

    answer: Any = tweet("x")
    with patch("ouipost.simulator.faults.time.sleep", autospec=True) as sleep:
        pieces = list(answer.streaming_content)

    assert answer["Content-Length"] == str(len(pieces)) == str(len(b"".join(pieces)))
    assert {call.args for call in sleep.call_args_list} == {(0.5,)}
    assert b'"text": "x"' in b"".join(pieces)


def test_new_posts_are_missing_from_lists_for_a_while(net: Net, user: User, page: Page, tweet: Tweet, put: Put) -> None:
    for network in ("facebook", "twitter", "bluesky"):
        net.fault(network, "list_lag", seconds=30)
    post_id = body(net.form(f"{GRAPH}/me/feed", page.token, message="x"))["id"]
    tweet("x")
    uri = body(put(record("x")))["uri"]
    did = uri.split("/")[2]

    def listed() -> list[int]:
        token = body(bluesky_login(net))["accessJwt"]
        records = net.get(f"{XRPC}/com.atproto.repo.listRecords", repo=did, collection="app.bsky.feed.post")
        return [
            len(body(net.get(f"{GRAPH}/me/published_posts", page.token))["data"]),
            body(net.get(f"{X}/users/{user.id}/tweets", user.token))["meta"]["result_count"],
            len(body(records)["records"]),
            len(body(net.get(f"{XRPC}/app.bsky.feed.getPosts", token, uris=uri))["posts"]),
        ]

    assert listed() == [0, 0, 0, 0]
    assert net.get(f"{GRAPH}/{post_id}", page.token).status_code == 200
    assert len(net.posts()) == 3
    net.wait(31)
    assert listed() == [1, 1, 1, 1]


def test_list_lag_may_be_ordered_for_the_list_call_too(net: Net, user: User, tweet: Tweet) -> None:
    tweet("x")
    net.fault("twitter", "list_lag", match=f"GET /2/users/{user.id}/tweets")

    answers = [body(net.get(f"{X}/users/{user.id}/tweets", user.token))["meta"]["result_count"] for _ in range(2)]

    assert answers == [0, 1]


def test_two_kinds_of_fault_meet_one_call(net: Net, user: User, tweet: Tweet) -> None:
    net.fault("twitter", "list_lag", seconds=60)
    net.fault("twitter", "reset", after_accept=True)
    net.fault("twitter", "status", status=500)

    assert unanswered(tweet("x"))

    assert body(net.get(f"{X}/users/{user.id}/tweets", user.token))["meta"]["result_count"] == 0
    assert [fault["fired"] for fault in net.control("GET", "faults")["faults"]] == [1, 1, 0]


def test_a_revoked_consent_is_gone_for_good(net: Net, user: User, page: Page, session: Session, put: Put) -> None:
    for network in ("facebook", "twitter", "bluesky"):
        net.fault(network, "revoke")

    x = net.json(f"{X}/tweets", user.token, {"text": "x"})
    facebook = net.form(f"{GRAPH}/me/feed", page.token, message="x")
    bluesky = put(record())

    assert (x.status_code, body(facebook)["error"]["error_subcode"], bluesky.status_code) == (401, 458, 400)
    refresh = {"client_id": "app", "grant_type": "refresh_token", "refresh_token": user.refresh}
    assert net.form(f"{X}/oauth2/token", **refresh).status_code == 400
    assert net.get(f"{GRAPH}/me", page.user).status_code == 400
    again = net.call("POST", f"{XRPC}/com.atproto.server.refreshSession", session.refresh)
    assert body(again)["message"] == "Token has been revoked"
    assert bluesky_login(net).status_code == 401
    assert bluesky_login(net, password="zzzz-zzzz-zzzz-zzzz").status_code == 200


def test_failed_processing_spoils_an_upload(net: Net, page: Page, session: Session) -> None:
    for network in ("facebook", "bluesky"):
        net.fault(network, "processing_failed")

    facebook = net.upload(f"{GRAPH}/me/photos", page.token, source=png())
    bluesky = net.call("POST", f"{XRPC}/com.atproto.repo.uploadBlob", session.access, png().read(), "image/png")

    assert body(facebook)["error"]["code"] == 324
    assert bluesky.status_code == 400


def test_slow_processing_is_a_slow_answer_where_there_are_no_states(net: Net, page: Page, session: Session) -> None:
    net.fault("facebook", "slow_processing", seconds=3)
    net.fault("bluesky", "slow_processing")

    with patch("time.sleep") as sleep:
        net.upload(f"{GRAPH}/me/photos", page.token, source=png())
        net.call("POST", f"{XRPC}/com.atproto.repo.uploadBlob", session.access, png().read(), "image/png")

    assert [call.args for call in sleep.call_args_list if call.args[0]] == [(3.0,), (5.0,)]
