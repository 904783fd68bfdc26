"""An answer that the database could not take is on this machine's disk until it is settled."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from pytest_django import Settings

from accounts import breakers, calls, tokens
from accounts.models import Network
from accounts.platforms.bluesky.errors import BlobMissing
from accounts.platforms.errors import (
    AppStopped,
    Duplicate,
    Outdated,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    WhoActs,
)
from accounts.platforms.linkedin.errors import UploadOver
from accounts.platforms.shapes import Published
from ouipost import claims
from ouipost.claims import database_now
from ouipost.writer import WriterClosed
from posts import reviewing
from posts.models import Attempt, Target
from posts.publishing import kept_answers, one_target, settling
from posts.publishing.outcomes import AttemptResult
from tests.accounts.fakes import answer
from tests.factories import make_account
from tests.posts.fakes import (
    ACTOR,
    HERE,
    LOST,
    REVOKED,
    ScriptedNetwork,
    arm,
    begin,
    bring_forward,
    claim,
    claim_targets,
    error_of,
    expired,
    make_due,
    make_result,
    outcomes,
    publish,
    status_of,
)
from workspaces.models import Workspace


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> None:
    settings.OUIPOST_HOME = tmp_path


def leave_unsettled(
    workspace: Workspace,
    network: ScriptedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    *given: PlatformError | Published,
    error: Exception | None = None,
    target: Target | None = None,
) -> Target:
    """Publish a target that is answered so while the database is away: its worker never settles what came of it."""
    network.committed = [*given] or network.committed
    target, away = target or make_due(workspace), error or DatabaseError("gone away")
    bring_forward(target)
    turn = begin(claim(target))

    def never(results: Sequence[AttemptResult]) -> list[bool]:
        turn.claim = expired(turn.claim)
        raise away

    with monkeypatch.context() as patch:
        patch.setattr(one_target, "settle_all", never)
        with pytest.raises(type(away)):
            one_target.take(turn)
    return target


def keep_an_answer(workspace: Workspace) -> Target:
    """Keep the answer for a target that was published."""
    target = make_due(workspace)
    bring_forward(target)
    kept_answers.keep(make_result(claim(target), HERE))
    return target


@pytest.mark.parametrize(
    "error",
    [DatabaseError("gone away"), InterfaceError(0, ""), WriterClosed()],
    ids=["database", "its connection", "end of the worker"],
)
def test_a_published_post_is_settled_by_the_kept_answer(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    target = leave_unsettled(workspace, opaque, monkeypatch, error=error)

    replayed = kept_answers.replay()

    target.refresh_from_db()
    assert (replayed, target.status, target.remote_id, target.due_at) == (1, "published", "42", None)
    assert (kept_answers.path().read_text(), opaque.calls) == ("", ["prepare", "commit"])


TAKEN = StillWorking("The network fetches the photos.", retry_after=5, handles={"publish_id": "p1"})
ANSWERS = [
    (TAKEN, ("publishing", True, {"publish_id": "p1"}), "still_working"),
    (Rejected("Not so.", status=400, network_code="7"), ("failed", False, {}), "rejected"),
    (Duplicate("Twice."), ("failed", False, {}), "duplicate"),
    (ProcessingFailed("No video."), ("failed", False, {}), "processing_failed"),
    (Unavailable("Busy."), ("publishing", False, {}), "unavailable"),
    (BlobMissing("Gone.", handles={"rkey": "k1"}), ("publishing", False, {"rkey": "k1"}), "unavailable"),
    (RateLimited("Slow.", retry_after=60), ("publishing", False, {}), "rate_limited"),
]
answered = pytest.mark.parametrize(("given", "state", "word"), ANSWERS, ids=[word for _, _, word in ANSWERS])


def state_of(target: Target) -> tuple[str, bool, dict[str, Any]]:
    found = Target.objects.get(pk=target.pk)
    return found.status, found.outcome_unknown, found.handles


def test_a_kept_answer_does_not_forget_that_an_earlier_send_may_be_there(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.committed, network.found = [RateLimited("Slow.", status=429)], [Unavailable("Away.")]
    refused = publish(make_due(workspace))

    leave_unsettled(workspace, network, monkeypatch, Unavailable("The connection was refused."), target=refused)
    kept_answers.replay()

    left = Target.objects.get()
    assert (left.outcome_unknown, left.armed_at) == (False, refused.armed_at)


@answered
def test_whatever_the_visible_call_was_answered_is_settled_by_the_kept_answer(
    workspace: Workspace,
    opaque: ScriptedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    given: PlatformError,
    state: tuple[str, bool, dict[str, Any]],
    word: str,
) -> None:
    target = leave_unsettled(workspace, opaque, monkeypatch, given)

    assert (kept_answers.replay(), state_of(target), outcomes(target)) == (1, state, [("commit", word)])

    attempt = Attempt.objects.get()
    assert (attempt.code, attempt.message) == (given.code, given.message)
    assert (attempt.http_status, attempt.network_code) == (given.status, given.network_code)


@pytest.mark.parametrize("is_of_a_kind", [False, True])
def test_a_kept_quota_puts_off_the_accounts_other_posts_unless_it_is_for_one_kind(
    workspace: Workspace, *, is_of_a_kind: bool
) -> None:
    refuse_for_an_hour(target := make_due(workspace), is_of_a_kind=is_of_a_kind)
    other = make_due(workspace, target.account)

    kept_answers.replay()

    assert is_put_off(other) == (not is_of_a_kind)


def test_a_kept_quota_of_posts_keeps_nobody_from_asking_about_those_that_were_taken(workspace: Workspace) -> None:
    refuse_for_an_hour(target := make_due(workspace), is_for_posting=True)
    taken, waiting = [make_due(workspace, target.account) for _ in range(2)]
    Target.objects.filter(pk=taken.pk).update(outcome_unknown=True, waits_for="It is at work on the video.")

    kept_answers.replay()

    assert (is_put_off(taken), is_put_off(waiting)) == (False, True)


def refuse_for_an_hour(target: Target, **quota: bool) -> None:
    """Keep the answer that a quota is used up."""
    bring_forward(target)
    kept_answers.keep(make_result(claim(target), RateLimited("full", status=429, retry_after=3600, **quota)))


def is_put_off(target: Target) -> bool:
    return Target.objects.filter(pk=target.pk, due_at__gt=database_now() + timedelta(minutes=50)).exists()


@pytest.mark.parametrize("kind", [AppStopped, Outdated])
def test_a_kept_refusal_of_the_app_holds_up_its_network(workspace: Workspace, kind: type[AppStopped]) -> None:
    bring_forward(target := make_due(workspace))
    kept_answers.keep(make_result(claim(target), kind("The app is blocked.", status=403)))

    kept_answers.replay()

    network = Network.objects.get()
    assert (breakers.is_stopped(network), outcomes(target)) == (True, [("commit", calls.word(kind("")))])


@pytest.mark.parametrize("renewed", [DatabaseError("gone away"), False], ids=["database away", "renewed elsewhere"])
def test_a_visible_call_that_was_refused_for_its_token_was_surely_not_taken(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, renewed: Any
) -> None:
    monkeypatch.setattr(tokens, "renew", lambda *given: answer(renewed))
    target = leave_unsettled(workspace, opaque, monkeypatch, REVOKED)

    assert (kept_answers.replay(), state_of(target)) == (1, ("publishing", False, {}))
    assert outcomes(target) == [("commit", "unavailable")]


@pytest.mark.parametrize(
    ("given", "state", "word"),
    [*ANSWERS, (HERE, ("published", False, {}), "late")],
    ids=[*(word for _, _, word in ANSWERS), "published"],
)
def test_a_target_that_was_parked_in_the_meantime_goes_on_as_it_was_answered(
    workspace: Workspace,
    opaque: ScriptedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    given: PlatformError | Published,
    state: tuple[str, bool, dict[str, Any]],
    word: str,
) -> None:
    target = leave_unsettled(workspace, opaque, monkeypatch, given)
    assert publish(target).status == "needs_review"

    kept_answers.replay()

    assert (state_of(target), status_of(target.post)) == (state, state[0])
    assert Target.objects.get().remote_id == getattr(given, "remote_id", "")
    assert outcomes(target) == [("recover", "undecidable"), ("commit", word)]


def test_a_target_that_was_parked_is_asked_about_by_what_the_network_gave(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = leave_unsettled(workspace, network, monkeypatch, TAKEN)
    assert publish(target).absences == 1
    kept_answers.replay()
    network.found = [[HERE]]

    assert publish(target).status == "published"

    assert (network.calls, network.operations[-1].handles) == (
        ["prepare", "commit", "recover", "recover"],
        {"publish_id": "p1"},
    )


def test_what_was_taken_is_asked_about_although_the_time_for_trying_is_over(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = leave_unsettled(workspace, opaque, monkeypatch, TAKEN)
    publish(target)
    Target.objects.update(give_up_at=database_now() - timedelta(seconds=1))

    kept_answers.replay()

    assert state_of(target) == ("publishing", True, {"publish_id": "p1"})


def test_what_an_older_worker_could_not_read_is_not_written_for_it(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_unsettled(workspace, opaque, monkeypatch, Unavailable("Busy."))

    [line] = kept_answers.path().read_text().splitlines()

    assert "handles" not in json.loads(line)["outcome"]


@pytest.mark.parametrize("given", [TAKEN, Rejected("Not so.")], ids=["taken", "refused"])
def test_an_answer_is_only_logged_where_it_was_sent_again_since(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, given: PlatformError
) -> None:
    target = leave_unsettled(workspace, opaque, monkeypatch, given, LOST)
    publish(target)
    reviewing.resolve_target(target, published=False, url="", actor=ACTOR, now=database_now())
    assert publish(target).status == "needs_review"

    kept_answers.replay()

    assert state_of(target) == ("needs_review", True, {})
    assert outcomes(target) == [("recover", "undecidable"), ("commit", "unknown"), ("commit", "late")]


@pytest.mark.parametrize("given", [TAKEN, Rejected("Not so.")], ids=["taken", "refused"])
def test_an_answer_is_only_logged_while_another_worker_may_send_again(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, given: PlatformError
) -> None:
    target = leave_unsettled(workspace, opaque, monkeypatch, given)
    bring_forward(target)
    held = claim(target)
    arm(held, target)

    kept_answers.replay()

    found = Target.objects.get(pk=target.pk)
    assert (found.fence, found.handles, found.status) == (held.fence, {}, "publishing")
    assert outcomes(target) == [("commit", "late")]


@pytest.mark.parametrize("step", ["prepared", "committed"])
def test_what_says_nothing_of_the_visible_call_is_not_kept(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    setattr(opaque, step, [LOST if step == "committed" else Rejected("Not so.")])

    leave_unsettled(workspace, opaque, monkeypatch)

    assert not kept_answers.path().exists()


def test_an_answer_that_one_network_knows_alone_is_kept_as_what_all_know(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = leave_unsettled(
        workspace, opaque, monkeypatch, UploadOver("Begin anew.", who_acts=WhoActs.OPERATOR, code="OWN")
    )

    kept_answers.replay()

    target.refresh_from_db()
    assert (error_of(target)["code"], error_of(target)["who_acts"]) == ("OWN", "operator")
    assert outcomes(target) == [("commit", "unavailable")]


@answered
def test_an_answer_that_a_killed_replay_has_settled_is_passed_over(
    workspace: Workspace,
    opaque: ScriptedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    given: PlatformError,
    state: tuple[str, bool, dict[str, Any]],
    word: str,
) -> None:
    target = leave_unsettled(workspace, opaque, monkeypatch, given)
    publish(target)
    lines = kept_answers.path().read_bytes()
    kept_answers.replay()
    before = Target.objects.values().get(pk=target.pk)
    kept_answers.path().write_bytes(lines)

    kept_answers.replay()

    assert Target.objects.values().get(pk=target.pk) == before
    assert outcomes(target) == [("recover", "undecidable"), ("commit", word)]


def test_nobody_else_can_read_what_a_network_gave(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    bring_forward(target)

    kept_answers.keep(make_result(claim(target), TAKEN))

    assert kept_answers.path().stat().st_mode & 0o777 == 0o600


def test_an_answer_that_was_settled_after_all_changes_nothing(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    bring_forward(target)
    held = claim(target)
    kept_answers.keep(make_result(held, HERE))
    settling.settle_all([make_result(held, HERE)])

    kept_answers.replay()

    assert list(Attempt.objects.filter(target=target).values_list("outcome", flat=True)) == ["published"]


def test_an_answer_whose_post_is_gone_is_forgotten(workspace: Workspace, network: ScriptedNetwork) -> None:
    keep_an_answer(workspace).post.delete()

    assert (kept_answers.replay(), kept_answers.replay()) == (1, 0)


def test_a_line_that_was_cut_by_a_crash_is_passed_over(workspace: Workspace, network: ScriptedNetwork) -> None:
    keep_an_answer(workspace)
    with kept_answers.path().open("a") as file:
        file.write('{"target": "tgt_')

    assert kept_answers.replay() == 1
    assert (kept_answers.path().read_text(), kept_answers.aside_path().read_text()) == ("", '{"target": "tgt_')


def test_an_answer_is_read_behind_half_a_line_that_a_full_disk_left(
    workspace: Workspace, network: ScriptedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    kept_answers.path().write_text('{"step": "commit", "unresol')
    target = keep_an_answer(workspace)

    assert (kept_answers.replay(), kept_answers.replay()) == (1, 0)

    target.refresh_from_db()
    assert (target.status, target.remote_id) == ("published", "42")
    assert kept_answers.aside_path().read_text() == '{"step": "commit", "unresol\n'
    assert caplog.messages == [f"A kept answer cannot be settled: it is set aside in {kept_answers.aside_path()}"]


@pytest.mark.parametrize(
    "bad", [b"\0\0\0\n", b"\xff\n", b"\n", b"[]\n", b"{}\n", b'{"target": 1, "fence": 1, "step": "commit"}\n'], ids=repr
)
def test_what_cannot_be_read_keeps_no_other_answer_from_being_settled(
    workspace: Workspace, network: ScriptedNetwork, bad: bytes
) -> None:
    kept_answers.path().write_bytes(bad)
    target = keep_an_answer(workspace)

    assert (kept_answers.replay(), kept_answers.path().read_bytes(), kept_answers.aside_path().read_bytes()) == (
        1,
        b"",
        bad,
    )

    target.refresh_from_db()
    assert target.status == "published"


def keep_two(workspace: Workspace) -> list[Target]:
    """Keep the answers for two targets, in this order."""
    found = [make_due(workspace, make_account(workspace, remote_id=each, default_of=None)) for each in ("1", "2")]
    held = {each.pk: each for each in claim_targets(2)}
    for number, target in enumerate(found):
        kept_answers.keep(make_result(held[target.pk], Published(remote_id=str(number), url="")))
    return found


def settle_none_of(target: Target, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every settling of this target fail, and no other."""

    def settle(results: Sequence[AttemptResult]) -> list[bool]:
        if results[0].claim.pk == target.pk:
            raise error
        return settling.settle_all(results)

    monkeypatch.setattr(kept_answers, "settle_all", settle)


@pytest.mark.parametrize("error", [DataError("too long"), IntegrityError("twice"), ValueError("a bug")], ids=repr)
def test_an_answer_that_is_refused_is_set_aside_and_the_others_are_settled(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    first, second = keep_two(workspace)
    line = kept_answers.path().read_text().splitlines(keepends=True)[0]
    settle_none_of(first, error, monkeypatch)

    assert (kept_answers.replay(), kept_answers.replay()) == (1, 0)

    assert dict(Target.objects.values_list("pk", "status")) == {first.pk: "publishing", second.pk: "published"}
    assert kept_answers.aside_path().read_text() == line


def test_an_answer_that_was_set_aside_is_settled_once_it_is_put_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = keep_two(workspace)
    with monkeypatch.context() as patch:
        settle_none_of(first, DataError("too long"), patch)
        kept_answers.replay()
    kept_answers.aside_path().rename(kept_answers.path())

    assert kept_answers.replay() == 1

    assert set(Target.objects.values_list("status", flat=True)) == {"published"}


def test_what_the_database_does_not_take_now_is_tried_again_and_holds_up_no_other(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = keep_two(workspace)
    with monkeypatch.context() as patch:
        settle_none_of(first, OperationalError("read-only"), patch)
        with pytest.raises(OperationalError):
            kept_answers.replay()
    assert dict(Target.objects.values_list("pk", "status")) == {first.pk: "publishing", second.pk: "published"}

    kept_answers.replay()

    assert set(Target.objects.values_list("status", flat=True)) == {"published"}
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["published"] * 2
    assert (kept_answers.path().read_text(), kept_answers.aside_path().exists()) == ("", False)


def test_while_the_database_is_away_only_one_answer_is_tried(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_two(workspace)
    tried: list[Any] = []

    def away(*given: Any) -> None:
        tried.extend(given)
        raise OperationalError("gone away")

    monkeypatch.setattr(kept_answers, "settle_all", away)
    monkeypatch.setattr(claims, "database_now", away)

    with pytest.raises(OperationalError):
        kept_answers.replay()

    assert (len(tried), len(kept_answers.path().read_text().splitlines())) == (1, 2)


def test_a_full_disk_costs_only_the_note(
    workspace: Workspace, network: ScriptedNetwork, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.OUIPOST_HOME = settings.OUIPOST_HOME / "missing"

    keep_an_answer(workspace)

    assert "could not be written down" in caplog.text
