"""`pause` and `resume` do what the admin API does, and say before what they would do."""

from datetime import timedelta

import pytest
from django.core.management import CommandError

from accounts.models import Pause, SocialAccount
from ouipost.claims import database_now
from ouipost.events.models import Event
from tests.commands.running import run
from tests.factories import make_account, make_post
from tests.posts.fakes import claim_targets
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def due(workspace: Workspace) -> None:
    at = database_now() - timedelta(seconds=5)
    make_post(workspace, accounts=[make_account(workspace)], status="scheduled", scheduled_at=at)


def test_a_pause_is_begun_and_ended_by_command() -> None:
    began = run("pause", "--scope", "network", "--id", "facebook", "--reason", "It bans us.")
    paused = claim_targets(5)
    ended = run("resume", "--scope", "network", "--id", "facebook")

    words = "The operator has paused all publishing to Facebook: It bans us."
    assert began == f"{words} 1 of what is scheduled or due waits for its end.\n"
    assert (paused, ended) == ([], "Resumed network facebook.\n")
    assert len(claim_targets(5)) == 1
    told = [("pause.started", "manage.py pause"), ("pause.ended", "manage.py resume")]
    assert list(Event.objects.order_by("pk").values_list("type", "user_agent")) == told


def test_a_dry_run_says_what_would_wait_and_does_nothing(workspace: Workspace) -> None:
    arguments = ("--scope", "workspace", "--id", workspace.pk, "--dry-run")

    would_pause = run("pause", *arguments, "--reason", "Unpaid.")
    was_not_paused = run("resume", *arguments)
    run("pause", *arguments[:-1], "--reason", "Unpaid.")
    would_resume = run("resume", *arguments)

    told = "1 of what is scheduled or due waits for its end."
    assert would_pause == f"Would pause workspace {workspace.pk}: {told} Nothing was done.\n"
    assert was_not_paused == f"There is no pause of workspace {workspace.pk}.\n"
    assert would_resume == f"Would resume workspace {workspace.pk}; nothing was done.\n"
    assert Pause.objects.in_force().count() == 1


def test_what_is_out_or_only_asked_about_waits_for_no_end(workspace: Workspace) -> None:
    account, at = SocialAccount.objects.get(), database_now()
    make_post(workspace, accounts=[account], status="published", published_at=at)
    lost = make_post(workspace, accounts=[account], status="publishing", scheduled_at=at)
    lost.targets.update(outcome_unknown=True)

    told = run("pause", "--scope", "account", "--id", account.pk, "--reason", "Unpaid.", "--dry-run")

    assert ": 1 of what is scheduled or due waits for its end." in told


def test_the_same_again_changes_nothing() -> None:
    for _ in range(2):
        run("pause", "--scope", "all", "--reason", "Moving.")
    ended = [run("resume", "--scope", "all") for _ in range(2)]

    assert ended == ["Resumed all.\n", "There is no pause of all.\n"]
    assert Pause.objects.count() == 1


@pytest.mark.parametrize("command", [("pause", "--reason", "It bans us."), ("resume",)])
def test_a_network_that_does_not_exist_is_an_impossible_argument(command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="There is no such network") as refused:
        run(*command, "--scope", "network", "--id", "myspace")

    assert refused.value.returncode == 2


def test_the_pause_of_an_account_that_is_gone_can_be_ended() -> None:
    account = SocialAccount.objects.get()
    scope = ("--scope", "account", "--id", account.pk)
    run("pause", *scope, "--reason", "Unpaid.")
    SocialAccount.objects.update(disconnected_at=database_now())

    ended = [run("resume", *scope) for _ in range(2)]

    assert ended == [f"Resumed account {account.pk}.\n", f"There is no pause of account {account.pk}.\n"]


def test_what_is_still_paused_is_named() -> None:
    run("pause", "--scope", "all", "--reason", "Moving.")
    run("pause", "--scope", "network", "--id", "facebook", "--reason", "It bans us.")
    since = Pause.objects.get(scope="network").paused_at

    ended = run("resume", "--scope", "all")

    assert ended == f"Resumed all.\nStill paused: network facebook since {since:%Y-%m-%d %H:%M} UTC, It bans us.\n"


@pytest.mark.parametrize("flags", [[], ["--after-restore"]])
def test_a_pause_for_a_restored_copy_says_so(flags: list[str]) -> None:
    run("pause", "--scope", "all", "--reason", "Restored.", *flags)

    assert Pause.objects.get().after_restore is bool(flags)


def test_a_restored_copy_is_paused_as_a_whole() -> None:
    with pytest.raises(CommandError, match="--after-restore belongs to --scope all"):
        run("pause", "--scope", "network", "--id", "facebook", "--reason", "Restored.", "--after-restore")

    assert not Pause.objects.exists()


def test_a_restore_that_nobody_noticed_is_asked_about_before_its_pause_is_ended() -> None:
    run("pause", "--scope", "all", "--reason", "Restored.", "--after-restore")

    with pytest.raises(CommandError, match="1 that was due by now may be out already"):
        run("resume", "--scope", "all")

    assert claim_targets(5) == []
    assert run("resume", "--scope", "all", "--anyway") == "Resumed all.\n"
