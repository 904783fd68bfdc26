"""`prepare` does what a new version needs."""

import json
from functools import partial

import pytest

from adminapi.processes import web
from tests.commands import running

run = partial(running.run, "prepare")


def test_a_single_missing_migration_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "pending", lambda: {"default": 1, "simulator": 2})

    told = run("--dry-run")

    assert told == "The database default lacks 1 migration.\nThe database simulator lacks 2 migrations.\n"


@pytest.mark.django_db
def test_what_was_done_is_told_to_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "prepare", lambda: True)
    monkeypatch.setattr(web, "pending", dict)

    assert json.loads(run("--json")) == {"migrations": {}, "bucket_made": True}
