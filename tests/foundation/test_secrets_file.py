"""Embedded mode makes its secrets once, and nobody else may read them."""

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from ouipost.configuration import secrets_file

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ["SECRET_KEY", "TOKEN_KEYS", "SIMULATOR_TOKEN"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let the module see an environment of the test's own."""
    values: dict[str, str] = {}
    monkeypatch.setattr(environ.Env, "ENVIRON", values)
    return values


def stored(home: Path) -> dict[str, str]:
    lines = (home / "secrets.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_the_first_start_makes_secrets(tmp_path: Path, environment: dict[str, str]) -> None:
    secrets_file.load(tmp_path / "home")

    made = stored(tmp_path / "home")
    key_id, _, key = made["TOKEN_KEYS"].partition(":")
    assert list(made) == NAMES
    assert environment == made
    assert len(made["SECRET_KEY"]) >= 50
    assert (key_id, len(base64.urlsafe_b64decode(key))) == ("k1", 32)


def test_only_their_owner_can_read_them(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        secrets_file.load(tmp_path)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600


def test_later_starts_take_what_is_there(tmp_path: Path, environment: dict[str, str]) -> None:
    secrets_file.load(tmp_path)
    first = dict(environment)
    environment.clear()

    secrets_file.load(tmp_path)

    assert environment == first == stored(tmp_path)


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    secrets_file.load(tmp_path / "one")
    secrets_file.load(tmp_path / "two")

    assert set(stored(tmp_path / "one").values()).isdisjoint(stored(tmp_path / "two").values())


def test_what_the_environment_says_wins(tmp_path: Path, environment: dict[str, str]) -> None:
    environment["SECRET_KEY"] = "given"

    secrets_file.load(tmp_path)

    assert environment["SECRET_KEY"] == "given"
    assert stored(tmp_path)["SECRET_KEY"] != "given"


def test_whoever_is_second_keeps_what_the_first_made(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    secrets_file._create(path)
    first = path.read_text()

    secrets_file._create(path)

    assert path.read_text() == first
    assert os.listdir(tmp_path) == ["secrets.env"]


def test_a_write_that_fails_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("ouipost.configuration.secrets_file.os.fsync", fail)

    with pytest.raises(OSError, match="disk full"):
        secrets_file.load(tmp_path)

    assert os.listdir(tmp_path) == []


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from ouipost.configuration import secrets_file; sys.stdin.read();"
        "secrets_file.load(pathlib.Path(sys.argv[1])); print(os.environ['SECRET_KEY'])"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    started = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdin=PIPE, stdout=PIPE, text=True) for _ in range(4)
    ]

    for process in started:
        assert process.stdin is not None
        process.stdin.close()  # they are all waiting for this
    keys = {process.stdout.read().strip() for process in started if process.stdout is not None}
    for process in started:
        assert process.wait(20) == 0
        assert process.stdout is not None
        process.stdout.close()

    assert keys == {stored(tmp_path)["SECRET_KEY"]}


@pytest.mark.parametrize("line", ["PORT = 8100", " PORT=8100", "PORT: 8100", "PORT"])
def test_a_line_that_would_be_passed_over_is_named_and_not_repeated(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"# what runs\n\nexport WEB_THREADS=4\n{line}\n")

    with pytest.raises(ImproperlyConfigured) as refused:
        secrets_file.require_assignments(tmp_path / ".env")

    assert str(refused.value) == f"Line 4 of '{tmp_path / '.env'}' is not NAME=value, without blanks around the =."


def test_a_mark_that_editors_put_first_hides_no_setting(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfPORT=8100\r\n")

    secrets_file.read(tmp_path / ".env")
    secrets_file.require_assignments(tmp_path / ".env")

    assert environment == {"PORT": "8100"}
