"""`rotate_key` shows the new secret once, and only says so in a dry run."""

import json
from functools import partial

import pytest
import time_machine
from django.core.management import CommandError

from ouipost.events.models import Event
from ouipost.ids import new_id
from tests.commands import running
from tests.factories import NOW, make_key
from tests.workspaces.keys.identifying import identify
from workspaces.keys import services as keys
from workspaces.keys.services import GRACE, InvalidApiKey, KeyRevoked
from workspaces.models import ApiKey

run = partial(running.run, "rotate_key")
pytestmark = pytest.mark.django_db


@time_machine.travel(NOW, tick=False)
def test_both_secrets_work_for_a_day_and_the_new_one_after_it() -> None:
    key, old = make_key()

    shown = json.loads(run(key.pk, "--json"))

    assert (shown["id"], shown["old_key_expires_at"]) == (key.pk, "2026-11-26T12:00:00Z")
    for secret in (old, shown["new_api_key"]):
        assert identify(secret, address="192.0.2.1", now=NOW)[0] == key
    assert identify(shown["new_api_key"], address="192.0.2.1", now=NOW + GRACE)[0] == key
    with pytest.raises(InvalidApiKey):
        identify(old, address="192.0.2.1", now=NOW + GRACE)
    event = Event.objects.get(type="api_key.rotated")
    assert (event.resource_id, event.user_id) == (key.pk, "")
    assert shown["new_api_key"] not in str(event.details)


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_the_old_one_holds_no_longer_than_the_key(arguments: list[str]) -> None:
    key, _ = make_key(expires_at=NOW + GRACE / 2)

    assert run(key.pk, *arguments).endswith("until 2026-11-26 00:00 UTC.\n")


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--json"]])
def test_a_second_rotation_within_the_day_ends_no_secret_unless_it_is_told_to(arguments: list[str]) -> None:
    key, old = make_key()
    second = json.loads(run(key.pk, "--json"))["new_api_key"]

    with pytest.raises(CommandError) as refused:
        run(key.pk, *arguments)
    for secret in (old, second):
        assert identify(secret, address="192.0.2.1", now=NOW)[0] == key
    third = json.loads(run(key.pk, "--again", "--json"))["new_api_key"]

    assert str(refused.value) == (
        "The key was rotated before: its older secret is valid until 2026-11-26 12:00 UTC, and another rotation would "
        "end it at once. Rotate it after that, or with --again."
    )
    assert refused.value.returncode == 1
    for secret in (second, third):
        assert identify(secret, address="192.0.2.1", now=NOW)[0] == key
    with pytest.raises(InvalidApiKey):
        identify(old, address="192.0.2.1", now=NOW)


def test_a_rotation_after_the_day_needs_no_more_than_the_first() -> None:
    key, _ = make_key()
    with time_machine.travel(NOW, tick=False):
        run(key.pk)

    with time_machine.travel(NOW + GRACE, tick=False):
        assert "pk_live_" in run(key.pk)


@time_machine.travel(NOW, tick=False)
def test_a_dry_run_says_of_an_older_secret_that_it_would_end_at_once() -> None:
    key, _ = make_key()
    first = run(key.pk, "--again", "--dry-run")
    run(key.pk)

    second = run(key.pk, "--again", "--dry-run")

    assert "older" not in first
    assert second.endswith("Its older secret, valid until 2026-11-26 12:00 UTC, would end at once.\n")


def test_people_are_told_to_store_it_and_how_long_the_old_one_holds() -> None:
    key, _ = make_key()

    printed = run(key.pk)

    assert printed.startswith(f"{key.pk}: pk_live_")
    assert "it cannot be shown again" in printed
    assert "The old one stays valid until" in printed


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_dry_run_changes_nothing_and_shows_no_secret(options: list[str]) -> None:
    key, old = make_key()
    before = ApiKey.objects.values().get()

    printed = run(key.pk, "--dry-run", *options)

    assert ApiKey.objects.values().get() == before
    assert "pk_live_" + old[8:] not in printed
    assert json.loads(printed)["new_api_key"] is None if options else "would get a new secret" in printed
    assert not Event.objects.filter(type="api_key.rotated").exists()


def test_what_cannot_be_rotated_is_named() -> None:
    key, _ = make_key()
    ApiKey.objects.update(is_active=False)
    unknown = new_id("key")

    with pytest.raises(CommandError, match=f"There is no key {unknown}"):
        run(unknown)
    for options in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match="The key is not active"):
            run(key.pk, *options)
    ApiKey.objects.update(is_active=True, expires_at=NOW)
    for options in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match="The key has expired") as refused:
            run(key.pk, *options)
        assert refused.value.returncode == 1


def test_a_key_that_is_revoked_meanwhile_is_not_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = make_key()

    def refuse(*_: object, **__: object) -> None:
        raise KeyRevoked

    monkeypatch.setattr("adminapi.management.commands.rotate_key.rotate_key", refuse)
    with pytest.raises(CommandError, match="The key is not active"):
        run(key.pk)
    assert keys.look_up(ApiKey.objects.get().digest, now=NOW).key == key
