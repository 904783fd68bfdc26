"""Facebook Pages, against what Meta's documentation says is sent and answered."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    Outdated,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
    Unknown,
)
from accounts.platforms.facebook import Facebook
from accounts.platforms.shapes import App, Candidate, Content, Operation, Profile, Published, Tokens
from tests.networks.container_case import graph_error
from tests.networks.facebook_calls import (
    ACCOUNT,
    ANALYST_ONLY,
    BAKERY,
    BOOKS,
    BUSY,
    CALLER,
    CONNECTOR,
    GRAPH,
    NEXT,
    OWNER,
    PAGE_BEARER,
    PROFILE,
    QUOTA,
    TOKENLESS,
    USER_BEARER,
    USER_PROOF,
    accounts,
    comment,
    comments,
    feed,
    listed,
    listing,
    pages,
    permalink,
    permissions,
    photo,
    published,
    read,
    stories,
    upload_error,
    write,
)
from tests.networks.platform_case import (
    LOST,
    NOW,
    Call,
    FakeSession,
    ListCase,
    LookCase,
    OAuth2Case,
    Publication,
    later,
    make_answer,
    make_image,
    make_video,
)

STORY = {
    "post_id": "600",
    "status": "PUBLISHED",
    "creation_time": 1764000001,
    "media_type": "photo",
    "media_id": "777",
    "url": "https://www.facebook.com/stories/600",
}
POST_URL = "https://www.facebook.com/bakery/posts/1001_555"
COMMENTED = Content(text="Hello", options={"first_comment": "Recipe below"})
OWN_COMMENT = {
    "id": "555_7",
    "message": "Recipe below",
    "from": {"id": "1001", "name": "Bakery"},
    "created_time": "2026-11-24T09:59:57+0000",
}


class TestFacebook(LookCase, OAuth2Case):
    connector = CONNECTOR
    account = ACCOUNT
    consent_url = (
        "https://www.facebook.com/v26.0/dialog/oauth?response_type=code&client_id=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one%2Ctwo&state=STATE&auth_type=rerequest"
    )
    exchange_calls = (
        Call(
            "POST",
            f"{GRAPH}/oauth/access_token",
            {
                "data": {
                    "grant_type": "authorization_code",
                    "code": "CODE",
                    "redirect_uri": "https://app.example/back",
                    "client_id": "id",
                    "client_secret": "secret",
                }
            },
            make_answer(200, {"access_token": "SHORT", "token_type": "bearer", "expires_in": 5400}),
        ),
        Call(
            "GET",
            f"{GRAPH}/oauth/access_token",
            {
                "params": {
                    "grant_type": "fb_exchange_token",
                    "client_id": "id",
                    "client_secret": "secret",
                    "fb_exchange_token": "SHORT",
                }
            },
            make_answer(200, {"access_token": "USER_TOKEN", "token_type": "bearer", "expires_in": 5184000}),
        ),
    )
    exchanged = Tokens(access_token="USER_TOKEN", access_expires_at=later(days=60))
    code_refused = graph_error(100, 36009)
    tells_whose = 2
    candidate_calls = (
        read("me", {"id": "9", "name": "Ann"}, user=True, fields="id,name"),
        permissions("pages_manage_posts"),
        accounts(BAKERY, ANALYST_ONLY, TOKENLESS, following=NEXT),
        accounts(BOOKS, after="b"),
    )
    candidates = [
        Candidate(
            remote_id="1001",
            type="page",
            profile=PROFILE,
            tokens=Tokens(access_token="PAGE_TOKEN", refresh_token="USER_TOKEN", scopes=("pages_manage_posts",)),
            metadata={"page_id": "1001", "category": "Bakery", "user_id": "9"},
        ),
        Candidate(
            remote_id="1003",
            type="page",
            profile=Profile(name="Books"),
            tokens=Tokens(access_token="BOOKS_TOKEN", refresh_token="USER_TOKEN", scopes=("pages_manage_posts",)),
            metadata={"page_id": "1003", "category": "", "user_id": "9"},
        ),
    ]
    refresh_calls = (accounts(BOOKS, BAKERY | {"access_token": "PAGE_TOKEN_2"}),)
    refreshed = Tokens(access_token="PAGE_TOKEN_2", refresh_token="USER_TOKEN")
    revoke_calls = (
        Call(
            "DELETE",
            f"{GRAPH}/9/permissions",
            {"headers": USER_BEARER, "params": USER_PROOF},
            make_answer(200, {"success": True}),
        ),
    )
    profile_calls = (
        read("1001", BAKERY, fields="id,name,username,picture.type(large){url},followers_count,fan_count"),
    )
    profile = PROFILE
    nameless: ClassVar[Mapping[str, str]] = {"images": "image"}
    publications = {
        "text": Publication(
            Content(text="Hello"), (), (feed(message="Hello"), permalink("1001_555")), published("1001_555")
        ),
        "link": Publication(
            Content(text="Read", link="https://example.com/a"),
            (),
            (feed(message="Read", link="https://example.com/a"), permalink("1001_555")),
            published("1001_555"),
        ),
        "image": Publication(
            Content(text="Bread", media=(make_image(alt_text="A loaf"),)),
            (photo("media_1", {"id": "778"}, alt_text_custom="A loaf"),),
            (feed(message="Bread", attached_media='[{"media_fbid": "778"}]'), permalink("1001_555")),
            published("1001_555"),
        ),
        "images": Publication(
            Content(text="Two", media=(make_image("media_1", alt_text="A loaf"), make_image("media_2"))),
            (photo("media_1", {"id": "777"}, alt_text_custom="A loaf"), photo("media_2", {"id": "778"})),
            (
                feed(message="Two", attached_media='[{"media_fbid": "777"}, {"media_fbid": "778"}]'),
                permalink("1001_555"),
            ),
            published("1001_555"),
        ),
        "photo story": Publication(
            Content(text="", options={"post_type": "story"}, media=(make_image(alt_text="A loaf"),)),
            (photo("media_1", {"id": "777"}, alt_text_custom="A loaf"),),
            (write("photo_stories", {"success": True, "post_id": "600"}, photo_id="777"), stories(STORY)),
            Published(remote_id="1001_600", url="https://www.facebook.com/stories/600"),
        ),
        "first comment": Publication(
            COMMENTED,
            (),
            (comment("1001_555"),),
            Published(remote_id="555_7", url=POST_URL),
            out=(published("1001_555"),),
        ),
    }
    own, other = listed("Hello"), listed("Something else", id="1001_8")
    dated = ("created_time",)
    recover_calls = (listing(own, other),)
    nothing_found = make_answer(200, {"data": []})
    refused = graph_error(100)
    over_quota = make_answer(
        400,
        {"error": {"message": "Page request limit reached", "code": 32}},
        X_Business_Use_Case_Usage='{"1001": [{"call_count": 100, "estimated_time_to_regain_access": 2}]}',
    )
    token_over = graph_error(190, 463)

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, after=after, then=then)

    def test_a_person_without_a_known_id_is_named_by_their_token(self) -> None:
        mine = replace(self.revoke_calls[0], url=f"{GRAPH}/me/permissions")
        session = FakeSession(mine)

        self.connector.revoke(session, replace(self.account, metadata={}))

        session.assert_done()

    def test_a_list_that_goes_on_in_a_way_that_is_not_known_leaves_it_unknown(self) -> None:
        following = {"data": [], "paging": {"next": f"{GRAPH}/1001/published_posts?until=1700000000"}}

        with pytest.raises(Unknown):
            self.recovered(replace(self.recover_calls[0], gets=make_answer(200, following)))

    def test_an_answer_without_the_pages_expires_nobody(self) -> None:
        with pytest.raises(Unknown):
            self.refresh(make_answer(200, {}))

    def test_a_page_keeps_its_token_when_its_persons_is_over_unless_its_own_is_too(self) -> None:
        over = replace(self.refresh_calls[0], gets=self.token_over)
        asked = read("1001", {"id": "1001"}, fields="id")
        session = FakeSession(over, asked)

        kept = self.connector.refresh(session, self.account, now=NOW)

        session.assert_done()
        assert kept == Tokens(access_token=self.account.access_token, refresh_token=self.account.refresh_token)
        with pytest.raises(AuthExpired):
            self.connector.refresh(FakeSession(over, replace(asked, gets=self.token_over)), self.account, now=NOW)

    def test_a_permalink_that_cannot_be_read_does_not_undo_the_post(self) -> None:
        post, look = self.first.commits

        found = self.commits(self.prepared(self.first), post, replace(look, gets=LOST))

        assert found == Published(remote_id="1001_555", url="https://www.facebook.com/1001_555")

    @pytest.mark.parametrize("code", [1, 2])
    def test_a_transient_code_leaves_a_visible_call_unknown(self, code: int) -> None:
        with pytest.raises(PlatformError) as caught:
            self.commit(self.first, graph_error(code))

        assert caught.value.code == "OUTCOME_UNKNOWN"
        assert caught.value.network_code == str(code)

    def test_another_version_is_the_operators_choice(self) -> None:
        newer = Facebook(App(client_id="id", version="v27.0"))

        url = newer.authorize_url(redirect_uri="https://app.example/back", state="S", scopes=("one",))

        assert url.startswith("https://www.facebook.com/v27.0/dialog/oauth?")

    def test_an_app_without_a_secret_sends_no_proof(self) -> None:
        call = replace(feed(), sends={"headers": PAGE_BEARER, "data": {"message": "Hello"}})
        look = replace(permalink("1001_555"), sends={"headers": PAGE_BEARER, "params": {"fields": "permalink_url"}})

        found = Facebook(App(client_id="id")).commit(FakeSession(call, look), self.operation(self.first.content))

        assert found == self.first.published

    def test_a_page_that_the_person_lost_needs_its_owner(self) -> None:
        with pytest.raises(AuthExpired):
            self.connector.refresh(FakeSession(accounts(BOOKS)), self.account, now=NOW)

    def test_pages_of_businesses_are_offered_where_the_person_allowed_it(self) -> None:
        garden = BOOKS | {"id": "1005", "name": "Garden", "access_token": "GARDEN_TOKEN"}
        session = FakeSession(
            self.candidate_calls[0],
            permissions("pages_manage_posts", "business_management"),
            accounts(BAKERY),
            read("me/businesses", {"data": [{"id": "77", "name": "Group"}]}, user=True, fields="id,name", limit=100),
            pages("77/owned_pages", BAKERY, garden),
            pages("77/client_pages"),
        )

        bakery, other = self.connector.candidates(session, self.exchanged)

        session.assert_done()
        assert (bakery.remote_id, bakery.metadata) == ("1001", ACCOUNT.metadata)
        reached_by = {"reached_by": "77/owned_pages"}
        assert other.metadata == {"page_id": "1005", "category": "", "user_id": "9"} | reached_by
        through_business = replace(self.account, remote_id="1005", metadata=reached_by)
        renewed = self.connector.refresh(FakeSession(pages("77/owned_pages", garden)), through_business, now=NOW)
        assert renewed == Tokens(access_token="GARDEN_TOKEN", refresh_token="USER_TOKEN")

    @pytest.mark.parametrize(
        ("content", "recovery"),
        [
            (Content(text="Hello"), Recovery.LOOK),
            (Content(text="", media=(make_image(),)), Recovery.LOOK),
            (Content(text="", media=(make_video(),)), Recovery.HANDLE),
            (Content(text="", media=(make_image(),), options={"post_type": "story"}), Recovery.LOOK),
            (Content(text="", media=(make_video(),), options={"post_type": "story"}), Recovery.HANDLE),
            (Content(text="", media=(make_video(),), options={"post_type": "reel"}), Recovery.HANDLE),
        ],
    )
    def test_a_lost_answer_is_cleared_up_as_the_kind_of_post_allows(self, content: Content, recovery: Recovery) -> None:
        assert self.connector.recovery_of(self.operation(content)) == recovery

    def commenting(self, **facts: Any) -> Operation:
        root = replace(published("1001_555"), facts=facts)
        return self.operation(COMMENTED, out=(root,), armed_at=NOW)

    def test_a_comment_whose_answer_was_lost_is_looked_for(self) -> None:
        operation = self.commenting()
        strangers = OWN_COMMENT | {"id": "555_9", "from": {"id": "5"}}

        assert self.connector.recovery_of(operation) == Recovery.LOOK
        assert self.recovers(operation, comments("1001_555", strangers)) == []

    def test_a_comment_on_a_video_whose_post_is_not_known_yet_goes_to_the_video(self) -> None:
        nowhere = replace(comment("1001_555"), gets=graph_error(100, 33))
        operation = self.commenting(video_id="888")
        session = FakeSession(nowhere, comment("888"))

        found = self.connector.commit(session, operation)

        session.assert_done()
        assert found.remote_id == "555_7"
        unseen = replace(comments("1001_555"), gets=graph_error(100, 33))
        session = FakeSession(unseen, comments("888", OWN_COMMENT))
        assert [each.remote_id for each in self.connector.recover(session, operation)] == ["555_7"]

    @pytest.mark.parametrize(
        ("gets", "raised"), [(graph_error(100, 33), Rejected), (graph_error(200), Rejected), (LOST, Unknown)]
    )
    def test_a_comment_that_was_not_taken_says_so(self, gets: Any, raised: type[PlatformError]) -> None:
        with pytest.raises(raised):
            self.commits(self.commenting(), replace(comment("1001_555"), gets=gets))

    @pytest.mark.parametrize(("shown", "meaning"), [("text", OWNER), ("image", CALLER)])
    def test_a_page_that_is_not_visible_is_its_owners_to_mend_unless_it_may_be_the_photo(
        self, shown: str, meaning: tuple[str, str]
    ) -> None:
        with pytest.raises(Rejected) as caught:
            self.commit(self.publications[shown], graph_error(100, 33))

        assert (caught.value.code, caught.value.who_acts) == meaning

    def test_a_story_that_may_be_out_is_looked_for_by_its_photo(self) -> None:
        story = self.publications["photo story"]
        with pytest.raises(Unknown):
            self.commit(story, make_answer(200, {"success": False}))

        other = STORY | {"post_id": "601", "media_id": "778"}
        operation = replace(self.prepared(story), now=later(days=1))
        found = self.recovers(operation, stories(other, STORY))

        assert found == [story.published]
        assert self.recovers(operation, stories(other)) == []

    @pytest.mark.parametrize(("gets", "raised"), [(graph_error(100), Rejected), (graph_error(4), RateLimited)])
    def test_a_story_that_was_refused_says_why(self, gets: Any, raised: type[PlatformError]) -> None:
        with pytest.raises(raised):
            self.commit(self.publications["photo story"], gets)

    @pytest.mark.parametrize("gets", [LOST, make_answer(200, {"data": []})])
    def test_a_story_that_is_not_listed_yet_has_an_address_all_the_same(self, gets: Any) -> None:
        show, look = self.publications["photo story"].commits

        found = self.commits(self.prepared(self.publications["photo story"]), show, replace(look, gets=gets))

        assert found == Published(remote_id="1001_600", url="https://www.facebook.com/1001_600")

    @pytest.mark.parametrize("text", ["Rye", "x" * 63_207])
    def test_a_story_says_that_its_text_is_not_shown(self, text: str) -> None:
        content = Content(text=text, options={"post_type": "story"}, media=(make_image(),))

        [issue] = self.connector.validate(content, {})

        assert (issue.rule, issue.severity) == ("text_not_shown", "warning")

    @pytest.mark.parametrize(
        ("post_type", "values", "rules"),
        [
            ("feed", {"mime_type": "video/webm"}, {"video_type_unsupported"}),
            ("feed", {"seconds": 14_401.0}, {"video_duration_too_large"}),
            ("feed", {"width": 1920, "height": 1080}, set()),
            ("reel", {"width": 1920, "height": 1080}, {"video_ratio_too_large"}),
            ("reel", {"width": 270, "height": 480}, {"video_side_too_small"}),
            ("reel", {"width": 540, "height": 958}, {"video_side_too_small"}),
            ("story", {"width": 540, "height": 960}, set()),
            ("feed", {"width": 540, "height": 958}, set()),
            ("reel", {"seconds": 91.0}, {"video_duration_too_large"}),
            ("reel", {"seconds": 2.9}, {"video_duration_too_small"}),
            ("reel", {"fps": 23.0}, {"video_fps_too_small"}),
            ("reel", {"fps": 23.976}, set()),
            (
                "reel",
                {"video_codec": "mpeg4", "audio_codec": "mp3"},
                {"video_codec_unsupported", "audio_codec_unsupported"},
            ),
            (
                "reel",
                {"sample_rate": 96_000, "channels": 6},
                {"audio_sample_rate_too_large", "audio_channels_too_large"},
            ),
            ("story", {"sample_rate": 44_100, "channels": 2}, {"audio_not_as_asked"}),
            ("reel", {"sample_rate": 48_000, "channels": 1}, {"audio_not_as_asked"}),
            ("feed", {"sample_rate": 44_100, "channels": 1}, set()),
            ("story", {"seconds": 61.0}, {"video_duration_too_large"}),
            ("story", {}, set()),
        ],
    )
    def test_what_facebook_would_not_take_of_a_video_is_told_beforehand(
        self, post_type: str, values: dict[str, Any], rules: set[str]
    ) -> None:
        content = Content(text="", options={"post_type": post_type}, media=(make_video(**values),))

        assert {issue.rule for issue in self.connector.validate(content, {})} == rules

    @pytest.mark.parametrize(
        ("content", "rules"),
        [
            (Content(text="x", options={"post_type": "reel"}), {"media_required"}),
            (Content(text="x", options={"post_type": "reel"}, media=(make_image(),)), {"images_unsupported"}),
            (
                Content(text="", options={"post_type": "reel"}, title="x" * 256, media=(make_video(),)),
                {"title_too_long"},
            ),
            (
                Content(text="", options={"post_type": "story", "first_comment": "Hi"}, media=(make_image(),)),
                {"option_unknown"},
            ),
            (
                Content(text="", options={"post_type": "story"}, media=(make_image(), make_image("b"))),
                {"too_many_images", "too_many_files"},
            ),
            (Content(text="", media=(make_image(), make_video("b"))), {"images_and_videos_mixed"}),
            (Content(text="x", options={"first_comment": " "}), {"option_empty"}),
        ],
    )
    def test_what_facebook_has_no_place_for_is_told_beforehand(self, content: Content, rules: set[str]) -> None:
        assert {issue.rule for issue in self.connector.validate(content, {})} == rules

    def test_a_photo_that_facebook_has_deleted_by_now_is_uploaded_again(self) -> None:
        operation = self.prepared(self.steps)

        self.prepares(replace(operation, now=later(hours=21)), *self.steps.prepares)

    @pytest.mark.parametrize(
        ("publication", "found"),
        [
            ("images", listed("Two", ("photo", "777"), ("photo", "778"))),
            ("images", listed("Two", ("album", "1"))),
            ("image", listed("Bread", ("photo", "778"))),
            ("link", listed("Read", ("share", ""))),
            ("link", listed("Read", ("video", ""))),
            ("link", listed("Read", attachments={"data": [{"media_type": ["share"]}]})),
            ("text", listed("Hello\r\n")),
        ],
    )
    def test_a_post_is_recognised_with_what_hangs_on_it(self, publication: str, found: dict[str, Any]) -> None:
        operation = self.prepared(self.publications[publication])

        recovered = self.recovers(operation, listing(found))

        assert [each.remote_id for each in recovered] == [found["id"]]

    @pytest.mark.parametrize(
        ("ours", "found"),
        [
            ("https://example.com/a", ["1001_1"]),
            ("https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2Fa&h=AT0x", ["1001_1"]),
            ("https://www.example.com/bread/rye?of=today", ["1001_1", "1001_2"]),
        ],
        ids=["as it was sent", "by way of Facebook", "as the page calls itself"],
    )
    def test_of_two_posts_that_say_the_same_the_one_with_the_link_is_it(self, ours: str, found: list[str]) -> None:
        operation = self.prepared(self.publications["link"])
        links = {"1001_1": ours, "1001_2": "https://example.com/spelt"}
        shown = [
            listed("Read", id=key, attachments={"data": [{"media_type": "link", "url": link}]})
            for key, link in links.items()
        ]

        recovered = self.recovers(operation, listing(*shown))

        assert [each.remote_id for each in recovered] == found

    def test_of_two_posts_without_a_link_what_hangs_on_one_tells_nothing(self) -> None:
        plain, with_note = listed("Hello"), listed("Hello", id="1001_2", attachments={"data": [{"media_type": "note"}]})
        operation = self.prepared(self.publications["text"])

        recovered = self.recovers(operation, listing(plain, with_note))

        assert [each.remote_id for each in recovered] == [plain["id"], "1001_2"]

    @pytest.mark.parametrize(
        ("publication", "shown", "is_it"),
        [
            ("image", listed("Bread", ("photo", "778")), True),
            ("image", listed("Bread"), False),
            ("images", listed("Two", ("photo", "1")), True),
            ("images", listed("Two", ("album", "1")), True),
            ("images", listed("Two"), False),
        ],
    )
    def test_photos_whose_ids_a_restored_copy_does_not_know_are_recognised_as_photos(
        self, publication: str, shown: dict[str, Any], is_it: bool
    ) -> None:
        operation = replace(self.prepared(self.publications[publication]), handles={})

        assert self.connector.lists(operation)
        assert bool(self.recovers(operation, listing(shown))) == is_it

    @pytest.mark.parametrize(
        ("publication", "shown"),
        [
            ("link", listed("", attachments={"data": [{"media_type": "link", "url": "https://example.com/spelt"}]})),
            ("link", listed("")),
            ("images", listed("", ("album", "1"))),
        ],
    )
    def test_without_a_text_a_post_is_known_by_its_link_or_photos_alone(
        self, publication: str, shown: dict[str, Any]
    ) -> None:
        operation = self.prepared(self.publications[publication])
        operation = replace(operation, content=replace(operation.content, text=""))
        address = {"data": [{"media_type": "link", "url": "https://example.com/a"}]}
        own = {
            "link": listed("", id="1001_2", attachments=address),
            "images": listed("", ("photo", "778"), id="1001_2"),
        }

        with pytest.raises(Unknown):
            self.recovers(operation, listing(shown))

        found = self.recovers(operation, listing(shown, own[publication]))
        assert [each.remote_id for each in found] == ["1001_2"]

    def test_a_story_is_listed_by_its_photo_alone(self) -> None:
        assert not self.connector.lists(self.prepared(self.publications["photo story"]))

    @pytest.mark.parametrize(
        ("written", "shown", "is_it"),
        [
            ("Bread by @[1002], cake by @[1003:1:Cafe].", "Bread by Mill &amp; Co, cake by Cafe Rye.", True),
            ("Thanks @[1002]", "Thanks Mill", True),
            ("Bread by @[1002], cake by @[1003].", "Cake by Mill, bread by Cafe.", False),
            ("Bread by @[1002], cake by @[1003].", "Bread by Mill, cake by Cafe!", False),
            ("aa @[1002] a", "aa a", False),
            ("@[1002]", "Something else", False),
            ("Hello @[Rye]", "Hello Rye", False),
        ],
    )
    def test_a_mention_is_shown_as_the_name_of_its_page(self, written: str, shown: str, is_it: bool) -> None:
        operation = replace(self.prepared(self.publications["text"]), content=Content(text=written))

        found = self.recovers(operation, listing(listed(shown)))

        assert bool(found) == is_it

    def test_mentions_that_never_end_take_no_time(self) -> None:
        operation = replace(self.prepared(self.publications["text"]), content=Content(text="@[1:" * 15_000))
        started = time.process_time()

        found = self.recovers(operation, listing(listed("Bread")))

        assert not found
        assert time.process_time() - started < 1

    @pytest.mark.parametrize(
        ("publication", "other"),
        [
            ("text", listed("Hello", ("photo", "1"))),
            ("text", listed("Hello", ("video", "1"))),
            ("image", listed("Bread")),
            ("image", listed("Bread", ("photo", "1"))),
            ("image", listed("Bread", ("album", "1"))),
            ("images", listed("Two", ("photo", "1"))),
            ("images", listed("Two")),
        ],
    )
    def test_another_post_is_not_taken_for_it(self, publication: str, other: dict[str, Any]) -> None:
        operation = self.prepared(self.publications[publication])

        assert self.recovers(operation, listing(other)) == []

    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (graph_error(190, 460), (AuthExpired, *OWNER)),
            (graph_error(102, status=401), (AuthExpired, *OWNER)),
            (graph_error(1705), (AuthExpired, *OWNER)),
            (graph_error(190, 2069032), (AuthExpired, *OWNER)),
            *((graph_error(200, subcode), (AuthExpired, *OWNER)) for subcode in (2069030, 2069033)),
            (graph_error(100, status=401), (Rejected, *CALLER)),
            (make_answer(403), (Rejected, *CALLER)),
            (make_answer(400, body=b"<h1>Sorry, something went wrong.</h1>"), (Unavailable, *BUSY)),
            (make_answer(400, body=b"Bad Request"), (Unavailable, *BUSY)),
            (graph_error(10), (Rejected, *OWNER)),
            *((graph_error(code), (Rejected, *OWNER)) for code in (200, 283, 299)),
            (graph_error(3), (Rejected, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(101), (AppStopped, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(2500), (Rejected, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(2500, message="Unknown path components: /me"), (Outdated, "PLATFORM_UNAVAILABLE", "operator")),
            *(
                (graph_error(code, message=words), (AppStopped, "PLATFORM_UNAVAILABLE", "operator"))
                for code, words in (
                    (100, "Invalid appsecret_proof provided in the API argument"),
                    (100, "API calls from the server require an appsecret_proof argument"),
                    (1, "Error validating client secret."),
                    (200, "API access blocked."),
                    (200, "API access deactivated. To reactivate, go to the app dashboard."),
                )
            ),
            (graph_error(100, message="(#100) No permission to publish the video"), (Rejected, *OWNER)),
            (graph_error(100, 33), (Rejected, *CALLER)),
            (graph_error(506, 1455006), (Duplicate, *CALLER)),
            (graph_error(1366051), (Duplicate, *CALLER)),
            (graph_error(100, 1366051), (Duplicate, *CALLER)),
            (graph_error(368, 1404082), (Duplicate, *CALLER)),
            (graph_error(368, 4854002), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(4, 2207051), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(368, 1390008), (RateLimited, *QUOTA)),
            (graph_error(4), (RateLimited, *QUOTA)),
            *((graph_error(code), (RateLimited, *QUOTA)) for code in (17, 32, 341, 613, 80000, 80001, 80099)),
            (make_answer(429), (RateLimited, *QUOTA)),
            (graph_error(4, is_transient=True), (RateLimited, *QUOTA)),
            (graph_error(368, 1390008, is_transient=True), (RateLimited, *QUOTA)),
            (graph_error(324), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(382), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(1366046), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(100, 1366046), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(6000), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(6000, 1363128), (Rejected, "MEDIA_REJECTED", "caller")),
            *((graph_error(code), (Rejected, "MEDIA_REJECTED", "caller")) for code in range(1363127, 1363130)),
            (graph_error(1363040), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(389), (Unavailable, *BUSY)),
            (graph_error(6001), (Unavailable, *BUSY)),
            (upload_error("ProcessingFailedError"), (Rejected, "MEDIA_REJECTED", "caller")),
            (upload_error("OffsetInvalidError", retriable=False), (Unavailable, *BUSY)),
            (upload_error("PartialRequestError", retriable=False), (Unavailable, *BUSY)),
            (upload_error("SomethingNewError", retriable=False), (Rejected, "MEDIA_REJECTED", "caller")),
            (upload_error("SomethingNewError"), (Unavailable, *BUSY)),
            (graph_error(1609005), (Rejected, *CALLER)),
            (graph_error(100, is_transient=True), (Unavailable, *BUSY)),
            (graph_error(2), (Unavailable, *BUSY)),
            (graph_error(100, status=503), (Unavailable, *BUSY)),
            (graph_error(190, 463, status=500), (AuthExpired, *OWNER)),
            (graph_error(10, status=500), (Rejected, *OWNER)),
            *((graph_error(1, 2853006, status=status), (Rejected, *OWNER)) for status in (400, 500)),
            (graph_error(1, 2853006, is_transient=True), (Rejected, *OWNER)),
            (graph_error(2500, status=500), (Rejected, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(506, 1455006, status=500), (Duplicate, *CALLER)),
            (graph_error(368, 4854002, status=503), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(4, status=503), (RateLimited, *QUOTA)),
        ],
        ids=lambda value: str(getattr(value, "body", value))[:60],
    )
    def test_a_refusal_says_who_can_mend_it(self, answer: Any, meaning: tuple[Any, ...]) -> None:
        error = self.connector.classify(answer)

        assert (type(error), error.code, error.who_acts) == meaning

    def test_a_page_that_posted_too_fast_is_left_alone_for_an_hour(self) -> None:
        assert self.waits(graph_error(368, 1390008)) == 3600

    @pytest.mark.parametrize("post_type", ["feed", "story"])
    @pytest.mark.parametrize(
        ("most", "facts"), [(4_000_000, {}), (10_000_000, {"mime_type": "image/gif", "frames": 2})]
    )
    def test_a_photo_is_as_small_as_every_page_of_facebooks_says(
        self, post_type: str, most: int, facts: dict[str, Any]
    ) -> None:
        def rules(size: int) -> list[str]:
            content = Content(text="", options={"post_type": post_type}, media=(make_image(size=size, **facts),))
            return [each.rule for each in self.connector.validate(content, {})]

        assert rules(most) == []
        assert rules(most + 1) == ["image_too_large"]

    @pytest.mark.parametrize("link", ["http://bakery/", "https://localhost:8000/rye", "http://[::1]/"])
    def test_a_link_that_facebook_cannot_reach_is_told_beforehand(self, link: str) -> None:
        [issue] = self.connector.validate(Content(text="Rye", link=link), {})

        assert (issue.rule, issue.field, issue.actual) == ("link_unreachable", "link", link)
        assert self.connector.validate(Content(text="Rye", link="https://bakery.example/rye"), {}) == []

    def test_an_error_keeps_the_networks_code_and_its_words_for_people(self) -> None:
        error = self.connector.classify(graph_error(190, 463, error_user_msg="Please log in\nagain."))

        assert (error.network_code, error.message) == ("190/463", "Facebook says: Please log in again.")

    @pytest.mark.parametrize(
        ("header", "wait"),
        [
            ('{"1": [{"estimated_time_to_regain_access": 5}], "2": [{"estimated_time_to_regain_access": 15}]}', 900),
            ('{"call_count": 100, "estimated_time_to_regain_access": 3}', 180),
            ('{"1": [{"estimated_time_to_regain_access": 999999}]}', 86_400),
            ('{"1": [{"estimated_time_to_regain_access": 0}]}', None),
            ('{"1": [{"estimated_time_to_regain_access": "soon"}], "2": 7}', None),
            ("[" * 20_000, None),
            ("[1]", None),
            ("not json", None),
        ],
    )
    def test_a_quota_waits_as_long_as_the_usage_says(self, header: str, wait: float | None) -> None:
        answer = make_answer(400, {"error": {"code": 4, "message": "Limit"}}, X_App_Usage=header)

        assert self.waits(answer) == wait


class TestComments(ListCase):
    connector = CONNECTOR
    own, other = OWN_COMMENT, OWN_COMMENT | {"id": "555_8", "message": "Thanks!"}
    dated = ("created_time",)
    lost = Operation(content=COMMENTED, account=ACCOUNT, now=later(days=1), armed_at=NOW, out=(published("1001_555"),))
    adopted = TestFacebook.publications["first comment"].published

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return comments("1001_555", *posts, after=after, then=then)
