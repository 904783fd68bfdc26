"""`rotate_encryption` moves every secret to the first key; a ring that does not fit lets nothing start."""

import json
from functools import partial
from itertools import product
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import DatabaseError
from pytest_django import Settings

from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from adminapi import keyring
from adminapi.keyring import WrongKeyRing
from adminapi.models import Canary, Mark
from adminapi.processes import restored
from ouipost import crypto
from ouipost.events.models import Event
from ouipost.observability import log_format
from tests.commands.running import outcome_of
from tests.factories import make_account
from tests.foundation.rings import NEW, OLD, make_key
from workspaces.models import Workspace

run = partial(outcome_of, "rotate_encryption")
pytestmark = pytest.mark.django_db
OTHER_OLD = f"old:{make_key(b'x')}"


@pytest.fixture(autouse=True)
def account(workspace: Workspace, settings: Settings) -> SocialAccount:
    """An account from when there was the old key alone, and the product was started with it."""
    settings.TOKEN_KEYS = [OLD]
    keyring.check()
    keyring._set()
    account = make_account(workspace, tokens=Tokens(access_token="access", refresh_token="refresh"))
    settings.TOKEN_KEYS = [NEW, OLD]
    return account


def shown(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("--json", *arguments)[1])
    return found


def test_a_dry_run_counts_and_changes_nothing() -> None:
    before = list(SocialAccount.objects.values())

    status, lines = run("--dry-run")

    assert (status, list(SocialAccount.objects.values())) == (0, before)
    assert "accounts_socialaccount.access_token: 1 would be moved\n" in lines
    assert lines.endswith("Would encrypt 2 with new; nothing was done.\n")
    SocialAccount.objects.all().delete()
    assert shown("--dry-run")["can_be_removed"] == []
    assert list(Canary.objects.values_list("pk", flat=True)) == ["old"]


def test_afterwards_the_old_key_can_be_taken_out(settings: Settings) -> None:
    status, lines = run()

    assert status == 0
    assert "accounts_socialaccount.refresh_token: 1 of 1 moved\n" in lines
    assert lines.endswith("All is encrypted with new: old can be taken out of TOKEN_KEYS.\n")
    settings.TOKEN_KEYS = [NEW]
    keyring.check()
    assert SocialAccount.objects.get().unseal().access_token == "access"
    assert list(Canary.objects.values_list("pk", flat=True)) == ["new"]
    told = Event.objects.get(type="encryption_key.rotated")
    assert (told.resource_id, told.details, told.user_agent) == (
        "new", {"moved": 2, "retired": ["old"]}, "manage.py rotate_encryption"
    )  # fmt: skip


def test_run_again_it_has_nothing_to_do_and_leaves_no_trace() -> None:
    first = shown()
    again = shown()

    assert (first["is_done"], first["can_be_removed"]) == (True, ["old"])
    assert sum(column["moved"] for column in again["columns"]) == 0
    assert Event.objects.filter(type="encryption_key.rotated").count() == 1


def test_with_one_key_it_says_that_all_is_encrypted_with_it(settings: Settings) -> None:
    settings.TOKEN_KEYS = [OLD]

    assert run() == (0, "All is encrypted with old.\n")


def test_what_cannot_be_opened_keeps_the_old_key_in_use(account: SocialAccount, settings: Settings) -> None:
    SocialAccount.objects.update(access_token=crypto.encrypt("x", place="elsewhere").replace("v1.new.", "v1.old."))

    status, lines = run()

    assert status == 1
    assert f"{account.pk} cannot be decrypted" in lines
    assert lines.endswith("Not all is encrypted with new yet: run this again.\n")
    settings.TOKEN_KEYS = [NEW]
    with pytest.raises(WrongKeyRing, match="no key old"):
        keyring.check()


@pytest.mark.parametrize(
    ("ring", "told"),
    [([NEW], "no key old"), ([NEW, OTHER_OLD], "is not the key of that name"), (["old"], "TOKEN_KEYS must be")],
)
def test_with_a_wrong_ring_nothing_starts_and_nothing_is_moved(
    ring: list[str], told: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TOKEN_KEYS = ring

    for begins, form in product((keyring.require, restored.check_first), log_format.ALL):
        monkeypatch.setenv("LOG_FORMAT", form)
        with pytest.raises(SystemExit, match=told) as ended:
            begins()
        assert str(ended.value).startswith("{" if form == log_format.JSON else "Oui Post does not start: ")
    assert not Mark.objects.exists()
    with pytest.raises(CommandError, match=told):
        run()


def test_a_wrong_ring_is_found_before_there_are_canaries(settings: Settings) -> None:
    Canary.objects.all().delete()
    settings.TOKEN_KEYS = [NEW]

    with pytest.raises(SystemExit, match="holds secrets that no key in TOKEN_KEYS opens"):
        keyring.require()
    assert not Canary.objects.exists()


def test_one_secret_that_was_changed_keeps_nothing_from_starting(account: SocialAccount) -> None:
    Canary.objects.all().delete()
    make_account(account.workspace, remote_id="2", default_of=None, tokens=Tokens(access_token="a", refresh_token="b"))
    SocialAccount.objects.filter(pk=account.pk).update(access_token="no token", refresh_token="v1.old.AAAA.AAAA")

    keyring.require()

    assert Canary.objects.exists()


def test_while_the_database_is_away_the_start_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(keyring, "check", away)

    keyring.require()
