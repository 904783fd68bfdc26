"""Whoever reads the error that a target ended with knows who must act; one table for all that can end one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts import platforms
from accounts.models import SocialAccount
from accounts.platforms.bluesky.errors import BlobMissing, ClocksDiffer
from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    NotConnected,
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
from accounts.platforms.linkedin.errors import UploadOver
from accounts.platforms.meta.failures import MakeAgain, NotFetched, NotReady, Unexplained
from accounts.platforms.shapes import App
from ouipost.claims import database_now
from posts.advice import BY_CODE, advise
from posts.models import Target
from posts.operating.restoring import doubt
from posts.publishing.claiming import MAX_UNSETTLED_CLAIMS
from posts.reviewing import look_again, resolve_target
from tests.conftest import ApiClient
from tests.factories import make_account
from tests.posts.fakes import (
    ACTOR,
    ScriptedNetwork,
    bring_forward,
    claim_targets,
    error_of,
    make_due,
    publish,
    send_into_the_dark,
)
from workspaces.models import Workspace

Ending = tuple[str, str, bool, str]
"""Status, code, whether asking again can help, who acts."""

CAUSES = (BlobMissing, MakeAgain, NotReady, NotTaken, Unexplained, UploadOver)
"""Networks' own reasons why something was surely not taken."""
OPERATORS = (AppStopped, ClocksDiffer, NotFetched, Outdated)
BY_CLASS: dict[type[PlatformError], Ending] = {
    Rejected: ("failed", "CONTENT_REJECTED", False, "caller"),
    Duplicate: ("failed", "CONTENT_REJECTED", False, "caller"),
    AuthExpired: ("failed", "TOKEN_REVOKED", False, "account_owner"),
    Unavailable: ("failed", "PLATFORM_UNAVAILABLE", True, "network"),
    **dict.fromkeys(CAUSES, ("failed", "PLATFORM_UNAVAILABLE", True, "network")),
    **dict.fromkeys(OPERATORS, ("failed", "PLATFORM_UNAVAILABLE", True, "operator")),
    ProcessingFailed: ("failed", "MEDIA_REJECTED", False, "caller"),
    RateLimited: ("failed", "RATE_LIMITED_BY_PLATFORM", True, "network"),
}
OUTCOME_UNKNOWN = ("needs_review", "OUTCOME_UNKNOWN", False, "caller")
PER_TARGET = {
    "OUTCOME_UNKNOWN",
    "RATE_LIMITED_BY_PLATFORM",
    "TOKEN_REVOKED",
    "CONTENT_REJECTED",
    "MEDIA_REJECTED",
    "PLATFORM_UNAVAILABLE",
    "MISSED_WINDOW",
    "WORKER_CRASH_LOOP",
}


def ending(target: Target) -> Ending:
    settled = Target.objects.get(pk=target.pk)
    error = error_of(settled)
    return str(settled.status), error["code"], error["retryable"], error["who_acts"]


def at_its_end(target: Target) -> Target:
    """Let the time for trying be over, so that the next step, not the first, is the last."""
    Target.objects.filter(pk=target.pk).update(give_up_at=database_now(), attempts=1)
    return target


def all_of(error: type[PlatformError]) -> set[type[PlatformError]]:
    return {error}.union(*(all_of(each) for each in error.__subclasses__()))


def test_every_error_of_every_network_is_in_the_table() -> None:
    ours = {error for error in all_of(PlatformError) if error.__module__.startswith(platforms.__name__)}

    assert ours == {PlatformError, Unknown, StillWorking, NotConnected, *BY_CLASS}


@pytest.mark.any_database
@pytest.mark.parametrize("error", BY_CLASS, ids=lambda error: error.__name__)
@pytest.mark.parametrize("step", ["prepared", "committed"])
def test_an_error_says_who_acts(
    workspace: Workspace, network: ScriptedNetwork, step: str, error: type[PlatformError]
) -> None:
    setattr(network, step, [error("The network's words.")])

    publish(at_its_end(make_due(workspace)))

    assert ending(Target.objects.get()) == BY_CLASS[error]


@pytest.mark.any_database
@pytest.mark.parametrize("error", [error for error in BY_CLASS if error is not AuthExpired])
@pytest.mark.parametrize("who_acts", WhoActs)
def test_the_word_of_the_network_goes_before_that_of_the_class(
    workspace: Workspace, network: ScriptedNetwork, error: type[PlatformError], who_acts: WhoActs
) -> None:
    network.committed = [error("The network's words.", code="MEDIA_REJECTED", who_acts=who_acts)]

    publish(at_its_end(make_due(workspace)))

    status, _, retryable, _ = BY_CLASS[error]
    assert ending(Target.objects.get()) == (status, "MEDIA_REJECTED", retryable, who_acts)


def meet_a_bug(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    network.prepared = [ZeroDivisionError()]
    publish(at_its_end(target))


def lack_credentials(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    network.app = App()
    publish(at_its_end(target))


def hold_unreadable_tokens(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    SocialAccount.objects.update(access_token="v1.gone.x.y")
    publish(at_its_end(target))


def be_disconnected(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    SocialAccount.objects.update(access_token="", refresh_token="", disconnected_at=database_now())
    publish(at_its_end(target))


def lose_the_answer(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    send_into_the_dark(target, network)
    network.found = [Rejected("You may not look.")]
    publish(target)


def not_arrive(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    send_into_the_dark(target, network)
    publish(target)
    publish(at_its_end(target))


def be_late(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = database_now() - timedelta(days=1)
    Target.objects.filter(pk=target.pk).update(status="scheduled", scheduled_at=long_ago, due_at=long_ago)
    assert claim_targets(1) == []


def crash(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(MAX_UNSETTLED_CLAIMS + 1):
        bring_forward(target)
        claim_targets(1)


def look_in_vain(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    crash(target, network, monkeypatch)
    look_again(Target.objects.get(pk=target.pk), actor=ACTOR, now=database_now())


def be_restored(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    SocialAccount.objects.update(disconnected_at=database_now())
    doubt(Target.objects.get(pk=target.pk), since=database_now() - timedelta(hours=1), actor=ACTOR, now=database_now())


def be_settled_by_hand(target: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_the_answer(target, network, monkeypatch)
    Target.objects.filter(pk=target.pk).update(replies=1)
    left = Target.objects.get(pk=target.pk)
    resolve_target(left, published=True, url="https://network.example/1", actor=ACTOR, now=database_now())


OURS: dict[Callable[..., None], Ending] = {
    meet_a_bug: ("failed", "PLATFORM_UNAVAILABLE", True, "operator"),
    lack_credentials: ("failed", "PLATFORM_UNAVAILABLE", True, "operator"),
    hold_unreadable_tokens: ("failed", "PLATFORM_UNAVAILABLE", True, "operator"),
    be_disconnected: ("failed", "TOKEN_REVOKED", False, "account_owner"),
    lose_the_answer: OUTCOME_UNKNOWN,
    not_arrive: ("failed", "PLATFORM_UNAVAILABLE", True, "network"),
    be_late: ("missed", "MISSED_WINDOW", True, "caller"),
    crash: ("needs_review", "WORKER_CRASH_LOOP", False, "operator"),
    look_in_vain: ("failed", "WORKER_CRASH_LOOP", False, "operator"),
    be_restored: OUTCOME_UNKNOWN,
    be_settled_by_hand: ("published", "OUTCOME_UNKNOWN", False, "caller"),
}


@pytest.mark.parametrize("happen", OURS, ids=lambda happen: happen.__name__)
def test_what_the_engine_itself_ends_says_who_acts_and_is_shown_with_the_same_keys(
    api: ApiClient,
    workspace: Workspace,
    network: ScriptedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    happen: Callable[..., None],
) -> None:
    target = make_due(workspace, make_account(workspace))

    happen(target, network, monkeypatch)

    assert ending(target) == OURS[happen]
    [shown] = api.get(f"/api/posts/{target.post_id}").json()["data"]["post"]["targets"]
    assert set(shown["error"]) == {"code", "message", "retryable", "who_acts", "network_code"}


def test_the_advice_knows_every_code_and_agrees_with_the_errors() -> None:
    # The word of what is the operator's to mend goes before the table.
    by_class = [told for error, told in BY_CLASS.items() if not issubclass(error, OPERATORS)]
    by_itself: list[Any] = [*by_class, OUTCOME_UNKNOWN, OURS[be_late], OURS[crash]]

    assert set(BY_CODE) == PER_TARGET
    assert {code: str(advise(code).who_acts) for _, code, _, _ in by_itself} == {
        code: who_acts for _, code, _, who_acts in by_itself
    }
