"""X as the facts describe it."""

import base64
import io
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.http import HttpResponse
from PIL import Image

from tests.simulator.conftest import (
    CALLBACK,
    VERIFIER,
    Net,
    User,
    X,
    body,
    png,
    tags,
    use_up,
    x_code,
    x_tokens,
)

pytestmark = pytest.mark.django_db(databases=["simulator"])
AUTHORIZE = "x.com/i/oauth2/authorize"
Tweet = Callable[..., HttpResponse]


def detail(response: Any) -> tuple[int, str]:
    return response.status_code, body(response)["detail"]


def upload(net: Net, user: User, file: io.BytesIO | None = None, category: str = "tweet_image") -> Any:
    return net.upload(f"{X}/media/upload", user.token, media=file or png(), media_category=category)


def token_error(response: Any) -> tuple[int, str]:
    return response.status_code, body(response)["error"]


def exchange(net: Net, fresh: str, headers: Any = None, **change: str) -> Any:
    data = {
        "client_id": "app",
        "grant_type": "authorization_code",
        "code": fresh,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return net.form(f"{X}/oauth2/token", headers=headers, **data | change)


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"redirect_uri": "https://app.example/"}, (400, "invalid_request")),
        ({"code_verifier": "w" * 50}, (400, "invalid_request")),
        ({"client_id": "other"}, (400, "invalid_request")),
        ({"client_id": ""}, (401, "unauthorized_client")),
        ({"client_secret": "sec"}, (401, "unauthorized_client")),
        ({"code": "junk"}, (400, "invalid_request")),
        ({"grant_type": "password"}, (400, "invalid_request")),
    ],
)
def test_a_code_needs_its_address_its_client_and_its_verifier(
    net: Net, change: dict[str, str], answer: tuple[int, str]
) -> None:
    code = x_code(net)

    assert token_error(exchange(net, code, **change)) == answer
    assert exchange(net, code).status_code == 200


def test_a_code_works_once_and_for_thirty_seconds(net: Net) -> None:
    used, late = x_code(net), x_code(net)
    assert exchange(net, used).status_code == 200

    net.wait(31)

    assert token_error(exchange(net, used)) == token_error(exchange(net, late)) == (400, "invalid_request")


def test_basic_credentials_must_always_bring_the_same_secret(net: Net) -> None:
    def basic(pair: bytes) -> dict[str, str]:
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    assert exchange(net, x_code(net), basic(b"app:sec"), client_id="").status_code == 200
    assert token_error(exchange(net, x_code(net), basic(b"app:guess"))) == (401, "unauthorized_client")
    assert token_error(exchange(net, x_code(net), {"Authorization": "Basic !"})) == (401, "unauthorized_client")
    assert token_error(exchange(net, x_code(net), {"Authorization": "Basic é"})) == (401, "unauthorized_client")
    assert token_error(exchange(net, x_code(net), basic(b"app:"))) == (401, "unauthorized_client")
    assert token_error(exchange(net, x_code(net))) == (401, "unauthorized_client")


def test_the_token_endpoint_takes_only_forms(net: Net) -> None:
    fields = {"client_id": "app", "grant_type": "refresh_token"}

    in_json = net.json(f"{X}/oauth2/token", data=fields)
    in_the_address = net.form(f"{X}/oauth2/token?refresh_token=r1", data=fields)

    assert token_error(in_json) == token_error(in_the_address) == (400, "invalid_request")
    assert "form-urlencoded" in body(in_the_address)["error_description"]


def test_a_refresh_token_dies_when_it_is_used(net: Net, user: User) -> None:
    def refresh(token: str) -> Any:
        return net.form(f"{X}/oauth2/token", client_id="app", grant_type="refresh_token", refresh_token=token)

    first = body(refresh(user.refresh))

    assert first["expires_in"] == 7200
    assert token_error(refresh(user.refresh)) == (400, "invalid_request")
    assert refresh(first["refresh_token"]).status_code == 200
    assert net.get(f"{X}/users/me", first["access_token"]).status_code == 200


def test_an_access_token_lives_two_hours(net: Net, user: User) -> None:
    net.wait(7170)
    assert net.get(f"{X}/users/me", user.token).status_code == 200
    net.wait(60)
    assert detail(net.get(f"{X}/users/me", user.token)) == (401, "Unauthorized")


def test_an_access_token_stands_in_the_header(net: Net, user: User) -> None:
    for name in ("access_token", "token", "refresh_token"):
        assert detail(net.get(f"{X}/users/me?{name}={user.token}")) == (401, "Unauthorized")
    assert detail(net.get(f"{X}/users/me", user.refresh)) == (401, "Unauthorized")


def test_without_offline_access_there_is_no_refresh_token(net: Net) -> None:
    with patch("tests.simulator.conftest.X_SCOPES", "users.read tweet.read"):
        tokens = x_tokens(net)

    assert "refresh_token" not in tokens
    response = net.json(f"{X}/tweets", tokens["access_token"], {"text": "x"})
    assert detail(response) == (403, "You are not permitted to perform this action.")


def test_revoking_ends_the_whole_consent(net: Net, user: User) -> None:
    assert token_error(net.form(f"{X}/oauth2/revoke", client_id="app")) == (400, "invalid_request")
    net.form(f"{X}/oauth2/revoke", data={"client_id": "other", "token": user.refresh})
    assert net.get(f"{X}/users/me", user.token).status_code == 200

    assert body(net.form(f"{X}/oauth2/revoke", data={"client_id": "app", "token": user.refresh})) == {"revoked": True}

    assert net.get(f"{X}/users/me", user.token).status_code == 401


def test_me_shows_the_asked_fields(net: Net, user: User) -> None:
    fields = "public_metrics,profile_image_url,subscription_type,verified_type"

    data = body(net.get(f"{X}/users/me", user.token, **{"user.fields": fields}))["data"]

    assert set(data) == {"id", "name", "username", *fields.split(",")}
    assert data["profile_image_url"].endswith("_normal.png")
    wrong = net.get(f"{X}/users/me", user.token, **{"user.fields": "shoe_size"})
    assert (wrong.status_code, body(wrong)["type"].rpartition("/")[2]) == (400, "invalid-request")


def test_a_login_by_name_has_that_name(net: Net) -> None:
    token = x_tokens(net, login="Ada Lovelace")["access_token"]

    assert body(net.get(f"{X}/users/me", token))["data"]["username"] == "ada_lovelace"


def test_a_post_comes_back_with_short_addresses_and_escapes(net: Net, user: User, tweet: Tweet) -> None:
    text = "R&D <3 see https://example.com/a?b=1 and example.org."
    answer = tweet(text)
    post_id = body(answer)["data"]["id"]

    listed = body(net.get(f"{X}/users/{user.id}/tweets", user.token, **{"tweet.fields": "created_at,text,entities"}))[
        "data"
    ][0]

    assert (answer.status_code, listed["id"]) == (201, post_id)
    assert listed["created_at"].endswith(".000Z")
    urls = listed["entities"]["urls"]
    assert [url["expanded_url"] for url in urls] == ["https://example.com/a?b=1", "http://example.org"]
    assert all(listed["text"][url["start"] : url["end"]] == url["url"] for url in urls)
    assert all(len(url["url"]) == 23 and url["url"].startswith("https://t.co/") for url in urls)
    restored = listed["text"]
    for url in urls:
        restored = restored.replace(url["url"], url["expanded_url"])
    assert restored == "R&amp;D &lt;3 see https://example.com/a?b=1 and http://example.org."


def test_a_post_with_images_shows_them_and_ends_with_an_address(net: Net, user: User, tweet: Tweet) -> None:
    media = body(upload(net, user))["data"]
    alt = {"id": media["id"], "metadata": {"alt_text": {"text": "A red box"}}}
    assert body(net.json(f"{X}/media/metadata", user.token, alt))["data"]["id"] == media["id"]

    data = body(tweet("Look", media={"media_ids": [media["id"]]}))["data"]

    assert media["image"] == {"image_type": "image/png", "w": 8, "h": 6}
    assert (media["media_key"], media["expires_after_secs"]) == (f"3_{media['id']}", 86400)
    assert data["text"].startswith("Look https://t.co/")
    shown = net.get(f"x.com/{user.username}/status/{data['id']}")
    assert any('alt="A red box"' in tag for tag in tags(shown, "img"))
    assert net.get(f"x.com/i/status/{data['id']}").content == shown.content
    one = body(net.get(f"{X}/tweets/{data['id']}", user.token, **{"tweet.fields": "attachments"}))["data"]
    assert one["attachments"] == {"media_keys": [media["media_key"]]}


@pytest.mark.parametrize(
    "values",
    [
        {"text": ""},
        {"text": 5},
        {"text": "x" * 281},
        {"text": "字" * 141},
        {"text": "$ABC and $XYZ"},
        {"text": "a", "colour": "red"},
        {"text": "a", "nullcast": True},
        {"text": "a", "reply": {"in_reply_to_tweet_id": "5", "colour": "red"}},
        {"text": "a", "media": {"media_ids": []}},
        {"text": "a", "media": {"media_ids": ["1"]}},
        {"text": "a", "media": {"media_ids": [1]}},
        {"text": "a", "media": {"media_ids": ["1", "2", "3", "4", "5"]}},
        {"text": "a", "reply_settings": "nobody"},
        {"text": "a", "reply": {"in_reply_to_tweet_id": 5}},
    ],
)
def test_a_wrong_post_is_an_invalid_request(net: Net, tweet: Tweet, values: dict[str, Any]) -> None:
    response = tweet(**values)

    assert (response.status_code, body(response)["type"]) == (
        400,
        "https://api.x.com/2/problems/invalid-request",
    )
    assert net.posts() == []


def test_a_body_that_is_no_json_is_refused(net: Net, user: User) -> None:
    response = net.call("POST", f"{X}/tweets", user.token, "{broken", "application/x-broken")

    assert response.status_code == 400


def test_what_needs_a_plan_is_forbidden(tweet: Tweet) -> None:
    assert detail(tweet("a", quote_tweet_id="1"))[0] == 403


@pytest.mark.parametrize("text", ["x" * 280, "字" * 140, "👨‍👩‍👧‍👦" * 140, "https://example.com/" + "y" * 300])
def test_the_longest_texts_are_taken(tweet: Tweet, text: str) -> None:
    assert tweet(text).status_code == 201


def test_the_same_text_within_a_day_is_refused(net: Net, tweet: Tweet) -> None:
    first = body(tweet("Same"))["data"]["id"]
    tweet("Other")

    assert detail(tweet(" Same ")) == (403, "You are not allowed to create a Tweet with duplicate content.")
    assert [post["id"] for post in net.posts(network="twitter") if post["text"] == "Same"] == [first]


def test_after_a_day_or_a_delete_the_text_may_come_again(net: Net, user: User, tweet: Tweet) -> None:
    post_id = body(tweet("Same"))["data"]["id"]

    assert body(net.call("DELETE", f"{X}/tweets/{post_id}", user.token)) == {"data": {"deleted": True}}

    assert tweet("Same").status_code == 201
    assert net.get(f"x.com/i/status/{post_id}").status_code == 404
    missing = body(net.get(f"{X}/tweets/{post_id}", user.token))["errors"][0]
    assert missing["type"].endswith("resource-not-found")


def test_a_thread_is_one_post_with_parts(net: Net, user: User, tweet: Tweet) -> None:
    ids = [body(tweet("1"))["data"]["id"]]
    for text in ("2", "3"):
        ids.append(body(tweet(text, reply={"in_reply_to_tweet_id": ids[-1]}))["data"]["id"])

    entry = net.posts()[0]

    assert [(part["id"], part["reply_to"]) for part in entry["parts"]] == [(ids[1], ids[0]), (ids[2], ids[1])]
    assert len(net.posts()) == 1
    listed = body(net.get(f"{X}/users/{user.id}/tweets", user.token, exclude="replies,retweets"))
    assert [post["id"] for post in listed["data"]] == ids[:1]
    assert listed["meta"] == {"result_count": 1, "newest_id": ids[0], "oldest_id": ids[0]}
    assert tweet("x", reply={"in_reply_to_tweet_id": "99"}).status_code == 403


def test_others_are_answered_and_deleted_only_where_they_allow_it(net: Net, tweet: Tweet) -> None:
    post_id = body(tweet("Mine"))["data"]["id"]
    stranger = x_tokens(net, login="Bob")["access_token"]
    calling = body(tweet("Hello @bob"))["data"]["id"]

    def reply(parent: str) -> int:
        data = {"text": f"to {parent}", "reply": {"in_reply_to_tweet_id": parent}}
        return net.json(f"{X}/tweets", stranger, data).status_code

    assert (reply(post_id), reply(calling)) == (403, 201)
    assert net.call("DELETE", f"{X}/tweets/{post_id}", stranger).status_code == 403
    assert sorted(post["text"] for post in net.posts()) == ["Hello @bob", "Mine", f"to {calling}"]


def gif(frames: int) -> io.BytesIO:
    buffer = io.BytesIO()
    images = [Image.new("RGB", (4, 4), (80 * index, 0, 0)) for index in range(frames)]
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:])
    buffer.seek(0)
    buffer.name = "moving.gif"
    return buffer


def test_a_moving_gif_stands_alone(net: Net, user: User, tweet: Tweet) -> None:
    moving, still = (body(upload(net, user, file))["data"]["id"] for file in (gif(3), png()))

    assert tweet("both", media={"media_ids": [moving, still]}).status_code == 400
    assert tweet("one", media={"media_ids": [moving]}).status_code == 201


def test_wrong_uploads_are_refused(net: Net, user: User) -> None:
    def refused(**data: Any) -> int:
        return net.upload(f"{X}/media/upload", user.token, **{"media_category": "tweet_image"} | data).status_code

    noise, big = io.BytesIO(b"noise"), io.BytesIO(b"x" * (5 * 1024 * 1024 + 1))
    noise.name = big.name = "x.png"
    assert [refused(), refused(media=noise), refused(media=big), refused(media=png(kind="TIFF"))] == [400] * 4
    for category in ("tweet_video", "dm_image"):
        assert upload(net, user, category=category).status_code == 400
    in_base64 = {"media": base64.b64encode(png().read()).decode(), "media_category": "tweet_image"}
    assert net.form(f"{X}/media/upload", user.token, data=in_base64).status_code == 400
    in_the_address = net.upload(f"{X}/media/upload?media_category=tweet_image", user.token, media=png())
    assert in_the_address.status_code == 400


def test_base64_in_json_is_an_upload_too(net: Net, user: User) -> None:
    data = {"media": base64.b64encode(png().read()).decode(), "media_category": "tweet_image"}

    assert net.json(f"{X}/media/upload", user.token, data).status_code == 200


def test_media_of_others_and_media_that_expired_are_refused(net: Net, user: User, tweet: Tweet) -> None:
    media_id = body(upload(net, user))["data"]["id"]
    bob = x_tokens(net, login="Bob")["access_token"]
    attached = {"text": "x", "media": {"media_ids": [media_id]}}

    assert net.json(f"{X}/tweets", bob, attached).status_code == 400
    net.wait(86401)
    fresh = x_tokens(net)["access_token"]
    assert net.json(f"{X}/tweets", fresh, attached).status_code == 400


@pytest.mark.parametrize("text", ["", "x" * 1001, None])
def test_a_wrong_alt_text_is_refused(net: Net, user: User, text: str | None) -> None:
    media_id = body(upload(net, user))["data"]["id"]
    data = {"id": media_id, "metadata": {"alt_text": {"text": text}}}

    assert net.json(f"{X}/media/metadata", user.token, data).status_code == 400
    data = {"id": "1", "metadata": {"alt_text": {"text": "ok"}}}
    assert net.json(f"{X}/media/metadata", user.token, data).status_code == 400


def test_numbers_grow_and_missing_posts_become_errors(net: Net, user: User, tweet: Tweet) -> None:
    post_id = body(tweet("Count"))["data"]["id"]

    def counts() -> dict[str, int]:
        answer = body(net.get(f"{X}/tweets", user.token, ids=f"{post_id},5", **{"tweet.fields": "public_metrics"}))
        assert answer["errors"][0]["resource_id"] == "5"
        numbers: dict[str, int] = answer["data"][0]["public_metrics"]
        return numbers

    first = counts()
    net.wait(7000)
    second = counts()

    assert set(first.values()) == {0}
    assert second == counts()
    assert second["impression_count"] > second["like_count"] > 0


def test_private_numbers_are_shown_for_thirty_days(net: Net, user: User, tweet: Tweet) -> None:
    post_id = body(tweet("Count"))["data"]["id"]
    ask = {"ids": post_id, "tweet.fields": "public_metrics,non_public_metrics"}

    young = body(net.get(f"{X}/tweets", user.token, **ask))
    net.wait(31 * 86400)
    old = body(net.get(f"{X}/tweets", x_tokens(net)["access_token"], **ask))

    assert "url_link_clicks" in young["data"][0]["non_public_metrics"]
    assert "non_public_metrics" not in old["data"][0]
    assert old["errors"][0]["title"] == "Field Authorization Error"


def test_new_field_names_give_new_names_back(net: Net, user: User, tweet: Tweet) -> None:
    post_id = body(tweet("Name"))["data"]["id"]

    data = body(net.get(f"{X}/tweets/{post_id}", user.token, **{"post.fields": "created_at"}))["data"]

    assert set(data) == {"id", "text", "created_at", "edit_history_post_ids"}


def test_the_timeline_is_paged_and_narrowed(net: Net, user: User, tweet: Tweet) -> None:
    for number in range(7):
        tweet(f"Post {number}")
        net.wait(60)
    at = body(net.get(f"{X}/users/{user.id}/tweets", user.token, **{"tweet.fields": "created_at"}))["data"]

    def timeline(**params: Any) -> Any:
        return net.get(f"{X}/users/{user.id}/tweets", user.token, **params)

    first = body(timeline(max_results=5))
    rest = body(timeline(max_results=5, pagination_token=first["meta"]["next_token"]))
    assert [post["text"] for post in first["data"] + rest["data"]] == [f"Post {n}" for n in range(6, -1, -1)]
    assert len(body(timeline(start_time=at[1]["created_at"]))["data"]) == 2
    assert len(body(timeline(end_time=at[1]["created_at"]))["data"]) == 5
    for wrong in (
        {"max_results": 4},
        {"max_results": "x"},
        {"start_time": "today"},
        {"start_time": "2026-01-01"},
        {"exclude": "likes"},
    ):
        assert timeline(**wrong).status_code == 400
    unknown = body(net.get(f"{X}/users/5/tweets", user.token))
    assert unknown["errors"][0]["resource_type"] == "user"
    assert net.get(f"{X}/tweets", user.token, ids="x").status_code == 400


def test_a_page_goes_on_where_the_last_one_ended_whatever_was_posted_or_deleted_meanwhile(
    net: Net, user: User, tweet: Tweet
) -> None:
    ids = [body(tweet(f"Post {number}"))["data"]["id"] for number in range(8)]

    first = body(net.get(f"{X}/users/{user.id}/tweets", user.token, max_results=5))
    tweet("Newer")
    net.call("DELETE", f"{X}/tweets/{ids[3]}", user.token)
    token = first["meta"]["next_token"]
    rest = body(net.get(f"{X}/users/{user.id}/tweets", user.token, max_results=5, pagination_token=token))

    assert [post["text"] for post in first["data"]] == [f"Post {n}" for n in (7, 6, 5, 4, 3)]
    assert [post["text"] for post in rest["data"]] == [f"Post {n}" for n in (2, 1, 0)]
    assert rest["meta"] == {"result_count": 3, "newest_id": ids[2], "oldest_id": ids[0]}
    wrong = net.get(f"{X}/users/{user.id}/tweets", user.token, pagination_token="x")
    assert wrong.status_code == 400


def test_a_used_up_limit_answers_429_until_its_reset(net: Net, user: User) -> None:
    first = net.get(f"{X}/users/me", user.token)
    use_up(":GET me", left=1, of=75)
    last, over = (net.get(f"{X}/users/me", user.token) for _ in range(2))

    assert [first.status_code, last.status_code, over.status_code] == [200, 200, 429]
    assert first["x-rate-limit-limit"] == "75"
    assert first["x-rate-limit-remaining"] == "73"
    net.control("POST", "clock", {"advance": 901})
    assert int(over["x-rate-limit-reset"]) <= time.time() + 900
    assert net.get(f"{X}/users/me", user.token).status_code == 200


def test_reads_have_a_limit_of_their_app_beside_that_of_their_user(net: Net, user: User, tweet: Tweet) -> None:
    post_id = body(tweet("1"))["data"]["id"]
    other = x_tokens(net, login="Ada")["access_token"]
    reads = {f"tweets?ids={post_id}": 3500, f"tweets/{post_id}": 450, f"users/{user.id}/tweets": 900}

    first = {path: net.get(f"{X}/{path}", user.token)["x-rate-limit-limit"] for path in reads}
    use_up("app app:GET lookup", left=1, of=3500)
    last, over = net.get(f"{X}/tweets?ids={post_id}", user.token), net.get(f"{X}/tweets?ids={post_id}", other)

    assert first == {path: str(most) for path, most in reads.items()}
    assert (last.status_code, over.status_code, over["x-rate-limit-remaining"]) == (200, 429, "0")
    assert tweet("2").status_code == 201
    net.wait(901)
    assert net.get(f"{X}/tweets?ids={post_id}", other).status_code == 200


def test_an_unknown_path_is_not_found(net: Net) -> None:
    assert detail(net.get(f"{X}/nothing")) == (404, "Not Found")


def test_a_premium_user_writes_long_posts_whose_list_entry_is_cut(net: Net) -> None:
    token = x_tokens(net, login="Ada Premium")["access_token"]
    me = body(net.get(f"{X}/users/me", token, **{"user.fields": "subscription_type,verified_type"}))["data"]
    text = "R&D " * 100 + "https://example.com/a"

    post_id = body(net.json(f"{X}/tweets", token, {"text": text}))["data"]["id"]
    fields = {"tweet.fields": "note_tweet"}
    shown = body(net.get(f"{X}/tweets/{post_id}", token, **fields))["data"]
    short = body(net.json(f"{X}/tweets", token, {"text": "short"}))["data"]["id"]

    assert (me["subscription_type"], me["verified_type"]) == ("Premium", "blue")
    assert shown["text"].endswith("…")
    assert shown["note_tweet"]["text"].startswith("R&amp;D R&amp;D ")
    assert shown["note_tweet"]["entities"]["urls"][0]["expanded_url"] == "https://example.com/a"
    assert "note_tweet" not in body(net.get(f"{X}/tweets/{short}", token, **fields))["data"]
    assert net.json(f"{X}/tweets", token, {"text": "x" * 25_001}).status_code == 400


def test_new_field_names_reach_into_numbers_replies_and_notes(net: Net) -> None:
    token = x_tokens(net, login="Ada Premium")["access_token"]
    first = body(net.json(f"{X}/tweets", token, {"text": "x" * 300}))["data"]["id"]
    data = {"text": "y" * 300, "reply": {"in_reply_to_tweet_id": first}}
    post_id = body(net.json(f"{X}/tweets", token, data))["data"]["id"]

    new = {"post.fields": "public_metrics,referenced_posts,note_post,edit_history_post_ids"}
    shown = body(net.get(f"{X}/tweets/{post_id}", token, **new))["data"]

    assert set(shown) == {
        "id",
        "text",
        "public_metrics",
        "referenced_posts",
        "note_post",
        "edit_history_post_ids",
    }
    assert "repost_count" in shown["public_metrics"]
    assert shown["referenced_posts"] == [{"type": "replied_to", "id": first}]


def test_a_post_keeps_who_may_reply_and_what_it_discloses(net: Net, user: User, tweet: Tweet) -> None:
    post_id = body(tweet("Mine", reply_settings="following", made_with_ai=True))["data"]["id"]

    shown = body(net.get(f"{X}/tweets/{post_id}", user.token, **{"tweet.fields": "reply_settings"}))["data"]

    assert shown["reply_settings"] == "following"
    assert tweet("Other", made_with_ai="yes").status_code == 400


def test_posts_have_a_quota_of_a_day_beside_that_of_a_quarter_hour(net: Net, user: User, tweet: Tweet) -> None:
    first = tweet("1")
    with patch("ouipost.simulator.networks.twitter.POSTS_A_DAY", 1):
        second = tweet("2")

    assert [first[f"x-{name}-limit"] for name in ("rate-limit", "user-limit-24hour", "app-limit-24hour")] == [
        "100",
        "2400",
        "10000",
    ]
    assert second.status_code == 429
    assert second["x-rate-limit-remaining"] == "98"
    assert second["x-user-limit-24hour-remaining"] == "0"
    net.wait(86_400)
    fresh = x_tokens(net)["access_token"]
    assert net.json(f"{X}/tweets", fresh, {"text": "2"}).status_code == 201
