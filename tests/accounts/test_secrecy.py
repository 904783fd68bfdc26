"""Tokens open in their own row alone, and show nowhere."""

from typing import Any

import pytest

from accounts.models import Connection, SocialAccount
from accounts.platforms.shapes import Tokens
from ouipost.api.models import StoredAnswer
from ouipost.crypto import CannotDecrypt
from ouipost.db import sealed
from tests.accounts.fakes import FakeNetwork, make_candidate
from tests.factories import make_account, make_workspace
from workspaces.models import Workspace

SECRETS = ("access-secret", "refresh-secret")
PAIR = Tokens(access_token=SECRETS[0], refresh_token=SECRETS[1])


def shown_secrets(*shown: object) -> list[str]:
    return [secret for secret in SECRETS if secret in " ".join(map(str, shown))]


def make_pair(workspace: Workspace, **values: Any) -> tuple[SocialAccount, SocialAccount]:
    there = values.pop("there", workspace)
    return make_account(workspace, tokens=PAIR), make_account(there, remote_id="2", default_of=None)


@pytest.mark.parametrize("column", ["access_token", "refresh_token"])
def test_a_ciphertext_in_another_row_does_not_open(workspace: Workspace, column: str) -> None:
    mine, other = make_pair(workspace)
    SocialAccount.objects.filter(pk=other.pk).update(**{column: getattr(mine, column)})

    with pytest.raises(CannotDecrypt):
        SocialAccount.objects.get(pk=other.pk).unseal()


def test_a_ciphertext_in_another_column_does_not_open(workspace: Workspace) -> None:
    account = make_account(workspace, tokens=PAIR)
    account.access_token = account.refresh_token

    with pytest.raises(CannotDecrypt):
        account.unseal()


def test_a_ciphertext_in_another_table_does_not_open() -> None:
    sign_in, answer = Connection(pk="one", workspace_id=""), StoredAnswer(pk="one")
    sealed.seal(sign_in, "sealed", SECRETS[0])
    answer.sealed = sign_in.sealed

    assert sealed.opened(sign_in, "sealed") == SECRETS[0]
    with pytest.raises(CannotDecrypt):
        sealed.opened(answer, "sealed")


def test_a_row_that_is_moved_to_another_workspace_does_not_open(workspace: Workspace) -> None:
    account = make_account(workspace, tokens=PAIR)
    SocialAccount.objects.update(workspace=make_workspace())

    with pytest.raises(CannotDecrypt):
        SocialAccount.objects.get(pk=account.pk).unseal()


def test_what_a_sign_in_holds_does_not_open_in_another(workspace: Workspace) -> None:
    first, second = [Connection(workspace=workspace, state_digest=each) for each in "ab"]
    first.seal(SECRETS[0])
    second.sealed = first.sealed

    assert first.unseal() == SECRETS[0]
    with pytest.raises(CannotDecrypt):
        second.unseal()


def test_nothing_that_is_printed_shows_a_token(workspace: Workspace) -> None:
    account = make_account(workspace, tokens=PAIR)
    candidate = make_candidate(tokens=PAIR)

    shown = [account, repr(account), account.unseal(), repr(PAIR), candidate, SocialAccount.objects.values().get()]

    assert shown_secrets(*shown) == []


@pytest.mark.parametrize("path", ["/api/accounts", "/api/accounts/{account}/reconnect"])
def test_the_state_of_a_sign_in_that_may_be_asked_for_again_is_stored_sealed(
    workspace: Workspace, api: Any, network: FakeNetwork, path: str
) -> None:
    account = make_account(workspace)
    body = {"callback_url": "https://app.example/back"} | ({} if "{" in path else {"platform": "facebook"})

    asked = [api.post(path.format(account=account.pk), body, Idempotency_Key="k") for _ in range(2)]

    first, again = (answer.json()["data"] for answer in asked)
    assert again == first | {"expires_in": again["expires_in"]}
    assert first["state"] not in str(list(StoredAnswer.objects.values()))
