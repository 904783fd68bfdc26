"""LinkedIn, against what Microsoft's pages about it say is sent and answered."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AuthExpired,
    Duplicate,
    NotTaken,
    Outdated,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.http import Answer
from accounts.platforms.linkedin import COMMUNITY_SCOPES, SELF_SERVE_SCOPES, LinkedIn, littletext
from accounts.platforms.linkedin.errors import UploadOver
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Handles,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from accounts.platforms.text import length
from tests.networks.platform_case import (
    LOST,
    NOT_SENT,
    NOW,
    Call,
    FakeSession,
    LookCase,
    NumbersCase,
    OAuth2Case,
    Publication,
    Saved,
    later,
    make_answer,
    make_document,
    make_image,
    make_video,
    no_save,
)

HOST = "https://api.linkedin.com"
OAUTH = "https://www.linkedin.com/oauth/v2"
BEARER = {"Authorization": "Bearer AT"}
REST = BEARER | {"LinkedIn-Version": "202609", "X-Restli-Protocol-Version": "2.0.0"}
PAGE, MEMBER = "urn:li:organization:77", "urn:li:person:AbC123"
PAGE_IN_URL, SHARE_IN_URL = "urn%3Ali%3Aorganization%3A77", "urn%3Ali%3Ashare%3A7001"
UPLOADS = "https://www.linkedin.com/dms-uploads"
ENDS = int(later(hours=24).timestamp() * 1000)
CREATED = int(later(seconds=-3).timestamp() * 1000)
GRANTED = "r_basicprofile,w_member_social,w_organization_social"
TOKENS = {
    "access_token": "AT",
    "expires_in": 5_184_000,
    "scope": GRANTED,
    "refresh_token": "RT",
    "refresh_token_expires_in": 31_536_000,
}
GIVEN = Tokens(
    access_token="AT",
    refresh_token="RT",
    access_expires_at=later(days=60),
    ends_at=later(days=365),
    scopes=tuple(GRANTED.split(",")),
)
METADATA = {"user_id": "AbC123", "product": "community", "kind": "organization", "roles": ["ADMINISTRATOR"]}
POST = Published(remote_id="urn:li:share:7001", url="https://www.linkedin.com/feed/update/urn:li:share:7001/")
UGC = Published(remote_id="urn:li:ugcPost:7001", url="https://www.linkedin.com/feed/update/urn:li:ugcPost:7001/")
COMMENT = "urn:li:comment:(urn:li:share:7001,9)"
COMMENT_URL = f"{POST.url}?commentUrn=urn%3Ali%3Acomment%3A%28urn%3Ali%3Ashare%3A7001%2C9%29"
ORGANIZATION = {"id": 77, "localizedName": "Bakery", "vanityName": "bakery"}
LOGO = {"logoV2": {"original~": {"elements": [{"identifiers": [{"identifier": "https://media.example/l.png"}]}]}}}
CONFLICT = make_answer(409, {"status": 409, "code": "CONFLICT"})
DUPLICATE = make_answer(422, {"message": "Content is a duplicate of urn:li:share:7001", "status": 422})
CALLER, OWNER = ("CONTENT_REJECTED", "caller"), ("TOKEN_REVOKED", "account_owner")


def get(path: str, answer: Any, **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    gets = answer if isinstance(answer, Answer | PlatformError) else make_answer(200, answer)
    return Call("GET", f"{HOST}{path}", {"headers": REST | named}, gets)


def organization_calls() -> tuple[Call, ...]:
    projection = "/v2/organizations/77?projection=(logoV2(original~:playableStreams))"
    return (
        get("/rest/organizations/77", ORGANIZATION),
        Call("GET", f"{HOST}{projection}", {"headers": BEARER}, make_answer(200, LOGO)),
        get(f"/rest/networkSizes/{PAGE_IN_URL}?edgeType=COMPANY_FOLLOWED_BY_MEMBER", {"firstDegreeSize": 500}),
    )


def post_body(commentary: str, author: str = PAGE, **more: Any) -> dict[str, Any]:
    return {
        "author": author,
        "commentary": commentary,
        "visibility": "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    } | more


def create(commentary: str, urn: str = "urn:li:share:7001", **more: Any) -> Call:
    sends = {"headers": REST, "json": post_body(commentary, **more)}
    return Call("POST", f"{HOST}/rest/posts", sends, make_answer(201, body=b"", x_restli_id=urn))


def initialize(kind: str, value: Mapping[str, Any], owner: str = PAGE, **request: Any) -> Call:
    sends = {"headers": REST, "json": {"initializeUploadRequest": {"owner": owner} | request}}
    url = f"{HOST}/rest/{kind}s?action=initializeUpload"
    return Call("POST", url, sends, make_answer(200, {"value": value}))


def image_calls(number: int, content: bytes, owner: str = PAGE) -> tuple[Call, Call]:
    url = f"{UPLOADS}/{number}"
    value = {"uploadUrlExpiresAt": ENDS, "uploadUrl": url, "image": f"urn:li:image:D{number}"}
    return (
        initialize("image", value, owner),
        Call("PUT", url, {"headers": BEARER, "data": content}, make_answer(201)),
    )


INSTRUCTIONS = [
    {"uploadUrl": f"{UPLOADS}/v/1", "firstByte": 0, "lastByte": 9},
    {"uploadUrl": f"{UPLOADS}/v/2", "firstByte": 10, "lastByte": 13},
    {"uploadUrl": f"{UPLOADS}/v/3", "firstByte": 14, "lastByte": 15},
]
VIDEO = {
    "video": "urn:li:video:V1",
    "uploadToken": "tok",
    "uploadUrlsExpireAt": ENDS,
    "uploadInstructions": INSTRUCTIONS,
}
OVER = [
    make_answer(400, {"status": 400, "code": "EXPIRED_UPLOAD_URL", "message": "Expired"}),
    make_answer(401, {"status": 401, "code": "EXPIRED_ACCESS_TOKEN", "message": "Expired"}),
    make_answer(401, body=b""),
    make_answer(403, body=b"<Error><Code>AuthenticationFailed</Code></Error>"),
]
OCTETS = {"Content-Type": "application/octet-stream"}
BEGIN_VIDEO = initialize("video", VIDEO, fileSizeBytes=80_000, uploadCaptions=False, uploadThumbnail=False)
PARTS = (
    Call("PUT", f"{UPLOADS}/v/1", {"headers": OCTETS, "data": b"bytes of m"}, make_answer(200, ETag='"one"')),
    Call("PUT", f"{UPLOADS}/v/2", {"headers": OCTETS, "data": b"edia"}, make_answer(200, ETag="two")),
    Call("PUT", f"{UPLOADS}/v/3", {"headers": OCTETS, "data": b"_1"}, make_answer(200, ETag="three")),
)
FINISH = {"video": "urn:li:video:V1", "uploadToken": "tok", "uploadedPartIds": ["one", "two", "three"]}
FINISH_VIDEO = Call(
    "POST",
    f"{HOST}/rest/videos?action=finalizeUpload",
    {"headers": REST, "json": {"finalizeUploadRequest": FINISH}},
    make_answer(200),
)


def show_video(status: str, **more: str) -> Call:
    return get("/rest/videos/urn%3Ali%3Avideo%3AV1", {"id": "urn:li:video:V1", "status": status} | more)


def show_document(status: str) -> Call:
    return get("/rest/documents/urn%3Ali%3Adocument%3AP1", {"id": "urn:li:document:P1", "status": status})


DOCUMENT_VALUE = {"uploadUrlExpiresAt": ENDS, "uploadUrl": f"{UPLOADS}/d", "document": "urn:li:document:P1"}
BEGIN_DOCUMENT = initialize("document", DOCUMENT_VALUE)
SEND_DOCUMENT = Call("PUT", f"{UPLOADS}/d", {"headers": BEARER, "data": b"bytes of media_1"}, make_answer(201))
PAGE_HTML = (
    b'<meta property="og:title" content="Rye bread"><meta property="og:description" content="How to bake it">'
    b'<meta property="og:image" content="/rye.png">'
)
READ_PAGE = Call("GET", "https://example.com/rye", {}, make_answer(200, body=PAGE_HTML, Content_Type="text/html"))
READ_PICTURE = Call("GET", "https://example.com/rye.png", {}, make_answer(200, body=b"png", Content_Type="image/png"))
ARTICLE = {"source": "https://example.com/rye", "title": "Rye bread", "description": "How to bake it"}


def comment_call(text: str) -> Call:
    body = {"actor": PAGE, "object": "urn:li:share:7001", "message": {"text": text}}
    url = f"{HOST}/rest/socialActions/{SHARE_IN_URL}/comments"
    return Call("POST", url, {"headers": REST, "json": body}, make_answer(201, {"id": "9", "commentUrn": COMMENT}))


def listed(commentary: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "urn:li:share:7001",
        "author": PAGE,
        "commentary": commentary,
        "createdAt": CREATED,
        "publishedAt": CREATED,
        "lifecycleState": "PUBLISHED",
        "visibility": "PUBLIC",
    } | fields


def listing(*posts: Mapping[str, Any], start: int = 0, goes_on: bool = False) -> Call:
    path = f"/rest/posts?author={PAGE_IN_URL}&q=author&count=10&sortBy=CREATED" + (f"&start={start}" if start else "")
    links = [{"rel": "next", "type": "application/json", "href": "/rest/posts"}] if goes_on else []
    paging = {"start": start, "count": 10, "links": links}
    return get(path, {"elements": list(posts), "paging": paging}, X_RestLi_Method="FINDER")


class TestLinkedIn(LookCase, OAuth2Case):
    """An organization, by Community Management."""

    connector = LinkedIn(App(client_id="id", client_secret="secret", product="community"))
    account = Account(remote_id=PAGE, access_token="AT", refresh_token="RT", username="bakery", metadata=METADATA)
    consent_url = (
        f"{OAUTH}/authorization?response_type=code&client_id=id&redirect_uri=https%3A%2F%2Fapp.example%2Fback"
        "&scope=one%20two&state=STATE"
    )
    exchange_calls = (
        Call(
            "POST",
            f"{OAUTH}/accessToken",
            {
                "data": {
                    "grant_type": "authorization_code",
                    "code": "CODE",
                    "redirect_uri": "https://app.example/back",
                    "client_id": "id",
                    "client_secret": "secret",
                }
            },
            make_answer(200, TOKENS),
        ),
    )
    exchanged = GIVEN
    code_refused = make_answer(
        400, {"error": "invalid_request", "error_description": "Unable to retrieve access token: code not found"}
    )
    candidate_calls = (
        Call(
            "GET",
            f"{HOST}/v2/me",
            {"headers": BEARER},
            make_answer(
                200,
                {"id": "AbC123", "localizedFirstName": "Ann", "localizedLastName": "Baker", "vanityName": "annbaker"},
            ),
        ),
        get(
            "/rest/organizationAcls?q=roleAssignee&state=APPROVED&count=100",
            {
                "elements": [
                    {"organization": PAGE, "roleAssignee": MEMBER, "role": "CONTENT_ADMIN", "state": "APPROVED"},
                    {"organization": "urn:li:organization:8", "role": "ANALYST", "state": "APPROVED"},
                ],
                "paging": {"start": 0, "count": 2, "links": [], "total": 3},
            },
        ),
        get(
            "/rest/organizationAcls?q=roleAssignee&state=APPROVED&count=100&start=2",
            {
                "elements": [{"organization": PAGE, "role": "ADMINISTRATOR", "state": "APPROVED"}],
                "paging": {"start": 2, "count": 2, "links": [], "total": 3},
            },
        ),
        organization_calls()[0],
    )
    profile = Profile(name="Bakery", username="bakery", profile_image="https://media.example/l.png", followers=500)
    candidates = [
        Candidate(
            remote_id=MEMBER,
            type="profile",
            profile=Profile(name="Ann Baker", username="annbaker"),
            tokens=GIVEN,
            metadata={"user_id": "AbC123", "product": "community", "kind": "profile"},
        ),
        Candidate(
            remote_id=PAGE,
            type="organization",
            profile=Profile(name="Bakery", username="bakery"),
            tokens=GIVEN,
            metadata=METADATA | {"roles": ["ADMINISTRATOR", "CONTENT_ADMIN"]},
        ),
    ]
    refresh_calls = (
        Call(
            "POST",
            f"{OAUTH}/accessToken",
            {
                "data": {
                    "grant_type": "refresh_token",
                    "refresh_token": "RT",
                    "client_id": "id",
                    "client_secret": "secret",
                }
            },
            make_answer(200, TOKENS | {"access_token": "AT2", "refresh_token_expires_in": 86_400}),
        ),
    )
    refreshed = replace(GIVEN, access_token="AT2", ends_at=later(days=1))
    revoke_calls = (
        Call(
            "POST",
            f"{OAUTH}/revoke",
            {"data": {"token": "AT", "client_id": "id", "client_secret": "secret"}},
            make_answer(200),
        ),
    )
    profile_calls = organization_calls()
    publications = {
        "text": Publication(Content(text="Hello"), (), (create("Hello"),), POST),
        "marked text": Publication(
            Content(text="(Rye) #bread_rolls, 1*2 @[Acme (UK)](urn:li:organization:5) <a@b.example> #1"),
            (),
            (
                create(
                    "\\(Rye\\) {hashtag|\\#|bread\\_rolls}, 1\\*2 @[Acme \\(UK\\)](urn:li:organization:5) "
                    "\\<a\\@b.example\\> \\#1"
                ),
            ),
            POST,
        ),
        "visibility": Publication(
            Content(text="Hello", options={"visibility": "LOGGED_IN"}),
            (),
            (create("Hello", visibility="LOGGED_IN"),),
            POST,
        ),
        "link": Publication(
            Content(text="Read", link="https://example.com/rye"),
            (READ_PAGE, READ_PICTURE, *image_calls(1, b"png")),
            (create("Read", content={"article": ARTICLE | {"thumbnail": "urn:li:image:D1"}}),),
            POST,
        ),
        "image": Publication(
            Content(text="Bread", media=(make_image(alt_text="A loaf"),)),
            image_calls(1, b"bytes of media_1"),
            (create("Bread", content={"media": {"id": "urn:li:image:D1", "altText": "A loaf"}}),),
            POST,
        ),
        "images": Publication(
            Content(text="", media=(make_image("media_1", alt_text="A loaf"), make_image("media_2"))),
            (*image_calls(1, b"bytes of media_1"), *image_calls(2, b"bytes of media_2")),
            (
                create(
                    "",
                    content={
                        "multiImage": {
                            "images": [{"id": "urn:li:image:D1", "altText": "A loaf"}, {"id": "urn:li:image:D2"}]
                        }
                    },
                ),
            ),
            POST,
        ),
        "video": Publication(
            Content(text="Look", title="Kneading", media=(make_video(size=80_000),)),
            (BEGIN_VIDEO, *PARTS, FINISH_VIDEO, show_video("AVAILABLE")),
            (create("Look", "urn:li:ugcPost:7001", content={"media": {"id": "urn:li:video:V1", "title": "Kneading"}}),),
            UGC,
        ),
        "document": Publication(
            Content(text="Read", media=(make_document(),), options={"post_type": "document"}),
            (BEGIN_DOCUMENT, SEND_DOCUMENT, show_document("AVAILABLE")),
            (
                create(
                    "Read",
                    "urn:li:ugcPost:7001",
                    content={"media": {"id": "urn:li:document:P1", "title": "media_1.pdf"}},
                ),
            ),
            UGC,
        ),
        "first comment": Publication(
            Content(text="Hello", options={"first_comment": "More (here)"}),
            (),
            (comment_call("More (here)"),),
            Published(remote_id=COMMENT, url=COMMENT_URL),
            out=(POST,),
        ),
    }
    uploading = "video"
    own = listed("Hello")
    dated, before = ("createdAt",), CREATED - 2_500
    other = listed("Something else", id="urn:li:share:7")
    recover_calls = (listing(own),)
    nothing_found = make_answer(200, {"elements": [], "paging": {"start": 0, "count": 10, "links": []}})
    refused = make_answer(
        400,
        {
            "status": 400,
            "code": "INVALID_VALUE_FOR_FIELD",
            "message": "commentary :: wrong",
            "errorDetails": {"inputErrors": [{"code": "INVALID_VALUE_FOR_FIELD", "description": "wrong"}]},
        },
    )
    over_quota = make_answer(429, {"status": 429, "message": "Too many"}, Retry_After="120")
    token_over = make_answer(
        401,
        {
            "status": 401,
            "serviceErrorCode": 65601,
            "code": "REVOKED_ACCESS_TOKEN",
            "message": "The token used in the request has been revoked by the user",
        },
    )

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, start=10 * int(after[1:] or 0) if after else 0, goes_on=bool(then))

    def test_each_product_asks_for_its_own_scopes(self) -> None:
        assert self.connector.scopes == COMMUNITY_SCOPES
        assert LinkedIn(App(client_id="id")).scopes == LinkedIn.scopes == SELF_SERVE_SCOPES

    def test_a_refresh_without_a_new_refresh_token_says_nothing_about_its_end(self) -> None:
        answer = make_answer(200, {"access_token": "AT2", "expires_in": 60})

        tokens = self.refresh(answer)

        assert (tokens.refresh_token, tokens.ends_at) == ("", None)

    @pytest.mark.parametrize("error", ["invalid_client_id", "invalid_redirect_uri", "invalid_client"])
    def test_a_wrong_registration_is_the_operators(self, error: str) -> None:
        with pytest.raises(Rejected) as caught:
            self.exchange(FakeSession(replace(self.exchange_calls[0], gets=make_answer(400, {"error": error}))))

        assert (caught.value.code, caught.value.who_acts) == ("PLATFORM_UNAVAILABLE", WhoActs.OPERATOR)
        assert (caught.value.message, caught.value.network_code) == (
            f"LinkedIn answered with status 400 and the code {error}.",
            error,
        )

    def test_an_organization_shows_itself_without_what_cannot_be_read(self) -> None:
        shown, logo, followers = organization_calls()
        denied = make_answer(403, {"status": 403, "code": "ACCESS_DENIED", "message": "No"})
        session = FakeSession(shown, replace(logo, gets=denied), replace(followers, gets=denied))

        assert self.connector.profile(session, self.account) == Profile(name="Bakery", username="bakery")

    def test_a_quota_that_is_over_stops_even_what_may_be_missing(self) -> None:
        shown, logo, followers = organization_calls()
        session = FakeSession(shown, logo, replace(followers, gets=make_answer(429)))

        with pytest.raises(RateLimited):
            self.connector.profile(session, self.account)

    @pytest.mark.parametrize(
        ("role", "is_offered"),
        [
            ("ADMINISTRATOR", True),
            ("CONTENT_ADMIN", True),
            ("CONTENT_ADMINISTRATOR", True),
            ("DIRECT_SPONSORED_CONTENT_POSTER", True),
            ("ANALYST", False),
        ],
    )
    def test_an_organization_is_offered_to_who_may_post_for_it(self, role: str, is_offered: bool) -> None:
        acl = {"organization": PAGE, "roleAssignee": MEMBER, "role": role, "state": "APPROVED"}
        me, *_ = self.candidate_calls
        held = get("/rest/organizationAcls?q=roleAssignee&state=APPROVED&count=100", {"elements": [acl]})
        session = FakeSession(me, held, *organization_calls()[:is_offered])

        _, *organizations = self.connector.candidates(session, GIVEN)

        assert [each.remote_id for each in organizations] == [PAGE] * is_offered
        session.assert_done()

    @pytest.mark.parametrize("status", [403, 404, 429, 503])
    def test_an_organization_that_is_not_shown_keeps_from_no_other(self, status: int) -> None:
        hidden = "urn:li:organization:6"
        acls = [{"organization": each, "role": "ADMINISTRATOR", "state": "APPROVED"} for each in (hidden, PAGE)]
        me, *_ = self.candidate_calls
        held = get("/rest/organizationAcls?q=roleAssignee&state=APPROVED&count=100", {"elements": acls})
        refused = make_answer(status, {"status": status, "message": "Viewer does not have permission"})
        session = FakeSession(me, held, get("/rest/organizations/6", refused), organization_calls()[0])

        _, *organizations = self.connector.candidates(session, GIVEN)

        assert [(each.remote_id, each.profile.name) for each in organizations] == [(hidden, hidden), (PAGE, "Bakery")]
        session.assert_done()

    def test_who_has_roles_at_many_organizations_can_sign_in(self) -> None:
        others = [{"organization": f"urn:li:organization:{number}", "role": "ANALYST"} for number in range(100, 219)]
        roles = [*others, {"organization": PAGE, "role": "ADMINISTRATOR"}]

        class Session(FakeSession):
            """Gives the roles in pages of as many as are asked for, 10 where nobody asks."""

            def request(self, method: str, url: str, **sent: Any) -> Answer:
                if "organizationAcls" not in url:
                    return super().request(method, url, **sent)
                asked = {"start": "0", "count": "10"} | dict(parse_qsl(urlsplit(url).query))
                start, count = int(asked["start"]), int(asked["count"])
                page = {"start": start, "count": count, "total": len(roles)}
                return make_answer(200, {"elements": roles[start : start + count], "paging": page})

        me, *_ = self.candidate_calls

        member, page = self.connector.candidates(Session(me, organization_calls()[0]), GIVEN)

        assert (member.remote_id, page.remote_id) == (MEMBER, PAGE)

    def test_a_link_without_a_card_goes_by_its_address(self) -> None:
        operation = self.operation(Content(text="", link="https://example.com/rye"))
        unread = replace(READ_PAGE, gets=make_answer(404))

        handles = self.prepares(operation, unread)

        published = self.commits(
            replace(operation, handles=handles),
            create("", content={"article": {"source": "https://example.com/rye", "title": operation.content.link}}),
        )

        assert published == POST

    def test_a_title_of_our_own_wins_over_the_cards(self) -> None:
        content = Content(text="", title="Ours", link="https://example.com/rye")
        webp = replace(READ_PICTURE, gets=make_answer(200, body=b"webp", Content_Type="image/webp"))

        handles = self.prepares(self.operation(content), READ_PAGE, webp)

        assert handles["uploads"]["card"]["given"] == ARTICLE | {"title": "Ours"}

    @pytest.mark.parametrize(
        ("page", "title", "link", "limits", "units"),
        [
            ("<title>" + "\U0001d401" * 300, "", "https://example.com/rye", {}, 400),
            ("", "", "https://example.com/" + "\U0001d401" * 300, {}, 380),
            ("", "T" * 300, "https://example.com/rye", {"max_title_characters": 200}, 200),
        ],
        ids=["the page's", "the address", "of our own, as the operator knows better"],
    )
    def test_a_cards_title_is_as_short_as_linkedin_counts_it(
        self, page: str, title: str, link: str, limits: dict[str, float], units: int
    ) -> None:
        read = Call("GET", link, READ_PAGE.sends, make_answer(200, body=page.encode(), Content_Type="text/html"))
        operation = self.operation(Content(text="", title=title, link=link))

        handles = LinkedIn(App(limits=limits)).prepare(FakeSession(read), operation, no_save)

        assert length(handles["uploads"]["card"]["given"]["title"], "utf16_units") == units

    @pytest.mark.parametrize("mime_type", ["image/jpeg", "image/png"])
    def test_a_cards_picture_is_the_articles_thumbnail(self, mime_type: str) -> None:
        content = Content(text="", title="T" * 401, link="https://example.com/rye")
        picture = replace(READ_PICTURE, gets=make_answer(200, body=b"bytes", Content_Type=mime_type))

        handles = self.prepares(self.operation(content), READ_PAGE, picture, *image_calls(1, b"bytes"))

        article = ARTICLE | {"title": "T" * 400, "thumbnail": "urn:li:image:D1"}
        created = FakeSession(create("", content={"article": article}))
        assert self.connector.commit(created, self.operation(content, handles=handles)) == POST

    @pytest.mark.parametrize("gets", [make_answer(400), make_answer(503), LOST], ids=["refused", "overloaded", "lost"])
    def test_a_link_without_its_picture_is_better_than_none(self, gets: Answer | PlatformError) -> None:
        begin, send = image_calls(1, b"png")

        handles = self.prepares(
            self.operation(self.publications["link"].content), READ_PAGE, READ_PICTURE, begin, replace(send, gets=gets)
        )

        assert handles["uploads"]["card"]["given"] == ARTICLE

    def test_a_link_goes_out_without_the_picture_that_linkedin_cannot_use(self) -> None:
        article = ARTICLE | {"thumbnail": "urn:li:image:D1"}
        content = Content(text="", link="https://example.com/rye")
        handles = {"uploads": {"card": {"given": article, "at": NOW.isoformat()}}}
        refused = make_answer(400, {"status": 400, "code": "MEDIA_ASSET_PROCESSING_FAILED", "message": "Bad image"})

        published = self.commits(
            self.operation(content, handles=handles),
            replace(create("", content={"article": article}), gets=refused),
            create("", content={"article": ARTICLE}),
        )

        assert published == POST

        assert "thumbnail" in article

    @pytest.mark.parametrize(("minutes", "is_sent"), [(4, False), (6, True)])
    def test_a_link_goes_out_without_the_picture_that_linkedin_does_not_get_ready_within_minutes(
        self, minutes: int, is_sent: bool
    ) -> None:
        article = ARTICLE | {"thumbnail": "urn:li:image:D1"}
        handles = {"uploads": {"card": {"given": article, "at": (NOW - timedelta(minutes=minutes)).isoformat()}}}
        operation = self.operation(Content(text="", link="https://example.com/rye"), handles=handles)
        waiting = make_answer(400, {"status": 400, "code": "MEDIA_ASSET_WAITING_UPLOAD", "message": "Wait"})
        with_it = replace(create("", content={"article": article}), gets=waiting)

        if is_sent:
            assert self.commits(operation, with_it, create("", content={"article": ARTICLE})) == POST
        else:
            with pytest.raises(NotTaken):
                self.commits(operation, with_it)

    @pytest.mark.parametrize(
        ("gets", "error"),
        [
            (make_answer(503), Unknown),
            (make_answer(429), RateLimited),
            (make_answer(400, {"code": "MEDIA_ASSET_WAITING_UPLOAD"}), NotTaken),
            (make_answer(422, {"code": "MISSING_FIELD"}), Rejected),
        ],
    )
    def test_a_link_that_is_refused_for_another_reason_is_sent_once(
        self, gets: Answer, error: type[PlatformError]
    ) -> None:
        article = ARTICLE | {"thumbnail": "urn:li:image:D1"}
        handles = {"uploads": {"card": {"given": article, "at": NOW.isoformat()}}}
        operation = self.operation(Content(text="", link="https://example.com/rye"), handles=handles)

        with pytest.raises(error):
            self.commits(operation, replace(create("", content={"article": article}), gets=gets))

    def test_a_link_beside_a_file_is_not_read(self) -> None:
        image = self.publications["image"]

        self.prepared(replace(image, content=replace(image.content, link="https://example.com")))

    @pytest.mark.parametrize(("hours", "is_brought"), [(19, False), (21, True)])
    def test_an_image_that_waited_for_a_day_is_brought_again(self, hours: int, is_brought: bool) -> None:
        operation = self.prepared(self.publications["image"])

        self.prepares(replace(operation, now=later(hours=hours)), *self.publications["image"].prepares * is_brought)

    def preparing(self, *calls: Call, content: Content | None = None, handles: Handles | None = None) -> Handles:
        """Prepare until an error comes, and return what was saved."""
        saved = Saved(handles or {})
        operation = self.operation(content or self.steps.content, handles=saved.handles[0])
        try:
            self.prepares(operation, *calls, save=saved)
        finally:
            self.saved = saved.handles[-1]
        return self.saved

    def test_linkedin_is_asked_again_while_it_works_on_a_video(self) -> None:
        with pytest.raises(StillWorking) as caught:
            self.preparing(BEGIN_VIDEO, *PARTS, FINISH_VIDEO, show_video("PROCESSING"))
        assert caught.value.retry_after == 10

        handles = self.preparing(show_video("AVAILABLE"), handles=self.saved)

        assert handles == {"uploads": {"media_1": {"given": "urn:li:video:V1", "ready": True}}}

    @pytest.mark.parametrize(("waited", "wait"), [(49, 10), (100, 20), (3600, 60)])
    def test_linkedin_is_asked_more_and_more_seldom_while_it_works_on_a_video(self, waited: int, wait: float) -> None:
        working = show_video("PROCESSING")
        with pytest.raises(StillWorking):
            self.preparing(BEGIN_VIDEO, *PARTS, FINISH_VIDEO, working)
        operation = replace(self.operation(self.steps.content, handles=self.saved), now=later(seconds=waited))

        with pytest.raises(StillWorking) as caught:
            self.prepares(operation, working)

        assert caught.value.retry_after == wait

    @pytest.mark.parametrize(("hours", "calls"), [(23, PARTS[1:]), (25, (BEGIN_VIDEO, *PARTS))])
    def test_an_upload_of_a_video_goes_on_after_its_last_part_while_its_addresses_last(
        self, hours: int, calls: tuple[Call, ...]
    ) -> None:
        with pytest.raises(Unknown):
            self.preparing(BEGIN_VIDEO, PARTS[0], replace(PARTS[1], gets=LOST))
        operation = self.operation(self.steps.content, handles=self.saved)

        self.prepares(replace(operation, now=later(hours=hours)), *calls, FINISH_VIDEO, show_video("AVAILABLE"))

    def test_a_part_without_a_tag_is_brought_again(self) -> None:
        with pytest.raises(Unavailable):
            self.preparing(BEGIN_VIDEO, replace(PARTS[0], gets=make_answer(200)))

        assert self.saved["uploads"]["media_1"]["tags"] == []

    @pytest.mark.parametrize("over", OVER)
    def test_an_upload_whose_addresses_have_ended_begins_anew(self, over: Answer) -> None:
        with pytest.raises(UploadOver):
            self.preparing(BEGIN_VIDEO, PARTS[0], replace(PARTS[1], gets=over))

        self.preparing(BEGIN_VIDEO, *PARTS, FINISH_VIDEO, show_video("AVAILABLE"), handles=self.saved)

    @pytest.mark.parametrize("name", ["image", "document"])
    @pytest.mark.parametrize("over", OVER)
    def test_whether_the_account_may_upload_is_not_for_the_address_to_say(self, name: str, over: Answer) -> None:
        publication = self.publications[name]
        begin, bring, *_ = publication.prepares
        with pytest.raises(UploadOver):
            self.preparing(begin, replace(bring, gets=over), content=publication.content)

        self.preparing(*publication.prepares, content=publication.content, handles=self.saved)

    def test_whether_the_account_may_upload_is_said_when_an_upload_is_begun_or_ended(self) -> None:
        for *before, last in ([BEGIN_VIDEO], [BEGIN_VIDEO, *PARTS, FINISH_VIDEO]):
            with pytest.raises(AuthExpired):
                self.preparing(*before, replace(last, gets=self.token_over))

    def test_a_video_that_linkedin_gives_up_is_rejected_in_its_words(self) -> None:
        failed = show_video("PROCESSING_FAILED", processingFailureReason="No sound")

        with pytest.raises(ProcessingFailed) as caught:
            self.preparing(BEGIN_VIDEO, *PARTS, FINISH_VIDEO, failed)

        assert (caught.value.message, caught.value.code) == ("LinkedIn says: No sound", "MEDIA_REJECTED")

    def test_who_may_not_read_the_state_of_a_file_goes_on(self) -> None:
        denied = replace(show_video("X"), gets=make_answer(403, {"status": 403, "code": "ACCESS_DENIED"}))

        assert self.preparing(BEGIN_VIDEO, *PARTS, FINISH_VIDEO, denied)["uploads"]["media_1"]["ready"]

    def test_any_other_refusal_of_the_state_is_told(self) -> None:
        gone = replace(show_video("X"), gets=make_answer(404, {"status": 404, "code": "NOT_FOUND"}))

        with pytest.raises(Rejected):
            self.preparing(BEGIN_VIDEO, *PARTS, FINISH_VIDEO, gone)

    @pytest.mark.parametrize(
        ("which", "begin", "value"),
        [
            ("video", BEGIN_VIDEO, VIDEO | {"uploadInstructions": []}),
            ("video", BEGIN_VIDEO, VIDEO | {"uploadInstructions": [{"firstByte": 0}]}),
            ("video", BEGIN_VIDEO, VIDEO | {"video": ""}),
            ("image", image_calls(1, b"")[0], {"image": "urn:li:image:D1"}),
            ("document", BEGIN_DOCUMENT, {"document": "urn:li:document:P1"}),
        ],
    )
    def test_a_file_without_a_place_is_announced_again(self, which: str, begin: Call, value: Any) -> None:
        nowhere = replace(begin, gets=make_answer(200, {"value": value}))

        with pytest.raises(Unavailable):
            self.preparing(nowhere, content=self.publications[which].content)

    def test_a_large_document_has_ten_minutes(self) -> None:
        saved = Saved()
        session = FakeSession(*self.publications["document"].prepares)
        operation = self.operation(self.publications["document"].content)

        self.connector.prepare(session, operation, saved)

        assert session.timeouts[1] == 600
        assert saved.seconds == [0, 600, 0, 0]

    def test_the_older_header_names_the_post_too(self) -> None:
        call = replace(create("Hello"), gets=make_answer(201, body=b"", x_linkedin_id="urn:li:share:7001"))

        assert self.commits(self.prepared(self.first), call) == POST

    def test_another_try_that_is_called_a_duplicate_of_our_post_has_found_it(self) -> None:
        operation = replace(self.prepared(self.first), now=later(minutes=2))

        assert self.commits(operation, replace(create("Hello"), gets=DUPLICATE), listing(self.own)) == POST

    @pytest.mark.parametrize(
        "looks",
        [listing(), listing(listed("Hello", createdAt=CREATED - 60_000)), replace(listing(), gets=make_answer(503))],
        ids=["absent", "older", "unreadable"],
    )
    def test_a_duplicate_of_what_may_be_another_post_is_not_taken_over(self, looks: Call) -> None:
        operation = replace(self.prepared(self.first), now=later(minutes=2))

        with pytest.raises(Duplicate):
            self.commits(operation, replace(create("Hello"), gets=DUPLICATE), looks)

    @pytest.mark.parametrize(
        ("then", "found"),
        [
            (create("Hello").gets, POST),
            (DUPLICATE, None),
            (CONFLICT, None),
            (make_answer(429), None),
            (NOT_SENT, None),
        ],
        ids=["made", "there, whoever made it", "again", "over quota", "not sent"],
    )
    @pytest.mark.parametrize("author", [PAGE, MEMBER])
    def test_after_a_conflict_the_same_text_is_sent_once_more(
        self, then: Answer | PlatformError, found: Published | None, author: str
    ) -> None:
        call = create("Hello", author=author)
        first = self.prepared(self.first)

        with nullcontext() if found else pytest.raises(Unknown):
            operation = replace(first, account=replace(first.account, remote_id=author))
            assert self.commits(operation, replace(call, gets=CONFLICT), replace(call, gets=then)) == found

    @pytest.mark.parametrize("name", ["images", "first comment"])
    def test_after_a_conflict_nothing_is_sent_twice_that_linkedin_would_take_twice(self, name: str) -> None:
        with pytest.raises(Unknown):
            self.commit(self.publications[name], CONFLICT)

    def test_a_first_try_that_is_a_duplicate_is_refused_in_words_that_name_the_other(self) -> None:
        with pytest.raises(Duplicate) as caught:
            self.commit(self.first, DUPLICATE)

        assert "urn:li:share:7001" in caught.value.message

    @pytest.mark.parametrize(
        ("sent", "found"),
        [
            (Content(text="(Rye) #bread"), listed("\\(Rye\\) {hashtag|\\#|bread}")),
            (Content(text="#bread_rolls"), listed("{hashtag\\|#\\|bread\\_rolls}")),
            (Content(text="Hi @[Acme](urn:li:organization:5)"), listed("Hi @[Acme](urn:li:organization:5)")),
            (Content(text="Hi @[Acme](urn:li:organization:5)"), listed("Hi Acme")),
            (Content(text="Cafe\u0301 "), listed("Caf\u00e9")),
        ],
    )
    def test_a_post_is_recognised_as_linkedin_writes_it(self, sent: Content, found: dict[str, Any]) -> None:
        operation = self.operation(sent, armed_at=NOW)

        assert self.recovers(operation, listing(found)) == [POST]

    @pytest.mark.parametrize("restored", [False, True])
    @pytest.mark.parametrize("shape", ["link", "image", "images", "video", "document"])
    def test_a_post_is_recognised_by_what_it_shows(self, shape: str, restored: bool) -> None:
        publication = self.publications[shape]
        operation = self.prepared(publication)
        operation = replace(operation, handles={}) if restored else operation
        sent = publication.commits[0].sends["json"]
        own = listed(sent["commentary"], content=sent["content"], id=publication.published.remote_id)
        bare, another = listed(sent["commentary"]), listed("x", content=sent["content"])

        assert self.recovers(operation, listing(bare, another, own)) == [publication.published]

    @pytest.mark.parametrize(
        "other",
        [
            listed("Hello!"),
            listed("Hello", lifecycleState="DRAFT"),
            listed("Hello", content={"media": {"id": "urn:li:image:D1"}}),
            listed("Hello", content={"article": {"source": "https://example.com"}}),
        ],
    )
    def test_another_post_is_not_taken_for_it(self, other: dict[str, Any]) -> None:
        assert self.recovers(self.operation(self.first.content, armed_at=NOW), listing(other)) == []

    def test_a_full_list_goes_on_even_if_nothing_says_so(self) -> None:
        assert self.recovered(listing(*[self.other] * 10), listing(self.own, start=10)) == [POST]

    @pytest.mark.parametrize("others", [[], [listed("Hello")], [listed("Hello", lifecycleState="PUBLISH_FAILED")]])
    def test_a_post_that_linkedin_has_yet_to_publish_is_waited_for(self, others: list[dict[str, Any]]) -> None:
        asked = replace(self.operation(self.first.content, armed_at=NOW), now=later(minutes=2))
        requested = listed("Hello", id="urn:li:share:7", lifecycleState="PUBLISH_REQUESTED")

        with pytest.raises(StillWorking) as waiting:
            self.recovers(asked, listing(requested, *others))

        assert waiting.value.retry_after == 60

    def test_a_post_that_linkedin_gave_up_failed(self) -> None:
        with pytest.raises(ProcessingFailed):
            self.recovered(listing(listed("Hello", lifecycleState="PUBLISH_FAILED")))

    def commenting(self) -> Operation:
        return replace(self.prepared(self.publications["first comment"]), now=later(days=1))

    def comments(self, *comments: Mapping[str, Any], start: int = 0, **paging: int) -> Call:
        path = f"/rest/socialActions/{SHARE_IN_URL}/comments" + (f"?start={start}" if start else "")
        paging = {"start": start, "count": 10} | paging
        return get(path, {"elements": list(comments), "paging": paging | {"links": []}})

    OWN_COMMENT = {
        "actor": PAGE,
        "commentUrn": COMMENT,
        "message": {"text": "More (here)"},
        "created": {"time": CREATED},
    }

    def test_a_lost_comment_is_looked_for_among_the_comments(self) -> None:
        own = self.OWN_COMMENT
        others = (
            own | {"actor": MEMBER},
            own | {"message": {"text": "Else"}},
            own | {"created": {"time": CREATED - 60_000}},
            own | {"created": {}},
        )

        [found] = self.recovers(self.commenting(), self.comments(*others, own))

        assert found == Published(remote_id=COMMENT, url=COMMENT_URL)
        assert self.recovers(self.commenting(), self.comments(*others)) == []

    def test_the_comments_are_read_to_their_end(self) -> None:
        pages = self.comments(total=11), self.comments(self.OWN_COMMENT, start=10, total=11)

        assert self.recovers(self.commenting(), *pages) == [Published(remote_id=COMMENT, url=COMMENT_URL)]

    def test_organizations_are_searched_and_members_are_not(self) -> None:
        operation = self.operation(self.first.content)
        member = replace(operation, account=replace(self.account, remote_id=MEMBER))

        assert self.connector.recovery_of(operation) == Recovery.LOOK
        assert self.connector.recovery_of(member) == Recovery.PARK

    @pytest.mark.parametrize(
        ("status", "problem", "meaning"),
        [
            *((400, {"serviceErrorCode": code}, (AuthExpired, *OWNER)) for code in (65600, 65601, 65602)),
            *((400, {"code": f"{how}_ACCESS_TOKEN"}, (AuthExpired, *OWNER)) for how in ("REVOKED", "EMPTY", "EXPIRED")),
            (401, {"message": "Unauthorized"}, (AuthExpired, *OWNER)),
            (403, {"message": "Not enough permissions to access: posts.CREATE"}, (Rejected, *OWNER)),
            (400, {"serviceErrorCode": 100}, (Rejected, *OWNER)),
            (400, {"code": "ACCESS_DENIED"}, (Rejected, *OWNER)),
            (422, {"message": "Content is a duplicate of urn:li:ugcPost:1"}, (Duplicate, *CALLER)),
            (422, {"code": "DUPLICATE_POST"}, (Duplicate, *CALLER)),
            (400, {"code": "MEDIA_ASSET_WAITING_UPLOAD"}, (NotTaken, "PLATFORM_UNAVAILABLE", "network")),
            (400, {"code": "MEDIA_ASSET_PROCESSING_FAILED"}, (Rejected, "MEDIA_REJECTED", "caller")),
            (400, {"code": "EXPIRED_UPLOAD_URL"}, (UploadOver, "PLATFORM_UNAVAILABLE", "network")),
            (400, {"code": "NONEXISTENT_VERSION"}, (Outdated, "PLATFORM_UNAVAILABLE", "operator")),
            (426, None, (Outdated, "PLATFORM_UNAVAILABLE", "operator")),
            (400, {"code": "VERSION_MISSING"}, (Outdated, "PLATFORM_UNAVAILABLE", "operator")),
            (409, {"message": "Conflict"}, (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (400, {"code": "CONFLICT"}, (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (404, {"code": "NOT_FOUND"}, (Rejected, *CALLER)),
            (422, {"code": "FIELD_LENGTH_TOO_LONG"}, (Rejected, *CALLER)),
            (503, {"message": "Busy"}, (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
        ],
    )
    def test_a_refusal_says_who_can_mend_it(self, status: int, problem: Any, meaning: tuple[Any, ...]) -> None:
        error = self.connector.classify(make_answer(status, problem))

        assert (type(error), error.code, error.who_acts) == meaning

    def test_an_ended_version_and_an_unready_file_were_surely_not_posted(self) -> None:
        for status, code in ((426, "NONEXISTENT_VERSION"), (400, "MEDIA_ASSET_WAITING_UPLOAD")):
            with pytest.raises((NotTaken, Outdated)) as caught:
                self.commit(self.first, make_answer(status, {"status": status, "code": code}))

            assert caught.value.network_code == code

    def test_what_a_firewall_kept_away_was_surely_not_posted(self) -> None:
        with pytest.raises(NotTaken) as caught:
            self.commit(self.first, make_answer(403, body=b"<html>Access denied</html>"))

        assert (caught.value.code, caught.value.who_acts) == ("PLATFORM_UNAVAILABLE", WhoActs.NETWORK)

    def test_a_file_that_is_not_ready_is_waited_for(self) -> None:
        error = self.connector.classify(make_answer(400, {"code": "MEDIA_ASSET_WAITING_UPLOAD"}))

        assert isinstance(error, NotTaken)
        assert error.retry_after == 15

    def test_the_codes_of_a_refusal_are_kept_and_an_unknown_one_is_said(self) -> None:
        inputs = {"inputErrors": [{"code": "FIELD_ARRAY_SIZE_TOO_HIGH"}, {"code": "ODD"}]}
        error = self.connector.classify(make_answer(400, {"message": "No", "errorDetails": inputs}))

        assert error.network_code == "FIELD_ARRAY_SIZE_TOO_HIGH/ODD"
        assert error.message == "LinkedIn says: No (unknown code FIELD_ARRAY_SIZE_TOO_HIGH/ODD)"
        assert "unknown" not in self.connector.classify(self.refused).message

    @pytest.mark.parametrize(
        ("message", "seconds"),
        [
            ("Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached", 50_341),
            ("Resource level throttle limit for calls to this resource is reached", None),
        ],
    )
    def test_a_quota_of_the_day_is_waited_for_until_midnight_utc(self, message: str, seconds: float | None) -> None:
        answer = make_answer(429, {"status": 429, "message": message}, Date="Tue, 24 Nov 2026 10:00:59 GMT")

        assert self.waits(answer) == seconds

    def test_our_own_clock_counts_where_linkedin_tells_no_time(self) -> None:
        answer = make_answer(429, {"message": "throttle APPLICATION DAY limit"}, Date="soon")

        wait, midnight = self.waits(answer), 86_400 - datetime.now(UTC).timestamp() % 86_400

        assert wait == pytest.approx(midnight, abs=60)

    def test_a_quota_is_told_without_wondering_at_its_code(self) -> None:
        throttled = {"serviceErrorCode": 101, "message": "Resource level throttle limit is reached.", "status": 429}

        error = self.connector.classify(make_answer(429, throttled))

        assert error.message == "LinkedIn says: Resource level throttle limit is reached."

    def rules(self, content: Content, **metadata: Any) -> list[str]:
        return [issue.rule for issue in self.connector.validate(content, {**METADATA, **metadata})]

    def test_the_text_is_counted_as_it_is_shown(self) -> None:
        mention = "@[Acme](urn:li:organization:5)"

        assert self.rules(Content(text="_" * 3000)) == []
        assert self.rules(Content(text=mention + "a" * 2996)) == []
        assert self.rules(Content(text=mention + "a" * 2997)) == ["text_too_long"]
        assert self.rules(Content(text="\U0001f35e" * 1501)) == ["text_too_long"]

    @pytest.mark.parametrize(
        ("content", "rule"),
        [
            (Content(text="a", media=(make_image(mime_type="image/gif", frames=251),)), "gif_frames_too_large"),
            (Content(text="a", media=(make_video(size=76_799),)), "video_too_small"),
            (Content(text="a", media=(make_document(filename=""),)), "title_required"),
            (Content(text="a", media=(make_document(), make_image())), "kinds_mixed"),
            (Content(text="a", options={"post_type": "document"}), "media_required"),
            (Content(text="a", options={"visibility": "CONNECTIONS"}), "option_invalid"),
            (Content(text="a", options={"visibility": "FRIENDS"}), "option_invalid"),
            (Content(text="a", options={"first_comment": "a" * 1251}), "option_too_long"),
            (Content(text="a", options={"thread": ["b"]}), "option_unknown"),
            (Content(text="a", media=tuple(make_image(f"media_{number}") for number in range(21))), "too_many_images"),
            (Content(text="a", title="a" * 401), "title_too_long"),
        ],
    )
    def test_what_linkedin_would_refuse_is_named(self, content: Content, rule: str) -> None:
        assert rule in self.rules(content)

    def test_a_document_with_a_title_needs_no_name(self) -> None:
        assert self.rules(Content(text="", title="Bread", media=(make_document(filename=""),))) == []

    def test_a_video_of_a_content_administrator_may_be_refused(self) -> None:
        content = Content(text="", media=(make_video(size=76_800),))
        [issue] = self.connector.validate(content, METADATA | {"roles": ["CONTENT_ADMIN"]})

        assert (issue.rule, issue.severity) == ("video_may_need_another_role", "warning")
        assert self.rules(content) == []
        assert self.rules(content, roles=["CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER"]) == []
        assert self.rules(Content(text="Rye"), roles=["CONTENT_ADMIN"]) == []

    def statistics(self, more: str, answer: Any) -> Call:
        path = "/rest/organizationalEntityShareStatistics?q=organizationalEntity"
        return get(f"{path}&organizationalEntity={PAGE_IN_URL}{more}", answer)

    TOTALS = {
        "impressionCount": 500,
        "uniqueImpressionsCount": 300,
        "clickCount": 12,
        "likeCount": 9,
        "commentCount": -2,
        "shareCount": 1,
        "engagement": 0.048,
    }
    NUMBERS = PostNumbers(
        impressions=500, reach=300, engagement=10, clicks=12, own={"likes": 9, "comments": 0, "shares": 1}
    )
    URNS = ("urn:li:share:7001", "urn:li:ugcPost:8", "urn:li:share:9")
    LISTS = f"&shares=List({SHARE_IN_URL},urn%3Ali%3Ashare%3A9)&ugcPosts=List(urn%3Ali%3AugcPost%3A8)"

    def test_the_numbers_of_an_organizations_posts_come_in_one_call(self) -> None:
        elements = [
            {"organizationalEntity": PAGE, "share": "urn:li:share:7001", "totalShareStatistics": self.TOTALS},
            {"organizationalEntity": PAGE, "ugcPost": "urn:li:ugcPost:8", "totalShareStatistics": {"likeCount": 2}},
        ]

        found = self.counted(
            self.URNS,
            self.statistics(self.LISTS, {"elements": elements}),
            get("/rest/socialMetadata/urn%3Ali%3Ashare%3A9", {"commentsState": "OPEN"}),
        )

        zeros = PostNumbers(
            impressions=0, reach=0, engagement=0, clicks=0, own={"likes": 0, "comments": 0, "shares": 0}
        )
        assert found == {
            "urn:li:share:7001": self.NUMBERS,
            "urn:li:ugcPost:8": PostNumbers(engagement=2, own={"likes": 2}),
            "urn:li:share:9": zeros,
        }

    @pytest.mark.parametrize(("status", "is_gone"), [(404, True), (403, False)])
    def test_a_post_without_statistics_is_gone_only_where_linkedin_does_not_find_it(
        self, status: int, is_gone: bool
    ) -> None:
        urn, refused = "urn:li:share:9", make_answer(status, {"status": status, "code": "NO"})

        found = self.counted(
            [urn],
            self.statistics("&shares=List(urn%3Ali%3Ashare%3A9)", {"elements": []}),
            get("/rest/socialMetadata/urn%3Ali%3Ashare%3A9", refused),
        )

        assert (urn not in found) == is_gone

    @pytest.mark.parametrize("denied", [True, False])
    def test_an_outage_does_not_make_a_post_gone(self, denied: bool) -> None:
        statistics: Any = make_answer(403, {"status": 403}) if denied else {"elements": []}

        with pytest.raises(Unavailable):
            self.counted(
                ["urn:li:share:9"],
                self.statistics("&shares=List(urn%3Ali%3Ashare%3A9)", statistics),
                get("/rest/socialMetadata/urn%3Ali%3Ashare%3A9", make_answer(500, {"status": 500})),
            )

    def test_who_is_no_administrator_gets_what_everybody_sees(self) -> None:
        denied = make_answer(403, {"status": 403, "code": "ACCESS_DENIED"})
        social = {
            "reactionSummaries": {"LIKE": {"reactionType": "LIKE", "count": 3}, "PRAISE": {"count": 1}},
            "commentSummary": {"count": 2, "topLevelCount": 1},
        }
        gone = make_answer(404, {"status": 404, "code": "NOT_FOUND"})

        found = self.counted(
            self.URNS,
            self.statistics(self.LISTS, denied),
            get(f"/rest/socialMetadata/{SHARE_IN_URL}", social),
            get("/rest/socialMetadata/urn%3Ali%3AugcPost%3A8", {}),
            get("/rest/socialMetadata/urn%3Ali%3Ashare%3A9", gone),
        )

        assert found == {
            "urn:li:share:7001": PostNumbers(engagement=6, own={"likes": 4, "comments": 2}),
            "urn:li:ugcPost:8": PostNumbers(engagement=0, own={"likes": 0}),
        }

    @pytest.mark.parametrize("answer", [{}, {"elements": None}])
    def test_statistics_without_a_list_are_unknown_and_no_zeros(self, answer: Any) -> None:
        with pytest.raises(Unknown):
            self.counted(self.URNS, self.statistics(self.LISTS, answer))

    def test_any_other_refusal_of_statistics_is_told(self) -> None:
        with pytest.raises(Rejected):
            self.counted(self.URNS, self.statistics(self.LISTS, make_answer(400, {"code": "INVALID_URN_ID"})))

    YESTERDAY = "&timeIntervals=(timeRange:(start:1795392000000,end:1795478400000),timeGranularityType:DAY)"

    def followers(self, answer: Any) -> Call:
        return get(f"/rest/networkSizes/{PAGE_IN_URL}?edgeType=COMPANY_FOLLOWED_BY_MEMBER", answer)

    @pytest.mark.parametrize(
        ("statistics", "followers", "numbers"),
        [
            (
                {"elements": [{"totalShareStatistics": TOTALS}]},
                {"firstDegreeSize": 500},
                AccountNumbers(followers=500, impressions=500, reach=300, engagement=10, clicks=12),
            ),
            (
                {"elements": []},
                make_answer(403),
                AccountNumbers(impressions=0, reach=0, engagement=0, clicks=0),
            ),
            (make_answer(403), {"firstDegreeSize": 500}, AccountNumbers(followers=500)),
            ({}, {"firstDegreeSize": 500}, AccountNumbers(followers=500)),
        ],
    )
    def test_an_organization_is_counted_over_the_last_whole_day(
        self, statistics: Any, followers: Any, numbers: AccountNumbers
    ) -> None:
        calls = self.statistics(self.YESTERDAY, statistics), self.followers(followers)

        assert self.account_counted(*calls, now=later(minutes=17, seconds=31, milliseconds=5)) == numbers


ME = {"sub": "AbC123", "name": "Ann Baker", "given_name": "Ann", "picture": "https://media.example/a.jpg"}
ME_CALL = Call("GET", f"{HOST}/v2/userinfo", {"headers": BEARER}, make_answer(200, ME))
ANN = Profile(name="Ann Baker", profile_image="https://media.example/a.jpg")


class TestSelfServe(NumbersCase):
    """A member, by the product that every app can have."""

    connector = LinkedIn(App(client_id="id", client_secret="secret"))
    account = Account(
        remote_id=MEMBER,
        access_token="AT",
        metadata={"user_id": "AbC123", "product": "", "kind": "profile"},
    )

    def test_the_connection_ends_with_its_token(self) -> None:
        answer = make_answer(200, {"access_token": "AT", "expires_in": 5_184_000, "scope": "openid profile"})
        call = replace(TestLinkedIn.exchange_calls[0], gets=answer)

        tokens = self.connector.exchange(
            FakeSession(call), code="CODE", redirect_uri="https://app.example/back", now=NOW
        )

        assert (tokens.access_expires_at, tokens.ends_at) == (later(days=60), later(days=60))

    def test_only_the_member_can_be_connected(self) -> None:
        [candidate] = self.connector.candidates(FakeSession(ME_CALL), GIVEN)

        assert candidate == Candidate(
            remote_id=MEMBER, type="profile", profile=ANN, tokens=GIVEN, metadata=self.account.metadata
        )
        assert self.connector.profile(FakeSession(ME_CALL), self.account) == ANN

    def test_a_member_publishes_to_connections_with_an_image_of_their_own(self) -> None:
        content = Content(text="Bread", media=(make_image(),), options={"visibility": "CONNECTIONS"})
        operation = Operation(content=content, account=self.account, now=NOW)
        shown = {"media": {"id": "urn:li:image:D1"}}
        session = FakeSession(
            *image_calls(1, b"bytes of media_1", owner=MEMBER),
            create("Bread", author=MEMBER, visibility="CONNECTIONS", content=shown),
        )

        handles = self.connector.prepare(session, operation, no_save)

        assert self.connector.commit(session, replace(operation, handles=handles)) == POST
        assert self.connector.validate(content, self.account.metadata) == []

    def test_a_duplicate_after_an_earlier_try_is_taken_over(self) -> None:
        operation = Operation(content=Content(text="Hello"), account=self.account, now=later(minutes=2), armed_at=NOW)
        call = replace(create("Hello", author=MEMBER), gets=DUPLICATE)

        assert self.connector.commit(FakeSession(call), operation) == POST

    @pytest.mark.parametrize("armed_at", [None, NOW])
    def test_a_duplicate_of_the_first_try_is_somebody_elses_doing(self, armed_at: datetime | None) -> None:
        operation = Operation(content=Content(text="Hello"), account=self.account, now=NOW, armed_at=armed_at)
        call = replace(create("Hello", author=MEMBER), gets=DUPLICATE)

        with pytest.raises(Duplicate):
            self.connector.commit(FakeSession(call), operation)

    def test_a_duplicate_of_nothing_named_is_refused(self) -> None:
        operation = Operation(content=Content(text="Hello"), account=self.account, now=later(minutes=2), armed_at=NOW)
        nameless = make_answer(422, {"status": 422, "code": "DUPLICATE_POST", "message": "Duplicate"})

        with pytest.raises(Duplicate):
            self.connector.commit(FakeSession(replace(create("Hello", author=MEMBER), gets=nameless)), operation)

    @pytest.mark.parametrize("metadata", [account.metadata, {}], ids=["connected", "not yet"])
    def test_a_first_comment_is_named_as_impossible(self, metadata: Mapping[str, Any]) -> None:
        content = Content(text="Hello", options={"first_comment": "More"})

        assert [issue.rule for issue in self.connector.validate(content, metadata)] == ["first_comment_unsupported"]

    def test_an_account_keeps_the_product_that_it_was_connected_with(self) -> None:
        community = TestLinkedIn.connector
        content = Content(text="Hello", options={"first_comment": "More"})

        assert community.validate(content, {}) == []
        assert [issue.rule for issue in community.validate(content, self.account.metadata)] == [
            "first_comment_unsupported"
        ]

    def test_there_are_no_numbers_and_no_call_for_them(self) -> None:
        found = self.counted(["urn:li:share:1"])

        assert found == {"urn:li:share:1": PostNumbers()}
        assert self.account_counted() == AccountNumbers()


def analytics(what: str, kind: str, answer: Any) -> Call:
    path = f"/rest/memberCreatorPostAnalytics?{what}&queryType={kind}&aggregation=TOTAL"
    return get(path, {"elements": [{"metricType": kind} | answer]} if isinstance(answer, dict) else answer)


KINDS = ("IMPRESSION", "MEMBERS_REACHED", "REACTION", "COMMENT", "RESHARE", "LINK_CLICKS")
DENIED = make_answer(403, {"status": 403, "code": "ACCESS_DENIED"})
GONE = make_answer(404, {"status": 404, "code": "NOT_FOUND"})


class TestMemberOfCommunityManagement(NumbersCase):
    connector = TestLinkedIn.connector
    account = Account(
        remote_id=MEMBER,
        access_token="AT",
        metadata={"user_id": "AbC123", "product": "community", "kind": "profile"},
    )

    def numbers(self, *calls: Call, urn: str = "urn:li:share:7001") -> dict[str, PostNumbers]:
        return self.counted([urn], *calls)

    def of_share(self, *answers: Any) -> list[Call]:
        what = f"q=entity&entity=(share:{SHARE_IN_URL})"
        return [analytics(what, kind, answer) for kind, answer in zip(KINDS, answers, strict=False)]

    def test_each_number_is_one_call(self) -> None:
        answers = [{"count": 250}, {"count": 200}, {"count": 9}, {"value": 2}, {"count": -1}, {"count": 4}]

        assert self.numbers(*self.of_share(*answers)) == {
            "urn:li:share:7001": PostNumbers(
                impressions=250, reach=200, engagement=11, clicks=4, own={"likes": 9, "comments": 2, "shares": 0}
            )
        }

    def test_a_post_with_a_file_is_asked_for_by_its_other_name(self) -> None:
        what = "q=entity&entity=(ugc:urn%3Ali%3AugcPost%3A8)"
        calls = [analytics(what, kind, {"count": 1}) for kind in KINDS]

        assert self.numbers(*calls, urn="urn:li:ugcPost:8")["urn:li:ugcPost:8"].impressions == 1

    @pytest.mark.parametrize(
        "failing", [make_answer(400, {"code": "INVALID_VALUE_FOR_FIELD"}), GONE, make_answer(503), LOST]
    )
    def test_a_number_that_cannot_be_read_does_not_fail_the_rest(self, failing: Answer | PlatformError) -> None:
        answers = [{"count": 250}, failing, {"count": 9}, failing, {"count": 1}, failing]

        [numbers] = self.numbers(*self.of_share(*answers)).values()

        assert numbers == PostNumbers(impressions=250, engagement=10, own={"likes": 9, "shares": 1})
        assert numbers.after({"comments": 3}).engagement == 13  # those read before are not taken off

    def test_engagement_is_known_where_something_else_could_not_be_read(self) -> None:
        answers = [make_answer(503), LOST, {"count": 9}, {"count": 2}, {"count": 1}, {"count": 4}]

        [numbers] = self.numbers(*self.of_share(*answers)).values()

        assert (numbers.impressions, numbers.engagement, numbers.clicks) == (None, 12, 4)

    def test_where_all_fail_the_first_reason_is_told(self) -> None:
        with pytest.raises(Rejected) as caught:
            self.numbers(*self.of_share(DENIED, *[make_answer(503)] * 5))

        assert caught.value.network_code == "ACCESS_DENIED"

    def test_a_post_that_is_gone_is_left_out(self) -> None:
        assert self.numbers(*self.of_share(*[GONE] * 6)) == {}

    @pytest.mark.parametrize("stopping", [make_answer(429), make_answer(401)])
    def test_a_quota_and_a_dead_token_stop_the_reading(self, stopping: Answer) -> None:
        with pytest.raises((RateLimited, AuthExpired)):
            self.numbers(*self.of_share({"count": 1}, stopping))

    def test_a_member_is_counted_over_the_last_whole_day(self) -> None:
        dates = "(start:(year:2026,month:11,day:23),end:(year:2026,month:11,day:24))"
        calls = [analytics(f"q=me&dateRange={dates}", kind, {"count": 5}) for kind in KINDS]

        found = self.account_counted(
            *calls, get("/rest/memberFollowersCount?q=me", {"elements": [{"memberFollowersCount": 40}]})
        )

        assert found == AccountNumbers(followers=40, impressions=5, reach=5, engagement=15, clicks=5)

    def test_a_members_name_may_be_one_word(self) -> None:
        me = Call(
            "GET", f"{HOST}/v2/me", {"headers": BEARER}, make_answer(200, {"id": "1", "localizedFirstName": "Ann"})
        )
        denied = get("/rest/memberFollowersCount?q=me", DENIED)

        assert self.connector.profile(FakeSession(me, denied), self.account) == Profile(name="Ann")


@pytest.mark.parametrize(
    ("text", "commentary"),
    [
        ("a \\ b | c", "a \\\\ b \\| c"),
        ("{[(<@#*_~>)]}", "\\{\\[\\(\\<\\@\\#\\*\\_\\~\\>\\)\\]\\}"),
        ("#rye and \uff03rye", "#rye and \uff03rye"),
        ("\u2764\ufe0f#rye 1\ufe0f\u20e3#rye", "\u2764\ufe0f#rye 1\ufe0f\u20e3#rye"),
        ("no#tag, #1, ##, # a", "no\\#tag, \\#1, \\#\\#, \\# a"),
        ("#_tag", "\\#\\_tag"),
        ("#foo_bar, \uff03a_", "{hashtag|\\#|foo\\_bar}, {hashtag|\\\uff03|a\\_}"),
        ("#col\u00b7lecci\u00f3.", "{hashtag|\\#|col\u00b7lecci\u00f3}."),
        ("https://example.com/(a)#rye acme.com/a.#rye", "https://example.com/\\(a\\)\\#rye acme.com/a.\\#rye"),
        ("https://example.com/a_b#c", "https://example.com/a\\_b\\#c"),
        ("@[Ann](urn:li:person:A-1_b)_@[B](urn:li:person:B)", "@[Ann](urn:li:person:A-1_b)\\_@[B](urn:li:person:B)"),
        ("@[Ann](urn:li:share:1)", "\\@\\[Ann\\]\\(urn:li:share:1\\)"),
    ],
)
def test_only_mentions_and_hashtags_mean_something(text: str, commentary: str) -> None:
    assert littletext.written(text) == commentary
    assert littletext.read(commentary) == text
