"""What Instagram and Threads must both do: their containers made, waited for, published once, and asked afterwards."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    NotListed,
    Outdated,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.platforms.meta.containers import POST, ContainerConnector
from accounts.platforms.meta.failures import MakeAgain, NotFetched, NotReady
from accounts.platforms.shapes import Handles, Operation, Published
from accounts.platforms.uploads import uploaded
from tests.networks.platform_case import (
    LOST,
    NOW,
    Call,
    FakeSession,
    ListCase,
    OAuth2Case,
    Saved,
    later,
    make_answer,
    no_save,
)


def graph_error(code: int, subcode: int = 0, status: int = 400, **fields: Any) -> Any:
    error = {"message": "No.", "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "X"}
    return make_answer(status, {"error": error | fields})


class ContainerCase(OAuth2Case, ListCase):
    """Inherited by the two; `usual` is one file or text, `uploading` a carousel of two."""

    connector: ClassVar[ContainerConnector]
    stays_prepared = timedelta()
    container: ClassVar[str]
    """The id of the usual container."""
    quota_call: ClassVar[Call]
    """Read right before the usual post is published."""
    full: ClassVar[Any]
    """The answer that says that the quota is used up."""
    failed_for_good: ClassVar[str]
    failed_for_now: ClassVar[str]
    most_failures: ClassVar[int]
    """Reasons of a container that failed."""
    dated = ("timestamp",)

    def status(self, container: str, state: str, reason: str = "") -> Call:
        """Return the call that asks how far a container is."""
        raise NotImplementedError

    @property
    def lost(self) -> Operation:
        """As in a restored copy, which knows no container."""
        return self.operation(self.first.content, armed_at=NOW)

    @property
    def adopted(self) -> Published:
        return self.first.published

    @property
    def created(self) -> tuple[Call, ...]:
        """The calls that make the usual container."""
        return self.first.prepares[:1]

    def waiting(self, state: str, reason: str = "", **values: Any) -> tuple[PlatformError, Saved]:
        """Return what a preparation raises whose container is in this state."""
        saved = Saved()
        session = FakeSession(*self.created, self.status(self.container, state, reason))
        with pytest.raises(PlatformError) as caught:
            self.connector.prepare(session, self.operation(self.first.content, **values), saved)
        session.assert_done()
        return caught.value, saved

    def test_what_stands_behind_a_code_is_taken_away(self) -> None:
        session = FakeSession(*self.exchange_calls)

        tokens = self.connector.exchange(session, code="CODE#_", redirect_uri="https://app.example/back", now=NOW)

        assert tokens == self.exchanged

    def test_a_container_that_is_worked_on_is_waited_for(self) -> None:
        raised, saved = self.waiting("IN_PROGRESS")

        assert isinstance(raised, StillWorking)
        assert raised.retry_after == 5
        assert saved.handles

    @pytest.mark.parametrize(("age", "wait"), [(29, 5), (31, 15), (181, 60)])
    def test_it_asks_more_and_more_seldom(self, age: float, wait: float) -> None:
        _, saved = self.waiting("IN_PROGRESS")
        operation = self.operation(self.first.content, handles=saved.handles[-1])

        with pytest.raises(StillWorking) as caught:
            self.prepares(replace(operation, now=later(seconds=age)), self.status(self.container, "IN_PROGRESS"))

        assert caught.value.retry_after == wait

    def test_a_container_is_not_made_again_while_it_is_waited_for(self) -> None:
        _, saved = self.waiting("IN_PROGRESS")

        self.prepares(
            self.operation(self.first.content, handles=saved.handles[-1]),
            self.status(self.container, "FINISHED"),
            self.quota_call,
        )

    def test_a_container_that_failed_for_good_fails_the_post(self) -> None:
        raised, _ = self.waiting("ERROR", self.failed_for_good)

        assert isinstance(raised, ProcessingFailed)
        assert raised.code == "MEDIA_REJECTED"
        assert raised.network_code in self.failed_for_good

    def test_a_container_that_failed_for_now_is_made_again_some_times(self) -> None:
        handles: Handles = {}
        kinds, acts = [], set()
        for _ in range(self.most_failures):
            raised, saved = self.waiting("ERROR", self.failed_for_now, handles=handles)
            handles = saved.handles[-1]
            kinds.append(isinstance(raised, ProcessingFailed))
            acts.add(raised.who_acts)

        assert (kinds, acts) == ([*[False] * (self.most_failures - 1), True], {"network"})

    def test_an_expired_container_is_made_again(self) -> None:
        raised, saved = self.waiting("EXPIRED")

        assert type(raised) is Unavailable
        assert saved.handles[-1] == {}

    @pytest.mark.parametrize("error", [(100, 33), (24, 0), (24, 2207008)])
    def test_a_container_that_is_not_known_is_asked_for_again_and_then_made_again(self, error: Any) -> None:
        saved = Saved()
        asked = replace(self.status(self.container, "FINISHED"), gets=graph_error(*error))

        with pytest.raises(StillWorking) as caught:
            self.connector.prepare(FakeSession(*self.created, asked), self.operation(self.first.content), saved)
        operation = self.operation(self.first.content, handles=saved.handles[-1])
        with pytest.raises(StillWorking):
            self.connector.prepare(FakeSession(asked), replace(operation, now=later(seconds=119)), saved)
        with pytest.raises(MakeAgain):
            self.connector.prepare(FakeSession(asked), replace(operation, now=later(minutes=2)), saved)

        assert caught.value.retry_after == 30
        assert saved.handles[-1] == {"failures": 1}

    def test_a_state_that_is_no_state_is_asked_again(self) -> None:
        raised, _ = self.waiting("DREAMING")

        assert type(raised) is Unavailable

    def test_a_carousel_waits_for_its_parts_before_it_is_made(self) -> None:
        first, second, *_ = self.steps.prepares
        parts = [first, second]
        saved = Saved()
        session = FakeSession(*parts, replace(self.steps.prepares[2], gets=make_answer(200, self.working)))

        with pytest.raises(StillWorking):
            self.connector.prepare(session, self.operation(self.steps.content), saved)

        session = FakeSession(*self.steps.prepares[2:])
        self.connector.prepare(session, self.operation(self.steps.content, handles=saved.handles[-1]), no_save)
        session.assert_done()

    @property
    def working(self) -> Any:
        return self.status("1", "IN_PROGRESS").gets.json()  # type: ignore[union-attr]

    def test_old_containers_are_made_anew(self) -> None:
        operation = replace(self.prepared(self.steps), armed_at=NOW, now=later(hours=23, minutes=1))
        asked = self.status(uploaded(operation.handles, POST), "FINISHED")

        self.prepares(operation, asked, *self.steps.prepares)

    def test_a_quota_that_is_used_up_makes_the_post_wait(self) -> None:
        saved = Saved()
        session = FakeSession(*self.first.prepares[:-1], replace(self.quota_call, gets=self.full))

        with pytest.raises(RateLimited) as caught:
            self.connector.prepare(session, self.operation(self.first.content), saved)

        assert caught.value.retry_after == 3600
        assert "ready_at" not in saved.handles[-1]

    @pytest.mark.parametrize("gets", [graph_error(10), make_answer(200, {"data": []})], ids=["refused", "empty"])
    def test_a_quota_that_cannot_be_read_keeps_nobody_waiting(self, gets: Any) -> None:
        handles = self.prepares(
            self.operation(self.first.content), *self.first.prepares[:-1], replace(self.quota_call, gets=gets)
        )

        assert handles["ready_at"]

    def test_before_another_try_the_container_is_asked_again(self) -> None:
        self.prepares(self.prepared(self.first), self.status(self.container, "FINISHED"), self.quota_call)

    @pytest.mark.parametrize("armed_at", [NOW, None], ids=["its answer was lost", "it was refused"])
    def test_what_was_ready_is_asked_again_half_a_minute_later(self, armed_at: Any) -> None:
        operation = replace(self.prepared(self.first), armed_at=armed_at, now=later(seconds=30))

        self.prepares(operation, self.status(self.container, "FINISHED"), self.quota_call)

    def test_a_container_that_is_ready_and_never_taken_is_made_anew(self) -> None:
        refused = replace(self.prepared(self.first), armed_at=None)
        ready = FakeSession(self.status(self.container, "FINISHED"), self.quota_call)

        handles = self.connector.prepare(ready, replace(refused, now=later(minutes=9)), no_save)
        again = FakeSession(self.status(self.container, "FINISHED"), *self.first.prepares)
        self.connector.prepare(again, replace(refused, handles=handles, now=later(minutes=10)), no_save)

        again.assert_done()

    @pytest.mark.parametrize("passed", [timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=24)], ids=str)
    def test_one_that_a_late_call_has_published_is_not_made_anew_and_its_post_is_found(self, passed: timedelta) -> None:
        saved, at, asked = Saved(), NOW + passed, self.status(self.container, "PUBLISHED")
        over = replace(self.prepared(self.first), armed_at=None, now=at)
        session = FakeSession(asked, asked, self.page(self.own))

        handles = self.connector.prepare(session, over, saved)
        published = self.connector.commit(session, replace(over, handles=handles, armed_at=at))

        assert (published, saved.handles) == (self.first.published, [handles])
        session.assert_done()

    @pytest.mark.parametrize("gets", [make_answer(503), graph_error(10), graph_error(190), graph_error(100, 33)])
    def test_one_that_is_out_is_not_called_refused_where_it_cannot_be_asked_for(self, gets: Any) -> None:
        handles = {**self.prepared(self.first).handles, "out": True}

        with pytest.raises(Unknown):
            self.commits(
                replace(self.prepared(self.first), handles=handles),
                replace(self.status(self.container, "PUBLISHED"), gets=gets),
            )

    def test_while_a_call_may_be_on_its_way_no_second_container_is_made(self) -> None:
        self.prepares(
            replace(self.prepared(self.first), now=later(minutes=10)),
            self.status(self.container, "FINISHED"),
            self.quota_call,
        )

    def test_a_lost_answer_is_cleared_up_by_the_container(self) -> None:
        assert self.connector.recovery_of(self.operation(self.first.content)) == Recovery.HANDLE

    @pytest.mark.parametrize("state", ["FINISHED", "EXPIRED", "ERROR"])
    def test_a_container_that_was_not_published_is_proof_that_nothing_is_out(self, state: str) -> None:
        assert self.recovers(self.prepared(self.first), self.status(self.container, state)) == []

    @pytest.mark.parametrize(("state", "posts"), [("IN_PROGRESS", None), ("PUBLISHED", [])])
    def test_what_is_published_and_not_shown_is_waited_for(self, state: str, posts: list[Any] | None) -> None:
        calls = [self.status(self.container, state), *([] if posts is None else [self.page()])]

        with pytest.raises(StillWorking) as caught:
            self.recovers(self.prepared(self.first), *calls)

        assert caught.value.retry_after == 10

    def test_a_container_that_is_gone_is_looked_for_in_the_list(self) -> None:
        asked = replace(self.status(self.container, "FINISHED"), gets=graph_error(100, 33))
        operation = self.prepared(self.first)

        assert self.recovers(operation, asked, self.page(self.own)) == [self.first.published]
        with pytest.raises(Unknown):
            self.recovers(replace(operation, now=later(seconds=110)), asked, self.page())
        with pytest.raises(NotListed):
            self.recovers(replace(operation, now=later(seconds=130)), asked, self.page())

    def test_one_that_was_sent_anew_days_later_has_as_much_time_to_show(self) -> None:
        asked = replace(self.status(self.container, "FINISHED"), gets=graph_error(100, 33))
        first = self.prepared(self.first)
        anew = replace(first, handles={**first.handles, "ready_at": later(days=3).isoformat()})

        with pytest.raises(Unknown):
            self.recovers(replace(anew, now=later(days=3, seconds=110)), asked, self.page())
        with pytest.raises(NotListed):
            self.recovers(replace(anew, now=later(days=3, seconds=130)), asked, self.page())

    def refused_by(self, answer: Any, *then: Call) -> Published:
        visible = replace(self.first.commits[0], gets=answer)
        session = FakeSession(visible, *then)
        published = self.connector.commit(session, self.prepared(self.first))
        session.assert_done()
        return published

    def test_a_spam_block_is_no_proof_that_nothing_is_out(self) -> None:
        asked = self.status(self.container, "PUBLISHED")

        assert self.refused_by(graph_error(4, 2207051), asked, self.page(self.own)) == self.first.published
        with pytest.raises(Rejected) as caught:
            self.refused_by(graph_error(4, 2207051), self.status(self.container, "FINISHED"))
        assert (caught.value.network_code, caught.value.who_acts) == ("4/2207051", "account_owner")
        for unheard in (replace(asked, gets=LOST),), (asked, replace(self.page(), gets=make_answer(503))):
            with pytest.raises(Unknown):
                self.refused_by(graph_error(4, 2207051), *unheard)
        with pytest.raises(StillWorking):
            self.refused_by(graph_error(4, 2207051), asked, self.page())
        with pytest.raises(Unknown):
            self.refused_by(graph_error(4, 2207051), asked, self.page(self.own, {**self.own, "id": "9"}))

    @pytest.mark.parametrize(
        "refusal",
        [graph_error(4, 2207051), graph_error(2207051), graph_error(368), graph_error(368, 4854002, 403)],
        ids=["subcode", "code", "abusive", "identity"],
    )
    def test_a_post_that_is_out_in_spite_of_a_block_is_found_in_whatever_form_it_is_told(self, refusal: Any) -> None:
        asked = self.status(self.container, "PUBLISHED")

        published = self.refused_by(refusal, asked, self.page(self.own))

        assert published == self.first.published

    def test_a_refusal_of_a_server_in_trouble_is_no_proof_that_nothing_is_out(self) -> None:
        asked = self.status(self.container, "PUBLISHED")

        assert self.refused_by(graph_error(10, status=500), asked, self.page(self.own)) == self.first.published
        with pytest.raises(Rejected) as caught:
            self.refused_by(graph_error(10, status=500), self.status(self.container, "FINISHED"))
        assert caught.value.code == "TOKEN_REVOKED"

    @pytest.mark.parametrize("code", [1, 2])
    def test_a_transient_code_leaves_a_visible_call_unknown(self, code: int) -> None:
        with pytest.raises(Unknown) as caught:
            self.refused_by(graph_error(code))

        assert caught.value.network_code == str(code)

    def test_a_permalink_that_cannot_be_read_does_not_undo_the_post(self) -> None:
        published = self.refused_by(self.first.commits[0].gets, replace(self.first.commits[1], gets=make_answer(503)))

        assert published == replace(self.first.published, url="")

    @pytest.mark.parametrize(
        ("gets", "error"),
        [(graph_error(190, 463), AuthExpired), (graph_error(100), Unavailable), (graph_error(10), Rejected)],
        ids=["over", "too young", "not allowed"],
    )
    def test_a_token_that_is_too_young_to_be_renewed_expires_nobody(self, gets: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            self.refresh(gets)

    @pytest.mark.parametrize("left", [None, timedelta(days=10), timedelta(days=58)])
    def test_a_renewal_that_is_refused_is_asked_for_again_in_an_hour(self, left: timedelta | None) -> None:
        account = replace(self.account, access_expires_at=None if left is None else NOW + left)

        with pytest.raises(Unavailable) as caught:
            self.refresh(graph_error(100), account)

        error = caught.value
        assert (error.retry_after, error.status, error.network_code) == (3600, 400, "100")

    def test_a_token_of_today_is_as_good_as_a_new_one(self) -> None:
        young = replace(self.account, access_expires_at=later(days=59, hours=12))
        session = FakeSession(replace(self.refresh_calls[0], gets=graph_error(100)))

        tokens = self.connector.refresh(session, young, now=NOW)

        assert (tokens.access_token, tokens.refresh_token) == (young.access_token, young.refresh_token)
        assert tokens.access_expires_at == young.access_expires_at

    def refusal(self, answer: Any) -> tuple[type[PlatformError], str, str]:
        error = self.connector.classify(answer)
        return type(error), error.code, str(error.who_acts)

    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (graph_error(190, 463), (AuthExpired, "TOKEN_REVOKED", "account_owner")),
            (graph_error(10), (Rejected, "TOKEN_REVOKED", "account_owner")),
            (graph_error(3), (Rejected, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(2500, message="Unknown path components: /me"), (Outdated, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(200, message="API access blocked."), (AppStopped, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(4), (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (graph_error(4, is_transient=True), (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (graph_error(80002), (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (graph_error(2), (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(1, 2207051), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(1, 1390008), (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (graph_error(1, 1404082), (Duplicate, "CONTENT_REJECTED", "caller")),
            (graph_error(100), (Rejected, "CONTENT_REJECTED", "caller")),
            (graph_error(100, 33), (Rejected, "CONTENT_REJECTED", "caller")),
            (graph_error(999_999), (Rejected, "CONTENT_REJECTED", "caller")),
        ],
        ids=lambda value: str(getattr(value, "body", ""))[:80],
    )
    def test_what_all_of_metas_networks_say_means_the_same(self, answer: Any, meaning: Any) -> None:
        assert self.refusal(answer) == meaning

    def test_an_account_that_is_not_visible_is_its_owners_to_mend(self) -> None:
        hidden = graph_error(100, 33)

        with pytest.raises(Rejected) as making:
            self.prepares(self.operation(self.first.content), replace(self.created[0], gets=hidden))
        with pytest.raises(Rejected) as publishing:
            self.refused_by(hidden)

        assert {(each.value.code, each.value.who_acts) for each in (making, publishing)} == {
            ("TOKEN_REVOKED", "account_owner")
        }

    def test_a_container_that_is_not_ready_surely_was_not_published(self) -> None:
        with pytest.raises(NotReady):
            self.refused_by(self.too_early, self.status(self.container, "IN_PROGRESS"))

    too_early: ClassVar[Any]

    @pytest.mark.parametrize("failures", [0, 2])
    def test_a_container_that_fails_when_it_is_published_is_made_anew_as_often_as_another_may_help(
        self, failures: int
    ) -> None:
        first = replace(self.prepared(self.first), armed_at=None)
        refused, before = replace(self.first.commits[0], gets=self.worth_another), {"failures": failures}

        with pytest.raises((MakeAgain, ProcessingFailed)) as caught:
            self.commits(
                replace(first, handles={**first.handles, **before}),
                refused,
                self.status(self.container, "FINISHED"),
            )

        counted = None if failures else {"failures": 1}
        is_fetched = not isinstance(caught.value, NotFetched)
        assert getattr(caught.value, "handles", None) == (counted if is_fetched else before)

    def test_one_that_fails_when_it_is_published_is_kept_while_an_earlier_call_may_be_on_its_way(self) -> None:
        with pytest.raises(MakeAgain) as caught:
            self.refused_by(self.worth_another, self.status(self.container, "FINISHED"))

        assert caught.value.handles is None

    worth_another: ClassVar[Any]
    """The answer that says that another container may not meet what this one met."""

    @pytest.mark.parametrize(("age", "meaning"), [(119, NotReady), (120, MakeAgain)])
    def test_parts_that_are_not_known_where_they_are_put_together_are_made_anew(
        self, age: int, meaning: type[PlatformError]
    ) -> None:
        saved, (first, second, ready, too, whole, *_) = Saved(), self.steps.prepares
        lost = FakeSession(first, second, ready, too, replace(whole, gets=LOST))
        with pytest.raises(Unknown):
            self.connector.prepare(lost, self.operation(self.steps.content), saved)
        operation = self.operation(self.steps.content, handles=saved.handles[-1])
        unknown = FakeSession(ready, too, replace(whole, gets=graph_error(24, 2207008)))

        with pytest.raises(PlatformError) as caught:
            self.connector.prepare(unknown, replace(operation, now=later(seconds=age)), saved)

        assert type(caught.value) is meaning
        assert (saved.handles[-1] == {"failures": 1}) == (meaning is MakeAgain)

    def test_a_published_container_is_adopted_when_it_is_published_again(self) -> None:
        asked = self.status(self.container, "PUBLISHED")

        assert self.refused_by(self.too_early, asked, self.page(self.own)) == self.first.published
