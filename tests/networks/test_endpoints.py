"""What the tests assert to the letter is every endpoint of the networks' documentation that is used, and no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.networks.endpoints import ENDPOINTS, endpoint, is_known

HERE = Path(__file__).parent
TELL = """
import json, sys, pytest
from collections import defaultdict
from pathlib import Path

told = defaultdict(set)

class ByNetwork:
    def pytest_collection_modifyitems(self, items):
        first = {(item.path, item.cls, item.originalname): item for item in reversed(items)}
        chosen = set(first.values())
        items[:] = [item for item in items if item in chosen or "kind" in item.fixturenames]

    def pytest_runtest_logfinish(self, nodeid):
        from tests.networks.platform_case import FakeSession

        told[Path(nodeid.partition("::")[0]).stem.split("_")[1]] |= FakeSession.asserted
        FakeSession.asserted.clear()

status = pytest.main(sys.argv[1:], plugins=[ByNetwork()])
print(json.dumps({network: sorted(calls) for network, calls in told.items()}))
sys.exit(status)
"""


@pytest.fixture(scope="module")
def asserted() -> dict[str, list[tuple[str, str]]]:
    """The method and address of each call that the files of a network's tests assert, by network.

    Of a test with many cases the first says at which endpoint it is; every kind of post has its own.
    """
    files = (str(file) for network in ENDPOINTS for file in HERE.glob(f"test_{network}*.py"))
    options = ("-q", "-p", "no:xdist", "-m", "not thorough and not pds")
    environment = {name: value for name, value in os.environ.items() if name != "OUIPOST_TOTALS"}  # they run anyway

    run = subprocess.run(
        [sys.executable, "-c", TELL, *options, *files],
        cwd=HERE.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout
    told: dict[str, list[tuple[str, str]]] = json.loads(run.stdout.splitlines()[-1])
    return told


@pytest.mark.thorough
@pytest.mark.parametrize("network", ENDPOINTS)
def test_every_endpoint_of_a_network_is_asserted_whole(
    network: str, asserted: dict[str, list[tuple[str, str]]]
) -> None:
    assert {endpoint(network, method, url) for method, url in asserted[network]} == set(ENDPOINTS[network])


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", "https://graph.threads.net/v1.0/me/replies"),
        ("GET", "https://graph.threads.net/v1.0/me/likes"),
        ("GET", "https://graph.facebook.com/v1.0/me/threads"),
        ("GET", "https://api.linkedin.com/rest/reactions"),
        ("GET", "https://pds.example/xrpc/app.bsky.feed.getLikes"),
        ("POST", "https://example.com/rye"),
    ],
)
def test_another_endpoint_is_not_known(method: str, url: str) -> None:
    assert not is_known(method, url)
