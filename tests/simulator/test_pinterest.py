"""Pinterest as the facts describe it."""

import base64
import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from ouipost.simulator import pulling
from tests.simulator.conftest import CALLBACK, Net, body, png, tags, use_up
from tests.simulator.pinterest import SCOPES, code, movie

pytestmark = pytest.mark.django_db(databases=["simulator"])
API = "api.pinterest.com/v5"
SECRET_SCOPES = ",boards:read_secret,boards:write_secret,pins:read_secret,pins:write_secret"
STORAGE = "pinterest-media-upload.s3-accelerate.amazonaws.com/"


def basic(client_id: str = "app", secret: str = "sec") -> dict[str, str]:  # noqa: S107 (nobody's)
    return {"Authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


def trade(net: Net, fresh: str, headers: dict[str, str] | None = None, **change: str) -> Any:
    data = {"grant_type": "authorization_code", "code": fresh, "redirect_uri": CALLBACK}
    return net.form(f"{API}/oauth/token", headers=basic() if headers is None else headers, **data | change)


def tokens(net: Net, client_id: str = "app", **form: str) -> dict[str, Any]:
    answer: dict[str, Any] = body(trade(net, code(net, client_id=client_id, **form), basic(client_id)))
    return answer


def refresh(net: Net, token: str, client_id: str = "app") -> Any:
    return net.form(f"{API}/oauth/token", headers=basic(client_id), grant_type="refresh_token", refresh_token=token)


@dataclass
class Pinner:
    """A connected account with its public board."""

    token: str
    board: str

    def pin(self, net: Net, **values: Any) -> Any:
        pin = {"board_id": self.board, "media_source": inline(), "title": "Rye"} | values
        return net.json(f"{API}/pins", self.token, pin)


def connected(net: Net, **form: str) -> Pinner:
    token = tokens(net, **form)["access_token"]
    return Pinner(token, body(net.get(f"{API}/boards", token))["items"][0]["id"])


@pytest.fixture
def pinner(net: Net) -> Pinner:
    return connected(net)


def encoded(width: int = 8, height: int = 12, kind: str = "PNG") -> dict[str, str]:
    content = base64.b64encode(png(width, height, kind=kind).read()).decode()
    return {"content_type": f"image/{kind.lower()}", "data": content}


def inline(**values: Any) -> dict[str, Any]:
    return {"source_type": "image_base64"} | encoded() | values


def carousel(*items: dict[str, str], **values: Any) -> dict[str, Any]:
    return {"source_type": "multiple_image_base64", "items": list(items), "index": 0} | values


def register(net: Net, pinner: Pinner) -> dict[str, Any]:
    answer = net.json(f"{API}/media", pinner.token, {"media_type": "video"})
    assert answer.status_code == 201
    registered: dict[str, Any] = body(answer)
    return registered


def store(net: Net, registered: dict[str, Any], content: bytes, headers: Any = None, **change: str) -> Any:
    file = io.BytesIO(content)
    file.name = "video.mp4"
    fields = registered["upload_parameters"] | change | {"file": file}
    return net.client.post(f"/sandbox/{STORAGE}", fields, headers=headers)


def uploaded(net: Net, pinner: Pinner, content: bytes | None = None) -> str:
    registered = register(net, pinner)
    assert store(net, registered, movie() if content is None else content).status_code == 204
    media_id: str = registered["media_id"]
    return media_id


def state(net: Net, pinner: Pinner, media_id: str) -> str:
    status: str = body(net.get(f"{API}/media/{media_id}", pinner.token))["status"]
    return status


def video(media_id: str, **cover: Any) -> dict[str, Any]:
    return {"source_type": "video_id", "media_id": media_id} | (cover or {"cover_image_key_frame_time": 0})


def error(response: Any) -> tuple[int, int]:
    return response.status_code, body(response)["code"]


def test_a_code_becomes_tokens_of_thirty_and_sixty_days(net: Net) -> None:
    given = tokens(net)

    assert given["access_token"].startswith("pina_")
    assert given["refresh_token"].startswith("pinr.")
    assert (given["expires_in"], given["refresh_token_expires_in"]) == (30 * 86400, 60 * 86400)
    assert abs(given["refresh_token_expires_at"] - (timezone.now() + timedelta(days=60)).timestamp()) < 60
    assert (given["token_type"], given["response_type"]) == ("bearer", "authorization_code")
    assert given["scope"] == SCOPES.replace(",", " ")


@pytest.mark.parametrize(
    ("change", "headers", "answer"),
    [
        ({"redirect_uri": "https://app.example/"}, basic(), (400, 1)),
        ({"code": "junk"}, basic(), (400, 1)),
        ({"grant_type": "password"}, basic(), (400, 1)),
        ({}, basic("other"), (400, 1)),
        ({}, {}, (401, 2)),
        ({"client_id": "app", "client_secret": "sec"}, {}, (401, 2)),
        ({}, {"Authorization": "Basic !"}, (401, 2)),
        ({}, {"Authorization": "Basic é"}, (401, 2)),
        ({}, basic("app", ""), (401, 2)),
    ],
)
def test_a_code_needs_its_address_and_the_basic_credentials_of_its_client(
    net: Net, change: dict[str, str], headers: dict[str, str], answer: tuple[int, int]
) -> None:
    fresh = code(net)

    assert error(trade(net, fresh, headers, **change)) == answer
    assert trade(net, fresh).status_code == 200


def test_the_secret_is_the_one_that_came_first(net: Net) -> None:
    tokens(net)

    assert error(trade(net, code(net), basic("app", "guess"))) == (401, 2)


def test_a_code_works_once_and_for_ten_minutes(net: Net) -> None:
    used, late = code(net), code(net)
    assert trade(net, used).status_code == 200

    net.wait(601)

    assert error(trade(net, used)) == error(trade(net, late)) == (400, 1)


def test_the_token_endpoint_takes_only_forms(net: Net) -> None:
    response = net.call("POST", f"{API}/oauth/token", data={}, content_type="application/json", headers=basic())
    in_the_address = net.form(f"{API}/oauth/token?grant_type=refresh_token", headers=basic(), refresh_token="x")

    assert error(response) == error(in_the_address) == (400, 1)
    assert "application/x-www-form-urlencoded" in body(in_the_address)["message"]


def test_each_refresh_gives_a_new_refresh_token_and_ends_the_old_one(net: Net) -> None:
    first = tokens(net)

    second = body(refresh(net, first["refresh_token"]))

    assert second["response_type"] == "refresh_token"
    assert net.get(f"{API}/user_account", second["access_token"]).status_code == 200
    assert error(refresh(net, first["refresh_token"])) == (401, 2)
    net.wait(59 * 86400)
    assert refresh(net, second["refresh_token"]).status_code == 200


def test_a_refresh_token_ends_after_sixty_days(net: Net) -> None:
    given = tokens(net)

    net.wait(60 * 86400 + 1)

    assert error(refresh(net, given["refresh_token"])) == (401, 2)


def test_an_old_app_keeps_one_refresh_token_for_a_year_unless_it_asks_for_others(net: Net) -> None:
    fixed = tokens(net, "old-app")
    asked = body(trade(net, code(net, client_id="old-app"), basic("old-app"), continuous_refresh="true"))

    again = body(refresh(net, fixed["refresh_token"], "old-app"))

    assert fixed["refresh_token_expires_in"] == 365 * 86400
    assert "refresh_token" not in again
    assert refresh(net, fixed["refresh_token"], "old-app").status_code == 200
    assert "refresh_token" in body(refresh(net, asked["refresh_token"], "old-app"))


def test_an_access_token_lives_thirty_days(net: Net, pinner: Pinner) -> None:
    net.wait(30 * 86400 - 30)
    assert net.get(f"{API}/user_account", pinner.token).status_code == 200
    net.wait(60)
    assert error(net.get(f"{API}/user_account", pinner.token)) == (401, 1104)
    assert error(net.get(f"{API}/user_account", "junk")) == (401, 2)


def test_an_access_token_stands_in_the_header(net: Net, pinner: Pinner) -> None:
    assert error(net.get(f"{API}/user_account", access_token=pinner.token)) == (401, 2)


def test_the_account_shows_itself(net: Net, pinner: Pinner) -> None:
    pinner.pin(net)

    me = body(net.get(f"{API}/user_account", pinner.token))

    assert me["account_type"] == "BUSINESS"
    assert (me["pin_count"], me["board_count"], me["following_count"]) == (1, 3, 3)
    assert me["follower_count"] > 0
    person = body(net.get(f"{API}/user_account", tokens(net, login="Ada Pinner")["access_token"]))
    assert (person["account_type"], person["username"], person["business_name"]) == ("PINNER", "ada_pinner", None)


def test_boards_come_in_pages_and_secret_ones_only_with_their_scope(net: Net, pinner: Pinner) -> None:
    for number in range(3):
        answer = net.json(f"{API}/boards", pinner.token, {"name": f"Board {number}", "description": "d"})
        assert answer.status_code == 201

    first = body(net.get(f"{API}/boards", pinner.token, page_size=3))
    rest = body(net.get(f"{API}/boards", pinner.token, page_size=3, bookmark=first["bookmark"]))

    names = [each["name"] for each in first["items"] + rest["items"]]
    assert names == ["Bread", "Cakes", "Board 0", "Board 1", "Board 2"]
    assert rest["bookmark"] is None
    assert first["items"][0].items() >= {"privacy": "PUBLIC", "pin_count": 0, "follower_count": 0}.items()
    secret = tokens(net, scope=SCOPES + SECRET_SCOPES)["access_token"]
    assert [each["name"] for each in body(net.get(f"{API}/boards", secret, privacy="SECRET"))["items"]] == ["Plans"]
    assert body(net.get(f"{API}/boards", pinner.token, privacy="SECRET"))["items"] == []
    for wrong in ({"page_size": 251}, {"page_size": "9" * 5000}, {"bookmark": "1"}, {"privacy": "OPEN"}):
        assert error(net.get(f"{API}/boards", pinner.token, **wrong)) == (400, 1)


def test_a_board_is_made_and_pinned_to(net: Net, pinner: Pinner) -> None:
    made = body(net.json(f"{API}/boards", pinner.token, {"name": "Pies"}))

    pinned = pinner.pin(net, board_id=made["id"])

    assert (pinned.status_code, made["pin_count"]) == (201, 0)
    assert body(net.get(f"{API}/boards", pinner.token))["items"][-1] == made | {"pin_count": 1}
    assert error(net.json(f"{API}/boards", pinner.token, {"name": "Pies"})) == (400, 58)
    assert error(net.json(f"{API}/boards", pinner.token, {"name": ""})) == (400, 1)
    assert error(net.json(f"{API}/boards", pinner.token, {"name": "x", "privacy": "SECRET"})) == (403, 3)


def test_a_board_has_sections(net: Net, pinner: Pinner) -> None:
    sections = body(net.get(f"{API}/boards/{pinner.board}/sections", pinner.token))

    assert [each["name"] for each in sections["items"]] == ["Rye", "Wheat"]
    section_id = sections["items"][0]["id"]
    on_the_board, in_the_section = pinner.pin(net), pinner.pin(net, board_section_id=section_id)

    def ids(place: str) -> list[str]:
        return [each["id"] for each in body(net.get(f"{API}/boards/{place}/pins", pinner.token))["items"]]

    assert body(in_the_section)["board_section_id"] == section_id
    assert ids(pinner.board) == [body(on_the_board)["id"]]
    assert ids(f"{pinner.board}/sections/{section_id}") == [body(in_the_section)["id"]]
    assert error(net.get(f"{API}/boards/{pinner.board}/sections/1/pins", pinner.token)) == (404, 2031)


def test_a_pin_of_one_image_is_published(net: Net, pinner: Pinner) -> None:
    answer = pinner.pin(net, description="Fresh", link="https://example.com/rye", alt_text="A loaf")

    pin = body(answer)
    assert answer.status_code == 201
    assert (
        pin.items()
        >= {
            "title": "Rye",
            "description": "Fresh",
            "link": "https://example.com/rye",
            "alt_text": "A loaf",
            "board_id": pinner.board,
            "board_section_id": None,
            "creative_type": "REGULAR",
            "is_owner": True,
            "is_standard": True,
        }.items()
    )
    assert len(pin["created_at"]) == len("2026-11-24T10:00:00")
    assert pin["media"]["media_type"] == "image"
    assert pin["media"]["images"]["600x"].items() >= {"width": 600, "height": 900}.items()
    assert body(net.get(f"{API}/pins/{pin['id']}", pinner.token)) == pin
    page = net.get(f"www.pinterest.com/pin/{pin['id']}/")
    assert any('alt="A loaf"' in tag for tag in tags(page, "img"))
    [post] = net.posts(network="pinterest")
    assert (post["id"], post["text"], post["media_count"]) == (pin["id"], "Fresh", 1)
    assert post["url"] == f"https://www.pinterest.com/pin/{pin['id']}/"


@pytest.mark.parametrize(
    "values",
    [
        {"title": "x" * 101},
        {"title": 5},
        {"description": "x" * 801},
        {"alt_text": "x" * 501},
        {"link": "https://example.com/" + "x" * 2029},
        {"link": "example.com"},
        {"link": "ftp://example.com/x"},
        {"link": "https://nowhere/x"},
        {"link": "https://example.com/a b"},
        {"link": "https://[broken"},
        {"colour": "red"},
        {"board_id": None},
        {"board_id": "first"},
        {"board_id": 801},
        {"board_section_id": "first"},
        {"media_source": None},
        {"media_source": "x"},
        {"media_source": {"source_type": "pin_url"}},
        {"media_source": inline(content_type="image/webp")},
        {"media_source": inline(content_type="image/jpeg")},
        {"media_source": inline(data="%")},
        {"media_source": inline(data=base64.b64encode(b"noise").decode())},
        {"media_source": inline(data=base64.b64encode(b"x" * 20_000_001).decode())},
        {"media_source": inline(colour="red")},
        {"media_source": {"source_type": "image_url", "url": "https://elsewhere.example/x.png"}},
        {"media_source": carousel(encoded())},
        {"media_source": carousel(*[encoded()] * 6)},
        {"media_source": carousel(encoded(8, 12), encoded(8, 13))},
        {"media_source": carousel(encoded(), encoded(), index=2)},
        {"media_source": carousel(encoded(), {"url": "https://elsewhere.example/x.png"})},
        {"media_source": {"source_type": "multiple_image_base64", "items": "x"}},
        {"media_source": {"source_type": "video_id"}},
    ],
)
def test_a_wrong_pin_is_refused(net: Net, pinner: Pinner, values: dict[str, Any]) -> None:
    assert error(pinner.pin(net, **values)) == (400, 1)
    assert net.posts() == []


def test_a_body_that_is_no_json_is_refused(net: Net, pinner: Pinner) -> None:
    response = net.call("POST", f"{API}/pins", pinner.token, "{broken", "application/x-broken")

    assert error(response) == (400, 1)


def test_the_longest_texts_are_taken(net: Net, pinner: Pinner) -> None:
    longest = {"title": "ü" * 100, "description": "ü" * 800, "alt_text": "ü" * 500}

    assert pinner.pin(net, link="https://example.com/" + "x" * 2028, **longest).status_code == 201


def test_what_is_not_there_has_a_code_of_its_own(net: Net, pinner: Pinner) -> None:
    assert error(pinner.pin(net, board_id="1")) == (404, 40)
    assert error(pinner.pin(net, board_section_id="1")) == (404, 2031)
    assert error(net.get(f"{API}/pins/1", pinner.token)) == (404, 50)
    assert error(net.get(f"{API}/nothing", pinner.token)) == (404, 4)


def test_others_boards_and_pins_are_left_alone(net: Net, pinner: Pinner) -> None:
    pin_id = body(pinner.pin(net))["id"]
    bob = connected(net, login="Bob")

    assert error(bob.pin(net, board_id=pinner.board)) == (403, 7)
    assert error(net.get(f"{API}/pins/{pin_id}", bob.token)) == (403, 7)
    assert error(net.call("DELETE", f"{API}/pins/{pin_id}", bob.token)) == (403, 7)


def test_a_secret_board_needs_the_scope_to_write_there(net: Net, pinner: Pinner) -> None:
    both = tokens(net, scope=SCOPES + SECRET_SCOPES)["access_token"]
    reading = tokens(net, scope=f"{SCOPES},boards:read_secret")["access_token"]
    secret = body(net.get(f"{API}/boards", both, privacy="SECRET"))["items"][0]["id"]

    assert error(pinner.pin(net, board_id=secret)) == (404, 40)
    assert error(Pinner(reading, secret).pin(net)) == (403, 3)
    assert Pinner(both, secret).pin(net).status_code == 201


def test_without_its_scopes_nothing_is_published(net: Net) -> None:
    given = tokens(net, scope="boards:read,pins:read,user_accounts:read")["access_token"]
    board = body(net.get(f"{API}/boards", given))["items"][0]["id"]

    assert error(Pinner(given, board).pin(net)) == (403, 3)


def test_a_carousel_has_up_to_five_images_of_one_size(net: Net, pinner: Pinner) -> None:
    items = [encoded(8, 12), encoded(8, 12, "JPEG"), {**encoded(), "title": "Last", "link": "https://example.com"}]

    pin = body(pinner.pin(net, media_source=carousel(*items, index=1)))

    assert (pin["creative_type"], pin["media"]["media_type"]) == ("CAROUSEL", "multiple_images")
    assert net.posts()[0]["media_count"] == 3
    assert pinner.pin(net, media_source=carousel(*[encoded()] * 5)).status_code == 201


def test_images_are_fetched_from_addresses_too(
    net: Net, pinner: Pinner, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLIC_BASE_URL = "https://ours.example"

    def fetch(address: str, *, most: int, agent: str) -> bytes:
        assert agent.startswith("Pinterest")
        return png(kind="WEBP").read()

    monkeypatch.setattr(pulling, "fetch", fetch)
    url = "https://ours.example/x.webp"
    both = {"source_type": "multiple_image_urls", "items": [{"url": url}, {"url": url}]}

    assert pinner.pin(net, media_source={"source_type": "image_url", "url": url}).status_code == 201
    assert pinner.pin(net, media_source=both).status_code == 201


def test_a_video_is_registered_uploaded_worked_on_and_pinned(net: Net, pinner: Pinner) -> None:
    registered = register(net, pinner)
    assert registered["upload_url"] == f"https://{STORAGE}"
    assert list(registered["upload_parameters"]) == [
        "x-amz-date",
        "x-amz-signature",
        "x-amz-security-token",
        "x-amz-algorithm",
        "key",
        "policy",
        "x-amz-credential",
        "Content-Type",
    ]
    media_id = registered["media_id"]
    assert state(net, pinner, media_id) == "registered"
    net.fault("pinterest", "slow_processing", seconds=30)

    assert store(net, registered, movie()).status_code == 204

    assert state(net, pinner, media_id) == "processing"
    assert error(pinner.pin(net, media_source=video(media_id))) == (400, 1)
    net.wait(31)
    assert state(net, pinner, media_id) == "succeeded"
    pin = body(pinner.pin(net, media_source=video(media_id, cover_image_key_frame_time=1000)))
    assert (pin["creative_type"], pin["media"]["media_type"], pin["is_standard"]) == ("VIDEO", "video", False)
    assert len(net.posts()) == 1


@pytest.mark.parametrize(
    "cover",
    [
        {"cover_image_key_frame_time": 5001},
        {"cover_image_key_frame_time": -1},
        {"cover_image_key_frame_time": "0"},
        {"cover_image_key_frame_time": 0, "cover_image_url": "https://elsewhere.example/x.png"},
        {"cover_image_url": "https://elsewhere.example/x.png"},
        {"cover_image_data": "", "cover_image_content_type": "image/png"},
        {"colour": "red"},
    ],
)
def test_a_video_needs_one_cover_that_fits(net: Net, pinner: Pinner, cover: dict[str, Any]) -> None:
    media_id = uploaded(net, pinner)

    assert error(pinner.pin(net, media_source={"source_type": "video_id", "media_id": media_id})) == (400, 1)
    assert error(pinner.pin(net, media_source=video(media_id, **cover))) == (400, 1)
    given = encoded()
    sent = {"cover_image_data": given["data"], "cover_image_content_type": given["content_type"]}
    assert pinner.pin(net, media_source=video(media_id, **sent)).status_code == 201


@pytest.mark.parametrize(
    "content",
    [b"noise", movie(3), movie(5, 40, 96), movie(5, 200, 64), movie(5, codec="mpeg4")],
    ids=["no video", "short", "narrow", "wide", "codec"],
)
def test_a_video_that_pinterest_does_not_take_fails(net: Net, pinner: Pinner, content: bytes) -> None:
    media_id = uploaded(net, pinner, content)

    assert state(net, pinner, media_id) == "failed"
    assert error(pinner.pin(net, media_source=video(media_id))) == (400, 1)


def test_a_video_of_whole_pixels_may_be_as_wide_as_the_ratio_is_written(net: Net, pinner: Pinner) -> None:
    just = 2250, 1178  # 1.910017 to 1
    media_id = uploaded(net, pinner, movie(4, *just))

    assert state(net, pinner, media_id) == "succeeded"


def test_the_storage_takes_the_form_as_it_was_given_and_no_token(net: Net, pinner: Pinner) -> None:
    registered = register(net, pinner)

    def refused(*, content: bytes = b"x", headers: Any = None, **change: str) -> tuple[int, bytes]:
        answer = store(net, registered, content, headers, **change)
        return answer.status_code, answer.content.split(b"<Code>")[1].split(b"</Code>")[0]

    assert refused(policy="x") == refused(key="uploads/1") == (403, b"AccessDenied")
    assert refused(headers={"Authorization": "Bearer x"}) == (400, b"InvalidArgument")
    empty = net.client.post(f"/sandbox/{STORAGE}", registered["upload_parameters"])
    assert empty.status_code == 400
    net.wait(3601)
    assert refused() == (403, b"AccessDenied")


def test_media_is_the_accounts_own_and_is_dropped_unused(net: Net, pinner: Pinner) -> None:
    media_id, used = uploaded(net, pinner), uploaded(net, pinner)
    bob = connected(net, login="Bob")
    assert pinner.pin(net, media_source=video(used)).status_code == 201

    assert error(net.get(f"{API}/media/{media_id}", bob.token)) == (404, 4)
    assert error(net.json(f"{API}/media", pinner.token, {"media_type": "image"})) == (400, 1)
    net.wait(86401)
    assert error(net.get(f"{API}/media/{media_id}", pinner.token)) == (404, 4)
    assert state(net, pinner, used) == "succeeded"


def test_lists_begin_with_the_newest_and_go_on_where_they_ended(net: Net, pinner: Pinner) -> None:
    for number in range(5):
        pinner.pin(net, title=f"Pin {number}")
        net.wait(60)

    def titles(path: str, **params: Any) -> tuple[list[str], str | None]:
        answer = body(net.get(f"{API}/{path}", pinner.token, **params))
        return [each["title"] for each in answer["items"]], answer["bookmark"]

    first, bookmark = titles(f"boards/{pinner.board}/pins", page_size=3)
    pinner.pin(net, title="Newer")
    rest, end = titles(f"boards/{pinner.board}/pins", page_size=3, bookmark=bookmark)

    assert (first, rest, end) == (["Pin 4", "Pin 3", "Pin 2"], ["Pin 1", "Pin 0"], None)
    assert titles("pins")[0][0] == "Newer"
    assert error(net.get(f"{API}/boards/1/pins", pinner.token)) == (404, 40)
    assert error(net.get(f"{API}/pins", pinner.token, bookmark="1")) == (400, 1)


def test_a_new_pin_is_listed_after_a_lag_that_was_ordered(net: Net, pinner: Pinner) -> None:
    net.fault("pinterest", "list_lag", seconds=20)
    pin_id = body(pinner.pin(net))["id"]

    assert body(net.get(f"{API}/pins", pinner.token))["items"] == []
    net.wait(21)
    assert [each["id"] for each in body(net.get(f"{API}/pins", pinner.token))["items"]] == [pin_id]


def test_pins_are_deleted_and_not_changed(net: Net, pinner: Pinner) -> None:
    pin_id = body(pinner.pin(net))["id"]
    assert error(net.call("PATCH", f"{API}/pins/{pin_id}", pinner.token)) == (403, 29)

    assert net.call("DELETE", f"{API}/pins/{pin_id}", pinner.token).status_code == 204

    assert error(net.get(f"{API}/pins/{pin_id}", pinner.token)) == (404, 50)
    assert net.get(f"www.pinterest.com/pin/{pin_id}").status_code == 404


def test_on_trial_only_the_creator_sees_a_pin(net: Net) -> None:
    creator = connected(net, client_id="trial-app", login="Ada")
    pin_id = body(creator.pin(net))["id"]
    bob = connected(net, login="Bob")

    assert net.get(f"{API}/pins/{pin_id}", creator.token).status_code == 200
    assert net.get(f"www.pinterest.com/pin/{pin_id}/").status_code == 404
    assert error(net.get(f"{API}/pins/{pin_id}", bob.token)) == (404, 50)


def test_standard_quotas_are_told_and_kept(net: Net, pinner: Pinner) -> None:
    first = net.get(f"{API}/user_account", pinner.token)
    assert first["x-ratelimit-limit"] == "100, 100;w=1, 1000;w=60"
    assert int(first["x-ratelimit-remaining"]) < 100
    assert first["x-ratelimit-reset"] == "1"

    net.json(f"{API}/pins", pinner.token, {})
    use_up("org_write", left=1, of=100)
    last, over = (net.json(f"{API}/pins", pinner.token, {}) for _ in range(2))

    assert (error(last), error(over)) == ((400, 1), (429, 8))
    assert over["x-ratelimit-limit"] == "100, 100;w=1, 100;w=60"
    assert 0 < int(over["x-ratelimit-reset"]) <= 60
    net.wait(61)
    assert pinner.pin(net).status_code == 201


def test_an_app_on_trial_has_its_quotas_by_the_day_and_for_all_its_users(net: Net) -> None:
    ada, bob = (connected(net, client_id="trial-app", login=name) for name in ("Ada", "Bob"))

    first = net.json(f"{API}/pins", ada.token, {})
    use_up("org_write", left=1, of=300)
    last = net.json(f"{API}/pins", ada.token, {})

    assert first["x-ratelimit-limit"] == "300, 1000;w=86400, 300;w=86400"
    assert (error(last), last["x-ratelimit-remaining"]) == ((400, 1), "0")
    assert error(bob.pin(net)) == (429, 8)
    net.wait(86401)
    assert bob.pin(net).status_code == 201


def test_what_looks_like_spam_is_said_to_be(net: Net, pinner: Pinner) -> None:
    answer = pinner.pin(net, link="https://spam.example/buy")

    assert error(answer) == (429, 8)
    assert "spam" in body(answer)["message"]


def days(first: int, last: int = 0) -> dict[str, str]:
    today = timezone.now().date()
    return {"start_date": f"{today - timedelta(days=first)}", "end_date": f"{today - timedelta(days=last)}"}


def test_a_pins_numbers_grow_and_add_up(net: Net, pinner: Pinner) -> None:
    pin_id = body(pinner.pin(net))["id"]
    net.wait(3 * 86400)
    today = (timezone.now() + timedelta(days=3)).date()
    span = {"start_date": str(today - timedelta(days=3)), "end_date": str(today)}
    names = "IMPRESSION,OUTBOUND_CLICK,PIN_CLICK,SAVE,SAVE_RATE,TOTAL_COMMENTS,TOTAL_REACTIONS"

    report = body(net.get(f"{API}/pins/{pin_id}/analytics", pinner.token, metric_types=names, **span))["all"]

    assert report["summary_metrics"]["IMPRESSION"] > 400
    assert (
        sum(day["metrics"]["IMPRESSION"] for day in report["daily_metrics"])
        == (report["summary_metrics"]["IMPRESSION"])
    )
    assert [day["data_status"] for day in report["daily_metrics"]] == ["READY"] * 3 + ["PROCESSING"]
    assert set(report["lifetime_metrics"]) == {"TOTAL_COMMENTS", "TOTAL_REACTIONS"}
    assert "TOTAL_COMMENTS" not in report["summary_metrics"]
    short = body(net.get(f"{API}/pins/{pin_id}", pinner.token, pin_metrics="true"))["pin_metrics"]
    assert short["lifetime_metrics"]["impression"] == short["90d"]["impression"] > 400


def test_only_a_video_has_the_numbers_of_videos(net: Net, pinner: Pinner) -> None:
    image = body(pinner.pin(net))["id"]
    film = body(pinner.pin(net, media_source=video(uploaded(net, pinner))))["id"]
    names = {"metric_types": "IMPRESSION,VIDEO_MRC_VIEW,VIDEO_AVG_WATCH_TIME", "app_types": "ALL"}

    def asked(pin_id: str) -> Any:
        return net.get(f"{API}/pins/{pin_id}/analytics", pinner.token, **names, **days(0))

    assert error(asked(image)) == (400, 1)
    assert set(body(asked(film))["all"]["summary_metrics"]) == set(names["metric_types"].split(","))


@pytest.mark.parametrize(
    "change",
    [
        days(91),
        days(0, 1),
        {"start_date": "today"},
        {"metric_types": ""},
        {"metric_types": "SHOES"},
        {"app_types": "FRIDGE"},
        {"split_field": "SHOES"},
    ],
)
def test_wrong_questions_for_numbers_are_refused(net: Net, pinner: Pinner, change: dict[str, str]) -> None:
    pin_id = body(pinner.pin(net))["id"]
    asked = days(90) | {"metric_types": "IMPRESSION"}
    assert net.get(f"{API}/pins/{pin_id}/analytics", pinner.token, **asked).status_code == 200

    assert error(net.get(f"{API}/pins/{pin_id}/analytics", pinner.token, **asked | change)) == (400, 1)


def test_an_account_has_numbers_by_the_day(net: Net, pinner: Pinner) -> None:
    names = "IMPRESSION,ENGAGEMENT,ENGAGEMENT_RATE,OUTBOUND_CLICK,SAVE"

    report = body(net.get(f"{API}/user_account/analytics", pinner.token, metric_types=names, **days(1, 1)))["all"]

    [day] = report["daily_metrics"]
    assert (day["data_status"], day["metrics"]) == ("READY", report["summary_metrics"])
    assert day["metrics"]["ENGAGEMENT"] > day["metrics"]["SAVE"] > 0
