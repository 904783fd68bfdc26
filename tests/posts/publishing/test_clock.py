"""When the database's clock jumps ahead, nothing goes out before its time."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from accounts.models import Pause, PauseScope
from ouipost import claims
from ouipost.events.journal import SYSTEM
from posts import pausing
from posts.models import Target
from posts.publishing import clock, publisher
from posts.publishing.clock import Clock
from posts.publishing.publisher import Publisher
from tests.factories import NOW, make_account
from tests.posts.fakes import make_due
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


class Clocks:
    """How far the database's clock and the two of this machine are ahead of the true time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = self.wall = self.monotonic = timedelta(0)
        database_now = claims.database_now
        monkeypatch.setattr(claims, "database_now", lambda *_: database_now() + self.database)
        ours = SimpleNamespace(
            time=lambda: time.time() + self.wall.total_seconds(),
            monotonic=lambda: time.monotonic() + self.monotonic.total_seconds(),
        )
        monkeypatch.setattr(clock, "time", ours)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    monkeypatch.setattr(publisher, "CLOCK", Clock())
    return Clocks(monkeypatch)


@pytest.fixture
def scheduled(workspace: Workspace) -> Target:
    """A target that is due in five hours."""
    due = make_due(workspace, make_account(workspace))
    Target.objects.update(due_at=claims.database_now() + 5 * HOUR, scheduled_at=claims.database_now() + 5 * HOUR)
    return due


def claimed() -> list[str]:
    """Do as a worker that looks for work, and return what it found."""
    return [job.claim.pk for job in Publisher(4).claim(4, [])]


def test_a_jump_of_the_databases_clock_pauses_everything_and_sends_nothing(scheduled: Target, clocks: Clocks) -> None:
    pausing.pause(PauseScope.NETWORK, "bluesky", reason="An outage", actor=SYSTEM, now=NOW)
    claimed()
    clocks.database = 6 * HOUR

    assert [claimed(), claimed()] == [[], []]
    _, pause = Pause.objects.order_by("pk")
    assert (pause.scope, pause.resumed_at) == (PauseScope.ALL, None)
    assert pause.reason == "The database's clock jumped 21600 seconds ahead. See whether it is right."


def test_who_resumes_takes_the_clock_as_it_is(scheduled: Target, clocks: Clocks) -> None:
    claimed()
    clocks.database = 6 * HOUR
    claimed()

    pausing.resume(PauseScope.ALL, actor=SYSTEM, now=claims.database_now())

    assert claimed() == [scheduled.pk]


def test_a_pause_that_is_there_keeps_its_reason(scheduled: Target, clocks: Clocks) -> None:
    pausing.pause(PauseScope.ALL, reason="Holidays", actor=SYSTEM, now=NOW)
    claimed()
    clocks.database = 6 * HOUR

    claimed()

    assert Pause.objects.get().reason == "Holidays"


@pytest.mark.parametrize(
    "ahead",
    [
        {"database": 6 * HOUR, "wall": 6 * HOUR},
        {"database": 6 * HOUR, "monotonic": 6 * HOUR},
        {"database": timedelta(minutes=4)},
        {"database": -6 * HOUR},
        {"wall": 6 * HOUR},
        {"wall": -6 * HOUR},
    ],
    ids=["this machine slept", "six hours passed", "a little", "back", "only ours", "only ours, back"],
)
def test_nothing_else_is_a_jump(scheduled: Target, clocks: Clocks, ahead: dict[str, timedelta]) -> None:
    claimed()
    for name, value in ahead.items():
        setattr(clocks, name, value)

    claimed()

    assert not Pause.objects.exists()
