"""Whatever is done to a key and with it at the same time, it comes out as one after the other."""

import pytest
from pytest_django.fixtures import Settings

from tests.conftest import AdminClient, ApiClient
from tests.factories import make_token, make_user
from tests.two_at_once import MARKS, Caller, Stage, chosen, in_no_order, pairs, wrong_in
from tests.workspaces.keys.deeds import Rings

pytestmark = MARKS
ALWAYS = [("rotated", "rotate", "revoke")]
CHANGES = "rename; another tier; let it read; let it write; switch off; revoke; revoke in bulk; look; call; flush"
TOGETHER = {
    "wide": f"rotate; rotate again; end; {CHANGES}; close; open; limit; rename the workspace",
    "limited": f"limit; widen; both; open; open another; close; purge; rotate; rename the workspace; {CHANGES}",
    "rotated": f"call with the old one; rotate; rotate again; end; {CHANGES}",
    "off": "switch on; rotate; revoke; call; rename; let it read",
    "ends": "end; prolong; rotate; rotate again; revoke; call; switch off; flush",
}
PATHS = pairs(TOGETHER)


@pytest.fixture
def stage(redis_url: str, settings: Settings) -> Stage:
    user = make_user()
    callers = [Caller(api=ApiClient(""), admin=AdminClient(make_token(user))) for _ in range(2)]
    return Stage(play=Rings(two=callers))


@pytest.mark.parametrize(("state", "first", "second"), chosen(ALWAYS, PATHS))
def test_two_deeds_at_once_come_out_as_one_after_the_other(stage: Stage, state: str, first: str, second: str) -> None:
    ways = stage.ways(state, first, second)

    assert wrong_in(ways) == []
    assert in_no_order(ways) == []
