"""Nothing is sent to the simulator that is not asserted elsewhere; and the figures of the fault test, after the run."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter
from pytest_django.fixtures import Settings

from accounts.platforms.http import Answer
from accounts.session import NetworkSession
from tests.networks.endpoints import is_known

FAULTS_TRIED = "faults_tried"
COLUMNS = ("kinds", "faults", "copies above 1", "wrong", "needs_review")


@pytest.fixture(autouse=True)
def known_endpoints(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail what calls the simulator at an endpoint that is not in the table, and so need not be asserted whole."""
    send, others = NetworkSession.request, set()

    def request(session: NetworkSession, method: str, url: str, **sent: Any) -> Answer:
        if not is_known(method, url):
            others.add(f"{method} {url}")
        return send(session, method, url, **sent)

    monkeypatch.setattr(NetworkSession, "request", request)
    yield
    assert not others


@pytest.fixture
def files_stay(settings: Settings, private_media: None, media_of_all: Path) -> None:
    """Keep files in a folder that tests of this process share: what one has uploaded, the next ones have, too."""
    settings.MEDIA_ROOT = media_of_all / "kept"


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print for each network how many kinds of posts met how many faults, and what came of it."""
    totals: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for network, counts in (value for name, value in report.user_properties if name == FAULTS_TRIED):
                totals.setdefault(network, Counter()).update(counts)
    if totals:
        terminalreporter.section("faults at the networks")
        terminalreporter.write_line(f"{'network':12}" + "".join(f"{name:>16}" for name in COLUMNS))
    for network, counts in totals.items():
        terminalreporter.write_line(f"{network:12}" + "".join(f"{counts[name]:>16}" for name in COLUMNS))
