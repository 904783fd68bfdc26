"""Keys, limits and usage in two web processes that share a database and a Redis."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from redis import Redis

from tests.databases import fresh_database
from tests.processes.asking import WEB
from tests.product import Product, answers, running, wait_for
from tests.services import free_port, start_redis

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]
STARTER = 60


@dataclass(kw_only=True)
class Pair:
    """A product with two web processes."""

    product: Product
    redis_port: int
    redis: "subprocess.Popen[bytes]"
    bases: list[str] = field(default_factory=list)

    @property
    def store(self) -> "Redis":
        return Redis(port=self.redis_port)

    def add_web(self) -> "subprocess.Popen[bytes]":
        """Start another web process and wait until it answers."""
        port = free_port()
        process = self.product.start("-m", "granian", "--port", str(port), *WEB)
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(base), what="a web process")
        self.bases.append(base)
        return process

    def shell(self, code: str) -> Any:
        """Run code in a process of its own and return what it printed as JSON."""
        return json.loads(self.product.manage("shell", "-v", "0", "-c", f"{IMPORTS}\n{code}"))

    def new_key(self, **values: Any) -> dict[str, str]:
        """Make a key that nothing is remembered of."""
        made: dict[str, str] = self.shell(MAKE.format(values=values | {"name": "Shop"}))
        self.store.flushdb()
        return made

    def ask(self, base: str, secret: str) -> requests.Response:
        return requests.get(f"{base}/api/platforms", headers={"X-API-Key": secret}, timeout=10)


IMPORTS = """
import json, os, signal, sys, time
from datetime import UTC, datetime
from ouipost.events.journal import SYSTEM
from workspaces.keys import counting, usage
from workspaces.keys.services import create_key
from workspaces.models import ApiKey
"""
MAKE = "key, secret = create_key(actor=SYSTEM, **{values!r}); print(json.dumps(dict(id=key.pk, secret=secret)))"
USAGE = """
today = datetime.now(UTC).date()
print(json.dumps(usage.used_since(today, today, key_ids=[{id!r}])[{id!r}].today))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    home, port = tmp_path_factory.mktemp("keys"), free_port()
    with pytest.MonkeyPatch.context() as environment, fresh_database(home) as url:
        environment.setenv("WEB_WORKERS", "2")
        environment.setenv("REDIS_TIMEOUT", "0.4")  # a busy machine is no trouble of Redis
        environment.setenv("RATE_LIMITS", f"starter={STARTER}")
        with running(home, url, redis_url=f"redis://127.0.0.1:{port}/0") as product:
            pair = Pair(product=product, redis_port=port, redis=start_redis(port), bases=[product.base])
            try:
                pair.add_web()
                yield pair
            finally:
                pair.redis.send_signal(signal.SIGCONT)
                pair.redis.kill()
                pair.redis.wait()


@pytest.fixture
def pair(made: Pair) -> Pair:
    """Two web processes that have Redis, and an empty one."""
    made.store.flushdb()
    return made


def wait_until_shared(pair: Pair) -> None:
    """Wait until both processes count in Redis again."""
    secret = pair.new_key(tier="professional")["secret"]

    def are_shared() -> bool:
        return {pair.ask(base, secret).headers["X-RateLimit-Limit"] for base in pair.bases} == {"300"}

    wait_for(are_shared, what="Redis to be asked again")


def test_sixty_four_threads_at_two_processes_get_exactly_what_the_limit_allows(pair: Pair) -> None:
    wait_until_shared(pair)
    key = pair.new_key(tier="starter")

    with ThreadPoolExecutor(64) as threads:
        asked = [threads.submit(pair.ask, pair.bases[number % 2], key["secret"]) for number in range(64 * 5)]
        got = [each.result() for each in asked]

    passed = [each for each in got if each.status_code == 200]
    refused = [each for each in got if each.status_code == 429]
    assert (len(passed), len(refused)) == (STARTER, 64 * 5 - STARTER)
    left = sorted((int(each.headers["X-RateLimit-Remaining"]) for each in passed), reverse=True)
    assert left == list(range(STARTER - 1, -1, -1))
    assert {each.headers["X-RateLimit-Limit"] for each in got} == {str(STARTER)}
    assert {each.headers["X-RateLimit-Remaining"] for each in refused} == {"0"}

    pair.store.pexpire(f"ouipost:requests:{key['id']}", 1500)  # the rest of the minute is over sooner
    waits = int(pair.ask(pair.bases[0], key["secret"]).headers["Retry-After"])
    time.sleep(waits)

    assert (waits, pair.ask(pair.bases[1], key["secret"]).status_code) == (2, 200)
    assert pair.shell(USAGE.format(**key)) == 64 * 5 + 2


REVOKE = """
for secret, pk in json.loads({keys!r}).items():
    key = ApiKey.objects.get(pk=pk)
    key.is_active = False
    key.save()
    print(secret, time.time(), flush=True)
"""


def test_a_revoked_key_dies_on_its_next_request_in_every_process(pair: Pair) -> None:
    count = 12  # few enough to be no guessing
    making = f"""
made = [create_key(actor=SYSTEM, name="Shop", tier="enterprise") for _ in range({count})]
print(json.dumps(dict((secret, key.pk) for key, secret in made)))
"""
    keys = pair.shell(making)
    pair.store.flushdb()
    seen: list[tuple[str, float, int]] = []
    over = threading.Event()

    def hammer(base: str) -> None:
        with requests.Session() as session:
            while not over.is_set():
                for secret in keys:
                    started = time.time()
                    answer = session.get(f"{base}/api/platforms", headers={"X-API-Key": secret}, timeout=10)
                    seen.append((secret, started, answer.status_code))

    threads = [threading.Thread(target=hammer, args=(base,)) for base in pair.bases * 2]
    for thread in threads:
        thread.start()
    printed = pair.product.manage("shell", "-v", "0", "-c", IMPORTS + REVOKE.format(keys=json.dumps(keys)))
    wait_for(lambda: len(seen) > 100 and all(status == 401 for _, _, status in seen[-4 * count :]), what="401s")
    over.set()
    for thread in threads:
        thread.join()

    revoked = {line.split()[0]: float(line.split()[1]) for line in printed.splitlines()}
    late = [each for each in seen if each[2] != 401 and each[1] > revoked[each[0]]]
    assert len(revoked) == count
    assert all(any(each == (secret, each[1], 200) for each in seen) for secret in keys)
    assert late == []


def timed(pair: Pair, base: str, secret: str) -> tuple[float, requests.Response]:
    started = time.monotonic()
    answer = pair.ask(base, secret)
    return time.monotonic() - started, answer


def hang(pair: Pair) -> Callable[[], None]:
    pair.redis.send_signal(signal.SIGSTOP)
    return lambda: pair.redis.send_signal(signal.SIGCONT)


def die(pair: Pair) -> Callable[[], None]:
    def come_back() -> None:
        pair.redis = start_redis(pair.redis_port)

    pair.redis.kill()
    pair.redis.wait()
    return come_back


def be_demoted(pair: Pair) -> Callable[[], None]:
    """Refuse to write, as the server of before does in a failover."""
    pair.store.replicaof("127.0.0.1", str(free_port()))

    def be_promoted() -> None:
        pair.store.replicaof("NO", "ONE")

    return be_promoted


@pytest.mark.parametrize("trouble", [hang, die, be_demoted])
def test_without_redis_answers_are_right_soon_and_limited_by_shares(
    pair: Pair, trouble: Callable[[Pair], Callable[[], None]], record_property: Callable[[str, object], None]
) -> None:
    wait_until_shared(pair)
    key = pair.new_key(tier="starter")
    revoked = pair.new_key()
    for base in pair.bases:
        assert pair.ask(base, key["secret"]).headers["X-RateLimit-Limit"] == str(STARTER)
    mend = trouble(pair)
    try:
        pair.shell(f"ApiKey.objects.filter(pk={revoked['id']!r}).update(is_active=False); print(0)")
        good = [timed(pair, base, key["secret"]) for base in pair.bases for _ in range(STARTER)]
        bad = [timed(pair, base, revoked["secret"]) for base in pair.bases for _ in range(5)]
    finally:
        mend()

    share = STARTER // 2
    statuses = [answer.status_code for _, answer in good]
    assert statuses == ([200] * share + [429] * (STARTER - share)) * 2
    assert {answer.headers["X-RateLimit-Limit"] for _, answer in good} == {str(share)}
    assert [answer.status_code for _, answer in bad] == [401] * 10
    slow = sorted(seconds for seconds, _ in good + bad)
    p95 = slow[int(len(slow) * 0.95)]
    record_property("numbers", f"Redis: {trouble.__name__}, p95 of a request {p95 * 1000:.0f} ms (goal 500 ms)")
    assert p95 < 1.0  # twice the goal: other tests run on the machine
    assert slow[-1] < 3.0
    wait_until_shared(pair)


KILLED = """
def die(*arguments, **values):
    os.kill(os.getpid(), signal.SIGKILL)
{step} = die
usage.flush_shared()
"""
STEPS = {
    "before it is written": "usage.write",
    "before it is committed": "usage._note_last_use",
    "before it is dropped": "counting.InRedis.drop",
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_a_flusher_that_is_killed_loses_nothing_and_doubles_nothing(pair: Pair, step: str) -> None:
    wait_until_shared(pair)
    key = pair.new_key()
    for base in pair.bases * 3:
        assert pair.ask(base, key["secret"]).status_code == 200

    with pytest.raises(subprocess.CalledProcessError) as killed:
        pair.product.manage("shell", "-v", "0", "-c", IMPORTS + KILLED.format(step=step))
    unwritten = pair.shell(USAGE.format(**key))
    pair.ask(pair.bases[0], key["secret"])
    flushed = pair.shell("[usage.flush_shared() for _ in range(3)]\n" + USAGE.format(**key))
    pair.store.flushdb()

    assert killed.value.returncode == -signal.SIGKILL
    assert (unwritten, flushed, pair.shell(USAGE.format(**key))) == (6, 7, 7)


def test_a_web_process_without_redis_writes_what_it_counted_when_it_ends(pair: Pair) -> None:
    key = pair.new_key()
    product, redis_url = pair.product, pair.product.redis_url
    product.redis_url = ""
    try:
        web = pair.add_web()
        base = pair.bases.pop()
        for _ in range(3):
            assert pair.ask(base, key["secret"]).status_code == 200
        before = pair.shell(USAGE.format(**key))
        web.terminate()
        web.wait(timeout=30)
        after = pair.shell(USAGE.format(**key))
    finally:
        product.redis_url = redis_url

    assert (before, after) == (0, 3)


def test_a_rotation_and_a_revocation_hold_in_every_process_with_the_next_request(pair: Pair) -> None:
    key = pair.new_key()
    login = {"email": "admin@example.com", "password": "a long pass phrase"}
    token = requests.post(f"{pair.bases[0]}/admin/login", json=login, timeout=30).json()["data"]["token"]

    def admin(method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, f"{pair.bases[0]}/admin/keys/{key['id']}{path}", headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def seen(*secrets: str) -> list[int]:
        return [pair.ask(base, secret).status_code for secret in secrets for base in pair.bases]

    first = key["secret"]
    assert seen(first) == [200] * 2
    second = admin("POST", "/rotate")["key"]["new_api_key"]
    after_one = seen(first, second)
    third = admin("POST", "/rotate")["key"]["new_api_key"]
    after_two = seen(first, second, third)
    admin("DELETE", "")
    revoked = seen(first, second, third)

    assert after_one == [200] * 4
    assert after_two == [401] * 2 + [200] * 4
    assert revoked == [401] * 6
