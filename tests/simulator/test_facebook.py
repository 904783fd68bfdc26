"""Facebook Pages as the facts describe them."""

import hashlib
import hmac
import io
import json
import time
from typing import Any
from unittest.mock import patch

import pytest
from pytest_django import Settings

from ouipost.simulator.models import Account, Token
from tests.simulator.conftest import (
    CALLBACK,
    FACEBOOK_SCOPES,
    GRAPH,
    Net,
    Page,
    body,
    facebook_code,
    facebook_user,
    png,
    tags,
)
from tests.simulator.meta import error

pytestmark = pytest.mark.django_db(databases=["simulator"])
DIALOG = "www.facebook.com/v26.0/dialog/oauth"
QUERY = {"client_id": "app", "redirect_uri": CALLBACK, "state": "s1", "scope": "pages_show_list"}


def photo(net: Net, page: Page, **values: Any) -> Any:
    return net.upload(f"{GRAPH}/{page.id}/photos", page.token, **{"source": png()} | values)


@pytest.mark.parametrize("scope", ["ads_read", "ads_management", "publish_video", "instagram_manage_contents"])
def test_the_dialog_knows_the_scopes_that_only_some_need(net: Net, scope: str) -> None:
    assert net.get(DIALOG, **QUERY | {"scope": scope}).status_code == 200


def exchange(net: Net, code: str, **change: str) -> Any:
    params = {"client_id": "app", "client_secret": "sec", "redirect_uri": CALLBACK, "code": code} | change
    return net.get(f"{GRAPH}/oauth/access_token", **params)


def test_a_code_works_once_for_its_own_address_and_client(net: Net) -> None:
    code = facebook_code(net)

    assert error(exchange(net, code, redirect_uri="https://app.example/other")) == (400, 100, 36008)
    assert error(exchange(net, code, client_id="other")) == (400, 100, None)
    assert error(exchange(net, code, client_id="")) == (400, 101, None)
    assert body(exchange(net, code))["expires_in"] == 5400
    assert error(exchange(net, code)) == (400, 100, 36009)
    assert error(exchange(net, code, client_secret="guess")) == (400, 1, None)
    assert error(exchange(net, code, client_secret="")) == (400, 1, None)
    assert error(exchange(net, code, grant_type="password")) == (400, 100, None)


def test_a_code_dies_after_ten_minutes(net: Net) -> None:
    code = facebook_code(net)

    net.wait(601)

    assert error(exchange(net, code)) == (400, 100, 36007)


def test_a_page_token_of_a_long_lived_user_token_never_expires(net: Net, page: Page) -> None:
    answer = net.form(
        f"{GRAPH}/oauth/access_token",
        grant_type="fb_exchange_token",
        client_id="app",
        client_secret="sec",
        fb_exchange_token=page.user,
    )
    long = body(answer)["access_token"]
    lasting = body(net.get(f"{GRAPH}/me/accounts", long))["data"][0]["access_token"]

    assert body(answer)["expires_in"] == 5184000
    net.wait(5401)
    assert error(net.get(f"{GRAPH}/me", page.token)) == (400, 190, 463)
    net.wait(5184000)
    assert error(net.get(f"{GRAPH}/me", long)) == (400, 190, 463)
    assert body(net.get(f"{GRAPH}/me", lasting))["id"] == page.id


def test_an_expired_or_foreign_token_cannot_be_exchanged(net: Net, page: Page) -> None:
    ask = {"grant_type": "fb_exchange_token", "client_id": "app", "client_secret": "sec"}

    assert error(net.get(f"{GRAPH}/oauth/access_token", **ask, fb_exchange_token="junk")) == (400, 190, None)
    net.wait(5401)
    assert error(net.get(f"{GRAPH}/oauth/access_token", **ask, fb_exchange_token=page.user)) == (400, 190, 463)


def test_the_accounts_are_the_pages_that_were_ticked(net: Net) -> None:
    fields = "id,name,username,access_token,category,link,picture.type(large){url},followers_count,fan_count,tasks"
    both = facebook_user(net)
    one = facebook_user(net, pages=["1"])

    first = body(net.get(f"{GRAPH}/me/accounts", both, fields=fields, limit=1))

    assert set(first["data"][0]) == {name.partition(".")[0] for name in fields.split(",")}
    assert set(first["data"][0]["picture"]["data"]) == {"url"}
    assert "CREATE_CONTENT" in first["data"][0]["tasks"]
    rest = body(net.get(first["paging"]["next"].removeprefix("https://"), both))
    assert [entry["name"] for entry in first["data"] + rest["data"]] == ["Demo Bakery", "Demo Books"]
    assert "next" not in rest["paging"]
    assert [entry["id"] for entry in body(net.get(f"{GRAPH}/me/accounts", one))["data"]] == [rest["data"][0]["id"]]
    assert body(net.get(f"{GRAPH}/me/accounts", facebook_user(net, pages=[]))) == {"data": []}


@pytest.mark.parametrize(
    ("login", "tasks"),
    [
        ("Ada Analyst", ["ANALYZE"]),
        ("Ada Moderator", ["ANALYZE", "MODERATE"]),
        ("Ada Author", ["CREATE_CONTENT"]),
        ("Ada", ["ANALYZE", "ADVERTISE", "MODERATE", "CREATE_CONTENT", "MANAGE"]),
    ],
)
def test_the_pages_show_the_tasks_that_a_persons_name_leaves_them(net: Net, login: str, tasks: list[str]) -> None:
    pages = body(net.get(f"{GRAPH}/me/accounts", facebook_user(net, login=login)))["data"]

    assert [each["tasks"] for each in pages] == [tasks, tasks]


def with_tasks_of(net: Net, login: str) -> Page:
    user = facebook_user(net, login=login)
    first = body(net.get(f"{GRAPH}/me/accounts", user))["data"][0]
    return Page(first["id"], first["access_token"], user)


def change_role(page: Page, name: str) -> None:
    """Let the Page's administrator give the person who connected it another role."""
    person = Token.objects.get(account=page.id, kind="page").person
    Account.objects.filter(network="facebook", external_id=person).update(name=name)


@pytest.mark.parametrize("edge", ["feed", "photos", "videos", "video_reels", "video_stories", "photo_stories"])
def test_only_who_may_create_content_publishes(net: Net, edge: str) -> None:
    page = with_tasks_of(net, "Ada Moderator")

    assert error(net.form(f"{GRAPH}/{page.id}/{edge}", page.token, message="Hi")) == (400, 1, 2853006)
    assert net.posts(network="facebook") == []


def test_comments_numbers_and_deletion_have_each_their_task(net: Net) -> None:
    page = with_tasks_of(net, "Ada")
    post = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Hi"))["id"]
    comment = body(net.form(f"{GRAPH}/{post}/comments", page.token, message="First"))["id"]
    numbers = {"metric": "post_clicks"}
    refused = (400, 1, 2853006)

    change_role(page, "Ada Author")
    assert error(net.form(f"{GRAPH}/{post}/comments", page.token, message="Second")) == refused
    assert error(net.call("DELETE", f"{GRAPH}/{comment}", page.token)) == refused
    assert error(net.get(f"{GRAPH}/{post}/insights", page.token, **numbers)) == refused
    assert error(net.get(f"{GRAPH}/{page.id}/insights", page.token, metric="page_media_view")) == refused
    assert body(net.get(f"{GRAPH}/{post}", page.token))["message"] == "Hi"

    change_role(page, "Ada Moderator")
    assert error(net.call("DELETE", f"{GRAPH}/{post}", page.token)) == refused
    assert net.get(f"{GRAPH}/{post}/insights", page.token, **numbers).status_code == 200
    assert net.call("DELETE", f"{GRAPH}/{comment}", page.token).status_code == 200

    change_role(page, "Ada Author")
    assert net.call("DELETE", f"{GRAPH}/{post}", page.token).status_code == 200


def test_another_login_is_another_person_and_always_the_same(net: Net) -> None:
    demo, ada, again = (facebook_user(net, login=login) for login in ("Demo", "Ada L", "Ada L"))

    ids = [body(net.get(f"{GRAPH}/me", token, fields="id,name,picture"))["id"] for token in (demo, ada, again)]

    assert ids[0] != ids[1] == ids[2]


def test_fields_have_no_thousand_levels(net: Net, page: Page) -> None:
    assert error(net.get(f"{GRAPH}/{page.id}", page.token, fields="a{" * 1000)) == (400, 100, None)


def test_a_picture_opens(net: Net, page: Page) -> None:
    node = body(net.get(f"{GRAPH}/{page.id}", page.token, fields="name,picture{url}"))
    url = node["picture"]["data"]["url"]

    response = net.client.get(url.removeprefix("http://testserver"))

    assert (response.status_code, response["Content-Type"]) == (200, "image/png")


def test_a_text_is_published_and_read_back(net: Net, page: Page) -> None:
    post_id = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Hello <b>"))["id"]

    node = body(net.get(f"{GRAPH}/{post_id}", page.token, fields="message,permalink_url,created_time,shares"))

    assert post_id.startswith(f"{page.id}_")
    assert (node["message"], node["permalink_url"]) == ("Hello <b>", f"https://www.facebook.com/{post_id}")
    assert "shares" not in node
    shown = net.get(f"www.facebook.com/{post_id}")
    assert "Hello &lt;b&gt;" in shown.content.decode()
    assert "Demo Bakery" in shown.content.decode()


def test_the_token_may_be_a_parameter_and_the_body_json(net: Net, page: Page) -> None:
    response = net.json(f"{GRAPH}/me/feed", data={"message": "Hi", "access_token": page.token})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({}, 100),
        ({"message": "x" * 63_207}, 100),
        ({"link": "not a link"}, 1609005),
        ({"link": "http://[broken"}, 1609005),
        ({"attached_media": "broken"}, 100),
        ({"attached_media": json.dumps([{"media_fbid": str(n)} for n in range(11)])}, 100),
        ({"attached_media": '[{"media_fbid":"1"}]'}, 100),
        ({"message": "later", "published": "false"}, 100),
    ],
)
def test_a_wrong_post_is_refused(net: Net, page: Page, values: dict[str, str], code: int) -> None:
    response = net.form(f"{GRAPH}/{page.id}/feed", page.token, **values)

    assert (response.status_code, body(response)["error"]["code"]) == (400, code)
    assert net.posts() == []


def test_the_longest_text_is_taken(net: Net, page: Page) -> None:
    assert net.form(f"{GRAPH}/{page.id}/feed", page.token, message="x" * 63_206).status_code == 200


def test_the_same_message_twice_in_a_row_is_refused(net: Net, page: Page) -> None:
    def say(message: str) -> Any:
        return net.form(f"{GRAPH}/{page.id}/feed", page.token, message=message)

    say("one")

    assert error(say("one")) == (400, 506, 1455006)
    assert [say("two").status_code, say("one").status_code] == [200, 200]


def test_one_photo_is_published_with_caption_and_alt_text(net: Net, page: Page) -> None:
    answer = body(photo(net, page, caption="Look", alt_text_custom="A red square"))

    assert set(answer) == {"id", "post_id"}
    shown = net.get(f"www.facebook.com/{answer['post_id']}")
    picture = next(tag for tag in tags(shown, "img") if "_media" in tag)
    assert 'alt="A red square"' in picture
    opened = net.client.get(picture.split('src="')[1].split('"')[0])
    assert opened["Content-Type"] == "image/png"
    assert [(post["text"], post["media_count"]) for post in net.posts()] == [("Look", 1)]


def test_photos_kept_back_are_published_by_one_post(net: Net, page: Page) -> None:
    ids = [body(photo(net, page, published="false"))["id"] for _ in range(2)]
    assert net.posts() == []

    media = {f"attached_media[{n}]": json.dumps({"media_fbid": photo_id}) for n, photo_id in enumerate(ids)}
    post_id = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Two", **media))["id"]

    fields = "id,message,created_time,permalink_url,status_type,attachments{media_type,target{id},url}"
    listed = body(net.get(f"{GRAPH}/{page.id}/published_posts", page.token, fields=fields, limit=25))["data"]
    assert [post["id"] for post in listed] == [post_id]
    assert [item["target"] for item in listed[0]["attachments"]["data"]] == [{"id": photo_id} for photo_id in ids]
    again = net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Two", **media)
    assert error(again) == (400, 100, 1366051)
    assert net.posts()[0]["media_count"] == 2


def test_a_photo_kept_back_is_gone_after_a_day(net: Net, page: Page) -> None:
    photo_id = body(photo(net, page, published="false"))["id"]
    assert body(net.get(f"{GRAPH}/{photo_id}", page.token))["id"] == photo_id

    net.control("POST", "clock", {"advance": 5000})
    assert net.get(f"{GRAPH}/{photo_id}", page.token).status_code == 200
    user = facebook_user(net)
    net.control("POST", "clock", {"advance": 86400 - 4000})
    user = facebook_user(net)
    token = body(net.get(f"{GRAPH}/me/accounts", user))["data"][0]["access_token"]

    attached = json.dumps([{"media_fbid": photo_id}])
    assert error(net.form(f"{GRAPH}/{page.id}/feed", token, attached_media=attached)) == (400, 100, 33)
    assert error(net.get(f"{GRAPH}/{photo_id}", token)) == (400, 100, 33)


@pytest.mark.parametrize(
    ("source", "subcode"),
    [
        (io.BytesIO(b"no image"), None),
        (png(kind="WEBP"), 1366046),
        (io.BytesIO(b"x" * (10 * 1024 * 1024 + 1)), 1366046),
    ],
)
def test_a_bad_image_file_is_refused(net: Net, page: Page, source: io.BytesIO, subcode: int | None) -> None:
    source.seek(0)
    source.name = "file"

    assert error(photo(net, page, source=source)) == (400, 324, subcode)
    assert error(net.form(f"{GRAPH}/{page.id}/photos", page.token)) == (400, 324, None)


def test_a_photo_is_pulled_only_from_our_own_address(net: Net, page: Page, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "http://127.0.0.1:1"

    with patch("ouipost.simulator.pulling.HTTPConnection", autospec=True) as connection:
        connection.return_value.getresponse.return_value.status = 200
        connection.return_value.getresponse.return_value.read.return_value = png().read()
        own = net.form(f"{GRAPH}/{page.id}/photos", page.token, url="http://127.0.0.1:1/media/1?signature=2")
        foreign = net.form(f"{GRAPH}/{page.id}/photos", page.token, url="http://127.0.0.1:11/media/1")
    closed = net.form(f"{GRAPH}/{page.id}/photos", page.token, url="http://127.0.0.1:1/media/1")

    assert own.status_code == 200
    assert connection.return_value.request.call_args.args == ("GET", "/media/1?signature=2")
    assert connection.call_count == 1
    assert error(foreign) == error(closed) == (400, 324, None)


def test_posts_are_listed_within_a_time(net: Net, page: Page) -> None:
    for message in ("old", "new"):
        net.form(f"{GRAPH}/{page.id}/feed", page.token, message=message)
        net.wait(100)
    now = int(time.time())

    def messages(**params: Any) -> list[str]:
        answer = body(net.get(f"{GRAPH}/{page.id}/published_posts", page.token, **params))
        return [post["message"] for post in answer["data"]]

    assert messages() == ["new", "old"]
    assert messages(since=now + 50) == ["new"]
    assert messages(until=now + 50) == ["old"]
    assert messages(limit=1) == ["new"]
    for wrong in ({"limit": 101}, {"limit": "x"}, {"since": "yesterday"}, {"fields": "nonsense"}):
        assert error(net.get(f"{GRAPH}/{page.id}/published_posts", page.token, **wrong)) == (400, 100, None)


def test_a_page_of_posts_goes_on_where_the_last_one_ended_whatever_was_posted_meanwhile(net: Net, page: Page) -> None:
    for number in range(5):
        net.form(f"{GRAPH}/{page.id}/feed", page.token, message=f"Post {number}")

    first = body(net.get(f"{GRAPH}/{page.id}/published_posts", page.token, limit=3))
    net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Newer")
    rest = body(net.get(first["paging"]["next"].removeprefix("https://"), page.token))

    assert [post["message"] for post in first["data"]] == ["Post 4", "Post 3", "Post 2"]
    assert [post["message"] for post in rest["data"]] == ["Post 1", "Post 0"]
    assert "next" not in rest["paging"]
    wrong = net.get(f"{GRAPH}/{page.id}/published_posts", page.token, after="x")
    assert error(wrong) == (400, 100, None)


def test_comments_are_parts_of_their_post(net: Net, page: Page) -> None:
    post_id = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Post"))["id"]
    for message in ("first", "second"):
        comment_id = body(net.form(f"{GRAPH}/{post_id}/comments", page.token, message=message))["id"]

    listed = body(net.get(f"{GRAPH}/{post_id}/comments", page.token, order="reverse_chronological"))["data"]

    assert [comment["message"] for comment in listed] == ["second", "first"]
    assert listed[0]["id"] == comment_id
    assert listed[0]["from"] == {"id": page.id, "name": "Demo Bakery"}
    assert [part["text"] for part in net.posts()[0]["parts"]] == ["first", "second"]
    assert error(net.form(f"{GRAPH}/{post_id}/comments", page.token)) == (400, 100, None)
    assert error(net.form(f"{GRAPH}/1_1/comments", page.token, message="x")) == (400, 100, 33)
    summary = body(net.get(f"{GRAPH}/{post_id}", page.token, fields="comments.limit(0).summary(true)"))
    assert summary["comments"]["summary"]["total_count"] == 2
    assert net.call("DELETE", f"{GRAPH}/{comment_id}", page.token).status_code == 200
    assert len(net.posts()[0]["parts"]) == 1


def test_a_post_is_edited_and_deleted_by_its_page(net: Net, page: Page) -> None:
    post_id = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Post"))["id"]
    other = body(net.get(f"{GRAPH}/me/accounts", page.user))["data"][1]["access_token"]

    assert error(net.call("DELETE", f"{GRAPH}/{post_id}", other)) == (400, 100, 33)
    assert error(net.form(f"{GRAPH}/{post_id}", page.token)) == (400, 100, None)
    assert body(net.form(f"{GRAPH}/{post_id}", page.token, message="New")) == {"success": True}
    assert [post["text"] for post in net.posts()] == ["New"]
    assert body(net.call("DELETE", f"{GRAPH}/{post_id}", page.token)) == {"success": True}
    assert net.posts() == []
    assert error(net.get(f"{GRAPH}/{post_id}", page.token)) == (400, 100, 33)
    assert net.get(f"www.facebook.com/{post_id}").status_code == 404


def test_a_wrong_kind_of_token_is_refused(net: Net, page: Page) -> None:
    other = body(net.get(f"{GRAPH}/me/accounts", page.user))["data"][1]["access_token"]

    assert error(net.form(f"{GRAPH}/{page.id}/feed", page.user, message="x")) == (400, 190, 2069032)
    assert error(net.form(f"{GRAPH}/{page.id}/feed", other, message="x")) == (400, 200, None)
    assert error(net.form(f"{GRAPH}/{page.id}/feed", "junk", message="x")) == (400, 190, None)
    assert error(net.form(f"{GRAPH}/{page.id}/feed", message="x")) == (400, 2500, None)
    assert error(net.get(f"{GRAPH}/me/accounts", page.token)) == (400, 100, None)


def test_what_a_page_has_is_seen_by_itself_and_its_person_alone(net: Net, page: Page) -> None:
    other = body(net.get(f"{GRAPH}/me/accounts", page.user))["data"][1]["access_token"]
    stranger = facebook_user(net, login="Somebody else")
    picture = body(photo(net, page, published="false"))["id"]
    post = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Post"))["id"]
    reel = body(net.form(f"{GRAPH}/{page.id}/video_reels", page.token, upload_phase="start"))["video_id"]

    for address in (picture, post, reel, f"{post}/comments", f"{post}/insights?metric=post_clicks"):
        seen = [net.get(f"{GRAPH}/{address}", token).status_code for token in (page.token, page.user)]
        hidden = [error(net.get(f"{GRAPH}/{address}", token)) for token in (other, stranger)]

        assert (seen, hidden) == ([200, 200], [(400, 100, 33)] * 2), address
    assert error(net.form(f"{GRAPH}/{post}/comments", other, message="x")) == (400, 100, 33)
    assert error(net.get(f"{GRAPH}/{post}")) == (400, 2500, None)


def test_a_proof_must_be_that_of_the_token_it_came_with(net: Net, page: Page) -> None:
    proofs = {token: hmac.new(b"sec", token.encode(), hashlib.sha256).hexdigest() for token in (page.token, page.user)}

    for token, other in ((page.token, page.user), (page.user, page.token)):
        assert net.get(f"{GRAPH}/me", token, appsecret_proof=proofs[token]).status_code == 200
        assert error(net.get(f"{GRAPH}/me", token, appsecret_proof=proofs[other])) == (400, 100, None)
    wrong = net.form(f"{GRAPH}/{page.id}/feed", page.token, message="x", appsecret_proof=proofs[page.user])
    assert error(wrong) == (400, 100, None)
    assert net.posts() == []


def test_a_missing_permission_is_refused(net: Net) -> None:
    user = facebook_user(net, scope="pages_show_list")
    page = body(net.get(f"{GRAPH}/me/accounts", user))["data"][0]

    assert error(net.form(f"{GRAPH}/me/feed", page["access_token"], message="x")) == (400, 200, None)
    granted = body(net.get(f"{GRAPH}/me/permissions", user))["data"]
    assert granted == [
        {"permission": "public_profile", "status": "granted"},
        {"permission": "pages_show_list", "status": "granted"},
    ]


def test_a_person_may_leave_single_permissions_out(net: Net) -> None:
    user = facebook_user(net, choosing="scopes", scopes=["pages_show_list", "pages_manage_posts"])

    granted = body(net.get(f"{GRAPH}/me/permissions", user))["data"]
    token = body(net.get(f"{GRAPH}/me/accounts", user))["data"][0]["access_token"]

    assert {each["permission"] for each in granted if each["status"] == "declined"} == {
        *("pages_read_engagement", "pages_manage_engagement", "pages_read_user_content", "read_insights")
    }
    assert error(net.form(f"{GRAPH}/me/feed", token, message="x")) == (400, 200, None)


def test_what_was_left_out_is_asked_for_again_only_where_the_app_says_so(net: Net) -> None:
    def declined(user: str) -> list[str]:
        found = body(net.get(f"{GRAPH}/me/permissions", user))["data"]
        return [each["permission"] for each in found if each["status"] == "declined"]

    asked = {"scope": "pages_show_list,read_insights"}
    assert declined(facebook_user(net, **asked, choosing="scopes", scopes=["pages_show_list"])) == ["read_insights"]
    assert declined(facebook_user(net, **asked)) == ["read_insights"]
    assert declined(facebook_user(net, **asked, auth_type="rerequest")) == []


def test_permissions_are_taken_back_one_or_all(net: Net, page: Page) -> None:
    me = body(net.get(f"{GRAPH}/me", page.user))["id"]

    assert error(net.call("DELETE", f"{GRAPH}/1/permissions", page.user)) == (400, 100, 33)
    assert error(net.call("DELETE", f"{GRAPH}/{me}/permissions/email", page.user)) == (400, 100, None)
    assert net.call("DELETE", f"{GRAPH}/{me}/permissions/pages_manage_posts", page.user).status_code == 200
    assert error(net.form(f"{GRAPH}/me/feed", page.token, message="x")) == (400, 200, None)
    assert body(net.call("DELETE", f"{GRAPH}/{me}/permissions", page.user)) == {"success": True}
    assert error(net.get(f"{GRAPH}/me", page.token)) == (400, 190, 458)


def test_debug_token_tells_what_a_token_is(net: Net, page: Page) -> None:
    data = body(net.get(f"{GRAPH}/debug_token", input_token=page.token, access_token="app|sec"))["data"]

    assert (data["app_id"], data["type"], data["is_valid"], data["profile_id"]) == ("app", "PAGE", True, page.id)
    assert "pages_manage_posts" in data["scopes"]
    wrong = net.get(f"{GRAPH}/debug_token", input_token="junk", access_token="app|sec")
    guessed = net.get(f"{GRAPH}/debug_token", input_token=page.token, access_token="app|guess")
    assert (error(wrong)[1], error(guessed)[1]) == (100, 190)


def test_a_graph_version_works_until_its_day(net: Net, page: Page) -> None:
    assert net.get("graph.facebook.com/v25.0/me", page.token).status_code == 200
    for path in ("v20.0/me", "v99.0/me", "me", "v26.0/me/unheard/of"):
        assert error(net.get(f"graph.facebook.com/{path}", page.token)) == (400, 2500, None)
    refused = body(net.get("graph.facebook.com/v99.0/me/accounts", page.token))
    assert refused["error"]["message"] == "Unknown path components: /me/accounts"
    net.control("POST", "clock", {"set": "2028-07-29T00:00:00Z"})

    assert error(net.get("graph.facebook.com/v25.0/me", page.token)) == (400, 2500, None)


def test_usage_headers_count_and_then_refuse(net: Net, page: Page) -> None:
    with patch("ouipost.simulator.graph.CALLS_PER_HOUR", 2):
        answers = [net.get(f"{GRAPH}/me", page.token) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert [json.loads(answer["X-App-Usage"])["call_count"] for answer in answers] == [50, 100, 100]
    usage = json.loads(answers[2]["X-Business-Use-Case-Usage"])[page.id][0]
    assert (error(answers[2])[1], usage["estimated_time_to_regain_access"]) == (32, 59)


def test_numbers_grow_with_time_and_never_fall(net: Net, page: Page) -> None:
    post_id = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Post"))["id"]
    metrics = "post_media_view,post_reactions_by_type_total"

    def views() -> list[int]:
        data = body(net.get(f"{GRAPH}/{post_id}/insights", page.token, metric=metrics))["data"]
        return [data[0]["values"][0]["value"], data[1]["values"][0]["value"]["like"]]

    numbers = [views()]
    for _ in range(2):
        net.wait(2000)
        numbers.append(views())

    assert numbers[0] == [0, 0]
    assert numbers[0] < numbers[1] < numbers[2]


def test_insights_need_known_metrics_and_the_scope(net: Net, page: Page) -> None:
    def ask(token: str, metric: str, **values: Any) -> Any:
        return net.get(f"{GRAPH}/{page.id}/insights", token, metric=metric, **{"period": "day"} | values)

    blind = facebook_user(net, scope="pages_show_list,pages_read_engagement")
    token = body(net.get(f"{GRAPH}/me/accounts", blind))["data"][0]["access_token"]

    assert body(ask(page.token, "page_follows"))["data"][0]["name"] == "page_follows"
    assert error(ask(page.token, "page_follows,page_fans")) == (400, 100, None)
    assert "must be a valid insights metric" in body(ask(page.token, "page_fans"))["error"]["message"]
    assert error(ask(page.token, "")) == (400, 3001, 1504028)
    assert error(ask(page.token, "page_follows", period="year")) == (400, 100, None)
    assert body(ask(token, "page_follows")) == {"data": []}


def test_the_numbers_of_a_page_are_told_day_by_day(net: Net, page: Page) -> None:
    net.control("POST", "clock", {"set": "2026-11-24T10:00:00Z"})
    user = facebook_user(net)
    token = body(net.get(f"{GRAPH}/me/accounts", user))["data"][0]["access_token"]

    def days(**values: Any) -> Any:
        metrics = "page_media_view,page_follows_country"
        return net.get(f"{GRAPH}/{page.id}/insights", token, metric=metrics, period="day", **values)

    views, countries = body(days(since="2026-11-22", until="2026-11-24"))["data"]

    assert [each["end_time"] for each in views["values"]] == ["2026-11-23T00:00:00+0000", "2026-11-24T00:00:00+0000"]
    assert all(each["value"] > 0 for each in views["values"])
    assert countries["values"][0]["value"].keys() == {"FR", "DE", "GB"}
    for wrong in ({"since": "2026-01-01", "until": "2026-06-01"}, {"since": "2020-01-01", "until": "2020-01-02"}):
        assert error(days(**wrong)) == (400, 100, None)


@pytest.mark.parametrize(
    ("metric", "periods"),
    [
        ("page_media_view", ["day", "week", "days_28"]),
        ("page_follows", ["day"]),
        ("page_follows_country", ["day", "lifetime"]),
    ],
)
def test_a_number_of_a_page_is_told_for_its_periods_alone(
    net: Net, page: Page, metric: str, periods: list[str]
) -> None:
    ask = f"{GRAPH}/{page.id}/insights"

    answers = {
        period: net.get(ask, page.token, metric=metric, period=period).status_code
        for period in ("day", "week", "days_28", "lifetime", "year")
    }

    assert [period for period, status in answers.items() if status == 200] == periods


def test_what_people_did_with_a_post_is_counted_by_kind(net: Net, page: Page) -> None:
    post_id = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Post"))["id"]
    net.form(f"{GRAPH}/{post_id}/comments", page.token, message="Mine")
    metrics = "post_activity_by_action_type,post_clicks_by_type,post_video_views"

    activity, clicks, plays = body(net.get(f"{GRAPH}/{post_id}/insights", page.token, metric=metrics))["data"]

    assert activity["values"] == [{"value": {"comment": 1}}]
    assert clicks["values"] == [{"value": {"link clicks": 0, "other clicks": 0}}]
    assert plays["values"] == [{"value": 0}]


def test_a_post_tells_how_many_commented_only_with_a_summary(net: Net, page: Page) -> None:
    post_id = body(net.form(f"{GRAPH}/{page.id}/feed", page.token, message="Post"))["id"]
    asked = "comments.limit(0),reactions.limit(0).summary(true)"

    shown = body(net.get(f"{GRAPH}/{post_id}", page.token, fields=asked))

    assert (shown["comments"], shown["reactions"]) == ({"data": []}, {"data": [], "summary": {"total_count": 0}})


def test_only_who_may_read_what_visitors_write_sees_counts_of_comments(net: Net) -> None:
    user = facebook_user(net, scope=FACEBOOK_SCOPES.replace(",pages_read_user_content", ""))
    mine = body(net.get(f"{GRAPH}/me/accounts", user))["data"][0]
    token = mine["access_token"]
    post_id = body(net.form(f"{GRAPH}/me/feed", token, message="Post"))["id"]
    net.form(f"{GRAPH}/{post_id}/comments", token, message="Mine")

    for fields in ("comments.limit(0).summary(true)", "reactions.limit(0).summary(true)"):
        assert error(net.get(f"{GRAPH}/{post_id}", token, fields=fields)) == (400, 200, None)
    assert error(net.get(f"{GRAPH}/{mine['id']}/feed", token)) == (400, 200, None)
    assert [each["message"] for each in body(net.get(f"{GRAPH}/{post_id}/comments", token))["data"]] == ["Mine"]


def test_pages_are_reached_through_a_business_with_its_permission(net: Net, page: Page) -> None:
    user = facebook_user(net, scope=f"{FACEBOOK_SCOPES},business_management")
    [business] = body(net.get(f"{GRAPH}/me/businesses", user, fields="id,name"))["data"]

    def reached(edge: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = body(net.get(f"{GRAPH}/{business['id']}/{edge}", user))["data"]
        return found

    assert [each["name"] for edge in ("owned_pages", "client_pages") for each in reached(edge)] == [
        "Demo Garden",
        "Demo Market",
    ]
    token = reached("owned_pages")[0]["access_token"]
    assert net.form(f"{GRAPH}/me/feed", token, message="Roses").status_code == 200
    assert error(net.get(f"{GRAPH}/me/businesses", page.user)) == (400, 200, None)
    assert error(net.get(f"{GRAPH}/1/owned_pages", user)) == (400, 100, 33)
