"""LinkedIn as the facts describe it."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from django.http import HttpResponse
from django.utils import timezone

from tests.simulator.clip import film
from tests.simulator.conftest import CALLBACK, Net, body, gif, png, returned, use_up

pytestmark = pytest.mark.django_db(databases=["simulator"])
WEB, API = "www.linkedin.com", "api.linkedin.com"
SELF_SERVE = "openid profile email w_member_social"
COMMUNITY = (
    "r_basicprofile w_member_social w_organization_social r_organization_social w_member_social_feed "
    "w_organization_social_feed r_organization_social_feed rw_organization_admin r_organization_followers "
    "r_member_postAnalytics r_member_profileAnalytics"
)
REST = {"LinkedIn-Version": "202609", "X-Restli-Protocol-Version": "2.0.0"}
FINDER = {"X-RestLi-Method": "FINDER"}
PDF = b"%PDF-1.7\n" + b"<< /Type /Pages >> " + b"<< /Type /Page >> " * 3
PART = 4_194_304
DAY = 86_400


def query(scope: str, **change: str) -> dict[str, str]:
    asked = {"response_type": "code", "client_id": "app", "redirect_uri": CALLBACK, "state": "s1", "scope": scope}
    return asked | change


def code_of(net: Net, scope: str, **form: str) -> str:
    address = f"{WEB}/oauth/v2/authorization?{urlencode(query(scope))}"
    return returned(net.form(address, **{"decision": "allow"} | form))["code"]


def exchange(net: Net, fresh: str, **change: str) -> HttpResponse:
    form = {"grant_type": "authorization_code", "code": fresh, "client_id": "app", "client_secret": "sec"}
    return net.form(f"{WEB}/oauth/v2/accessToken", data=form | {"redirect_uri": CALLBACK} | change)


@dataclass
class Member:
    """Somebody who signed in, and calls the API."""

    net: Net
    token: str
    refresh: str
    id: str

    @property
    def urn(self) -> str:
        return f"urn:li:person:{self.id}"

    def rest(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        content_type = "application/json" if data is not None else "application/octet-stream"
        named = REST | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.net.call(method, f"{API}/rest/{path}", self.token, data or "", content_type, named)

    def post(self, text: str = "Hello", author: str = "", **change: Any) -> Any:
        return self.rest("POST", "posts", post_of(author or self.urn, text) | change)

    def posted(self, text: str = "Hello", author: str = "", **change: Any) -> str:
        response = self.post(text, author, **change)
        assert response.status_code == 201, response.content
        return str(response["x-restli-id"])

    def announced(self, kind: str, owner: str = "", **request: Any) -> Any:
        data = {"initializeUploadRequest": {"owner": owner or self.urn} | request}
        return body(self.rest("POST", f"{kind}s?action=initializeUpload", data))["value"]

    def brought(self, kind: str, content: bytes, owner: str = "") -> str:
        value = self.announced(kind, owner)
        assert put(self.net, value["uploadUrl"], content, self.token).status_code == 201
        return str(value[kind])

    def status(self, kind: str, urn: str) -> str:
        return str(body(self.rest("GET", f"{kind}s/{quote(urn, safe='')}"))["status"])


def put(
    net: Net, url: str, content: bytes, token: str = "", content_type: str = "application/octet-stream"
) -> HttpResponse:
    parts = urlsplit(url)
    return net.call("PUT", f"{parts.netloc}{parts.path}?{parts.query}", token, content, content_type)


def post_of(author: str, text: str) -> dict[str, Any]:
    return {
        "author": author,
        "commentary": text,
        "visibility": "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    }


def said(response: Any) -> tuple[int, str]:
    return response.status_code, body(response).get("code", "")


def image() -> bytes:
    return png().getvalue()


@pytest.fixture
def person(net: Net) -> Member:
    """A member by the self-serve product."""
    tokens = body(exchange(net, code_of(net, SELF_SERVE)))
    sub = body(net.get(f"{API}/v2/userinfo", tokens["access_token"]))["sub"]
    return Member(net, tokens["access_token"], "", sub)


@pytest.fixture
def member(net: Net) -> Member:
    """A member by Community Management."""
    tokens = body(exchange(net, code_of(net, COMMUNITY)))
    me = body(net.get(f"{API}/v2/me", tokens["access_token"]))
    return Member(net, tokens["access_token"], tokens["refresh_token"], me["id"])


@pytest.fixture
def pages(member: Member) -> dict[str, str]:
    """The organizations of the member, by the role there."""
    found = body(member.rest("GET", "organizationAcls?q=roleAssignee&state=APPROVED"))["elements"]
    return {each["role"]: each["organization"] for each in found}


@pytest.fixture
def page(pages: dict[str, str]) -> str:
    return pages["ADMINISTRATOR"]


@pytest.mark.parametrize("scope", ["everything", "openid r_basicprofile", ""])
def test_scopes_of_no_product_or_of_two_are_not_authorized(net: Net, scope: str) -> None:
    response = net.get(f"{WEB}/oauth/v2/authorization", **query(scope))

    assert returned(response)["error"] == "unauthorized_scope_error"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uri": "https://app.example/"}, "invalid_redirect_uri"),
        ({"client_id": ""}, "invalid_client_id"),
        ({"client_id": "other", "client_secret": "x"}, "invalid_request"),
        ({"client_secret": ""}, "invalid_client"),
        ({"code": "junk"}, "invalid_request"),
        ({"grant_type": "password"}, "invalid_request"),
    ],
)
def test_a_code_needs_its_address_and_its_client(net: Net, change: dict[str, str], error: str) -> None:
    code = code_of(net, SELF_SERVE)

    assert body(exchange(net, code, **change))["error"] == error
    assert exchange(net, code).status_code == 200


def test_the_token_endpoint_takes_only_forms(net: Net) -> None:
    fields = {"client_id": "app", "client_secret": "sec", "grant_type": "authorization_code"}

    in_json = net.json(f"{WEB}/oauth/v2/accessToken", data=fields)
    in_the_address = net.form(f"{WEB}/oauth/v2/accessToken?code=c1", data=fields)

    assert "form-urlencoded" in body(in_json)["error_description"]
    assert "form-urlencoded" in body(in_the_address)["error_description"]


def test_a_code_works_once_and_for_thirty_minutes(net: Net) -> None:
    used, late = code_of(net, SELF_SERVE), code_of(net, SELF_SERVE)
    assert exchange(net, used).status_code == 200

    net.wait(1801)

    assert [body(exchange(net, code))["error"] for code in (used, late)] == ["invalid_request"] * 2


def test_the_self_serve_product_gives_no_refresh_token(net: Net) -> None:
    tokens = body(exchange(net, code_of(net, SELF_SERVE)))

    assert (tokens["expires_in"], tokens["scope"]) == (5_184_000, SELF_SERVE.replace(" ", ","))
    assert "refresh_token" not in tokens


def test_a_refresh_token_stays_and_is_not_extended(net: Net, member: Member) -> None:
    def refresh() -> Any:
        form = {"grant_type": "refresh_token", "refresh_token": member.refresh}
        return net.form(f"{WEB}/oauth/v2/accessToken", data=form | {"client_id": "app", "client_secret": "sec"})

    net.wait(100 * DAY)
    renewed = body(refresh())

    assert renewed["refresh_token"] == member.refresh
    assert 264 * DAY < renewed["refresh_token_expires_in"] <= 265 * DAY
    assert net.get(f"{API}/v2/me", renewed["access_token"]).status_code == 200
    assert refresh().status_code == 200
    net.wait(266 * DAY)
    assert body(refresh())["error"] == "invalid_grant"


def test_another_set_of_scopes_ends_the_earlier_tokens(net: Net, member: Member) -> None:
    same = body(exchange(net, code_of(net, COMMUNITY)))["access_token"]
    assert net.get(f"{API}/v2/me", member.token).status_code == 200

    exchange(net, code_of(net, "openid profile"))

    for token in (member.token, same):
        assert said(net.get(f"{API}/v2/me", token)) == (401, "REVOKED_ACCESS_TOKEN")


def test_revoking_ends_the_consent(net: Net, member: Member) -> None:
    form = {"client_id": "app", "client_secret": "sec", "token": member.token}
    facts = body(net.form(f"{WEB}/oauth/v2/introspectToken", data=form))
    assert (facts["active"], facts["status"]) == (True, "active")

    assert net.form(f"{WEB}/oauth/v2/revoke", data=form).status_code == 200

    revoked = net.get(f"{API}/v2/me", member.token)
    assert (revoked.status_code, body(revoked)["serviceErrorCode"]) == (401, 65601)
    assert body(net.form(f"{WEB}/oauth/v2/introspectToken", data=form))["status"] == "revoked"
    assert body(net.form(f"{WEB}/oauth/v2/revoke", data=form | {"token": "junk"}))["error"] == "invalid_request"


def test_a_token_that_is_missing_unknown_or_over_is_told_apart(net: Net, member: Member) -> None:
    assert said(net.get(f"{API}/v2/me")) == (401, "EMPTY_ACCESS_TOKEN")
    for name in ("access_token", "token"):
        assert said(net.get(f"{API}/v2/me?{name}={member.token}")) == (401, "EMPTY_ACCESS_TOKEN")
    assert body(net.get(f"{API}/v2/me?token={member.token}", "junk"))["serviceErrorCode"] == 65600
    assert body(net.get(f"{API}/v2/me", member.refresh))["serviceErrorCode"] == 65600
    net.wait(61 * DAY)
    assert body(net.get(f"{API}/v2/me", member.token))["serviceErrorCode"] == 65602


def test_a_member_is_shown_by_either_product(net: Net, person: Member) -> None:
    shown = body(net.get(f"{API}/v2/userinfo", person.token))
    token = body(exchange(net, code_of(net, COMMUNITY, login="Ada Lovelace")))["access_token"]

    assert set(shown) >= {"sub", "name", "given_name", "family_name", "picture", "locale", "email", "email_verified"}
    me = body(net.get(f"{API}/v2/me", token))
    names = (me["localizedFirstName"], me["localizedLastName"], me["vanityName"])
    assert names == ("Ada", "Lovelace", "ada_lovelace")
    assert said(net.get(f"{API}/v2/userinfo", token)) == (403, "ACCESS_DENIED")


def test_every_rest_call_names_a_living_version_and_the_protocol(member: Member) -> None:
    path = "organizationAcls?q=roleAssignee"

    assert said(member.rest("GET", path, LinkedIn_Version="")) == (400, "VERSION_MISSING")
    for version in ("202510", "202610", "202513", "2026", "latest"):
        assert said(member.rest("GET", path, LinkedIn_Version=version)) == (426, "NONEXISTENT_VERSION")
    assert member.rest("GET", path, LinkedIn_Version="202511").status_code == 200
    assert said(member.rest("GET", path, X_Restli_Protocol_Version="1.0.0")) == (400, "")


def test_the_organizations_of_a_member_come_with_their_roles(member: Member, page: str) -> None:
    roles = body(member.rest("GET", "organizationAcls?q=roleAssignee&start=1&count=1"))

    assert [each["role"] for each in roles["elements"]] == ["CONTENT_ADMINISTRATOR"]
    assert roles["paging"]["links"][0]["rel"] == "next"
    assert member.rest("GET", f"organizationAcls?q=roleAssignee&count={'9' * 5000}").status_code == 400
    only = body(member.rest("GET", "organizationAcls?q=roleAssignee&role=ANALYST"))["elements"]
    assert [(each["roleAssignee"], each["state"]) for each in only] == [(member.urn, "APPROVED")]
    number = page.rpartition(":")[2]
    shown = body(member.rest("GET", f"organizations/{number}"))
    assert (str(shown["id"]), shown["localizedName"]) == (number, "Demo Bakery")
    projection = "projection=(logoV2(original~:playableStreams))"
    logo = body(member.net.get(f"{API}/v2/organizations/{number}?{projection}", member.token))["logoV2"]
    assert logo["original~"]["elements"][0]["identifiers"][0]["identifier"].endswith(".png")
    assert said(member.rest("GET", "organizations/1")) == (404, "NOT_FOUND")


def test_a_text_is_published_with_its_id_in_a_header(person: Member) -> None:
    response = person.post("Hello \\(world\\) #rye")

    assert (response.status_code, response.content) == (201, b"")
    [shown] = person.net.posts(network="linkedin", account=person.urn)
    assert (shown["id"], shown["text"]) == (response["x-restli-id"], "Hello (world) #rye")
    assert shown["url"] == f"https://www.linkedin.com/feed/update/{shown['id']}/"
    opened = person.net.get(f"{WEB}/feed/update/{shown['id']}/")
    assert "Hello (world) #rye" in opened.content.decode()


@pytest.mark.parametrize(
    ("commentary", "text"),
    [
        (r"\\ \| \{ \} \@ \[ \] \( \) \< \> \# \* \_ \~", r"\ | { } @ [ ] ( ) < > # * _ ~"),
        (r"{hashtag|\#|bread} and {hashtag\|#\|rye}", "#bread and #rye"),
        ("Hi @[Acme \\(UK\\)](urn:li:organization:12) there", "Hi Acme (UK) there"),
        (r"#bread\_rye", "#bread_rye"),
    ],
)
def test_little_text_shows_what_it_means(person: Member, commentary: str, text: str) -> None:
    person.posted(commentary)

    assert person.net.posts()[0]["text"] == text


@pytest.mark.parametrize("commentary", ["a (b", "a_b", "# no", "@name", "{hashtag", "a|b", "*bold*", "end\\"])
def test_a_reserved_character_that_means_nothing_is_refused(person: Member, commentary: str) -> None:
    assert said(person.post(commentary)) == (400, "INVALID_VALUE_FOR_FIELD")


def test_3000_characters_are_counted_as_they_are_shown(person: Member) -> None:
    person.posted("\\_" * 3000)

    assert said(person.post("a" * 3001)) == (400, "FIELD_LENGTH_TOO_LONG")
    assert said(person.post("\U0001f35e" * 1501)) == (400, "FIELD_LENGTH_TOO_LONG")
    assert "3001 characters" in body(person.post("a" * 3001))["message"]


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"commentary": " "}, (422, "MISSING_FIELD")),
        ({"commentary": 1}, (400, "INVALID_VALUE_FOR_FIELD")),
        ({"visibility": "FRIENDS"}, (400, "INVALID_VALUE_FOR_FIELD")),
        ({"lifecycleState": "DRAFT"}, (400, "INVALID_VALUE_FOR_FIELD")),
        ({"distribution": {}}, (400, "INVALID_VALUE_FOR_FIELD")),
        ({"mood": "good"}, (400, "INVALID_VALUE_FOR_FIELD")),
        ({"content": {"poll": {}}}, (400, "INVALID_VALUE_FOR_FIELD")),
        ({"content": {"media": {"id": "urn:li:image:D1"}}}, (400, "INVALID_URN_ID")),
        ({"content": {"media": {"id": "urn:li:share:1"}}}, (400, "INVALID_URN_TYPE")),
        ({"author": "urn:li:person:1"}, (403, "ACCESS_DENIED")),
        ({"author": "urn:li:organization:1"}, (403, "ACCESS_DENIED")),
    ],
)
def test_a_wrong_post_is_refused(person: Member, change: dict[str, Any], answer: tuple[int, str]) -> None:
    assert said(person.post(**change)) == answer
    assert person.net.posts() == []


def test_a_missing_field_is_named(person: Member) -> None:
    data = post_of(person.urn, "Hello")
    del data["visibility"]

    response = person.rest("POST", "posts", data)

    [wrong] = body(response)["errorDetails"]["inputErrors"]
    assert (response.status_code, wrong["code"]) == (422, "MISSING_FIELD")
    assert person.rest("POST", "posts", [1]).status_code == 400


def test_the_same_text_within_ten_minutes_is_a_duplicate_of_a_named_post(person: Member) -> None:
    first = person.posted("Hello")

    again = person.post("Hello", visibility="CONNECTIONS")

    assert (again.status_code, body(again)["message"]) == (422, f"Content is a duplicate of {first}")
    assert "code" not in body(again)
    person.net.wait(601)
    assert person.posted("Hello") != first


def test_who_may_post_for_an_organization(member: Member, pages: dict[str, str]) -> None:
    assert member.post("A", pages["ADMINISTRATOR"]).status_code == 201
    assert member.post("B", pages["CONTENT_ADMINISTRATOR"]).status_code == 201
    assert said(member.post("C", pages["ANALYST"])) == (403, "ACCESS_DENIED")
    assert said(member.post("D", pages["ADMINISTRATOR"], visibility="CONNECTIONS"))[0] == 400


def test_an_organizations_posts_are_listed_newest_first(member: Member, page: str) -> None:
    for number in range(12):
        member.posted(f"#rye {number}", page)
        member.net.wait(1)
    path = f"posts?author={quote(page, safe='')}&q=author&count=10&sortBy=CREATED"

    first = body(member.rest("GET", path, **FINDER))
    second = body(member.rest("GET", f"{path}&start=10", **FINDER))

    assert [each["commentary"] for each in first["elements"]][:2] == [
        "{hashtag|\\#|rye} 11",
        "{hashtag|\\#|rye} 10",
    ]
    assert [link["rel"] for link in first["paging"]["links"]] == ["next"]
    assert (len(second["elements"]), second["paging"]["links"]) == (2, [])
    assert set(second["elements"][0]) >= {"id", "author", "createdAt", "publishedAt", "lifecycleState", "visibility"}
    assert said(member.rest("GET", path.replace("%3A", ":"), **FINDER)) == (400, "INVALID_VALUE_FOR_FIELD")
    assert member.rest("GET", path).status_code == 400
    assert said(member.rest("GET", f"{path}&count=0", **FINDER))[0] == 400


def test_a_list_may_lag(member: Member, page: str) -> None:
    member.net.fault("linkedin", "list_lag", seconds=30)
    member.posted("Hello", page)
    path = f"posts?author={quote(page, safe='')}&q=author"

    assert body(member.rest("GET", path, **FINDER))["elements"] == []
    member.net.wait(31)
    assert len(body(member.rest("GET", path, **FINDER))["elements"]) == 1


def test_a_members_posts_can_be_read_by_nobody(member: Member) -> None:
    urn = quote(member.posted(), safe="")

    assert said(member.rest("GET", f"posts/{urn}")) == (403, "ACCESS_DENIED")
    path = f"posts?author={quote(member.urn, safe='')}&q=author"
    assert said(member.rest("GET", path, **FINDER)) == (403, "ACCESS_DENIED")


def test_a_post_can_be_changed_and_deleted(member: Member, page: str) -> None:
    urn = quote(member.posted("Hello", page), safe="")
    patch = {"patch": {"$set": {"commentary": "Hello \\(again\\)"}}}

    changed = member.rest("POST", f"posts/{urn}", patch, X_RestLi_Method="PARTIAL_UPDATE")

    assert changed.status_code == 204
    assert body(member.rest("GET", f"posts/{urn}"))["commentary"] == "Hello \\(again\\)"
    assert member.rest("POST", f"posts/{urn}", patch).status_code == 400
    assert member.rest("DELETE", f"posts/{urn}").status_code == 400
    for _ in range(2):
        assert member.rest("DELETE", f"posts/{urn}", X_RestLi_Method="DELETE").status_code == 204
    assert said(member.rest("GET", f"posts/{urn}")) == (404, "NOT_FOUND")


def test_an_image_is_announced_brought_and_shown(person: Member) -> None:
    value = person.announced("image")
    assert said(put(person.net, value["uploadUrl"], image())) == (401, "EMPTY_ACCESS_TOKEN")
    content = {"media": {"id": value["image"], "altText": "A loaf"}}
    assert said(person.post(content=content)) == (400, "MEDIA_ASSET_WAITING_UPLOAD")

    assert put(person.net, value["uploadUrl"], image(), person.token).status_code == 201
    person.posted(content=content)

    [shown] = person.net.posts()
    assert (shown["media_count"], shown["id"].split(":")[2]) == (1, "share")
    assert 'alt="A loaf"' in person.net.get(f"{WEB}/feed/update/{shown['id']}").content.decode()


def test_the_state_of_an_image_is_not_for_self_serve_tokens(person: Member) -> None:
    urn = quote(person.brought("image", image()), safe="")

    assert said(person.rest("GET", f"images/{urn}")) == (403, "ACCESS_DENIED")


def test_the_state_of_an_image_can_be_read(member: Member) -> None:
    value = member.announced("image")
    assert member.status("image", value["image"]) == "WAITING_UPLOAD"
    member.net.fault("linkedin", "slow_processing", seconds=20)

    put(member.net, value["uploadUrl"], image(), member.token)

    assert member.status("image", value["image"]) == "PROCESSING"
    member.net.wait(21)
    assert member.status("image", value["image"]) == "AVAILABLE"


def test_an_upload_address_ends(person: Member) -> None:
    value = person.announced("image")
    person.net.wait(DAY + 1)

    assert said(put(person.net, value["uploadUrl"], image(), person.token)) == (400, "EXPIRED_UPLOAD_URL")


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"no image",
        lambda: png(kind="WEBP").getvalue(),
        lambda: png(6100, 6000, kind="GIF").getvalue(),
        lambda: gif(251),
        lambda: image() + b"\0" * 6_000_000,
    ],
    ids=["none", "webp", "pixels", "frames", "bytes"],
)
def test_what_is_no_fit_image_fails_in_processing(person: Member, make: Callable[[], bytes]) -> None:
    urn = person.brought("image", make())

    assert said(person.post(content={"media": {"id": urn}})) == (400, "MEDIA_ASSET_PROCESSING_FAILED")


@pytest.mark.parametrize(("count", "status"), [(1, 400), (2, 201), (20, 201), (21, 400)])
def test_a_multi_image_post_has_2_to_20_images(person: Member, count: int, status: int) -> None:
    urn = person.brought("image", image())

    response = person.post(content={"multiImage": {"images": [{"id": urn, "altText": "A"}] * count}})

    assert response.status_code == status


def test_a_file_belongs_to_the_author_of_its_post(member: Member, page: str) -> None:
    urn = member.brought("image", image(), page)

    assert said(member.post(content={"media": {"id": urn}})) == (400, "INVALID_URN_ID")
    assert member.post(author=page, content={"media": {"id": urn}}).status_code == 201


def test_an_alt_text_has_4086_characters_and_belongs_to_an_image(person: Member) -> None:
    urn, pdf = person.brought("image", image()), person.brought("document", PDF)

    long = person.post(content={"media": {"id": urn, "altText": "a" * 4087}})

    assert said(long) == (422, "FIELD_LENGTH_TOO_LONG")
    assert person.post(content={"media": {"id": pdf, "title": "a.pdf", "altText": "a"}}).status_code == 400


def test_a_link_is_shown_as_it_is_sent(person: Member) -> None:
    article = {"source": "https://example.com/a", "title": "A", "description": "B"}

    person.posted(content={"article": article | {"thumbnail": person.brought("image", image())}})

    [shown] = person.net.posts()
    assert shown["media_count"] == 0
    assert 'href="https://example.com/a"' in person.net.get(f"{WEB}/feed/update/{shown['id']}").content.decode()


@pytest.mark.parametrize(
    "change", [{"source": "example"}, {"title": ""}, {"title": "a" * 401}, {"description": "a" * 4001}, {"title": 1}]
)
def test_an_article_needs_an_address_and_a_title(person: Member, change: dict[str, Any]) -> None:
    article = {"source": "https://example.com/a", "title": "A", "description": "B"} | change

    assert person.post(content={"article": article}).status_code in (400, 422)


def office(name: str, count: int = 1) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "")
        for number in range(count):
            archive.writestr(f"ppt/slides/slide{number}.xml", "")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (PDF, "AVAILABLE"),
        (office("word/document.xml"), "AVAILABLE"),
        (office("ppt/presentation.xml", 300), "AVAILABLE"),
        (office("ppt/presentation.xml", 301), "PROCESSING_FAILED"),
        (office("xl/workbook.xml"), "PROCESSING_FAILED"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "AVAILABLE"),
        (b"%PDF-1.7 " + b"/Type /Page\n" * 301, "PROCESSING_FAILED"),
        (b"plain text", "PROCESSING_FAILED"),
    ],
)
def test_a_document_is_looked_into(member: Member, content: bytes, status: str) -> None:
    assert member.status("document", member.brought("document", content)) == status


def test_a_document_needs_a_title(member: Member) -> None:
    urn = member.brought("document", PDF)

    assert said(member.post(content={"media": {"id": urn}})) == (422, "MISSING_FIELD")
    assert member.posted(content={"media": {"id": urn, "title": "a.pdf"}}).startswith("urn:li:ugcPost:")


def announced_video(member: Member, content: bytes) -> Any:
    return member.announced("video", fileSizeBytes=len(content), uploadCaptions=False, uploadThumbnail=False)


def tags_of(member: Member, value: Any, content: bytes) -> list[str]:
    """Bring all parts, and return their tags."""
    found = []
    for each in value["uploadInstructions"]:
        part = put(member.net, each["uploadUrl"], content[each["firstByte"] : each["lastByte"] + 1])
        assert part.status_code == 200
        found.append(part["ETag"].strip('"'))
    return found


def finalized(member: Member, value: Any, tags: list[str], **change: Any) -> Any:
    request = {"video": value["video"], "uploadToken": value["uploadToken"], "uploadedPartIds": tags} | change
    return member.rest("POST", "videos?action=finalizeUpload", {"finalizeUploadRequest": request})


def test_a_video_comes_in_parts_and_is_worked_on(member: Member) -> None:
    content = film(seconds=4) + b"\0" * PART
    value = announced_video(member, content)
    assert [each["firstByte"] for each in value["uploadInstructions"]] == [0, PART]
    assert member.status("video", value["video"]) == "WAITING_UPLOAD"
    member.net.fault("linkedin", "slow_processing", seconds=30)

    tags = tags_of(member, value, content)
    assert finalized(member, value, tags).status_code == 200

    assert member.status("video", value["video"]) == "PROCESSING"
    shown = {"media": {"id": value["video"], "title": "Bread"}}
    assert said(member.post(content=shown)) == (400, "MEDIA_ASSET_WAITING_UPLOAD")
    member.net.wait(31)
    assert member.status("video", value["video"]) == "AVAILABLE"
    assert member.posted(content=shown).startswith("urn:li:ugcPost:")
    assert finalized(member, value, tags).status_code == 200


def test_a_video_needs_all_its_parts_and_their_tags(member: Member) -> None:
    content = film(seconds=4)
    value = announced_video(member, content)

    assert finalized(member, value, []).status_code == 400
    first = value["uploadInstructions"][0]["uploadUrl"]
    assert put(member.net, first, content[:-1]).status_code == 400
    assert put(member.net, first, content, member.token).status_code == 400
    assert put(member.net, first, content, content_type="video/mp4").status_code == 400
    tags = tags_of(member, value, content)
    assert finalized(member, value, ["junk"]).status_code == 400
    assert finalized(member, value, tags, uploadToken="junk").status_code == 400
    assert finalized(member, value, tags, video="urn:li:video:D1").status_code == 404
    assert finalized(member, value, tags).status_code == 200
    assert member.rest("POST", "videos?action=other", {"a": 1}).status_code == 400


@pytest.mark.parametrize("size", [0, 600_000_000, "many"])
def test_a_video_has_a_size_that_is_taken(member: Member, size: Any) -> None:
    data = {"initializeUploadRequest": {"owner": member.urn, "fileSizeBytes": size}}

    assert member.rest("POST", "videos?action=initializeUpload", data).status_code == 400


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"no video",
        partial(film, seconds=2),
        partial(film, 160, 32, seconds=4),
        partial(film, seconds=4, index_first=False),
    ],
    ids=["none", "short", "wide", "too small"],
)
def test_what_is_no_fit_video_fails_in_processing(member: Member, make: Callable[[], bytes]) -> None:
    content = make()
    value = announced_video(member, content)

    finalized(member, value, tags_of(member, value, content))

    assert member.status("video", value["video"]) == "PROCESSING_FAILED"


def commented(member: Member, urn: str, text: str = "First", actor: str = "") -> Any:
    data = {"actor": actor or member.urn, "object": urn, "message": {"text": text}}
    return member.rest("POST", f"socialActions/{quote(urn, safe='')}/comments", data)


def test_comments_are_for_community_management_alone(person: Member) -> None:
    assert said(commented(person, person.posted())) == (403, "ACCESS_DENIED")


def test_an_organization_comments_on_its_post_and_lists_the_comments(member: Member, page: str) -> None:
    urn = member.posted("Hello", page)

    made = commented(member, urn, "Read (all)", page)

    assert (made.status_code, body(made)["message"]["text"]) == (201, "Read (all)")
    assert body(made)["commentUrn"].startswith(f"urn:li:comment:({urn},")
    path = f"socialActions/{quote(urn, safe='')}/comments"
    [listed] = body(member.rest("GET", path))["elements"]
    assert (listed["actor"], listed["commentUrn"]) == (page, body(made)["commentUrn"])
    [shown] = member.net.posts()
    assert [part["text"] for part in shown["parts"]] == ["Read (all)"]


def test_a_comment_has_1250_characters_and_a_post(member: Member) -> None:
    urn = member.posted()

    assert commented(member, urn, "a" * 1250).status_code == 201
    assert said(commented(member, urn, "a" * 1251)) == (422, "FIELD_LENGTH_TOO_LONG")
    assert said(commented(member, "urn:li:share:1")) == (404, "NOT_FOUND")
    assert said(member.rest("POST", f"socialActions/{quote(urn, safe='')}/comments", {"a": 1}))[0] == 422


def test_the_comments_of_a_members_post_can_be_read_by_nobody(member: Member) -> None:
    urn = quote(member.posted(), safe="")

    assert said(member.rest("GET", f"socialActions/{urn}/comments")) == (403, "ACCESS_DENIED")


def statistics(member: Member, page: str, more: str = "") -> Any:
    path = f"organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity={quote(page, safe='')}"
    return member.rest("GET", f"{path}{more}")


def test_the_numbers_of_an_organizations_posts_grow(member: Member, page: str) -> None:
    urns = [member.posted(text, page) for text in ("One", "Two")]
    asked = f"&shares=List({','.join(quote(urn, safe='') for urn in urns)})"
    assert body(statistics(member, page, asked))["elements"] == []

    member.net.wait(DAY)
    found = body(statistics(member, page, asked))["elements"]

    assert [each["share"] for each in found] == urns
    numbers = found[0]["totalShareStatistics"]
    assert numbers["impressionCount"] > numbers["uniqueImpressionsCount"] > numbers["likeCount"] > 0
    total = body(statistics(member, page))["elements"][0]["totalShareStatistics"]
    assert total["impressionCount"] == sum(each["totalShareStatistics"]["impressionCount"] for each in found)


@pytest.mark.parametrize("more", ["&shares=List%28urn%29", "&shares=List(urn:li:share:1)", "&ugcPosts=List(urn%3A1)"])
def test_a_list_keeps_its_brackets_and_encodes_its_urns(member: Member, page: str, more: str) -> None:
    assert statistics(member, page, more).status_code == 400


def test_statistics_are_for_administrators(member: Member, pages: dict[str, str]) -> None:
    assert said(statistics(member, pages["CONTENT_ADMINISTRATOR"])) == (403, "ACCESS_DENIED")


def test_the_days_of_an_organization_add_up(member: Member, page: str) -> None:
    member.posted("Hello", page)
    member.net.wait(2 * DAY)
    end = int(timezone.now().timestamp() * 1000) + 3 * DAY * 1000
    range_ = f"start:{end - 4 * DAY * 1000},end:{end}"
    days = statistics(member, page, f"&timeIntervals=(timeRange:({range_}),timeGranularityType:DAY)")

    elements = body(days)["elements"]
    assert len(elements) >= 2
    total = body(statistics(member, page))["elements"][0]["totalShareStatistics"]["likeCount"]
    assert sum(each["totalShareStatistics"]["likeCount"] for each in elements) >= total
    for wrong in ("(1)", f"(timeRange:(start:0,end:{10**15}),timeGranularityType:DAY)"):
        assert statistics(member, page, f"&timeIntervals={wrong}").status_code == 400


def test_statistics_are_kept_for_twelve_months(member: Member, page: str) -> None:
    now = int(timezone.now().timestamp() * 1000)

    def asked(start: int, end: int) -> Any:
        range_ = f"(start:{start},end:{end})"
        return statistics(member, page, f"&timeIntervals=(timeRange:{range_},timeGranularityType:DAY)").status_code

    assert asked(now - 365 * DAY * 1000, now) == 200
    assert [asked(now - 370 * DAY * 1000, now), asked(now, now), asked(now, 10**20)] == [400] * 3


def analytics(member: Member, what: str, kind: str = "IMPRESSION", **headers: str) -> Any:
    path = f"memberCreatorPostAnalytics?{what}&queryType={kind}&aggregation=TOTAL"
    return member.rest("GET", path, **headers)


def test_a_member_reads_one_number_a_call(member: Member) -> None:
    urn = quote(member.posted(), safe="")
    member.net.wait(DAY)

    def count(kind: str) -> int:
        [element] = body(analytics(member, f"q=entity&entity=(share:{urn})", kind))["elements"]
        assert element["metricType"] == kind
        return int(element["count"])

    assert count("IMPRESSION") > count("MEMBERS_REACHED") > count("REACTION") > 0
    assert count("LINK_CLICKS") > 0
    assert (
        analytics(member, f"q=entity&entity=(share:{urn})", "LINK_CLICKS", LinkedIn_Version="202603").status_code == 400
    )
    assert analytics(member, f"q=entity&entity=(ugc:{urn})").status_code == 400
    assert analytics(member, "q=entity&entity=(share:urn%3Ali%3Ashare%3A1)").status_code == 404
    assert analytics(member, "q=all").status_code == 400
    assert analytics(member, "q=me", "SMILES").status_code == 400


def test_a_member_reads_all_posts_between_two_days(member: Member) -> None:
    member.posted()
    member.net.wait(DAY)

    ever = body(analytics(member, "q=me"))["elements"][0]["count"]
    years = "(start:(year:2020,month:1,day:1),end:(year:2021,month:1,day:1))"

    assert ever > 0
    assert body(analytics(member, f"q=me&dateRange={years}"))["elements"][0]["count"] == 0
    assert analytics(member, "q=me&dateRange=(start:2020)").status_code == 400
    assert analytics(member, f"q=me&dateRange={years.replace('month:1', 'month:13')}").status_code == 400


def test_followers_of_members_and_organizations(member: Member, page: str) -> None:
    mine = body(member.rest("GET", "memberFollowersCount?q=me"))
    path = f"networkSizes/{quote(page, safe='')}?edgeType=COMPANY_FOLLOWED_BY_MEMBER"

    assert mine["elements"][0]["memberFollowersCount"] > 0
    assert body(member.rest("GET", path))["firstDegreeSize"] > 0
    assert member.rest("GET", path.replace("COMPANY", "X")).status_code == 400
    assert member.rest("GET", "memberFollowersCount?q=you").status_code == 400


def test_reactions_and_comments_are_summed_up(member: Member, page: str) -> None:
    urn = member.posted("Hello", page)
    commented(member, urn, actor=page)
    member.net.wait(DAY)

    shown = body(member.rest("GET", f"socialMetadata/{quote(urn, safe='')}"))

    assert shown["reactionSummaries"]["LIKE"]["count"] > 0
    assert shown["commentSummary"]["count"] > 1


def test_numbers_are_not_for_the_self_serve_product(person: Member) -> None:
    assert said(analytics(person, "q=me")) == (403, "ACCESS_DENIED")
    assert said(person.rest("GET", "memberFollowersCount?q=me")) == (403, "ACCESS_DENIED")


def test_a_self_serve_member_has_150_calls_a_day(person: Member) -> None:
    noon = timezone.now().replace(hour=12) + timedelta(days=1)
    person.net.control("POST", "clock", {"set": noon.isoformat()})  # days end at midnight
    assert person.rest("GET", "posts/urn%3Ali%3Ashare%3A1").status_code == 404
    use_up("linkedin:", left=1, of=150)
    assert person.rest("GET", "posts/urn%3Ali%3Ashare%3A1").status_code == 404

    over = person.post("Hello")

    assert over.status_code == 429
    assert "DAY limit for calls to this resource is reached" in body(over)["message"]
    assert "Retry-After" not in over
    person.net.wait(DAY)
    assert person.post("Hello").status_code == 201


def test_an_address_that_there_is_not(member: Member) -> None:
    assert said(member.rest("GET", "nothing")) == (404, "NOT_FOUND")


def test_faults_are_ordered_for_an_organization_by_its_urn(member: Member, page: str) -> None:
    member.net.fault("linkedin", "status", account=page, status=503)

    assert member.post("As myself").status_code == 201
    assert member.post("As the page", page).status_code == 503
