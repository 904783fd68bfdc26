"""`prepare` does what a new version needs, and counts anew when it is told to."""

import json
from functools import partial

import pytest

from adminapi.processes import web
from posts import counts
from posts.models import PostCount
from tests.commands import running
from tests.factories import make_post
from workspaces.models import Workspace

run = partial(running.run, "prepare")


@pytest.fixture
def miscounted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> PostCount:
    """A number of posts that is wrong, as an older version left it; the databases and the bucket are ready."""
    monkeypatch.setattr(web, "prepare", lambda: False)
    monkeypatch.setattr(web, "pending", dict)
    counts.add_posts(workspace.pk, 0)
    make_post(workspace)
    return PostCount.objects.get()


def total() -> int:
    return PostCount.objects.get().total


def test_it_counts_nothing_by_itself(miscounted: PostCount) -> None:
    assert (run(), total()) == ("All is ready.\n", 0)


def test_a_wrong_number_is_set_right_when_it_is_asked_for(miscounted: PostCount) -> None:
    first, second = run("--recount"), run("--recount")

    assert first.endswith("Counted posts and files again; numbers that were wrong: 1.\n")
    assert second.endswith("Counted posts and files again; numbers that were wrong: 0.\n")
    assert total() == 1


def test_a_dry_run_says_that_it_would_count(miscounted: PostCount) -> None:
    assert run("--recount", "--dry-run").endswith("Would count the posts and files of every workspace again.\n")
    assert total() == 0


def test_a_single_missing_migration_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "pending", lambda: {"default": 1, "simulator": 2})

    told = run("--dry-run")

    assert told == "The database default lacks 1 migration.\nThe database simulator lacks 2 migrations.\n"


def test_how_many_were_wrong_is_told_to_programs(miscounted: PostCount) -> None:
    told = json.loads(run("--recount", "--json"))

    assert (told["bucket_made"], told["set_right"]) == (False, 1)
