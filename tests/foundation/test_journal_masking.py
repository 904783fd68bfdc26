"""No secret gets into the journal: it is masked by its name, and by what it looks like, wherever it stands."""

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from time import process_time
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps

from ouipost import masking
from ouipost.events.journal import Actor, record
from ouipost.events.models import Event
from ouipost.masking import MASK, is_secret_name, masked
from workspaces import services
from workspaces.models import Workspace

KEY = "pk_live_" + "aB3" * 10 + "xy"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "refreshToken",
        "tokens",
        "secret",
        "client_secret",
        "SECRET_KEY",
        "password",
        "newPassword",
        "app-password",
        "api_key",
        "apiKey",
        "X-API-Key",
        "apikey",
        "authorization",
        "Authorization",
        "Set-Cookie",
        "credentials",
        "private_key",
        "code_verifier",
        "webhook secret",
        f"{'x' * 100}_token",
        "token_id",
        "secretId",
        "session_cookie_id",
        "api_key_id_secret",
        "api_key_identity",
    ],
)
def test_what_has_the_name_of_a_secret_is_masked(name: str) -> None:
    assert masked({name: "anything", "list": [{name: 1234}], "deep": {name: {"a": "b"}}}) == {
        name: MASK,
        "list": [{name: MASK}],
        "deep": {name: MASK},
    }


@pytest.mark.parametrize(
    "name",
    [
        *("key_name", "name", "author", "monkey", "keyboard", "tokenize", "secretary", "key_id", "status", "code"),
        *("api_key_id", "apiKeyIds", "api-key-id"),
    ],
)
def test_what_only_sounds_like_one_is_told(name: str) -> None:
    assert (is_secret_name(name), masked({name: "x"})) == (False, {name: "x"})


def test_the_ids_of_all_rows_that_change_are_told_in_the_lines_of_requests() -> None:
    names = {f"{model.journal_name}_id" for model in apps.get_models() if hasattr(model, "journal_name")}

    assert {name for name in names if is_secret_name(name)} == set()
    assert names >= {"api_key_id", "post_id"}


def test_names_that_somebody_has_made_up_to_be_long_are_not_remembered() -> None:
    known = masking._known.cache_info().currsize

    masked({f"{'x' * 100}{number}": "y" for number in range(10)})

    assert masking._known.cache_info().currsize == known


@pytest.mark.parametrize("value", [True, False, None])
def test_whether_there_is_one_is_told(value: Any) -> None:
    assert masked({"password_changed": value, "token": value}) == {"password_changed": value, "token": value}


@pytest.mark.parametrize(
    ("secret", "left"),
    [
        (KEY, MASK),
        (KEY.replace("live", "test"), MASK),
        (JWT, MASK),
        (f"Bearer {'x' * 20}", f"Bearer {MASK}"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", MASK),
        ("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA", MASK),
        ("pbkdf2_sha256$870000$c2FsdA$aGFzaA=", MASK),
        ("scrypt$16384$c2FsdA$8$1$aGFzaA==", MASK),
        (f"/media/1.jpg?expires=9&signature={'0a' * 32}", f"/media/1.jpg?expires=9&signature={MASK}"),
    ],
)
def test_what_looks_like_one_is_masked_in_the_middle_of_a_text_and_as_a_name(secret: str, left: str) -> None:
    told = masked({"content": f"see {secret} please", "list": [secret], secret: True})

    assert told == {"content": f"see {left} please", "list": [left], left: True}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("login=ada&password=hunter2hunter2&next=1", f"login=ada&password={MASK}&next=1"),
        ("DB_PASSWORD = hunter2; x", f"DB_PASSWORD = {MASK}; x"),
        ('{"api_key": "a b", "id": 1}', f'{{"api_key": "{MASK}", "id": 1}}'),
        ("x-api-key:abc, client_secret='a b'", f"x-api-key:{MASK}, client_secret='{MASK}'"),
        (f"https://x.example/?access_token={JWT}", f"https://x.example/?access_token={MASK}"),
        ("Error validating access token: Session has expired.", None),
        ("2 tokens=fine; the secret is: butter", None),
    ],
)
def test_what_stands_behind_the_name_of_a_secret_is_masked_unless_it_is_a_sentence(text: str, left: str | None) -> None:
    assert masked(text) == (left or text)


@pytest.mark.parametrize("text", ["token" * 10_000, "eyJ" * 10_000, f"{'eyJhead.' * 10}end", "eyJust_words"])
def test_what_only_begins_as_a_token_is_told_and_takes_no_time(text: str) -> None:
    started = process_time()

    told = masked(text)

    assert told == text
    assert process_time() - started < 0.2


@pytest.mark.parametrize("before", ["eyJ" * 10, "eyJust-a-word ", "token_", f"{KEY}."])
def test_a_token_is_masked_wherever_it_begins(before: str) -> None:
    assert JWT[:30] not in masked(f"{before}{JWT} after")


def test_a_key_behind_what_begins_as_a_token_is_masked() -> None:
    assert masked(f"eyJust_{KEY}") == f"eyJust_{MASK}"


def test_what_is_no_json_is_told_as_text() -> None:
    moment = datetime(2026, 11, 25, 13, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=1)))

    told = masked(
        {
            "at": moment,
            "day": date(2026, 11, 25),
            "time": time(9, 0),
            "sum": Decimal("1.5"),
            "id": UUID(int=7),
            "names": {"b", "a"},
            "values": frozenset({2, "10"}),
            "pair": (1, 2.5),
            3: "three",
        }
    )

    assert told == {
        "at": "2026-11-25T12:00:00Z",
        "day": "2026-11-25",
        "time": "09:00:00",
        "sum": "1.5",
        "id": "00000000-0000-0000-0000-000000000007",
        "names": ["a", "b"],
        "values": ["10", 2],
        "pair": [1, 2.5],
        "3": "three",
    }


def test_every_entry_is_masked_whoever_makes_it(workspace: Workspace) -> None:
    actor = Actor(key_id="key_1", user_agent=f"client/1 {KEY}")

    services.update_workspace(
        workspace, values={"name": f"My {KEY}", "settings": {"apiToken": "t0psecret"}}, actor=actor
    )
    record("updated", workspace, actor=actor, authorization=f"Bearer {JWT}")

    rows = list(Event.objects.order_by("pk").values())
    assert rows[0]["user_agent"] == f"client/1 {MASK}"
    assert rows[0]["details"]["after"] == {"name": f"My {MASK}", "settings": {"apiToken": MASK}}
    assert all(secret not in str(rows) for secret in (KEY, JWT, "t0psecret"))


def test_a_changed_secret_is_told_as_changed_though_both_look_alike(workspace: Workspace) -> None:
    actor = Actor(key_id="key_1")
    services.update_workspace(workspace, values={"settings": {"token": "old"}}, actor=actor)
    services.update_workspace(workspace, values={"settings": {"token": "new"}}, actor=actor)

    assert Event.objects.order_by("pk")[1].details == {
        "before": {"settings": {"token": MASK}},
        "after": {"settings": {"token": MASK}},
    }
