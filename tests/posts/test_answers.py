"""An answer that the database could not take is on this machine's disk until it is settled."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from django.db import DatabaseError
from pytest_django import Settings

from ouipost.writer import Inline, WriterClosed
from posts import answers, publishing, settling
from posts.models import Attempt, Target
from tests.posts.fakes import HERE, ScriptedNetwork, bring_forward, claim, expired, make_due, make_report, publish
from workspaces.models import Workspace


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> None:
    settings.OUIPOST_HOME = tmp_path


def publish_while_the_database_is_away(target: Target, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Publish a target whose outcome is never settled by its worker."""
    bring_forward(target)
    way = publishing.Publish(claim(target), writer=Inline())

    def never(reports: Sequence[settling.Report]) -> list[bool]:
        way.claim = expired(way.claim)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "settle_all", never)
        with pytest.raises(type(error)):
            way.run()


@pytest.mark.parametrize("error", [DatabaseError("gone away"), WriterClosed()], ids=["database", "end of the worker"])
def test_a_published_post_is_settled_by_the_kept_answer(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    target = make_due(workspace)
    publish_while_the_database_is_away(target, monkeypatch, error)

    replayed = answers.replay()

    target.refresh_from_db()
    assert (replayed, target.status, target.remote_id, target.due_at) == (1, "published", "42", None)
    assert (answers.path().read_text(), opaque.calls) == ("", ["prepare", "commit"])


def test_a_target_that_was_parked_in_the_meantime_is_settled_too(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_due(workspace)
    publish_while_the_database_is_away(target, monkeypatch, DatabaseError("gone away"))
    assert publish(target).status == "needs_review"

    answers.replay()

    target.refresh_from_db()
    assert (target.status, target.remote_id) == ("published", "42")


def test_an_answer_that_was_settled_after_all_changes_nothing(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    bring_forward(target)
    held = claim(target)
    answers.keep(make_report(held, HERE))
    settling.settle_all([make_report(held, HERE)])

    answers.replay()

    assert list(Attempt.objects.filter(target=target).values_list("outcome", flat=True)) == ["published"]


def test_an_answer_whose_post_is_gone_is_forgotten(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    bring_forward(target)
    answers.keep(make_report(claim(target), HERE))
    target.post.delete()

    assert (answers.replay(), answers.replay()) == (1, 0)


def test_a_line_that_was_cut_by_a_crash_is_passed_over(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    bring_forward(target)
    answers.keep(make_report(claim(target), HERE))
    with answers.path().open("a") as file:
        file.write('{"target": "tgt_')

    assert answers.replay() == 1


def test_a_full_disk_costs_only_the_note(
    workspace: Workspace, network: ScriptedNetwork, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.OUIPOST_HOME = settings.OUIPOST_HOME / "missing"
    target = make_due(workspace)
    bring_forward(target)

    answers.keep(make_report(claim(target), HERE))

    assert "could not be written down" in caplog.text
