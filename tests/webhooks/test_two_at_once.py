"""Whatever people, workers and events do to a webhook at the same time, it comes out as one after the other."""

import pytest
from pytest_django.fixtures import Settings

from ouipost.events import delivery
from tests.two_at_once import MARKS, Stage, chosen, in_no_order, pairs, two_callers, wrong_in
from tests.webhooks.operations import Mailboxes, Receiver

pytestmark = MARKS
ALWAYS = [("due", "deliver", "switch off")]
CHANGES = (
    "move; move elsewhere; narrow; widen; turn to another; switch off; delete; rotate; rotate at once; test; "
    "delete in bulk; test in bulk"
)
TOGETHER = {
    "due": f"event; another event; deliver; bring back; replay; redeliver; list; close; {CHANGES}",
    "ended": f"event; deliver; replay; replay once; replay what failed; redeliver; redeliver in bulk; list; {CHANGES}",
    "gave up": "event; replay; replay what failed; redeliver; redeliver the second; redeliver in bulk; delete",
    "off": "event; deliver; switch on; move elsewhere; replay; redeliver; test; delete; narrow; switch off",
    "rests": f"event; deliver; bring back; replay; redeliver; {CHANGES}",
    "held": "event; deliver; bring back; replay; move; switch off; test; delete; narrow",
    "recovered": "event; deliver; bring back; replay; move; switch off; test; delete; narrow",
    "fails": "event; deliver; bring back; replay; move; switch off; test; delete; narrow; turn to another",
    "fails for long": "event; deliver; bring back; replay; move; switch off; test; delete; narrow; rotate; redeliver",
    "replays": "event; deliver; replay on; replay; redeliver; switch off; move; delete; narrow; prune",
    "old": "event; deliver; prune; redeliver; redeliver the second; replay; delete; switch off; list; test",
    "old and due": "event; deliver; prune; replay; delete; switch off; move; test",
    "deleted": "event; deliver; prune; redeliver; replay; rotate; test",
}
HAPPENS, HEARS_NO_MORE = {"event", "another event"}, {"narrow", "turn to another"}
"""What is being written while a webhook turns away may have a delivery: who writes events waits for no webhook."""
PATHS = [path for path in pairs(TOGETHER) if not (HAPPENS & {*path[1:]} and HEARS_NO_MORE & {*path[1:]})]


@pytest.fixture
def stage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Stage:
    receiver = Receiver()
    monkeypatch.setattr(delivery, "_client", lambda: receiver)
    return Stage(play=Mailboxes(receiver=receiver, two=two_callers()))


@pytest.mark.parametrize(("state", "first", "second"), chosen(ALWAYS, PATHS))
def test_two_deeds_at_once_come_out_as_one_after_the_other(stage: Stage, state: str, first: str, second: str) -> None:
    ways = stage.ways(state, first, second)

    assert wrong_in(ways) == []
    assert in_no_order(ways) == []
