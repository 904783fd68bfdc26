"""Health that can fail: whatever is taken away shows within a minute, in time, and is green again by itself."""

import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from adminapi.management.client import Client
from tests.crash.broker import Broker, kill, node
from tests.databases import Server, fresh_database, own_server
from tests.product import Product, running, wait_for
from tests.services import START_SECONDS, free_port

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

Record = Callable[[str, object], None]
SPEED = 5
"""Who is silent is dead after 9 seconds instead of 45."""
RED_SECONDS = GREEN_SECONDS = 60
LIMIT_SECONDS = 1.2
TRIES = 7
TOKEN = "a token for the monitor"
WEB = ("--interface", "wsgi", "--blocking-threads", "4", "--no-ws", "--log-level", "error", "ouipost.wsgi:application")
LOGIN = {"email": "admin@example.com", "password": "a long pass phrase"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One answer of /admin/health."""

    code: int
    status: str
    colours: dict[str, str]
    seconds: float

    def is_red(self, name: str) -> bool:
        return self.colours[name] == "unhealthy"


@dataclass(kw_only=True)
class Patient:
    """A product, and the token of an administrator who looks after it."""

    product: Product
    token: str

    def look(self) -> Seen:
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.get(f"{self.product.base}/admin/health", headers=headers, timeout=30)
        seconds = time.monotonic() - began
        body = answer.json()
        assert body["success"] is True, body
        colours = {name: part["status"] for name, part in body["data"]["components"].items()}
        return Seen(code=answer.status_code, status=body["data"]["status"], colours=colours, seconds=seconds)

    def is_red(self, name: str) -> bool:
        return self.look().is_red(name)

    def turns_red(self, name: str) -> float:
        """Wait until this part is red, and return how many seconds that took."""
        began = time.monotonic()
        wait_for(lambda: self.is_red(name), seconds=RED_SECONDS, what=f"a red {name}")
        return time.monotonic() - began

    def turns_green(self) -> float:
        """Wait until everything is green, and return how many seconds that took."""
        began = time.monotonic()
        try:
            wait_for(lambda: self.look().code == 200 and self.look().status == "healthy", seconds=GREEN_SECONDS,
                     what="green")  # fmt: skip
        except AssertionError:
            raise AssertionError(self.look()) from None
        return time.monotonic() - began

    def times(self) -> list[float]:
        """Ask several times, and return how long each answer took."""
        return [self.look().seconds for _ in range(TRIES)]


@contextmanager
def patient(home: Path, url: str, **options: Any) -> Iterator[Patient]:
    """Give a product that runs, without a worker, and end it after the block."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("METRICS_TOKEN", TOKEN)
        with running(home, url, speed=SPEED, **options) as product:
            answer = requests.post(f"{product.base}/admin/login", json=LOGIN, timeout=30)
            yield Patient(product=product, token=answer.json()["data"]["token"])


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    home = tmp_path_factory.mktemp("health")
    with fresh_database(home) as url, patient(home, url) as started:
        yield started


def test_a_worker_that_hangs_dies_or_ends_turns_it_red(embedded: Patient, record_property: Record) -> None:
    worker = embedded.product.worker()
    embedded.turns_green()

    worker.send_signal(signal.SIGSTOP)
    hung = embedded.turns_red("publisher")
    worker.send_signal(signal.SIGCONT)
    back = embedded.turns_green()
    kill(worker)
    dead = embedded.turns_red("publisher")
    code = embedded.look().code
    worker = embedded.product.worker()
    embedded.turns_green()
    worker.terminate()
    worker.wait(timeout=START_SECONDS)
    ended = embedded.turns_red("publisher")

    record_property("numbers", f"worker: hung {hung:.1f} s, back {back:.1f} s, dead {dead:.1f} s, ended {ended:.1f} s")
    assert code == 503
    assert ended < 2  # it took its row along


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Let nothing be written to this folder: a tiny disk that is full, or where we may mount none, no folder at all."""
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        aside = folder.rename(folder.with_name("aside"))
        folder.touch()
        yield
        folder.unlink()
        aside.rename(folder)
        return
    with suppress(OSError), (folder / "filling").open("wb") as file:
        file.write(b"x" * 1_000_000)
    yield
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_full_turns_it_red(embedded: Patient) -> None:
    worker = embedded.product.worker()
    embedded.turns_green()

    with full_disk(embedded.product.home / "media"):
        embedded.turns_red("storage")
        seen = embedded.look()

    embedded.turns_green()
    kill(worker)
    assert (seen.code, seen.status) == (503, "unhealthy")
    assert {name for name, colour in seen.colours.items() if colour != "healthy"} == {"storage"}


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    started = Broker()
    started.start()
    yield started
    started.kill()


@pytest.fixture(scope="module")
def distributed(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    home = tmp_path_factory.mktemp("celery")
    with fresh_database(home) as url, patient(home, url, redis_url=broker.url) as started:
        yield started


def test_a_beat_that_is_away_turns_it_red_and_a_redis_that_is_away_does_not(
    distributed: Patient, broker: Broker, record_property: Record
) -> None:
    with node(distributed.product) as celery:
        distributed.turns_green()

        kill(celery.beats[0])
        dead = distributed.turns_red("publisher")
        assert distributed.look().code == 503
        celery.beats[0] = distributed.product.beat()
        distributed.turns_green()

        broker.kill()
        gone = distributed.turns_red("cache")
        seen = distributed.look()
        broker.start()
        back = distributed.turns_green()

        broker.signal(signal.SIGSTOP)
        try:
            hung = distributed.turns_red("cache")
            times = distributed.times()
        finally:
            broker.signal(signal.SIGCONT)
        distributed.turns_green()

        celery.worker.send_signal(signal.SIGSTOP)  # the parent of the node, as if its machine hung
        silent = distributed.turns_red("publisher")
        celery.worker.send_signal(signal.SIGCONT)
        distributed.turns_green()

    redis = f"Redis gone {gone:.1f} s, back {back:.1f} s, hung {hung:.1f} s, answers {shown(times)}"
    record_property("numbers", f"beat dead {dead:.1f} s; node silent {silent:.1f} s; {redis}")
    assert (seen.code, seen.status) == (200, "degraded")
    assert (seen.colours["cache"], seen.colours["database"]) == ("unhealthy", "healthy")
    assert statistics.median(times) < LIMIT_SECONDS


def shown(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s in the middle, {max(times):.2f} s at most"


@pytest.fixture
def database() -> Iterator[Server]:
    with own_server() as started:
        yield started


def test_a_database_that_hangs_or_dies_turns_it_red_within_the_second_and_with_redis_too(
    database: Server, broker: Broker, tmp_path: Path, record_property: Record
) -> None:
    with fresh_database(tmp_path, database.url) as url, patient(tmp_path, url, redis_url=broker.url) as ill:
        ill.product.worker()
        ill.turns_green()

        database.signal(signal.SIGSTOP)
        hung, hung_for = ill.look(), ill.times()
        broker.signal(signal.SIGSTOP)
        both, both_for = ill.look(), ill.times()
        broker.signal(signal.SIGCONT)
        database.signal(signal.SIGCONT)
        back = ill.turns_green()

        database.kill()
        dead, dead_for = ill.look(), ill.times()
        database.again()
        again = ill.turns_green()

    record_property("numbers", f"database hung: answers {shown(hung_for)}; Redis too: {shown(both_for)}, "
                    f"back {back:.1f} s; dead: {shown(dead_for)}, back {again:.1f} s")  # fmt: skip
    assert [(seen.code, seen.is_red("database"), seen.colours["cache"]) for seen in (hung, both, dead)] == [
        (503, True, "healthy"),
        (503, True, "unhealthy"),
        (503, True, "healthy"),
    ]
    assert all(statistics.median(times) < LIMIT_SECONDS for times in (hung_for, both_for, dead_for))


def test_whichever_web_process_is_asked_tells_of_all(embedded: Patient) -> None:
    port = free_port()
    embedded.product.start("-m", "ouipost.runtime.server", "--port", str(port), "--workers", "2", *WEB)
    base = f"http://127.0.0.1:{port}"
    wait_for(lambda: answers(base), what="the web processes")

    def scrape() -> int:
        text = requests.get(f"{base}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).text
        lines = [line for line in text.splitlines() if line.startswith("ouipost_requests_total{")]
        found = [line for line in lines if 'route="/api/platforms"' in line]
        return int(float(found[0].rpartition(" ")[2])) if found else 0

    for _ in range(40):
        requests.get(f"{base}/api/platforms", timeout=10)

    assert {scrape() for _ in range(10)} == {40}
    folders = list((embedded.product.home / "metrics").iterdir())
    processes = {file.stem.rpartition("_")[2] for folder in folders for file in folder.glob("counter_*.db")}
    assert len(processes) >= 2


def test_what_a_network_answers_shows_within_seconds_and_the_sandbox_does_not(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as url, pytest.MonkeyPatch.context() as environment:
        product = Product(home=tmp_path, database_url=url, speed=SPEED)
        environment.setenv("NETWORK_GATEWAY", f"{product.base}/sandbox")  # what is live goes to the simulator, too
        try:
            product.set_up()
            product.worker()
            product.connect("Sandy")
            live = product.client.call("POST", "/api/workspaces", json={"name": "Live", "mode": "live"})["workspace"]
            key = product.client.headers["X-API-Key"]
            client = Client(product.base, api_key=key, workspace_id=live["id"])
            account = client.connect("bluesky", "Alice")

            post = client.call("POST", "/api/posts", json={"content": "Rye.", "platforms": [account["id"]]})["post"]
            client.call("POST", f"/api/posts/{post['id']}/publish")
            well = wait_for(lambda: of_network(product, "bluesky", "last_successful_post"), what="a post")
            for call in ("refreshSession", "getProfile"):
                product.order(network="bluesky", match=call, effect="status", status=503, times=100)
            for _ in range(20):
                client.call("POST", f"/api/accounts/{account['id']}/refresh")
            ill = wait_for(lambda: of_network(product, "bluesky", "status", "down"), what="an outage")
        finally:
            product.stop()

    assert (well["status"], well["error_rate_24h"], well["issues"]) == ("operational", 0.0, [])
    assert well["avg_response_time_ms"] > 0
    assert (ill["api_status"], ill["error_rate_24h"] > 50) == ("outage", True)


def of_network(product: Product, network: str, field: str, wanted: str = "") -> dict[str, Any] | None:
    """Return how the networks say one of them is, once this field has the wanted value, or any."""
    token = requests.post(f"{product.base}/admin/login", json=LOGIN, timeout=30).json()["data"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    data = requests.get(f"{product.base}/admin/platform-health", headers=headers, timeout=30).json()["data"]
    assert {data["platforms"][name]["error_rate_24h"] for name in ("facebook", "twitter")} == {None}
    found: dict[str, Any] = data["platforms"][network]
    return found if found[field] and wanted in ("", found[field]) else None


def answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/healthz", timeout=2).ok
    except requests.RequestException:
        return False
