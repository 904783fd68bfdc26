"""Whatever two people do to users and workspaces at the same time, it comes out as one after the other."""

import pytest
from pytest_django.fixtures import Settings

from tests.two_at_once import MARKS, Stage, chosen, in_no_order, pairs, wrong_in
from tests.workspaces.deeds import Offices

pytestmark = MARKS
ALWAYS = [("usual", "a demotes b", "b deletes a")]
RULE = (
    "a demotes b; b demotes a; a demotes a; b demotes b; a switches b off; b switches a off; a switches a off; "
    "a deletes b; b deletes a; a narrows b; b narrows a; a narrows a; a in bulk switches b off; "
    "b in bulk switches a off; a makes e administrator; a deletes e"
)
TOGETHER = {
    "usual": RULE,
    "only one who may": (
        "a demotes a; a switches a off; a narrows a; a restores b; a deletes b; a makes e administrator; "
        "a demotes b; a switches b off; b demotes b"
    ),
    "one is off": "a demotes a; a switches a off; a narrows a; a switches b on; a in bulk switches b on; a deletes b",
    "usual, with e": (
        "a makes e administrator; a makes e viewer; b lets e see health; a renames e; b renames e; e renames e; "
        "a readdresses e; b readdresses v; b creates one; a deletes e; b deletes e; "
        "a sets e's password; e sets e's password; a switches e off; e logs in; e logs in anew; e logs out"
    ),
    "usual, with members": (
        "a sets e and v; b sets v and e and b; b sets nobody; a deletes e; b deletes v; a makes e viewer; "
        "a makes e manage; rename; describe; open another; close; purge; a demotes b"
    ),
}
PATHS = [(state.partition(",")[0], first, second) for state, first, second in pairs(TOGETHER)]


@pytest.fixture
def stage(settings: Settings) -> Stage:
    return Stage(play=Offices())


@pytest.mark.parametrize(("state", "first", "second"), chosen(ALWAYS, PATHS))
def test_two_people_at_once_come_out_as_one_after_the_other(stage: Stage, state: str, first: str, second: str) -> None:
    ways = stage.ways(state, first, second)

    assert wrong_in(ways) == []
    assert in_no_order(ways) == []
