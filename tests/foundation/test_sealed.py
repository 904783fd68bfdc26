"""All that is encrypted is in columns that are known, and is moved to another key without losing what is newer."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from ouipost import crypto
from ouipost.crypto import CannotDecrypt
from ouipost.db import sealed
from ouipost.db.sealed import Column
from tests.factories import make_account
from tests.foundation.rings import NEW, OLD
from workspaces.models import Workspace

ACCESS = Column(model=SocialAccount, name="access_token")
APPS = ("ouipost", "workspaces", "accounts", "posts", "analytics", "adminapi")


@pytest.fixture
def account(workspace: Workspace, settings: Settings) -> SocialAccount:
    """An account whose tokens are encrypted with the old key; the new one is first by now."""
    settings.TOKEN_KEYS = [OLD]
    account = make_account(workspace, tokens=Tokens(access_token="access", refresh_token="refresh"))
    settings.TOKEN_KEYS = [NEW, OLD]
    return account


def test_every_column_of_secrets_is_found() -> None:
    assert {str(column) for column in sealed.columns()} == {
        "accounts_connection.sealed",
        "accounts_socialaccount.access_token",
        "accounts_socialaccount.refresh_token",
        "api_storedanswer.sealed",
        "events_webhook.previous_secret",
        "events_webhook.secret",
    }


def test_nothing_else_is_ever_encrypted() -> None:
    encrypting = set()
    for app in APPS:
        for path in (Path(django_settings.BASE_DIR) / app).rglob("*.py"):
            calls = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Call)]
            if any(_is_encrypt(call) for call in calls):
                encrypting.add(str(path.relative_to(django_settings.BASE_DIR)))

    assert encrypting == {"ouipost/db/sealed.py"}


def _is_encrypt(call: ast.Call) -> bool:
    name = call.func
    if isinstance(name, ast.Attribute):
        return name.attr == "encrypt" and isinstance(name.value, ast.Name) and name.value.id == "crypto"
    return isinstance(name, ast.Name) and name.id == "encrypt"


def test_what_is_moved_opens_without_the_old_key(account: SocialAccount, settings: Settings) -> None:
    assert sum(step.moved for column in sealed.columns() for step in sealed.move(column)) == 2

    settings.TOKEN_KEYS = [NEW]
    moved = SocialAccount.objects.get().unseal()
    assert (moved.access_token, moved.refresh_token) == ("access", "refresh")
    assert [list(sealed.move(column)) for column in sealed.columns()] == [[]] * 6


def test_a_token_that_is_renewed_meanwhile_stays(account: SocialAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    encrypt = crypto.encrypt

    def renewed_first(text: str, *, place: str) -> str:
        monkeypatch.setattr(crypto, "encrypt", encrypt)
        account.seal(Tokens(access_token="newer"))
        account.save()
        return encrypt(text, place=place)

    monkeypatch.setattr(crypto, "encrypt", renewed_first)

    assert [step.moved for step in sealed.move(ACCESS)] == [0]

    assert SocialAccount.objects.get().unseal().access_token == "newer"
    assert ACCESS.behind().count() == 0


def test_it_goes_on_where_it_was_stopped(
    workspace: Workspace, account: SocialAccount, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "AT_ONCE", 2)
    settings.TOKEN_KEYS = [OLD]
    for number in range(4):
        make_account(workspace, remote_id=f"2{number}", default_of=None)
    settings.TOKEN_KEYS = [NEW, OLD]

    assert next(iter(sealed.move(ACCESS))).moved == 2  # and whoever moves them is stopped here

    assert [step.moved for step in sealed.move(ACCESS)] == [2, 1]


def test_what_cannot_be_opened_is_named_and_left_alone(
    workspace: Workspace, account: SocialAccount, settings: Settings
) -> None:
    """Once each, and what it was found with is moved."""
    settings.TOKEN_KEYS = [OLD]
    others = [make_account(workspace, remote_id=f"2{number}", default_of=None) for number in range(2)]
    settings.TOKEN_KEYS = [NEW, OLD]
    foreign = crypto.encrypt("x", place="elsewhere").replace("v1.new.", "v1.old.")
    broken = [account.pk, others[1].pk]
    SocialAccount.objects.filter(pk__in=broken).update(access_token=foreign)

    [step] = sealed.move(ACCESS)

    assert (step.moved, sorted(step.unreadable)) == (1, sorted(broken))
    for left in SocialAccount.objects.filter(pk__in=broken):
        assert left.access_token == foreign
        with pytest.raises(CannotDecrypt):
            left.unseal()


def test_a_column_without_a_secret_stays_empty(account: SocialAccount) -> None:
    SocialAccount.objects.update(refresh_token="")

    steps = [step for column in sealed.columns() for step in sealed.move(column)]

    assert ([step.moved for step in steps], SocialAccount.objects.get().refresh_token) == ([1], "")


def test_a_lost_race_for_a_lock_is_run_again(account: SocialAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    replace, losses = sealed._replace, iter([OperationalError(1213, "Deadlock")])

    def replaced(*given: Any) -> int:
        for loss in losses:
            raise loss
        return replace(*given)

    monkeypatch.setattr(sealed, "_replace", replaced)

    assert [step.moved for step in sealed.move(ACCESS)] == [1]
