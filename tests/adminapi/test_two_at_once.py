"""Whatever is done to the rows of a job while a worker is at it, it comes out as one after the other."""

import pytest
from pytest_django.fixtures import Settings

from tests.adminapi.deeds import Workshops
from tests.posts.conftest import install
from tests.posts.deeds import Everywhere
from tests.two_at_once import MARKS, Stage, chosen, in_no_order, pairs, wrong_in

pytestmark = MARKS
ALWAYS = [("users.deactivate", "work", "a deletes b")]
JOB = "work; stop; begin again"
TOGETHER = {
    "posts.delete_posts": f"{JOB}; delete the post; edit the post; publish the post; disconnect the page; close",
    "posts.duplicate": f"{JOB}; delete the post; edit the post; disconnect the page; close",
    "posts.publish_now": f"{JOB}; delete the post; edit the post; publish the post; disconnect the page; close",
    "accounts.disconnect": f"{JOB}; delete the post; publish the post; disconnect the page; close",
    "keys.revoke": f"{JOB}; revoke the key; rotate the key; switch the key off; b demotes a",
    "users.deactivate": f"{JOB}; b demotes a; a deletes b; b deletes a; b switches a off",
    "webhooks.delete": f"{JOB}; delete the webhook; switch the webhook off; test the webhook; redeliver; b demotes a",
    "webhooks.test": f"{JOB}; delete the webhook; switch the webhook off; test the webhook",
    "deliveries.redeliver": f"{JOB}; redeliver; replay; delete the webhook; switch the webhook off",
}
PATHS = [path for path in pairs(TOGETHER) if {"work", "stop", "begin again"} & {*path[1:]}]
"""What two single deeds do is tried elsewhere."""


@pytest.fixture
def stage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Stage:
    install(monkeypatch, Everywhere())
    return Stage(play=Workshops())


@pytest.mark.parametrize(("state", "first", "second"), chosen(ALWAYS, PATHS))
def test_two_deeds_at_once_come_out_as_one_after_the_other(stage: Stage, state: str, first: str, second: str) -> None:
    ways = stage.ways(state, first, second)

    assert wrong_in(ways) == []
    assert in_no_order(ways) == []
