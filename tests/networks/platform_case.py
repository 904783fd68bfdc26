"""What every connector must do, and a network on paper: calls announced one by one, compared to the letter."""

import io
import json as json_module
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, BinaryIO, ClassVar, Unpack
from urllib.parse import urlsplit

import pytest
from requests.structures import CaseInsensitiveDict

from accounts.platforms.base import Connector, Request, Save
from accounts.platforms.errors import (
    AuthExpired,
    NotListed,
    PlatformError,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.http import Answer
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    Candidate,
    Content,
    Handles,
    Media,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)

NOW = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
NOW_HEADER = "Tue, 24 Nov 2026 10:00:00 GMT"
A_MINUTE = 60.0
LOST = Unknown("The network gave no complete answer.")
NOT_SENT = Unavailable("The network could not be reached.")


def make_answer(status: int = 200, json: Any = None, *, body: bytes | None = None, **headers: str) -> Answer:
    written = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if body is not None else b"" if json is None else json_module.dumps(json).encode()
    return Answer(status=status, headers=CaseInsensitiveDict({"Date": NOW_HEADER} | written), body=content)


@dataclass(frozen=True)
class Call:
    """One call that a test expects: what is sent, to the letter, and what comes back."""

    method: str
    url: str
    sends: Mapping[str, Any] = field(default_factory=dict)
    gets: Answer | PlatformError = field(default_factory=make_answer)


class FakeSession:
    """Answers the announced calls in their order; any other call fails the test."""

    asserted: ClassVar[set[tuple[str, str]]] = set()
    """The method and address of every call that was as it was announced."""

    def __init__(self, *calls: Call) -> None:
        self.calls = list(calls)
        self.timeouts: list[float] = []
        self.longest = math.inf

    def request(self, method: str, url: str, **request: Unpack[Request]) -> Answer:
        sent: dict[str, Any] = {name: value for name, value in request.items() if value}
        timeout = sent.pop("timeout", 30)
        sent.pop("max_bytes", None)
        if isinstance(data := request.get("data"), io.IOBase):
            sent["data"] = data.read()
        if files := request.get("files"):
            sent["files"] = {name: (title, _read(content), kind) for name, (title, content, kind) in files.items()}
        assert timeout <= self.longest, "Nobody asked for so much time"
        assert self.calls, f"Nobody announced {method} {url}"
        call = self.calls.pop(0)
        assert (method, url, sent) == (call.method, call.url, call.sends)
        assert _as_written(request.get("json")) == _as_written(call.sends.get("json")), "Equal in Python, not in JSON"
        self.asserted.add((method, url))
        self.timeouts.append(timeout)
        if isinstance(call.gets, PlatformError):
            raise call.gets
        return call.gets

    def timed(self, save: Save) -> Save:
        """From here on a call may take a minute, or as long as was asked for when something was saved last."""
        self.longest = A_MINUTE

        def keep(handles: Handles, *, seconds: float = 0) -> None:
            self.longest = max(A_MINUTE, seconds)
            save(handles, seconds=seconds)

        return keep

    def to_others(self) -> "FakeSession":
        return self

    def assert_done(self) -> None:
        assert not self.calls, f"Not called: {self.calls}"


@contextmanager
def announced(*calls: Call) -> Iterator[FakeSession]:
    """Give a session that makes these calls, all of them, whatever comes of it."""
    session = FakeSession(*calls)
    try:
        yield session
    finally:
        session.assert_done()


def _as_written(value: Any) -> str:
    return json_module.dumps(value, sort_keys=True)


def _read(content: bytes | BinaryIO) -> bytes:
    return content if isinstance(content, bytes) else content.read()


def make_media(media_id: str, content: bytes, extension: str, **values: Any) -> Media:
    facts: dict[str, Any] = {
        "size": len(content),
        "filename": f"{media_id}.{extension}",
        "open": lambda: io.BytesIO(content),
        "pull_url": lambda: f"https://ours.example/media/{media_id}",
    }
    return Media(id=media_id, **facts | values)


def make_image(media_id: str = "media_1", **values: Any) -> Media:
    facts: dict[str, Any] = {"type": "image", "mime_type": "image/jpeg", "width": 800, "height": 600}
    return make_media(media_id, f"bytes of {media_id}".encode(), "jpg", **facts | values)


def make_video(media_id: str = "media_1", content: bytes | None = None, **values: Any) -> Media:
    """A video that every network takes as a short upright one."""
    facts: dict[str, Any] = {"type": "video", "mime_type": "video/mp4", "width": 720, "height": 1280, "seconds": 20.0}
    facts |= {"fps": 30.0, "video_codec": "h264", "audio_codec": "aac"}
    written = f"bytes of {media_id}".encode() if content is None else content
    return make_media(media_id, written, "mp4", **facts | values)


def make_document(media_id: str = "media_1", **values: Any) -> Media:
    facts: dict[str, Any] = {"type": "document", "mime_type": "application/pdf", "pages": 3}
    return make_media(media_id, f"bytes of {media_id}".encode(), "pdf", **facts | values)


@dataclass(frozen=True)
class Publication:
    """A content, and all the calls that make it a post, or, behind what is out already, a reply."""

    content: Content
    prepares: tuple[Call, ...]
    commits: tuple[Call, ...]
    """The visible call first, then what reads its result."""
    published: Published
    out: tuple[Published, ...] = ()
    shows: tuple[Call, ...] = ()
    """What asks until it is shown, where the network has only taken it after `commits`."""


def named(call: Call, name: str) -> Call:
    """Return the same call with another name of its files."""
    files = {part: (name, *rest) for part, (_, *rest) in call.sends.get("files", {}).items()}
    return replace(call, sends={**call.sends, "files": files}) if files else call


def no_save(handles: Handles, *, seconds: float = 0) -> None:
    """Keep nothing."""


class Saved:
    """Keeps the handles as the engine does, and for how long each next call may take."""

    def __init__(self, *before: Handles) -> None:
        self.handles: list[Handles] = list(before)
        self.seconds: list[float] = []

    def __call__(self, handles: Handles, *, seconds: float = 0) -> None:
        self.handles.append(dict(handles))
        self.seconds.append(seconds)


class NumbersCase:
    """Inherited by tests that read numbers."""

    connector: ClassVar[Connector]
    account: ClassVar[Account]

    def counted(self, remote_ids: Sequence[str], *calls: Call, now: datetime = NOW) -> dict[str, PostNumbers]:
        with announced(*calls) as session:
            return self.connector.post_metrics(session, self.account, remote_ids, now=now)

    def account_counted(self, *calls: Call, now: datetime = NOW) -> AccountNumbers:
        with announced(*calls) as session:
            return self.connector.account_metrics(session, self.account, now=now)


class PlatformCase(NumbersCase):
    """Inherited by the tests of each connector, which give the calls."""

    candidate_calls: ClassVar[tuple[Call, ...]]
    candidates: ClassVar[list[Candidate]]
    refresh_calls: ClassVar[tuple[Call, ...]]
    refreshed: ClassVar[Tokens]
    revoke_calls: ClassVar[tuple[Call, ...]]
    profile_calls: ClassVar[tuple[Call, ...]]
    profile: ClassVar[Profile]
    publications: ClassVar[Mapping[str, Publication]]
    """Every kind of post and reply, by a name for it."""
    usual: ClassVar[str] = "text"
    """The kind that meets every answer of the network: its first commit call is the visible one."""
    uploading: ClassVar[str] = "images"
    """A kind with at least two prepare calls, each of which is saved."""
    nameless: ClassVar[Mapping[str, str]] = {}
    """Kinds whose files are sent under a name, and what that is for a file without one."""
    stays_prepared: ClassVar[timedelta] = timedelta(hours=1)
    armed_with: ClassVar[Handles] = {}
    """What is kept of a preparation no sooner than the visible call is allowed."""
    """For how long at least the network is not asked again about what was prepared."""
    recover_calls: ClassVar[tuple[Call, ...]]
    """Find the usual post."""
    nothing_found: ClassVar[Answer]
    """The answer to the first of them that means that there is no such post."""
    refused: ClassVar[Answer]
    """A definite refusal of the content."""
    over_quota: ClassVar[Answer]
    """Asks to wait for two minutes."""
    token_over: ClassVar[Answer]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", list(self.publications))

    def operation(self, content: Content, **values: Any) -> Operation:
        """Return what is about to be sent, or, where `armed_at` is given, what is looked for a day later."""
        now = later(days=1) if "armed_at" in values else NOW
        return Operation(content=content, account=self.account, **{"now": now} | values)

    def prepared(self, publication: Publication, *, save: Save = no_save) -> Operation:
        session = FakeSession(*publication.prepares)
        operation = self.operation(publication.content, out=publication.out)
        handles = self.connector.prepare(session, operation, session.timed(save))
        session.assert_done()
        return replace(operation, handles=json_module.loads(json_module.dumps(handles)), armed_at=NOW)

    def commit(self, publication: Publication, gets: Answer | PlatformError) -> Published:
        """Commit with another answer to the visible call."""
        call = replace(publication.commits[0], gets=gets)
        return self.connector.commit(FakeSession(call), self.prepared(publication))

    def refresh(self, gets: Answer, account: Account | None = None) -> Tokens:
        """Refresh with another first answer."""
        session = FakeSession(replace(self.refresh_calls[0], gets=gets))
        return self.connector.refresh(session, account or self.account, now=NOW)

    def waits(self, refusal: Answer) -> float | None:
        """Return for how many seconds this quota is waited for."""
        error = self.connector.classify(refusal)
        assert isinstance(error, RateLimited)
        return error.retry_after

    def prepares(self, operation: Operation, *calls: Call, save: Save = no_save) -> Handles:
        with announced(*calls) as session:
            return self.connector.prepare(session, operation, save)

    def commits(self, operation: Operation, *calls: Call) -> Published:
        with announced(*calls) as session:
            return self.connector.commit(session, operation)

    def recovers(self, operation: Operation, *calls: Call) -> list[Published]:
        with announced(*calls) as session:
            return self.connector.recover(session, operation)

    @property
    def first(self) -> Publication:
        return self.publications[self.usual]

    @property
    def steps(self) -> Publication:
        return self.publications[self.uploading]

    def test_it_publishes(self, kind: str) -> None:
        publication = self.publications[kind]
        operation = self.prepared(publication)
        session = FakeSession(*publication.commits)

        if publication.shows:
            with pytest.raises(StillWorking) as taken:
                self.connector.commit(session, operation)
            session.assert_done()
            session = FakeSession(*publication.shows)
            told = operation.handles if taken.value.handles is None else taken.value.handles
            [published] = self.connector.recover(session, replace(operation, handles=told))
        else:
            published = self.connector.commit(session, operation)

        assert published == publication.published
        session.assert_done()

    def test_what_it_publishes_is_shown_at_its_hosts(self, kind: str) -> None:
        url = self.publications[kind].published.url

        assert not url or self.connector.shows_posts_at(urlsplit(url).hostname or "")

    def test_the_address_of_what_it_publishes_holds_its_id_or_that_of_its_post_or_none(self, kind: str) -> None:
        publication = self.publications[kind]

        held = self.connector.post_id_at(publication.published.url, self.account)

        assert held in {"", *(each.remote_id for each in (publication.published, *publication.out))}

    def test_what_it_publishes_is_valid(self, kind: str) -> None:
        issues = self.connector.validate(self.publications[kind].content, self.account.metadata)

        assert [issue for issue in issues if issue.severity == "error"] == []

    def test_what_is_prepared_is_not_prepared_again(self) -> None:
        saved = Saved()
        operation = self.prepared(self.steps, save=saved)

        handles = self.prepares(replace(operation, armed_at=None, now=NOW + self.stays_prepared))

        assert handles == operation.handles == {**saved.handles[-1], **self.armed_with}

    def test_a_preparation_goes_on_after_the_last_saved_step(self) -> None:
        calls = self.steps.prepares
        for lost in range(1, max(2, len(calls) - 1)):  # the last one may have been taken: each network is asked its way
            handles, done = self.broken_off(*calls[:lost], replace(calls[lost], gets=LOST))
            operation = self.operation(self.steps.content, handles=handles)
            session = FakeSession(*calls[done:])

            self.connector.prepare(session, operation, session.timed(no_save))

            session.assert_done()

    def broken_off(self, *calls: Call) -> tuple[Handles, int]:
        """Return what was saved last before an answer was lost, and after how many calls."""
        saved: list[tuple[Handles, int]] = []
        session = FakeSession(*calls)
        save = session.timed(lambda handles, *, seconds=0: saved.append((handles, len(session.timeouts))))
        with pytest.raises(Unknown):
            self.connector.prepare(session, self.operation(self.steps.content), save)
        return saved[-1]

    def test_a_file_without_a_name_is_sent_under_one(self) -> None:
        for kind, name in self.nameless.items():
            publication = self.publications[kind]
            media = tuple(replace(each, filename="") for each in publication.content.media)
            prepares = tuple(named(call, name) for call in publication.prepares)
            content = replace(publication.content, media=media)
            self.prepared(replace(publication, content=content, prepares=prepares))

    def test_an_overloaded_network_took_no_upload(self) -> None:
        with pytest.raises(Unavailable) as caught:
            self.prepares(self.operation(self.steps.content), replace(self.steps.prepares[0], gets=make_answer(503)))

        assert type(caught.value) is Unavailable

    def test_an_upload_without_an_id_is_made_again(self) -> None:
        with pytest.raises(Unavailable):
            self.prepares(
                self.operation(self.steps.content), replace(self.steps.prepares[0], gets=make_answer(200, {}))
            )

    def test_a_refused_post_is_rejected_with_the_networks_words(self) -> None:
        with pytest.raises(Rejected) as caught:
            self.commit(self.first, self.refused)

        assert (caught.value.code, caught.value.who_acts) == ("CONTENT_REJECTED", WhoActs.CALLER)
        assert "says: " in caught.value.message

    def test_a_dead_token_is_told_from_a_refused_post(self) -> None:
        with pytest.raises(AuthExpired) as caught:
            self.commit(self.first, self.token_over)

        assert (caught.value.code, caught.value.who_acts) == ("TOKEN_REVOKED", WhoActs.ACCOUNT_OWNER)

    def test_a_401_without_words_is_a_dead_token(self) -> None:
        with pytest.raises(AuthExpired):
            self.commit(self.first, make_answer(401))

    def test_what_is_too_large_is_a_file(self) -> None:
        error = self.connector.classify(make_answer(413, body=b"<html>Request Entity Too Large</html>"))

        assert (type(error), error.code) == (Rejected, "MEDIA_REJECTED")

    def test_a_quota_says_how_long_to_wait(self) -> None:
        with pytest.raises(RateLimited) as caught:
            self.commit(self.first, self.over_quota)

        assert caught.value.retry_after == 120
        assert caught.value.code == "RATE_LIMITED_BY_PLATFORM"

    @pytest.mark.parametrize(
        "gets",
        [
            make_answer(500),
            make_answer(502, body=b"<html>"),
            make_answer(408),
            make_answer(302, Location="https://elsewhere.example"),
            make_answer(200, body=b'{"data": {"id": "1'),
            make_answer(200, body=b""),
            make_answer(200, {}),
            make_answer(200, [1]),
            make_answer(201, {"data": None, "errors": [{}]}),
            LOST,
        ],
        ids=lambda gets: str(getattr(gets, "status", "lost")),
    )
    def test_an_answer_that_says_nothing_leaves_the_outcome_unknown(self, gets: Answer | PlatformError) -> None:
        with pytest.raises(Unknown):
            self.commit(self.first, gets)

    def test_an_answer_that_says_nothing_has_a_post_of_any_kind_looked_for(self, kind: str) -> None:
        for gets in (make_answer(500), make_answer(200, {}), LOST):
            with pytest.raises((Unknown, StillWorking)):
                self.commit(self.publications[kind], gets)

    def test_a_post_that_never_left_may_be_sent_again(self) -> None:
        with pytest.raises(Unavailable):
            self.commit(self.first, NOT_SENT)

    @pytest.mark.parametrize("late", [timedelta(), timedelta(days=1)], ids=["at once", "a day later"])
    def test_it_finds_its_post_after_a_lost_answer(self, late: timedelta) -> None:
        operation = replace(self.prepared(self.first), now=NOW + late)

        assert self.recovers(operation, *self.recover_calls) == [self.first.published]

    def test_it_finds_nothing_where_nothing_was_posted(self) -> None:
        operation = self.prepared(self.first)

        assert self.recovers(operation, replace(self.recover_calls[0], gets=self.nothing_found)) == []

    def test_a_search_that_failed_is_not_an_absence(self) -> None:
        operation = self.prepared(self.first)

        with pytest.raises(Unavailable):
            self.recovers(operation, replace(self.recover_calls[0], gets=make_answer(503)))

    def test_it_refreshes_the_tokens(self) -> None:
        session = FakeSession(*self.refresh_calls)

        assert self.connector.refresh(session, self.account, now=NOW) == self.refreshed
        session.assert_done()

    def test_a_refresh_at_an_overloaded_network_is_tried_again(self) -> None:
        with pytest.raises(Unavailable):
            self.refresh(make_answer(503))

    def test_a_quota_on_refreshing_is_waited_for(self) -> None:
        with pytest.raises(RateLimited) as caught:
            self.refresh(make_answer(429, {"error": "slow_down"}, Retry_After="30"))

        assert caught.value.retry_after == 30

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_a_page_of_a_firewall_says_nothing_of_the_tokens(self, status: int) -> None:
        page = make_answer(status, body=b"<html><title>Attention Required!</title>")

        with pytest.raises(Unavailable):
            self.refresh(page)

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_a_page_of_a_firewall_refuses_no_post(self, status: int) -> None:
        error = self.connector.classify(make_answer(status, body=b"<html><title>Access Denied</title>"))

        assert isinstance(error, Unavailable)

    def test_it_makes_the_network_forget_the_tokens(self) -> None:
        session = FakeSession(*self.revoke_calls)

        self.connector.revoke(session, self.account)

        session.assert_done()

    def test_a_refused_revocation_is_told(self) -> None:
        for call in self.revoke_calls[:1]:
            with pytest.raises(Rejected):
                self.connector.revoke(
                    FakeSession(replace(call, gets=make_answer(400, {"error": "invalid_request"}))), self.account
                )

    def test_it_reads_how_the_account_shows_itself(self) -> None:
        session = FakeSession(*self.profile_calls)

        assert self.connector.profile(session, self.account) == self.profile
        session.assert_done()

    @pytest.mark.parametrize("status", [400, 403, 404, 410, 418, 429, 500, 503])
    def test_any_status_without_words_is_told_in_a_sentence(self, status: int) -> None:
        error = self.connector.classify(make_answer(status))

        assert str(status) in error.message
        assert error.status == status


class ListCase:
    """Inherited where a lost answer is cleared up by a search in a list, which comes in pages, the newest first."""

    connector: ClassVar[Connector]
    own: ClassVar[Mapping[str, Any]]
    """What is looked for, as the list shows it."""
    other: ClassVar[Mapping[str, Any]]
    key: ClassVar[Sequence[str]] = ("id",)
    dated: ClassVar[Sequence[str]]
    """Where an entry has its id and its time."""
    before: ClassVar[str | int] = "2026-11-24T09:59:54.000Z"
    """A time from before the try, as the list writes it."""

    @property
    def lost(self) -> Operation:
        """Return the operation whose answer was lost."""
        raise NotImplementedError

    @property
    def adopted(self) -> Published:
        """Return what `own` is of."""
        raise NotImplementedError

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        """Return the call that reads these posts behind one cursor, and is told another one for what follows."""
        raise NotImplementedError

    def search(self, *pages: Sequence[Mapping[str, Any]], ends: bool = True) -> list[Call]:
        cursors = ["", *(f"c{number}" for number in range(1, len(pages))), "" if ends else "more"]
        return [
            self.page(*posts, after=after, then=then)
            for posts, (after, then) in zip(pages, pairwise(cursors), strict=True)
        ]

    def recovered(self, *calls: Call) -> list[Published]:
        with announced(*calls) as session, suppress(NotListed):
            return self.connector.recover(session, self.lost)
        return []

    def twin(self, created: Any = None) -> Mapping[str, Any]:
        """Return another entry that says the same, of the same time where none is given."""
        twin = _but(self.own, self.key, "9")
        return twin if created is None else _but(twin, self.dated, created)

    def test_a_post_behind_more_than_one_page_of_newer_posts_is_found(self) -> None:
        newer = [self.other] * 100

        assert self.recovered(*self.search(newer, newer, [self.own])) == [self.adopted]

    def test_all_pages_are_searched_before_a_post_is_called_absent(self) -> None:
        assert self.recovered(*self.search(*[[self.other]] * 10)) == []

    def test_the_search_goes_on_behind_what_it_found(self) -> None:
        first, second = self.recovered(*self.search([self.twin()], [self.own]))

        assert first.remote_id.endswith("9")
        assert second == self.adopted

    def test_a_post_that_slid_to_the_next_page_meanwhile_is_one_post(self) -> None:
        assert self.recovered(*self.search([self.own], [self.own])) == [self.adopted]

    def test_the_search_ends_behind_a_page_of_older_posts_which_are_none_of_it(self) -> None:
        older = self.twin(self.before)

        assert self.recovered(*self.search([older, older], ends=False)) == []

    def test_one_older_post_or_one_without_a_time_neither_is_it_nor_ends_the_search(self) -> None:
        older, *undated = (self.twin(created) for created in (self.before, "", "yesterday", -(10**13)))

        found = self.recovered(*self.search([older, *undated], [older, self.other], [older, self.own]))

        assert found == [self.adopted]

    @pytest.mark.parametrize("found", [False, True])
    def test_a_list_without_an_end_leaves_it_unknown(self, found: bool) -> None:
        pages = [[self.own if found else self.other]] * 10

        with pytest.raises(Unknown):
            self.recovered(*self.search(*pages, ends=False))

    @pytest.mark.parametrize("gets", [make_answer(503), LOST, NOT_SENT], ids=["overloaded", "lost", "not sent"])
    def test_a_page_that_cannot_be_read_leaves_it_unknown(self, gets: Answer | PlatformError) -> None:
        first, second = self.search([self.other], [self.other])

        with pytest.raises((Unavailable, Unknown)):
            self.recovered(first, replace(second, gets=gets))

    @pytest.mark.parametrize("said", [{}, [1], {"errors": [{"title": "Not Found Error"}]}, {"data": None}])
    def test_an_answer_without_a_list_leaves_it_unknown(self, said: Any) -> None:
        with pytest.raises(Unknown):
            self.recovered(replace(self.page(), gets=make_answer(200, said)))


def _but(entry: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return the same entry with another value at this path."""
    step, *rest = path
    return {**entry, step: _but(entry[step], rest, value) if rest else value}


class LookCase(ListCase, PlatformCase):
    """Inherited where the usual post is looked for among the account's posts."""

    @property
    def lost(self) -> Operation:
        return self.prepared(self.first)

    @property
    def adopted(self) -> Published:
        return self.first.published

    def test_an_empty_page_is_not_the_end_of_the_list(self) -> None:
        assert self.recovered(*self.search([self.other], [], [self.own])) == [self.adopted]


class OAuth2Case(PlatformCase):
    """Inherited where the network has a consent page."""

    connector: ClassVar[OAuth2Connector]
    consent_url: ClassVar[str]
    exchange_calls: ClassVar[tuple[Call, ...]]
    exchanged: ClassVar[Tokens]
    tells_whose: ClassVar[int] = 0
    """Which of the candidate calls tells whose the tokens are."""
    code_refused: ClassVar[Answer]

    def exchange(self, session: FakeSession) -> Tokens:
        return self.connector.exchange(
            session,
            code="CODE",
            redirect_uri="https://app.example/back",
            code_verifier="VERIFIER" if self.connector.uses_pkce else "",
            now=NOW,
        )

    def test_it_sends_the_person_to_the_consent_page(self) -> None:
        challenge = "CHALLENGE" if self.connector.uses_pkce else ""

        url = self.connector.authorize_url(
            redirect_uri="https://app.example/back", state="STATE", scopes=("one", "two"), code_challenge=challenge
        )

        assert url == self.consent_url

    def test_it_trades_the_code_for_tokens(self) -> None:
        session = FakeSession(*self.exchange_calls)

        assert self.exchange(session) == self.exchanged
        session.assert_done()

    def test_a_code_that_is_not_taken_is_rejected(self) -> None:
        with pytest.raises(Rejected):
            self.exchange(FakeSession(replace(self.exchange_calls[0], gets=self.code_refused)))

    def test_a_sign_in_without_a_token_is_unknown(self) -> None:
        with pytest.raises(Unknown):
            self.exchange(FakeSession(replace(self.exchange_calls[0], gets=make_answer(200, {"token_type": "bearer"}))))

    def test_it_offers_the_accounts_that_were_granted(self) -> None:
        session = FakeSession(*self.candidate_calls)

        assert self.connector.candidates(session, self.exchanged) == self.candidates
        session.assert_done()

    def test_tokens_of_nobody_open_no_account(self) -> None:
        calls = list(self.candidate_calls)
        calls[self.tells_whose] = replace(calls[self.tells_whose], gets=make_answer(200, {}))

        with pytest.raises(Unknown):
            self.connector.candidates(FakeSession(*calls), self.exchanged)

    def test_without_a_refresh_token_only_the_owner_can_help(self) -> None:
        with pytest.raises(AuthExpired):
            self.connector.refresh(FakeSession(), replace(self.account, refresh_token=""), now=NOW)


def later(**values: float) -> datetime:
    return NOW + timedelta(**values)
