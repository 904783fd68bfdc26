"""`verify_audit` says whether the audit log is as it was sealed, and names the first row that is not."""

import json
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError

from ouipost.events import verifying
from ouipost.events.journal import SYSTEM, entry, record_all
from ouipost.events.models import ChainHead, Event
from ouipost.events.sealing import seal_new
from ouipost.ids import uuid7
from tests.commands.running import outcome_of
from tests.factories import make_workspace
from tests.foundation import tampering

run = partial(outcome_of, "verify_audit")


def found(*arguments: str) -> dict[str, Any]:
    """Return what it found; the exit status must agree."""
    status, output = run("--json", *arguments)
    shown: dict[str, Any] = json.loads(output)
    assert status == (0 if shown["holds"] else 1)
    return shown


@pytest.fixture
def events(db: None) -> list[Event]:
    """Five sealed rows."""
    workspace = make_workspace()
    told = [entry("updated", workspace, actor=SYSTEM, number=number) for number in range(5)]
    record_all(told)
    seal_new()
    return told


def head() -> str:
    return str(ChainHead.objects.get())


def test_a_chain_that_holds_is_told_with_its_head(events: list[Event]) -> None:
    assert run() == (0, f"5 of 5 rows hold\nThe chain holds. Keep its head elsewhere: {head()}\n")
    assert found() == {
        "holds": True,
        "rows": 5,
        "head": {"seq": 5, "seal": head().partition(":")[2]},
        "broken": None,
        "unsealed": 0,
        "unsealed_overdue": 0,
        "backdated": 0,
    }


def test_progress_is_told_batch_by_batch(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "BATCH", 2)

    assert run()[1].splitlines()[:3] == ["2 of 5 rows hold", "4 of 5 rows hold", "5 of 5 rows hold"]


def test_a_log_of_one_row_is_told_as_one(db: None) -> None:
    record_all([entry("updated", make_workspace(), actor=SYSTEM)])
    unsealed = run()[1]
    seal_new()

    assert unsealed.startswith("1 row is not sealed yet; 0 are older than a minute.\n")
    assert run()[1].startswith("1 of 1 row holds\n")


def test_a_changed_row_is_named(events: list[Event]) -> None:
    tampering.rewrite(events[2].pk, user_email="other@example.com")

    status, output = run()

    assert (status, output.splitlines()[-1].partition(": ")[0]) == (1, f"BROKEN at 3 ({events[2].pk})")
    broken = found()["broken"]
    assert (broken["seq"], broken["id"], "changed" in broken["what"]) == (3, events[2].pk, True)


def test_a_removed_row_is_named_by_its_place(events: list[Event]) -> None:
    tampering.remove(events[3].pk)

    broken = found()["broken"]

    assert (broken["seq"], broken["id"], "removed" in broken["what"]) == (4, "", True)
    assert run() == (1, "3 of 5 rows hold\nBROKEN at 4: A row was removed here.\n")


def test_an_inserted_row_is_named(events: list[Event]) -> None:
    inserted = str(uuid7())
    tampering.copy(events[0].pk, to=inserted, seq=6, seal="0" * 64)

    broken = found()["broken"]

    assert (broken["seq"], broken["id"], "inserted" in broken["what"]) == (6, inserted, True)


def test_rows_that_wait_to_be_sealed_are_counted_and_break_nothing(events: list[Event]) -> None:
    record_all([entry("updated", make_workspace(), actor=SYSTEM)])
    tampering.copy(events[0].pk, to=str(uuid7()), seq=None, created_at="2020-01-01 00:00:00")

    shown, (_, output) = found(), run()

    assert (shown["holds"], shown["unsealed"], shown["unsealed_overdue"]) == (True, 2, 1)
    assert "2 rows are not sealed yet; 1 is older than a minute." in output


def test_rows_with_an_earlier_time_than_their_place_are_counted(events: list[Event]) -> None:
    tampering.copy(events[0].pk, to=str(uuid7()), seq=None, created_at="2020-01-01 00:00:00")
    seal_new()

    assert (found()["holds"], found()["backdated"]) == (True, 1)
    assert "1 row has a time an hour or more before a row sealed earlier." in run()[1]


def test_a_part_is_looked_at_from_a_row_on(events: list[Event]) -> None:
    tampering.rewrite(events[0].pk, user_email="other@example.com")

    assert (found()["broken"]["seq"], found("--from", "2")["rows"]) == (1, 4)


def test_a_row_to_start_from_that_was_removed_is_a_break(events: list[Event]) -> None:
    tampering.remove(events[1].pk)

    assert found("--from", "3")["broken"]["what"] == "There is no such row to start from."


def test_beyond_the_end_there_is_nothing_to_verify(events: list[Event]) -> None:
    told = "There is nothing from 7 on: the chain ends at 5."

    with pytest.raises(CommandError, match=told) as refused:
        run("--from", "7")

    assert refused.value.returncode == 2
    assert found("--from", "6")["rows"] == 0
    longer = found("--from", "7", "--kept", f"7:{'0' * 64}")["broken"]
    assert longer is not None


@pytest.mark.parametrize("arguments", [("--from", "0"), ("--kept", "5"), ("--from", "2", "--kept", f"1:{'0' * 64}")])
def test_an_argument_that_cannot_be_is_not_taken_for_a_break(db: None, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        run(*arguments)

    assert refused.value.returncode == 2


def test_a_head_that_was_kept_must_still_be_there(events: list[Event]) -> None:
    kept = head()
    wrong = f"5:{'0' * 64}"

    assert found("--kept", kept)["holds"] is True
    assert "rewritten" in found("--kept", wrong)["broken"]["what"]
    assert "longer" in found("--kept", wrong.replace("5:", "7:"))["broken"]["what"]


def test_the_head_of_an_empty_log_can_be_kept_as_any_other(db: None) -> None:
    assert run("--kept", run()[1].split()[-1])[0] == 0


def test_it_changes_nothing(events: list[Event]) -> None:
    before = list(Event.objects.order_by("pk").values_list())

    run()

    assert list(Event.objects.order_by("pk").values_list()) == before


def test_an_empty_log_holds(db: None) -> None:
    assert run() == (0, "The chain holds. Keep its head elsewhere: 0:\n")
