"""Threads as the facts describe it."""

from collections.abc import Iterator
from typing import Any

import pytest

from ouipost.simulator.networks.threads import posts as threads_posts
from tests.simulator.conftest import CALLBACK, Net, body, png, tags
from tests.simulator.meta import (
    THREADS,
    THREADS_SCOPES,
    Files,
    Member,
    clip,
    code,
    error,
    jpeg,
    served,
    threads_member,
    trade,
)

pytestmark = pytest.mark.django_db(databases=["simulator"])
AUTHORIZE = "www.threads.net/oauth/authorize"
TOKEN = "graph.threads.net/oauth/access_token"
QUERY = {"client_id": "app", "redirect_uri": CALLBACK, "response_type": "code", "state": "s1", "scope": THREADS_SCOPES}
NODE = "id,permalink,shortcode,text,timestamp,media_type,media_product_type,username"


@pytest.fixture
def files() -> Iterator[Files]:
    yield from served()


@pytest.fixture
def own(net: Net) -> Member:
    return threads_member(net)


def make(net: Net, own: Member, **fields: Any) -> Any:
    return net.form(f"{THREADS}/{own.id}/threads", own.token, **{"media_type": "TEXT"} | fields)


def made(net: Net, own: Member, **fields: Any) -> str:
    answer = make(net, own, **fields)
    assert answer.status_code == 200, answer.content
    return str(body(answer)["id"])


def publish(net: Net, own: Member, container: str) -> Any:
    return net.form(f"{THREADS}/{own.id}/threads_publish", own.token, creation_id=container)


def out(net: Net, own: Member, **fields: Any) -> str:
    return str(body(publish(net, own, made(net, own, **fields)))["id"])


def status(net: Net, own: Member, container: str) -> Any:
    found = body(net.get(f"{THREADS}/{container}", own.token, fields="status,error_message"))
    assert found.pop("id") == container
    return tuple(found.values())


def node(net: Net, own: Member, media: str, fields: str = NODE) -> Any:
    return body(net.get(f"{THREADS}/{media}", own.token, fields=fields))


def test_the_consent_page_is_at_both_hosts(net: Net) -> None:
    assert net.get("www.threads.com/oauth/authorize", **QUERY).status_code == 200


def test_a_code_gives_a_token_for_an_hour_once(net: Net) -> None:
    fresh = code(net, AUTHORIZE, THREADS_SCOPES)

    assert error(trade(net, TOKEN, fresh, redirect_uri="https://app.example/other")) == (400, 100, None)
    answer = body(trade(net, TOKEN, fresh))
    assert set(answer) == {"access_token", "user_id"}
    assert error(trade(net, TOKEN, fresh)) == (400, 100, None)
    net.wait(3601)
    assert error(net.get(f"{THREADS}/me", answer["access_token"])) == (400, 190, 463)
    late = code(net, AUTHORIZE, THREADS_SCOPES)
    net.wait(3601)
    assert error(trade(net, TOKEN, late)) == (400, 100, None)


def test_a_token_is_lengthened_and_renewed(net: Net, own: Member) -> None:
    lengthen = {"grant_type": "th_exchange_token", "client_secret": "sec"}
    answer = body(net.get("graph.threads.net/access_token", own.token, **lengthen))
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 5_184_000)

    net.wait(86_401)
    ask = "graph.threads.net/refresh_access_token"
    renewed = body(net.get(ask, answer["access_token"], grant_type="th_refresh_token"))

    assert renewed["expires_in"] == 5_184_000
    assert error(net.get(ask, own.token, grant_type="th_refresh_token")) == (400, 190, 463)
    facts = body(net.get("graph.threads.net/debug_token", renewed["access_token"], input_token=answer["access_token"]))
    assert (facts["data"]["is_valid"], facts["data"]["user_id"]) == (True, own.id)
    assert error(net.get("graph.threads.net/debug_token", answer["access_token"], input_token="junk"))[1] == 100


def test_the_profile_is_shown(net: Net, own: Member) -> None:
    fields = "id,username,name,threads_profile_picture_url,threads_biography,is_verified"

    assert set(node(net, own, "me", fields)) == set(fields.split(","))
    assert node(net, own, own.id, "username") == {
        "id": own.id,
        "username": node(net, own, "me", "username")["username"],
    }


def test_a_text_is_published_and_read_back(net: Net, own: Member) -> None:
    link = "https://bakery.example/rye"
    container = made(net, own, text="Rye", link_attachment=link, topic_tag="bread", reply_control="mentioned_only")
    assert (status(net, own, container), net.posts()) == (("FINISHED",), [])

    media = body(publish(net, own, container))["id"]

    found = node(net, own, media, f"{NODE},topic_tag,link_attachment_url,reply_audience")
    assert (found["text"], found["media_type"], found["media_product_type"]) == ("Rye", "TEXT_POST", "THREADS")
    assert (found["topic_tag"], found["link_attachment_url"]) == ("bread", link)
    assert found["reply_audience"] == "MENTIONED_ONLY"
    assert found["permalink"] == f"https://www.threads.com/@{found['username']}/post/{found['shortcode']}"
    shown = net.get(found["permalink"].removeprefix("https://"))
    assert "Rye" in shown.content.decode()
    assert status(net, own, container) == ("PUBLISHED",)
    assert error(publish(net, own, container)) == (400, 24, None)
    assert len(net.posts()) == 1


def test_a_post_is_read_by_its_own_profile_alone(net: Net, own: Member) -> None:
    media = made(net, own, text="Rye", auto_publish_text="true")
    other = threads_member(net, login="Somebody else")

    assert node(net, own, media, "text")["text"] == "Rye"
    assert error(net.get(f"{THREADS}/{media}", other.token, fields="text")) == (400, 100, 33)


def test_a_text_can_be_published_at_once(net: Net, own: Member) -> None:
    media = made(net, own, text="Rye", auto_publish_text="true")

    assert node(net, own, media)["text"] == "Rye"
    assert len(net.posts()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": " "},
        {"media_type": "STORIES", "text": "a"},
        {"media_type": "TEXT", "text": "a", "is_carousel_item": "true"},
        {"text": "x" * 501},
        {"text": "x" * 497 + "🍞"},
        {"text": "a", "link_attachment": "nowhere"},
        {"media_type": "IMAGE", "image_url": "x", "link_attachment": "https://bakery.example"},
        {"text": " ".join(f"https://example.com/{number}" for number in range(6))},
        {"text": "a", "topic_tag": ""},
        {"text": "a", "topic_tag": "a.b"},
        {"text": "a", "topic_tag": "a&b"},
        {"text": "a", "topic_tag": "x" * 51},
        {"text": "a", "alt_text": "a"},
        {"media_type": "IMAGE", "image_url": "x", "alt_text": "x" * 1001},
        {"text": "a", "reply_control": "nobody"},
        {"media_type": "IMAGE"},
        {"media_type": "VIDEO"},
        {"media_type": "CAROUSEL", "children": "18000000000000000"},
    ],
    ids=str,
)
def test_a_wrong_container_is_refused(net: Net, own: Member, fields: dict[str, str]) -> None:
    assert error(make(net, own, **fields)) == (400, 100, None)


def test_the_longest_text_and_the_most_links_are_taken(net: Net, own: Member) -> None:
    links = " ".join(["https://example.com/same."] * 3 + [f"https://example.com/{n}" for n in range(3)])

    assert make(net, own, text="x" * 496 + "🍞").status_code == 200
    assert make(net, own, text=links, link_attachment="https://example.com/5").status_code == 200
    refused = body(make(net, own, text=f"{links} https://example.com/4", link_attachment="https://example.com/5"))
    assert refused["error"]["error_user_title"] == "THREADS_API__LINK_LIMIT_EXCEEDED"


def test_images_and_videos_are_fetched(net: Net, own: Member, files: Files) -> None:
    image = out(net, own, media_type="IMAGE", image_url=files.put(png(400, 400).getvalue()), text="A", alt_text="Loaf")
    video = out(net, own, media_type="VIDEO", video_url=files.put(clip()), text="B")

    assert [node(net, own, each)["media_type"] for each in (image, video)] == ["IMAGE", "VIDEO"]
    shown = net.get(node(net, own, image)["permalink"].removeprefix("https://"))
    assert any('alt="Loaf"' in tag for tag in tags(shown, "img"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "UNKNOWN"),
        (png(kind="GIF").getvalue(), "UNKNOWN"),
        (b"junk", "UNKNOWN"),
        (jpeg() + bytes(8 * 1024 * 1024), "UNKNOWN"),
        (jpeg(1100, 100), "INVALID_ASPEC_RATIO"),
    ],
    ids=["gone", "GIF", "junk", "large", "wide"],
)
def test_a_picture_that_threads_does_not_take_fails_later(
    net: Net, own: Member, files: Files, content: bytes | None, why: str
) -> None:
    address = files.put(content) if content else "https://ours.example/nothing"
    container = made(net, own, media_type="IMAGE", image_url=address)

    assert status(net, own, container) == ("ERROR", why)
    assert error(publish(net, own, container)) == (400, 24, None)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (None, "FAILED_DOWNLOADING_VIDEO"),
        ({"codec": "mpeg4"}, "FAILED_PROCESSING_VIDEO"),
        ({"container": "matroska"}, "FAILED_PROCESSING_VIDEO"),
        ({"audio": "libmp3lame"}, "FAILED_PROCESSING_AUDIO"),
        ({"seconds": 301, "width": 16, "height": 16, "fps": 23, "audio": ""}, "INVALID_DURATION"),
        ({"fps": 15}, "INVALID_FRAME_RATE"),
        ({"width": 1922, "height": 16}, "INVALID_ASPEC_RATIO"),
        ({"width": 1922, "height": 200}, "FAILED_PROCESSING_VIDEO"),
    ],
    ids=str,
)
def test_a_video_that_threads_does_not_take_fails_later(
    net: Net, own: Member, files: Files, values: dict[str, Any] | None, why: str
) -> None:
    address = "https://ours.example/nothing" if values is None else files.put(clip(**values))

    assert status(net, own, made(net, own, media_type="VIDEO", video_url=address)) == ("ERROR", why)


def test_a_container_dies_after_a_day(net: Net, own: Member) -> None:
    answer = net.get("graph.threads.net/access_token", own.token, grant_type="th_exchange_token", client_secret="sec")
    lasting = Member(own.id, body(answer)["access_token"], THREADS)
    container = made(net, own, text="Rye")

    net.wait(86_401)

    assert status(net, lasting, container) == ("EXPIRED",)
    assert error(publish(net, lasting, container)) == (400, 24, None)


def item(net: Net, own: Member, files: Files) -> str:
    return made(net, own, media_type="IMAGE", image_url=files.put(jpeg()), is_carousel_item="true")


def test_a_carousel_mixes_images_and_videos(net: Net, own: Member, files: Files) -> None:
    film = made(net, own, media_type="VIDEO", video_url=files.put(clip()), is_carousel_item="true")
    children = [item(net, own, files), film]
    media = out(net, own, media_type="CAROUSEL", children=",".join(children), text="Both")

    assert node(net, own, media)["media_type"] == "CAROUSEL_ALBUM"
    assert [(post["text"], post["media_count"]) for post in net.posts()] == [("Both", 2)]
    again = make(net, own, media_type="CAROUSEL", children=",".join(children))
    assert error(again) == (400, 24, None)
    assert error(publish(net, own, item(net, own, files))) == (400, 24, None)


def test_replies_hang_on_their_post(net: Net, own: Member) -> None:
    root = out(net, own, text="One")
    second = out(net, own, text="Two", reply_to_id=root)
    third = out(net, own, text="Three", reply_to_id=second)

    [post] = net.posts()
    assert [(part["text"], part["reply_to"]) for part in post["parts"]] == [("Two", root), ("Three", second)]
    assert [each["id"] for each in body(net.get(f"{THREADS}/{root}/replies", own.token))["data"]] == [second]
    mine = body(net.get(f"{THREADS}/me/replies", own.token, fields="id,text,root_post,replied_to,is_reply"))["data"]
    assert mine[0] == {
        "id": third,
        "text": "Three",
        "root_post": {"id": root},
        "replied_to": {"id": second},
        "is_reply": True,
    }
    assert error(make(net, own, text="a", reply_to_id="17900000000000000")) == (400, 24, None)


def test_a_reply_needs_its_scope(net: Net) -> None:
    few = threads_member(net, scope="threads_basic,threads_content_publish")
    root = out(net, few, text="One")

    assert error(make(net, few, text="Two", reply_to_id=root)) == (400, 10, None)


def test_who_may_reply_may_not_read_replies_for_that(net: Net) -> None:
    few = threads_member(net, scope="threads_basic,threads_content_publish,threads_manage_replies")
    root = out(net, few, text="One")
    out(net, few, text="Two", reply_to_id=root)

    for edge in (f"{root}/replies", "me/replies"):
        assert error(net.get(f"{THREADS}/{edge}", few.token)) == (400, 10, None)


def test_lists_begin_with_the_newest_and_know_times(net: Net, own: Member) -> None:
    ids = [out(net, own, text=f"Number {number}") for number in range(3)]
    net.wait(100)
    ids.append(out(net, own, text="Late"))

    first = body(net.get(f"{THREADS}/me/threads", own.token, fields="id,timestamp", limit=3))

    assert [each["id"] for each in first["data"]] == ids[:0:-1]
    assert set(first["paging"]) == {"cursors"}
    after = first["paging"]["cursors"]["after"]
    rest = body(net.get(f"{THREADS}/me/threads", own.token, limit=3, after=after))
    assert [each["id"] for each in rest["data"]] == ids[:1]
    since = first["data"][0]["timestamp"].replace("+0000", "+00:00")
    young = body(net.get(f"{THREADS}/{own.id}/threads", own.token, since=since))
    assert [each["id"] for each in young["data"]] == ids[3:]
    old = body(net.get(f"{THREADS}/{own.id}/threads", own.token, until=since))
    assert len(old["data"]) in {3, 4}


def test_the_quotas_of_a_day_are_told_and_kept(net: Net, own: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_posts, "POSTS_PER_DAY", 1)
    monkeypatch.setattr(threads_posts, "REPLIES_PER_DAY", 1)
    root = out(net, own, text="One")
    out(net, own, text="Two", reply_to_id=root)

    fields = "quota_usage,config,reply_quota_usage,reply_config"
    limit = body(net.get(f"{THREADS}/{own.id}/threads_publishing_limit", own.token, fields=fields))

    quota = {"quota_total": 1, "quota_duration": 86400}
    assert limit == {"data": [{"quota_usage": 1, "config": quota, "reply_quota_usage": 1, "reply_config": quota}]}
    assert error(publish(net, own, made(net, own, text="Three")))[1] == 613
    assert error(publish(net, own, made(net, own, text="Four", reply_to_id=root)))[1] == 613


def test_a_post_is_deleted_by_its_owner(net: Net, own: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_posts, "DELETES_PER_DAY", 1)
    one, two = out(net, own, text="One"), out(net, own, text="Two")
    other = threads_member(net, login="Ada")

    def delete(member: Member, media: str) -> Any:
        return net.call("DELETE", f"{THREADS}/{media}", member.token)

    assert error(delete(other, one)) == (400, 100, 33)
    assert body(delete(own, one)) == {"success": True, "deleted_id": one}
    assert error(delete(own, one)) == (400, 100, 33)
    assert error(delete(own, two))[1] == 613


def test_a_post_has_numbers(net: Net, own: Member) -> None:
    media = out(net, own, text="Rye")
    out(net, own, text="Two", reply_to_id=media)
    ask = f"{THREADS}/{media}/insights"
    net.wait(3000)

    names = "views,likes,replies,reposts,quotes,shares"
    data = body(net.get(ask, own.token, metric=names))["data"]

    assert [each["name"] for each in data] == names.split(",")
    assert data[0]["period"] == "lifetime"
    assert data[0]["values"][0]["value"] > 0
    assert data[2]["values"][0]["value"] >= 1
    assert error(net.get(ask, own.token, metric="views,reach")) == (400, 100, None)
    assert error(net.get(ask, own.token)) == (400, 3001, 1504028)


def test_a_profile_has_numbers_and_followers(net: Net, own: Member) -> None:
    ask = f"{THREADS}/{own.id}/threads_insights"
    data = body(net.get(ask, own.token, metric="views,likes,clicks,followers_count"))["data"]
    who = {"metric": "follower_demographics"}

    assert [set(each) - {"name", "period", "id"} for each in data] == [
        {"values"},
        {"total_value"},
        {"link_total_values"},
        {"total_value"},
    ]
    [age] = body(net.get(ask, own.token, **who, breakdown="age"))["data"]
    assert age["total_value"]["breakdowns"][0]["results"][0]["dimension_values"] == ["18-24"]
    assert error(net.get(ask, own.token, **who)) == (400, 100, None)
    assert error(net.get(ask, own.token, metric="views", since="1700000000")) == (400, 100, None)
    assert error(net.get(ask, own.token, metric="views,followers_count", since="1800000000")) == (400, 100, None)
