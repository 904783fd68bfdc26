"""Whatever is paused and resumed while others work, it comes out as one after the other."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from ouipost.events.catalogue import EVENTS
from tests.factories import make_webhook
from tests.posts.conftest import install
from tests.posts.deeds import Everywhere
from tests.posts.operating.deeds import Operations
from tests.two_at_once import MARKS, Stage, chosen, in_no_order, pairs, two_callers, wrong_in

pytestmark = MARKS
ALWAYS = [("due", "pause the workspace", "close")]
TOGETHER = {
    "due": (
        "work; pause all; pause all, too; pause the network; pause the network, too; pause the workspace; "
        "pause the workspace, too; pause the page; pause the page, too; close; disconnect; connect again; publish; "
        "notice; resume all"
    ),
    "due, all": "work; pause all; resume all; notice; doubt; publish; unschedule; delete; disconnect; close",
    "due, the workspace": "work; pause the workspace; resume the workspace; pause all; close; publish; unschedule",
    "due, the page": "work; pause the page; resume the page; disconnect; close; connect again; publish",
    "needs_review, all": "work; resume all; doubt; say it is out; say it is not; look again; notice; pause all",
    "publishing, all": "work; resume all; pause all; doubt; notice; publish; close; disconnect",
}
PATHS = pairs(TOGETHER)


@pytest.fixture
def stage(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    settings.OUIPOST_HOME = tmp_path
    network = Everywhere()
    install(monkeypatch, network)
    make_webhook(events=[*EVENTS])
    return Stage(play=Operations(network=network, two=two_callers()))


@pytest.mark.parametrize(("state", "first", "second"), chosen(ALWAYS, PATHS))
def test_two_deeds_at_once_come_out_as_one_after_the_other(stage: Stage, state: str, first: str, second: str) -> None:
    ways = stage.ways(state, first, second)

    assert wrong_in(ways) == []
    assert in_no_order(ways) == []
