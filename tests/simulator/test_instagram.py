"""Instagram as the facts describe it, by both kinds of login."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from ouipost.simulator.networks.instagram import containers as instagram_containers
from ouipost.simulator.networks.instagram import posts as instagram_posts
from tests.simulator.conftest import CALLBACK, Net, body, facebook_user, png, tags
from tests.simulator.meta import (
    IG,
    IG_FACEBOOK_SCOPES,
    IG_SCOPES,
    THREADS_SCOPES,
    Files,
    Member,
    clip,
    code,
    error,
    instagram_member,
    jpeg,
    linked_member,
    served,
    trade,
)

pytestmark = pytest.mark.django_db(databases=["simulator"])
AUTHORIZE = "www.instagram.com/oauth/authorize"
QUERY = {"client_id": "app", "redirect_uri": CALLBACK, "response_type": "code", "state": "s1", "scope": IG_SCOPES}
TOKEN = "api.instagram.com/oauth/access_token"
THREADS_TOKEN = "graph.threads.net/oauth/access_token"
NODE = "id,permalink,shortcode,timestamp,media_type,media_product_type,caption"


@pytest.fixture
def files() -> Iterator[Files]:
    yield from served()


@pytest.fixture(params=["instagram", "facebook"])
def member(request: Any, net: Net) -> Member:
    return instagram_member(net) if request.param == "instagram" else linked_member(net)


@pytest.fixture
def own(net: Net) -> Member:
    return instagram_member(net)


def make(net: Net, member: Member, **fields: Any) -> Any:
    return net.form(f"{member.graph}/{member.id}/media", member.token, **fields)


def made(net: Net, member: Member, **fields: Any) -> str:
    answer = make(net, member, **fields)
    assert answer.status_code == 200, answer.content
    return str(body(answer)["id"])


def publish(net: Net, member: Member, container: str) -> Any:
    return net.form(f"{member.graph}/{member.id}/media_publish", member.token, creation_id=container)


def status(net: Net, member: Member, container: str) -> tuple[str, str]:
    found = body(net.get(f"{member.graph}/{container}", member.token, fields="status_code,status"))
    return found["status_code"], found["status"]


def out(net: Net, member: Member, files: Files, **fields: Any) -> str:
    container = made(net, member, **{"image_url": files.put(jpeg())} | fields)
    return str(body(publish(net, member, container))["id"])


@pytest.mark.parametrize(
    ("page", "token", "scopes"),
    [(AUTHORIZE, TOKEN, IG_SCOPES), ("www.threads.net/oauth/authorize", THREADS_TOKEN, THREADS_SCOPES)],
    ids=["instagram", "threads"],
)
def test_what_stands_behind_a_code_is_no_part_of_it(net: Net, page: str, token: str, scopes: str) -> None:
    query = urlencode(QUERY | {"scope": scopes})

    address = net.form(f"{page}?{query}", decision="allow", login="Demo")["Location"]

    fresh = dict(parse_qsl(urlsplit(address).query))["code"]
    assert address.endswith("#_")
    assert trade(net, token, f"{fresh}#_").status_code == 400
    assert trade(net, token, fresh).status_code == 200


@pytest.mark.parametrize(
    ("page", "token", "scopes"),
    [(AUTHORIZE, TOKEN, IG_SCOPES), ("www.threads.net/oauth/authorize", THREADS_TOKEN, THREADS_SCOPES)],
    ids=["instagram", "threads"],
)
def test_the_token_endpoint_takes_only_forms(net: Net, page: str, token: str, scopes: str) -> None:
    fresh = code(net, page, scopes)
    fields = {"client_id": "app", "client_secret": "sec", "grant_type": "authorization_code", "redirect_uri": CALLBACK}

    in_json = net.json(token, data=fields | {"code": fresh})
    in_the_address = trade(net, f"{token}?code={fresh}", fresh)

    assert (in_json.status_code, in_the_address.status_code) == (400, 400)
    assert trade(net, token, fresh).status_code == 200


def test_a_code_gives_a_token_for_an_hour_once(net: Net) -> None:
    fresh = code(net, AUTHORIZE, IG_SCOPES)

    for change in (
        {"redirect_uri": "https://app.example/other"},
        {"client_id": "other"},
        {"grant_type": "password"},
        {"code": "junk"},
    ):
        refused = trade(net, TOKEN, fresh, **change)
        assert refused.status_code == 400
        assert {"error_type": "OAuthException", "code": 400}.items() <= body(refused).items()
    answer = body(trade(net, TOKEN, fresh))
    assert set(answer) == {"access_token", "user_id", "permissions"}
    assert answer["permissions"] == IG_SCOPES.split(",")
    assert trade(net, TOKEN, fresh).status_code == 400
    for secret in ("guess", ""):
        assert trade(net, TOKEN, code(net, AUTHORIZE, IG_SCOPES), client_secret=secret).status_code == 400
    net.wait(3601)
    assert error(net.get(f"{IG}/me", answer["access_token"])) == (400, 190, 463)


def test_scopes_can_be_left_out(net: Net) -> None:
    few = instagram_member(net, choosing="scopes", scopes=["instagram_business_content_publish"])

    assert error(net.get(f"{IG}/{few.id}/insights", few.token, metric="views")) == (400, 10, None)
    assert net.get(f"{IG}/me", few.token).status_code == 200


def long(net: Net, own: Member, **change: str) -> Any:
    params = {"grant_type": "ig_exchange_token", "client_secret": "sec"} | change
    return net.get("graph.instagram.com/access_token", own.token, **params)


def renew(net: Net, token: str, **change: str) -> Any:
    return net.get("graph.instagram.com/refresh_access_token", token, **{"grant_type": "ig_refresh_token"} | change)


def test_a_long_lived_token_is_renewed_when_it_is_a_day_old_and_alive(net: Net, own: Member) -> None:
    assert error(long(net, own, grant_type="th_exchange_token")) == (400, 100, None)
    assert error(long(net, own, client_secret="guess")) == (400, 100, None)
    assert error(renew(net, own.token)) == (400, 100, None)
    answer = body(long(net, own))
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 5_184_000)
    token = answer["access_token"]
    assert error(long(net, Member(own.id, token, IG))) == (400, 452, None)
    assert error(renew(net, token)) == (400, 100, None)

    net.wait(86_401)
    renewed = body(renew(net, token))

    assert (renewed["access_token"] != token, renewed["expires_in"]) == (True, 5_184_000)
    net.wait(59.5 * 86_400)
    assert error(renew(net, token)) == (400, 190, 463)
    assert net.get(f"{IG}/me", renewed["access_token"]).status_code == 200


def test_the_profile_tells_the_id_that_paths_take_from_the_apps_own(net: Net, own: Member) -> None:
    fields = "user_id,username,name,account_type,profile_picture_url,followers_count,follows_count,media_count"

    me = body(net.get(f"{IG}/me", own.token, fields=fields))

    assert set(me) == {*fields.split(","), "id"}
    assert me["user_id"] == own.id != me["id"]
    assert me["account_type"] in {"BUSINESS", "MEDIA_CREATOR"}
    assert body(net.get(f"{IG}/{own.id}", own.token, fields="username"))["username"] == me["username"]
    assert error(net.get(f"{IG}/me", own.token, fields="nothing")) == (400, 100, None)


def test_one_of_the_pages_has_an_account(net: Net) -> None:
    user = facebook_user(net, scope=IG_FACEBOOK_SCOPES)
    nested = "id,username,name,profile_picture_url,followers_count,media_count"
    fields = f"id,name,access_token,instagram_business_account{{{nested}}}"

    bakery, books = body(net.get("graph.facebook.com/v26.0/me/accounts", user, fields=fields))["data"]

    assert set(bakery["instagram_business_account"]) == set(nested.split(","))
    assert "instagram_business_account" not in books


def test_a_token_of_another_page_is_not_enough(net: Net) -> None:
    linked = linked_member(net)
    other = linked_member(net, login="Ada")

    refused = net.form(f"{linked.graph}/{linked.id}/media", other.token, image_url="x")

    assert error(refused) == (400, 100, 33)
    assert error(make(net, Member(linked.id, "junk", linked.graph), image_url="x")) == (400, 190, None)


def test_a_facebook_login_without_the_scope_may_not_publish(net: Net) -> None:
    linked = linked_member(net, scope="pages_show_list,pages_read_engagement,instagram_basic")

    assert error(make(net, linked, image_url="x")) == (400, 10, None)


def test_an_image_is_published_and_read_back(net: Net, member: Member, files: Files) -> None:
    container = made(net, member, image_url=files.put(jpeg()), caption="Rye", alt_text="A loaf")
    assert status(net, member, container) == (
        "FINISHED",
        "Finished: Media has been uploaded and it is ready to be published.",
    )
    assert net.posts() == []

    media = body(publish(net, member, container))["id"]

    node = body(net.get(f"{member.graph}/{media}", member.token, fields=NODE))
    assert (node["caption"], node["media_type"], node["media_product_type"]) == ("Rye", "IMAGE", "FEED")
    assert node["permalink"] == f"https://www.instagram.com/p/{node['shortcode']}/"
    listed = body(net.get(f"{member.graph}/{member.id}/media", member.token, fields="id,caption,timestamp"))["data"]
    assert [each["id"] for each in listed] == [media]
    assert status(net, member, container)[0] == "PUBLISHED"
    shown = net.get(node["permalink"].removeprefix("https://"))
    assert "Rye" in shown.content.decode()
    assert any('alt="A loaf"' in tag for tag in tags(shown, "img"))
    assert [(post["account"], post["media_count"]) for post in net.posts(network="instagram")] == [(member.id, 1)]


def test_a_container_is_published_once(net: Net, own: Member, files: Files) -> None:
    container = made(net, own, image_url=files.put(jpeg()))
    assert publish(net, own, container).status_code == 200

    assert error(publish(net, own, container)) == (400, 24, 2207006)
    assert len(net.posts()) == 1


def test_a_container_dies_after_a_day(net: Net, files: Files) -> None:
    linked = linked_member(net)
    container = made(net, linked, image_url=files.put(jpeg()))

    net.wait(86_401)

    again = linked_member(net)
    assert status(net, again, container)[0] == "EXPIRED"
    assert error(publish(net, again, container)) == (400, 24, 2207008)
    assert error(publish(net, again, "18000000000000000")) == (400, 24, 2207006)
    assert error(publish(net, again, "")) == (400, 100, None)


def test_a_container_that_is_worked_on_is_not_published(net: Net, own: Member, files: Files) -> None:
    net.fault("instagram", "slow_processing", seconds=30)
    container = made(net, own, image_url=files.put(jpeg()))
    assert status(net, own, container)[0] == "IN_PROGRESS"

    refused = body(publish(net, own, container))["error"]

    assert (refused["code"], refused["error_subcode"], refused["is_transient"]) == (9007, 2207027, False)
    net.wait(31)
    assert publish(net, own, container).status_code == 200


def test_a_processing_that_fails_says_so(net: Net, own: Member, files: Files) -> None:
    net.fault("instagram", "processing_failed")
    container = made(net, own, media_type="REELS", video_url=files.put(clip()))

    assert status(net, own, container) == ("ERROR", "Error: Media upload has failed with error code 2207026")
    assert error(publish(net, own, container)) == (400, 352, 2207026)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (png().getvalue(), (400, 36001, 2207005)),
        (b"no picture", (400, 36001, 2207005)),
        (jpeg(400, 800), (400, 36003, 2207009)),
        (jpeg(800, 400), (400, 36003, 2207009)),
        (jpeg(799, 1000), (400, 36003, 2207009)),
        (jpeg(956, 500), (400, 36003, 2207009)),
        (jpeg() + bytes(8 * 1024 * 1024), (400, 36000, 2207004)),
    ],
    ids=["PNG", "junk", "narrow", "wide", "a little narrow", "a little wide", "large"],
)
def test_a_picture_that_instagram_does_not_take_is_refused(
    net: Net, own: Member, files: Files, content: bytes, refusal: tuple[int, int, int]
) -> None:
    assert error(make(net, own, image_url=files.put(content))) == refusal


@pytest.mark.parametrize("size", [(800, 1000), (955, 500), (320, 320)])
def test_a_picture_at_the_edge_is_taken(net: Net, own: Member, files: Files, size: tuple[int, int]) -> None:
    assert make(net, own, image_url=files.put(jpeg(*size))).status_code == 200


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({}, (400, 100, None)),
        ({"image_url": "https://ours.example/nothing"}, (400, 9004, 2207052)),
        ({"media_type": "REELS"}, (400, 100, None)),
        ({"media_type": "VIDEO", "video_url": "x"}, (400, 100, 2207023)),
        ({"media_type": "IGTV"}, (400, 100, 2207023)),
        ({"media_type": "REELS", "is_carousel_item": "true"}, (400, 100, 2207023)),
        ({"image_url": "x", "caption": "x" * 2201}, (400, 36004, 2207010)),
        ({"image_url": "x", "caption": "#a " * 31}, (400, 36004, 2207010)),
        ({"image_url": "x", "caption": "❤️#a1️⃣#ब" * 16}, (400, 36004, 2207010)),
        ({"image_url": "x", "caption": "@a " * 21}, (400, 100, 2207040)),
        ({"image_url": "x", "caption": "❤️@a" * 21}, (400, 100, 2207040)),
        ({"image_url": "x", "alt_text": "x" * 1001}, (400, 100, None)),
        ({"image_url": "x", "alt_text": "x", "media_type": "STORIES"}, (400, 100, None)),
        ({"video_url": "x", "alt_text": "x", "media_type": "REELS"}, (400, 100, None)),
        ({"media_type": "CAROUSEL", "alt_text": "x", "children": "1,2"}, (400, 100, None)),
        ({"image_url": "x", "caption": "x", "media_type": "STORIES"}, (400, 100, None)),
        ({"image_url": "x", "caption": "x", "is_carousel_item": "true"}, (400, 100, None)),
        ({"media_type": "CAROUSEL", "children": "18000000000000000"}, (400, 100, 2207028)),
        ({"media_type": "CAROUSEL", "children": "18000000000000000,18000000000000001"}, (400, 24, 2207006)),
    ],
)
def test_a_wrong_container_is_refused(
    net: Net, own: Member, files: Files, fields: dict[str, str], refusal: tuple[int, int, int | None]
) -> None:
    assert error(make(net, own, **fields)) == refusal


def test_a_lone_video_is_a_reel(net: Net, member: Member, files: Files) -> None:
    fields = {"media_type": "REELS", "share_to_feed": "false", "thumb_offset": "1000", "caption": "Knead"}
    media = out(net, member, files, **fields, video_url=files.put(clip()))

    node = body(net.get(f"{member.graph}/{media}", member.token, fields=f"{NODE},is_shared_to_feed"))

    assert (node["media_type"], node["media_product_type"], node["is_shared_to_feed"]) == ("VIDEO", "REELS", False)
    assert node["permalink"] == f"https://www.instagram.com/reel/{node['shortcode']}/"


def test_a_thumbnail_beyond_the_video_is_refused(net: Net, own: Member, files: Files) -> None:
    fields = {"media_type": "REELS", "video_url": files.put(clip()), "thumb_offset": "9000"}

    assert error(make(net, own, **fields)) == (400, 1, 2207057)


@pytest.mark.parametrize(
    "values",
    [
        {"seconds": 2},
        {"fps": 15},
        {"codec": "mpeg4"},
        {"container": "matroska"},
        {"width": 1922, "height": 16},
        {"index_first": False},
    ],
    ids=str,
)
def test_a_video_that_instagram_cannot_play_fails_later(
    net: Net, own: Member, files: Files, values: dict[str, Any]
) -> None:
    container = made(net, own, media_type="REELS", video_url=files.put(clip(**values)))

    assert status(net, own, container) == ("ERROR", "Error: Media upload has failed with error code 2207026")


@pytest.mark.parametrize("content", [None, b"no video"])
def test_a_video_that_cannot_be_had_fails_later(net: Net, own: Member, files: Files, content: bytes | None) -> None:
    address = files.put(content) if content else "https://ours.example/nothing"
    container = made(net, own, media_type="REELS", video_url=address)

    assert status(net, own, container)[1].endswith("2207026" if content else "2207052")


def test_a_long_video_is_a_reel_and_neither_a_story_nor_a_part(net: Net, own: Member, files: Files) -> None:
    long_clip = clip(seconds=61, width=32, height=32)

    states = [
        status(net, own, made(net, own, video_url=files.put(long_clip), **fields))[0]
        for fields in (
            {"media_type": "REELS"},
            {"media_type": "STORIES"},
            {"media_type": "VIDEO", "is_carousel_item": "true"},
        )
    ]

    assert states == ["FINISHED", "ERROR", "ERROR"]


def item(net: Net, member: Member, files: Files) -> str:
    return made(net, member, image_url=files.put(jpeg()), is_carousel_item="true", alt_text="A loaf")


def test_a_carousel_mixes_images_and_videos(net: Net, member: Member, files: Files) -> None:
    film = made(net, member, media_type="VIDEO", video_url=files.put(clip()), is_carousel_item="true")
    children = [item(net, member, files), film]
    media = out(net, member, files, media_type="CAROUSEL", children=",".join(children), caption="Both")

    node = body(net.get(f"{member.graph}/{media}", member.token, fields=NODE))

    assert (node["media_type"], node["media_product_type"]) == ("CAROUSEL_ALBUM", "FEED")
    assert net.posts()[0]["media_count"] == 2
    assert [status(net, member, child)[0] for child in children] == ["PUBLISHED", "PUBLISHED"]


def test_a_carousel_waits_for_its_items_and_takes_no_others(net: Net, own: Member, files: Files) -> None:
    whole, part = made(net, own, image_url=files.put(jpeg())), item(net, own, files)
    net.fault("instagram", "slow_processing", seconds=30)
    slow = item(net, own, files)

    assert error(make(net, own, media_type="CAROUSEL", children=f"{part},{whole}")) == (400, 24, 2207006)
    assert error(make(net, own, media_type="CAROUSEL", children=f"{part},{slow}")) == (400, 9007, 2207027)
    assert error(publish(net, own, part)) == (400, 24, 2207006)


def test_a_story_shows_for_a_day(net: Net, member: Member, files: Files) -> None:
    image = out(net, member, files, media_type="STORIES", image_url=files.put(jpeg(900, 1600)))
    film = out(net, member, files, media_type="STORIES", video_url=files.put(clip()))
    stories = body(net.get(f"{member.graph}/{member.id}/stories", member.token, fields="id,permalink"))["data"]

    assert [each["id"] for each in stories] == [film, image]
    assert body(net.get(f"{member.graph}/{member.id}/media", member.token))["data"] == []
    address = stories[0]["permalink"].removeprefix("https://")
    assert net.get(address).status_code == 200
    net.wait(86_401)
    assert net.get(address).status_code == 404
    assert len(net.posts()) == 2


def test_the_quota_of_a_day_is_told_and_kept(
    net: Net, own: Member, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instagram_posts, "POSTS_PER_DAY", 1)
    out(net, own, files)

    limit = net.get(f"{IG}/{own.id}/content_publishing_limit", own.token, fields="quota_usage,config")

    assert body(limit) == {"data": [{"quota_usage": 1, "config": {"quota_total": 1, "quota_duration": 86400}}]}
    container = made(net, own, image_url=files.put(jpeg()))
    assert error(publish(net, own, container)) == (400, 9, 2207042)
    assert status(net, own, container)[0] == "FINISHED"


def test_containers_of_a_day_are_counted(net: Net, own: Member, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instagram_containers, "CONTAINERS_PER_DAY", 1)
    made(net, own, image_url=files.put(jpeg()))

    assert error(make(net, own, image_url=files.put(jpeg()))) == (400, 9, 2207042)


def comment(net: Net, member: Member, media: str, message: str = "First") -> Any:
    return net.form(f"{member.graph}/{media}/comments", member.token, message=message)


def test_a_comment_is_part_of_its_post(net: Net, member: Member, files: Files) -> None:
    media = out(net, member, files)
    one, two = (body(comment(net, member, media, text))["id"] for text in ("First", "Second"))

    found = body(net.get(f"{member.graph}/{media}/comments", member.token, fields="id,text,timestamp,username,from"))

    assert [(each["id"], each["text"], each["from"]["id"]) for each in found["data"]] == [
        (two, "Second", member.id),
        (one, "First", member.id),
    ]
    assert [part["text"] for part in net.posts()[0]["parts"]] == ["First", "Second"]
    assert error(comment(net, member, media, "")) == (400, 100, None)
    assert error(comment(net, member, media, "x" * 2201)) == (400, 100, None)


def test_a_comment_that_is_asked_for_its_fields_is_refused_and_there_all_the_same(
    net: Net, member: Member, files: Files
) -> None:
    media = out(net, member, files)

    refused = net.form(f"{member.graph}/{media}/comments", member.token, message="First", fields="id")

    assert error(refused) == (400, 20, 1772107)
    assert [part["text"] for part in net.posts()[0]["parts"]] == ["First"]


def test_a_comment_needs_its_post(net: Net, member: Member) -> None:
    assert error(comment(net, member, "17900000000000000")) == (400, 100, 33)


def test_only_facebook_login_deletes(net: Net, member: Member, files: Files) -> None:
    media = out(net, member, files)
    comment(net, member, media)

    answer = net.call("DELETE", f"{member.graph}/{media}", member.token)

    if member.graph == IG:
        assert error(answer) == (400, 100, 33)
    else:
        assert (body(answer), net.posts()) == ({"success": True}, [])


METRICS = "views,reach,likes,comments,saved,shares,total_interactions"


def test_the_numbers_of_a_post_grow(net: Net, member: Member, files: Files) -> None:
    media = out(net, member, files)

    def numbers() -> dict[str, int]:
        data = body(net.get(f"{member.graph}/{media}/insights", member.token, metric=METRICS))["data"]
        return {each["name"]: each["values"][0]["value"] for each in data}

    before = numbers()
    net.wait(3000)
    after = numbers()

    assert set(before) == set(after) == set(METRICS.split(","))
    assert before["views"] < after["views"]
    assert after["total_interactions"] == sum(after[name] for name in ("likes", "comments", "saved", "shares"))


def test_one_unknown_metric_fails_them_all(net: Net, own: Member, files: Files) -> None:
    media = out(net, own, files)

    for metric in ("views,impressions", "plays", "replies"):
        assert error(net.get(f"{IG}/{media}/insights", own.token, metric=metric)) == (400, 100, None)
    assert error(net.get(f"{IG}/{media}/insights", own.token)) == (400, 3001, 1504028)


def test_a_story_needs_viewers_to_have_numbers(net: Net, own: Member, files: Files) -> None:
    media = out(net, own, files, media_type="STORIES")
    ask = f"{IG}/{media}/insights"

    assert error(net.get(ask, own.token, metric="views")) == (400, 10, None)
    net.wait(3000)
    assert len(body(net.get(ask, own.token, metric="views,reach,replies,shares,total_interactions"))["data"]) == 5
    assert error(net.get(ask, own.token, metric="likes")) == (400, 100, None)


def test_an_account_has_numbers_and_followers(net: Net, member: Member) -> None:
    ask = f"{member.graph}/{member.id}/insights"
    data = body(net.get(ask, member.token, metric="views,reach", period="day", metric_type="total_value"))["data"]
    assert [(each["name"], set(each["total_value"])) for each in data] == [("views", {"value"}), ("reach", {"value"})]
    wrong: list[dict[str, str]] = [
        {"metric": "views", "period": "day"},
        {"metric": "views", "metric_type": "total_value"},
        {"metric": "impressions", "period": "day", "metric_type": "total_value"},
        {"metric": "views", "period": "day", "metric_type": "total_value", "since": "1700000000"},
        {"metric": "follower_demographics", "period": "lifetime", "metric_type": "total_value"},
        {"metric": "follower_demographics", "period": "lifetime", "metric_type": "total_value", "breakdown": "age"},
    ]
    assert [error(net.get(ask, member.token, **each)) for each in wrong] == [(400, 100, None)] * len(wrong)
    who = {"metric": "follower_demographics", "period": "lifetime", "metric_type": "total_value"}
    who["timeframe"] = "last_30_days"
    [country] = body(net.get(ask, member.token, **who, breakdown="country"))["data"]
    results = country["total_value"]["breakdowns"][0]["results"]
    assert [each["dimension_values"] for each in results] == [["GB"], ["DE"], ["US"]]


def test_old_versions_and_unknown_paths_are_refused(net: Net, own: Member) -> None:
    assert error(net.get("graph.instagram.com/v20.0/me", own.token)) == (400, 2500, None)
    assert error(net.get(f"{IG}/me/nothing", own.token)) == (400, 2500, None)
    answer = net.get(f"{IG}/me", own.token)
    assert '"type": "instagram"' in answer["X-Business-Use-Case-Usage"]
