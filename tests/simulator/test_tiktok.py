"""TikTok as the facts describe it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode, urlsplit

import pytest
from pytest_django import Settings

from ouipost.simulator import pulling
from ouipost.simulator.models import Media
from ouipost.simulator.networks.tiktok import creators
from ouipost.simulator.networks.tiktok import posting as tiktok_posting
from tests.simulator.clip import clip
from tests.simulator.conftest import Net, body, png, tags

pytestmark = pytest.mark.django_db(databases=["simulator"])

AUTHORIZE = "www.tiktok.com/v2/auth/authorize/"
API = "open.tiktokapis.com/v2"
BACK = "https://app.example/callback"
SCOPES = "user.info.basic,user.info.profile,user.info.stats,video.list,video.publish,video.upload"
USER_FIELDS = "open_id,union_id,avatar_url,display_name,username,follower_count,following_count,video_count"
VIDEO_FIELDS = "id,create_time,share_url,video_description,title,duration,width,height,view_count,like_count"
OURS = "https://ours.example"


@pytest.fixture(scope="module")
def film() -> bytes:
    return clip(codec="libx264")


@dataclass
class Creator:
    """A person's grant to an app."""

    net: Net
    open_id: str
    token: str
    refresh: str
    scope: str

    def post(self, path: str, data: Any = None) -> Any:
        return self.net.json(f"{API}/{path}", self.token, {} if data is None else data)

    def info(self, fields: str = USER_FIELDS) -> Any:
        return self.net.get(f"{API}/user/info/", self.token, fields=fields)

    def creator_info(self) -> Any:
        return body(self.post("post/publish/creator_info/query/"))["data"]

    def begin(self, size: int, *, chunk: int = 0, count: int = 1, **info: Any) -> Any:
        source = {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk or size, "total_chunk_count": count}
        said = {"privacy_level": "PUBLIC_TO_EVERYONE", "title": "Bread"} | info
        return self.post("post/publish/video/init/", {"post_info": said, "source_info": source})

    def film(self, content: bytes, **info: Any) -> str:
        """Post a video, and return its publish_id."""
        begun = body(self.begin(len(content), **info))["data"]
        assert put(self.net, begun["upload_url"], content).status_code == 201
        publish_id: str = begun["publish_id"]
        return publish_id

    def photos(self, *addresses: str, post_mode: str = "DIRECT_POST", **values: Any) -> Any:
        info = {"privacy_level": "PUBLIC_TO_EVERYONE", "title": "Loaves", "description": "Three loaves"}
        source = {"source": "PULL_FROM_URL", "photo_images": list(addresses), "photo_cover_index": 0}
        data = {"media_type": "PHOTO", "post_mode": post_mode, "post_info": info, "source_info": source}
        return self.post("post/publish/content/init/", data | values)

    def status(self, publish_id: str) -> Any:
        return body(self.post("post/publish/status/fetch/", {"publish_id": publish_id}))["data"]

    def listed(self, **asked: Any) -> Any:
        data = {"max_count": 20} | asked
        return body(self.net.json(f"{API}/video/list/?fields={VIDEO_FIELDS}", self.token, data))["data"]


def put(
    net: Net,
    upload_url: str,
    content: bytes,
    *,
    first: int = 0,
    total: int = 0,
    kind: str = "video/mp4",
    **headers: str,
) -> Any:
    address = upload_url.removeprefix("https://")
    told = f"bytes {first}-{first + len(content) - 1}/{total or len(content)}"
    return net.call("PUT", address, data=content, content_type=kind, headers={"Content-Range": told} | headers)


def query(**values: str) -> dict[str, str]:
    return {
        "client_key": "key",
        "scope": SCOPES,
        "response_type": "code",
        "redirect_uri": BACK,
        "state": "s1",
    } | values


def returned(response: Any) -> dict[str, str]:
    assert response.status_code == 302, response.content
    target = urlsplit(response["Location"])
    assert target._replace(query="").geturl() == BACK
    return dict(part.split("=", 1) for part in target.query.split("&"))


def code(net: Net, login: str = "Demo", client_key: str = "key", **form: Any) -> str:
    sent = {"decision": "allow", "login": login} | form
    return returned(net.form(f"{AUTHORIZE}?{urlencode(query(client_key=client_key))}", **sent))["code"]


def exchange(net: Net, fresh: str, *, at: str = "", **change: str) -> Any:
    data = {
        "client_key": "key",
        "client_secret": "secret",
        "code": fresh,
        "grant_type": "authorization_code",
        "redirect_uri": BACK,
    }
    return net.form(f"{API}/oauth/token/{at}", **data | change)


def creator_of(net: Net, login: str = "Demo", client_key: str = "key", **form: Any) -> Creator:
    given = body(exchange(net, code(net, login, client_key, **form), client_key=client_key))
    return Creator(net, given["open_id"], given["access_token"], given["refresh_token"], given["scope"])


@pytest.fixture
def creator(net: Net) -> Creator:
    return creator_of(net)


@pytest.fixture
def hosted(settings: Settings) -> Iterator[dict[str, bytes]]:
    """Files at our own address, by their path."""
    settings.PUBLIC_BASE_URL = OURS
    files: dict[str, bytes] = {}

    def fetch(address: str, *, most: int, agent: str) -> bytes:
        path = address.removeprefix(OURS)
        if path not in files:
            raise pulling.Unreachable("It answered 404.")
        return files[path][: most + 1]

    with patch("ouipost.simulator.pulling.fetch", fetch):
        yield files


def refusal(response: Any) -> tuple[int, str]:
    told = body(response)["error"]
    assert (body(response) if isinstance(told, str) else told)["log_id"]
    return response.status_code, told if isinstance(told, str) else told["code"]


class TestSignIn:
    def test_the_consent_page_lets_single_scopes_be_left_out(self, net: Net) -> None:
        page = net.get(AUTHORIZE, **query())

        assert [tag.count("checked") for tag in tags(page, "input") if "checkbox" in tag] == [1] * 6
        some = creator_of(net, choosing="scopes", scopes=["video.list", "video.publish"])
        assert some.scope == "user.info.basic,video.list,video.publish"

    def test_a_code_becomes_two_tokens_once(self, net: Net) -> None:
        fresh = code(net)
        given = body(exchange(net, fresh))

        assert (given["token_type"], given["expires_in"], given["refresh_expires_in"]) == ("Bearer", 7200, 15_552_000)
        assert (given["access_token"][:4], given["refresh_token"][:4], given["scope"]) == ("act.", "rft.", SCOPES)
        assert refusal(exchange(net, fresh)) == (200, "invalid_grant")

    @pytest.mark.parametrize(
        ("change", "answer"),
        [
            ({"client_secret": ""}, (401, "invalid_client")),
            ({"client_key": ""}, (401, "invalid_client")),
            ({"code": "junk"}, (200, "invalid_grant")),
            ({"client_key": "other"}, (200, "invalid_grant")),
            ({"redirect_uri": "https://app.example/"}, (400, "invalid_request")),
            ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ],
    )
    def test_a_code_needs_its_address_and_its_app(self, net: Net, change: dict[str, str], answer: Any) -> None:
        fresh = code(net)

        assert refusal(exchange(net, fresh, **change)) == answer
        assert "access_token" in body(exchange(net, fresh))

    def test_the_token_endpoint_takes_only_forms(self, net: Net) -> None:
        response = net.json(f"{API}/oauth/token/", data={"client_key": "key", "grant_type": "refresh_token"})

        assert refusal(response) == (400, "invalid_request")
        assert refusal(exchange(net, code(net), at="?client_secret=secret")) == (400, "invalid_request")

    def test_a_refresh_token_dies_when_it_is_used(self, net: Net, creator: Creator) -> None:
        def refresh(token: str) -> Any:
            return exchange(net, "", grant_type="refresh_token", refresh_token=token)

        first = body(refresh(creator.refresh))

        assert refusal(refresh(creator.refresh)) == (200, "invalid_grant")
        assert "access_token" in body(refresh(first["refresh_token"]))

    def test_an_access_token_lives_two_hours(self, net: Net, creator: Creator) -> None:
        net.wait(7170)
        assert creator.info().status_code == 200
        net.wait(60)
        assert refusal(creator.info()) == (401, "access_token_invalid")

    def test_revoking_ends_the_whole_consent(self, net: Net, creator: Creator) -> None:
        def revoke(token: str) -> Any:
            data = {"client_key": "key", "client_secret": "secret", "token": token}
            return net.form(f"{API}/oauth/revoke/", data=data)

        assert refusal(revoke("x")) == (400, "invalid_request")

        assert body(revoke(creator.token)) == {}

        assert refusal(creator.info()) == (401, "access_token_invalid")


class TestPerson:
    def test_the_asked_fields_are_shown_in_the_envelope(self, creator: Creator) -> None:
        answer = body(creator.info())

        assert (answer["error"]["code"], set(answer["data"]["user"])) == ("ok", set(USER_FIELDS.split(",")))
        assert answer["data"]["user"]["open_id"] == creator.open_id

    def test_an_open_id_is_of_one_app_and_a_union_id_of_all(self, net: Net) -> None:
        other = body(exchange(net, code(net, "Ada", "other"), client_key="other"))

        here = creator_of(net, "Ada")

        assert other["open_id"] != here.open_id
        there = Creator(net, "", other["access_token"], "", "")
        assert body(there.info("union_id"))["data"] == body(here.info("union_id"))["data"]

    def test_a_field_whose_scope_is_missing_is_an_error(self, net: Net) -> None:
        basic = creator_of(net, choosing="scopes")

        assert basic.info("open_id,display_name").status_code == 200
        assert refusal(basic.info()) == (401, "scope_not_authorized")
        assert refusal(basic.post("post/publish/creator_info/query/")) == (401, "scope_not_authorized")
        assert refusal(basic.post(f"video/list/?fields={VIDEO_FIELDS}")) == (401, "scope_not_authorized")

    def test_an_access_token_stands_in_the_header(self, creator: Creator) -> None:
        asked = creator.net.get(f"{API}/user/info/", fields=USER_FIELDS, access_token=creator.token)

        assert refusal(asked) == (401, "access_token_invalid")

    @pytest.mark.parametrize("fields", ["", "shoe_size"])
    def test_no_field_or_an_unknown_one_is_refused(self, creator: Creator, fields: str) -> None:
        assert refusal(creator.info(fields)) == (400, "invalid_params")

    def test_an_unknown_path_is_told(self, creator: Creator) -> None:
        assert refusal(creator.post("video/delete/")) == (404, "unsupported_path")

    @pytest.mark.parametrize(
        ("login", "told"),
        [
            ("Demo", ("PUBLIC_TO_EVERYONE", False, False, 600)),
            ("Private Ada", ("FOLLOWER_OF_CREATOR", False, True, 600)),
            ("Quiet Ada", ("PUBLIC_TO_EVERYONE", True, False, 600)),
            ("Brief Ada", ("PUBLIC_TO_EVERYONE", False, False, 60)),
        ],
    )
    def test_a_creator_is_as_the_name_says(self, net: Net, login: str, told: tuple[Any, ...]) -> None:
        info = creator_of(net, login).creator_info()

        assert info["privacy_level_options"] == [told[0], "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
        assert (info["comment_disabled"], info["duet_disabled"], info["stitch_disabled"]) == (told[1], told[2], told[2])
        assert (info["max_video_post_duration_sec"], info["creator_nickname"]) == (told[3], login)


class TestVideo:
    def test_nothing_is_there_before_all_bytes_are(self, net: Net, creator: Creator, film: bytes) -> None:
        begun = body(creator.begin(len(film)))["data"]

        assert begun["publish_id"].startswith("v_pub_file~")
        assert begun["upload_url"].startswith("https://open-upload.tiktokapis.com/video/?upload_id=")
        assert creator.status(begun["publish_id"]) == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}
        assert net.posts() == []

        assert put(net, begun["upload_url"], film).status_code == 201

        told = creator.status(begun["publish_id"])
        [entry] = net.posts()
        assert (told["status"], told["uploaded_bytes"]) == ("PUBLISH_COMPLETE", len(film))
        assert told["publicaly_available_post_id"] == [int(entry["id"])]
        assert (entry["text"], entry["media_count"], entry["account"]) == ("Bread", 1, creator.open_id)

    def test_a_post_opens_at_its_address(self, net: Net, creator: Creator, film: bytes) -> None:
        creator.film(film, title="Rye bread")
        address = net.posts()[0]["url"].removeprefix("https://")

        assert "Rye bread" in net.get(address).content.decode()
        assert net.get(address.split("/video/")[0]).status_code == 200
        assert net.get("www.tiktok.com/@nobody").status_code == 404

    def test_chunks_come_in_order_and_416_tells_where_to_go_on(self, net: Net, creator: Creator, film: bytes) -> None:
        whole = film + b"\0" * (13_000_000 - len(film))
        begun = body(creator.begin(len(whole), chunk=6_000_000, count=2))["data"]

        def send(first: int, last: int) -> Any:
            response = put(net, begun["upload_url"], whole[first:last], first=first, total=len(whole))
            return response.status_code, response.get("Content-Range", "")

        assert send(6_000_000, 13_000_000) == (416, "bytes 0-0/13000000")
        assert send(0, 6_000_000) == (206, "bytes 0-6000000/13000000")
        assert send(0, 6_000_000) == (416, "bytes 0-6000000/13000000")
        assert creator.status(begun["publish_id"])["uploaded_bytes"] == 6_000_000
        assert send(6_000_000, 13_000_000) == (201, "bytes 0-13000000/13000000")
        assert send(6_000_000, 13_000_000) == (416, "bytes 0-13000000/13000000")
        assert len(net.posts()) == 1

    def test_of_two_last_chunks_at_the_same_moment_one_makes_the_post(
        self, net: Net, creator: Creator, film: bytes
    ) -> None:
        begun = body(creator.begin(len(film)))["data"]
        seen_by_both = Media.objects.get(external_id=begun["publish_id"])

        with patch.object(tiktok_posting, "find_upload", lambda call: seen_by_both):
            answers = [put(net, begun["upload_url"], film).status_code for _ in range(2)]

        assert (answers, len(net.posts())) == ([201, 416], 1)
        assert creator.status(begun["publish_id"])["status"] == "PUBLISH_COMPLETE"

    @pytest.mark.parametrize(
        ("size", "chunk", "count", "status"),
        [
            (4_000_000, 4_000_000, 1, 200),
            (64_000_000, 64_000_000, 1, 200),
            (4_000_000_000, 5 * 1024**2, 762, 200),
            (4_000_000, 2_000_000, 2, 400),
            (20_000_000, 5_000_000, 4, 400),
            (64_000_001, 64_000_001, 1, 400),
            (20_000_000, 6_000_000, 4, 400),
            (20_000_000, 30_000_000, 1, 400),
            (4_000_000_001, 64_000_000, 62, 400),
            (0, 0, 0, 400),
        ],
    )
    def test_chunks_keep_to_the_rule(self, creator: Creator, size: int, chunk: int, count: int, status: int) -> None:
        assert creator.begin(size, chunk=chunk, count=count).status_code == status

    def test_wrong_chunks_are_refused(self, net: Net, creator: Creator, film: bytes) -> None:
        size = 13_000_000
        address = body(creator.begin(size, chunk=6_000_000, count=2))["data"]["upload_url"]

        def status(content: bytes, url: str = address, **values: Any) -> int:
            sent = {"total": size} | values
            code: int = put(net, url, content, **sent).status_code
            return code

        assert status(b"x" * 5_000_000) == 400
        assert status(b"x" * size) == 400
        assert status(b"x" * 6_000_000, kind="text/plain") == 400
        assert status(b"x" * 6_000_000, total=11) == 400
        assert status(b"x" * 6_000_000, Authorization=f"Bearer {creator.token}") == 400
        assert status(b"x", **{"Content-Range": "nonsense"}) == 400
        assert status(b"x" * 6_000_000, url=f"{address}guess") == 403
        assert status(b"x", url="https://open-upload.tiktokapis.com/video/?upload_id=1") == 404
        net.wait(3601)
        assert status(b"x" * 6_000_000) == 403

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"codec": "mpeg4"}, "file_format_check_failed"),
            ({"codec": "libx264", "fps": 15}, "frame_rate_check_failed"),
            ({"codec": "libx264", "width": 180, "height": 320}, "picture_size_check_failed"),
        ],
    )
    def test_a_video_that_breaks_a_limit_is_given_up(
        self, net: Net, creator: Creator, values: dict[str, Any], reason: str
    ) -> None:
        told = creator.status(creator.film(clip(**values)))

        assert (told["status"], told["fail_reason"]) == ("FAILED", reason)
        assert net.posts() == []

    def test_what_is_no_video_is_given_up(self, creator: Creator) -> None:
        assert creator.status(creator.film(b"noise"))["fail_reason"] == "file_format_check_failed"

    def test_a_creator_may_post_shorter_videos_only(self, net: Net) -> None:
        brief = creator_of(net, "Brief Bob")

        told = brief.status(brief.film(clip(seconds=61, codec="libx264", fps=24)))

        assert told["fail_reason"] == "duration_check_failed"

    @pytest.mark.parametrize("values", [{"codec": "libvpx", "kind": "webm"}, {"codec": "libx264", "kind": "mov"}])
    def test_other_formats_are_taken(self, creator: Creator, values: dict[str, Any]) -> None:
        assert creator.status(creator.film(clip(**values)))["status"] == "PUBLISH_COMPLETE"

    def test_processing_takes_its_time_and_can_fail(self, net: Net, creator: Creator, film: bytes) -> None:
        net.fault("tiktok", "slow_processing", seconds=30)
        slow = creator.film(film)
        net.fault("tiktok", "processing_failed")
        failed = creator.film(film)

        assert creator.status(slow)["status"] == "PROCESSING_UPLOAD"
        assert creator.status(failed)["fail_reason"] == "file_format_check_failed"
        assert creator.listed()["videos"] == []
        net.wait(31)
        assert creator.status(slow)["status"] == "PUBLISH_COMPLETE"
        assert len(creator.listed()["videos"]) == len(net.posts()) == 1

    def test_a_post_in_moderation_has_no_id_yet(self, net: Net, creator: Creator, film: bytes) -> None:
        net.fault("tiktok", "list_lag", seconds=60)
        publish_id = creator.film(film)

        assert creator.status(publish_id)["publicaly_available_post_id"] == []
        net.wait(61)
        assert len(creator.status(publish_id)["publicaly_available_post_id"]) == 1

    def test_a_post_that_is_not_public_has_no_id_and_is_not_listed(
        self, net: Net, creator: Creator, film: bytes
    ) -> None:
        publish_id = creator.film(film, privacy_level="SELF_ONLY")

        assert creator.status(publish_id)["status"] == "PUBLISH_COMPLETE"
        assert creator.status(publish_id)["publicaly_available_post_id"] == creator.listed()["videos"] == []
        assert len(net.posts()) == 1

    @pytest.mark.parametrize(
        ("info", "answer"),
        [
            ({"privacy_level": ""}, (400, "invalid_params")),
            ({"privacy_level": "FOLLOWER_OF_CREATOR"}, (403, "privacy_level_option_mismatch")),
            ({"privacy_level": "SELF_ONLY", "brand_content_toggle": True}, (400, "invalid_params")),
            ({"title": "x" * 2201}, (400, "invalid_params")),
            ({"title": "🍞" * 1101}, (400, "invalid_params")),
            ({"title": 5}, (400, "invalid_params")),
            ({"disable_duet": "yes"}, (400, "invalid_params")),
            ({"video_cover_timestamp_ms": -1}, (400, "invalid_params")),
            ({"video_cover_timestamp_ms": True}, (400, "invalid_params")),
        ],
    )
    def test_what_is_said_about_a_post_must_be_right(
        self, creator: Creator, info: dict[str, Any], answer: tuple[int, str]
    ) -> None:
        assert refusal(creator.begin(1000, **info)) == answer

    def test_a_caption_has_2200_units(self, creator: Creator) -> None:
        assert creator.begin(1000, title="🍞" * 1100).status_code == 200

    def test_an_interaction_that_the_creator_turned_off_stays_off(self, net: Net) -> None:
        quiet = creator_of(net, "Quiet Bob")

        assert refusal(quiet.begin(1000)) == (400, "invalid_params")
        assert quiet.begin(1000, disable_comment=True).status_code == 200

    @pytest.mark.parametrize("data", [{}, {"post_info": {"privacy_level": "SELF_ONLY"}}, {"post_info": []}])
    def test_a_post_needs_both_its_parts(self, creator: Creator, data: Any) -> None:
        assert refusal(creator.post("post/publish/video/init/", data)) == (400, "invalid_params")

    def test_an_address_is_pulled(self, net: Net, creator: Creator, film: bytes, hosted: dict[str, bytes]) -> None:
        hosted["/media/1"] = film

        def begin(address: str) -> Any:
            data = {"post_info": {"privacy_level": "PUBLIC_TO_EVERYONE"}}
            source = {"source": "PULL_FROM_URL", "video_url": address}
            return creator.post("post/publish/video/init/", data | {"source_info": source})

        publish_id = body(begin(f"{OURS}/media/1"))["data"]["publish_id"]
        gone = body(begin(f"{OURS}/media/2"))["data"]["publish_id"]

        assert publish_id.startswith("v_pub_url~")
        assert creator.status(publish_id)["status"] == "PUBLISH_COMPLETE"
        assert creator.status(gone)["fail_reason"] == "video_pull_failed"
        assert refusal(begin("https://elsewhere.example/1")) == (403, "url_ownership_unverified")
        assert len(net.posts()) == 1

    def test_a_post_without_its_bytes_can_be_cancelled(self, net: Net, creator: Creator, film: bytes) -> None:
        begun = body(creator.begin(len(film)))["data"]
        cancelled = {"publish_id": begun["publish_id"]}
        assert creator.post("post/publish/cancel/", cancelled).status_code == 200

        assert put(net, begun["upload_url"], film).status_code == 416
        assert creator.status(begun["publish_id"])["fail_reason"] == "publish_cancelled"
        assert refusal(creator.post("post/publish/cancel/", cancelled)) == (400, "publish_not_cancellable")
        assert net.posts() == []

    def test_a_publish_id_is_only_its_owners(self, net: Net, creator: Creator) -> None:
        publish_id = body(creator.begin(1000))["data"]["publish_id"]
        bob = creator_of(net, "Bob")

        def status(asking: Creator, named: Any) -> tuple[int, str]:
            return refusal(asking.post("post/publish/status/fetch/", {"publish_id": named}))

        assert status(bob, publish_id) == (403, "token_not_authorized_for_specified_publish_id")
        assert status(creator, "v_pub_file~1") == status(creator, 5) == (400, "invalid_publish_id")


class TestPhotos:
    @pytest.fixture
    def loaves(self, hosted: dict[str, bytes]) -> list[str]:
        hosted |= {"/media/1": png(kind="JPEG").read(), "/media/2": png(kind="WEBP").read()}
        return [f"{OURS}/media/1", f"{OURS}/media/2"]

    def test_they_are_pulled_and_posted(self, net: Net, creator: Creator, loaves: list[str]) -> None:
        publish_id = body(creator.photos(*loaves))["data"]["publish_id"]

        told = creator.status(publish_id)
        [entry] = net.posts()
        assert publish_id.startswith("p_pub_url~")
        assert (told["status"], told["publicaly_available_post_id"]) == ("PUBLISH_COMPLETE", [int(entry["id"])])
        assert (entry["text"], entry["media_count"]) == ("Three loaves", 2)
        assert f"/photo/{entry['id']}" in entry["url"]
        page = net.get(entry["url"].removeprefix("https://"))
        shown = [tag for tag in tags(page, "img") if "_media" in tag]
        assert len(shown) == 2

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (png().getvalue(), "file_format_check_failed"),
            (b"noise", "file_format_check_failed"),
            (png(1081, 1200, kind="JPEG").getvalue(), "picture_size_check_failed"),
            (png(800, 1921, kind="JPEG").getvalue(), "picture_size_check_failed"),
            (png(kind="JPEG").getvalue() + b"\0" * 20_000_000, "picture_size_check_failed"),
            (None, "photo_pull_failed"),
        ],
    )
    def test_one_that_breaks_a_limit_ends_them_all(
        self, net: Net, creator: Creator, hosted: dict[str, bytes], loaves: list[str], content: Any, reason: str
    ) -> None:
        if content:
            hosted["/media/3"] = content

        told = creator.status(body(creator.photos(*loaves, f"{OURS}/media/3"))["data"]["publish_id"])

        assert (told["status"], told["fail_reason"]) == ("FAILED", reason)
        assert net.posts() == []

    def test_processing_takes_its_time_and_can_fail(self, net: Net, creator: Creator, loaves: list[str]) -> None:
        net.fault("tiktok", "slow_processing", seconds=30)
        slow = body(creator.photos(*loaves))["data"]["publish_id"]
        net.fault("tiktok", "processing_failed")
        failed = body(creator.photos(*loaves))["data"]["publish_id"]

        assert creator.status(slow)["status"] == "PROCESSING_DOWNLOAD"
        assert creator.status(failed)["status"] == "FAILED"
        net.wait(31)
        assert creator.status(slow)["status"] == "PUBLISH_COMPLETE"

    @pytest.mark.parametrize(
        ("values", "answer"),
        [
            ({"media_type": "VIDEO"}, (400, "invalid_params")),
            ({"post_mode": "LATER"}, (400, "invalid_params")),
            ({"is_aigc": "yes"}, (400, "invalid_params")),
            ({"source_info": {"source": "FILE_UPLOAD"}}, (400, "invalid_params")),
            ({"source_info": {"source": "PULL_FROM_URL", "photo_images": []}}, (400, "invalid_params")),
            (
                {"source_info": {"source": "PULL_FROM_URL", "photo_images": [f"{OURS}/1"] * 36}},
                (400, "invalid_params"),
            ),
            (
                {"source_info": {"source": "PULL_FROM_URL", "photo_images": [f"{OURS}/1"], "photo_cover_index": 1}},
                (400, "invalid_params"),
            ),
            (
                {"source_info": {"source": "PULL_FROM_URL", "photo_images": ["https://elsewhere.example/1"]}},
                (403, "url_ownership_unverified"),
            ),
            ({"post_info": {"privacy_level": "SELF_ONLY", "title": "x" * 91}}, (400, "invalid_params")),
            ({"post_info": {"privacy_level": "SELF_ONLY", "description": "x" * 4001}}, (400, "invalid_params")),
        ],
    )
    def test_a_wrong_request_is_refused(
        self, creator: Creator, loaves: list[str], values: dict[str, Any], answer: tuple[int, str]
    ) -> None:
        assert refusal(creator.photos(*loaves, **values)) == answer


class TestDrafts:
    def begin(self, creator: Creator, size: int) -> Any:
        source = {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": size, "total_chunk_count": 1}
        return creator.post("post/publish/inbox/video/init/", {"source_info": source})

    def test_a_draft_ends_in_the_inbox_and_is_no_post(self, net: Net, creator: Creator, film: bytes) -> None:
        begun = body(self.begin(creator, len(film)))["data"]
        put(net, begun["upload_url"], film)

        assert begun["publish_id"].startswith("v_inbox_")
        assert creator.status(begun["publish_id"])["status"] == "SEND_TO_USER_INBOX"
        assert net.posts() == []

    def test_photos_can_be_a_draft_too(self, net: Net, creator: Creator, hosted: dict[str, bytes]) -> None:
        hosted["/media/1"] = png(kind="JPEG").read()

        publish_id = body(creator.photos(f"{OURS}/media/1", post_mode="MEDIA_UPLOAD"))["data"]["publish_id"]

        assert creator.status(publish_id)["status"] == "SEND_TO_USER_INBOX"
        assert net.posts() == []

    def test_five_may_wait(self, net: Net, creator: Creator) -> None:
        assert [self.begin(creator, 1000).status_code for _ in range(5)] == [200] * 5

        assert refusal(self.begin(creator, 1000)) == (403, "spam_risk_too_many_pending_share")
        net.wait(86_401)
        assert self.begin(creator_of(net), 1000).status_code == 200


class TestQuotas:
    @pytest.mark.parametrize(("path", "most"), [("creator_info/query/", 20), ("video/init/", 6), ("status/fetch/", 30)])
    def test_calls_are_counted_by_the_minute(self, net: Net, creator: Creator, path: str, most: int) -> None:
        for _ in range(most):
            assert creator.post(f"post/publish/{path}").status_code != 429

        assert refusal(creator.post(f"post/publish/{path}")) == (429, "rate_limit_exceeded")
        net.wait(61)
        assert creator.post(f"post/publish/{path}").status_code != 429

    def test_fifteen_posts_make_a_day(self, net: Net, creator: Creator, film: bytes) -> None:
        for number in range(15):
            creator.film(film)
            if number % 5 == 4:
                net.wait(61)

        full = creator.post("post/publish/creator_info/query/")

        assert refusal(full) == (200, "spam_risk_too_many_posts")
        assert refusal(creator.begin(1000)) == (403, "spam_risk_too_many_posts")
        net.wait(86_401)
        assert creator_of(net).begin(1000).status_code == 200

    def test_the_day_is_of_all_apps_together(self, net: Net, film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(creators, "POSTS_A_DAY", 1)
        creator_of(net, "Ann").film(film)

        here, beside = creator_of(net, "Ann", "another"), creator_of(net, "Ben", "another")

        assert refusal(here.begin(1000)) == (403, "spam_risk_too_many_posts")
        assert beside.begin(1000).status_code == 200


class TestBeforeTheAudit:
    @pytest.mark.parametrize(
        ("login", "level", "refused"),
        [("Ann Private", "SELF_ONLY", False), ("Ann Private", "FOLLOWER_OF_CREATOR", True), ("Ann", "SELF_ONLY", True)],
    )
    def test_an_app_posts_for_nobody_but_people_with_private_accounts(
        self, net: Net, login: str, level: str, refused: bool
    ) -> None:
        creator = creator_of(net, login, "unaudited")

        begun = creator.begin(1000, privacy_level=level, disable_duet=True, disable_stitch=True)

        told = (403, "unaudited_client_can_only_post_to_private_accounts")
        assert refusal(begun) == told if refused else begun.status_code == 200

    def test_an_app_serves_five_people_a_day(self, net: Net, film: bytes) -> None:
        hidden: dict[str, Any] = {"privacy_level": "SELF_ONLY", "disable_duet": True, "disable_stitch": True}
        people = [creator_of(net, f"Private {number}", "unaudited") for number in range(6)]
        for each in people[:5]:
            each.film(film, **hidden)

        first, sixth = people[0], people[5]

        assert refusal(sixth.post("post/publish/creator_info/query/")) == (200, "reached_active_user_cap")
        assert refusal(sixth.begin(1000, **hidden)) == (403, "reached_active_user_cap")
        assert first.begin(1000, **hidden).status_code == 200


class TestNumbers:
    def test_public_posts_are_listed_in_pages_newest_first(self, net: Net, creator: Creator, film: bytes) -> None:
        for number in range(3):
            creator.film(film, title=f"Bread {number}")
            net.wait(1)

        first = creator.listed(max_count=2)
        second = creator.listed(max_count=2, cursor=first["cursor"])

        assert [video["title"] for video in first["videos"] + second["videos"]] == ["Bread 2", "Bread 1", "Bread 0"]
        assert (first["has_more"], second["has_more"]) == (True, False)
        video = first["videos"][0]
        assert set(video) == set(VIDEO_FIELDS.split(","))
        assert (video["width"], video["height"], video["duration"]) == (360, 640, 1)
        assert video["share_url"] == net.posts()[-1]["url"]

    def test_a_text_is_listed_up_to_its_150th_character(self, creator: Creator, film: bytes) -> None:
        creator.film(film, title="x" * 200)

        assert creator.listed()["videos"][0]["video_description"] == "x" * 150

    def test_what_is_made_by_a_machine_is_listed_as_such(
        self, net: Net, creator: Creator, film: bytes, hosted: dict[str, bytes]
    ) -> None:
        hosted["/media/1"] = png(kind="JPEG").read()
        for is_aigc in (True, False):
            creator.film(film, is_aigc=is_aigc)
            net.wait(1)
            creator.photos(f"{OURS}/media/1", is_aigc=is_aigc)
            net.wait(1)

        listed = body(creator.post("video/list/?fields=is_aigc", {}))["data"]["videos"]

        assert [each["is_aigc"] for each in listed] == [False, False, True, True]

    def test_a_list_can_lag(self, net: Net, creator: Creator, film: bytes) -> None:
        creator.film(film)
        net.fault("tiktok", "list_lag", match="POST /v2/video/list", seconds=60)

        assert [len(creator.listed()["videos"]), len(creator.listed()["videos"])] == [0, 1]

    def test_numbers_grow_and_foreign_posts_are_left_out(self, net: Net, creator: Creator, film: bytes) -> None:
        creator.film(film)
        ids = [net.posts()[0]["id"], "5"]

        def videos(asking: Creator) -> Any:
            data = {"filters": {"video_ids": ids}}
            return body(asking.post(f"video/query/?fields={VIDEO_FIELDS}", data))["data"]["videos"]

        [young] = videos(creator)
        net.wait(3600)
        [old] = videos(creator)

        assert (young["id"], young["view_count"]) == (ids[0], 0)
        assert old["view_count"] > old["like_count"] > 0
        assert videos(creator_of(net, "Bob")) == []
        assert body(creator.info("video_count,likes_count"))["data"]["user"] == {
            "video_count": 1,
            "likes_count": old["like_count"],
        }

    @pytest.mark.parametrize(
        ("path", "data"),
        [
            ("list/?fields=id", {"max_count": 21}),
            ("list/?fields=id", {"cursor": "x"}),
            ("list/?fields=id", {"cursor": 10**30}),
            ("list/?fields=colour", {}),
            ("list/", {}),
            ("list/", {"fields": "id"}),
            ("query/?fields=id", {}),
            ("query/?fields=id", {"filters": {"video_ids": []}}),
            ("query/?fields=id", {"filters": {"video_ids": ["1"] * 21}}),
        ],
    )
    def test_a_wrong_question_is_refused(self, creator: Creator, path: str, data: Any) -> None:
        assert refusal(creator.post(f"video/{path}", data)) == (400, "invalid_params")
