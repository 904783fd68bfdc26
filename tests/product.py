"""A product of real processes for crash tests: web with the simulator, and workers that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import requests

from adminapi.management.client import Client
from tests import database_templates
from tests.services import HERE, Host, free_port

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = ("facebook", "twitter", "bluesky")
ADDRESSES = {"default": "DATABASE_URL", "simulator": "SIMULATOR_DATABASE_URL"}
SPEED = 10
UNLIMITED = 100_000_000
WEB_THREADS = 64
WSGI = "ouipost.wsgi:application"
PATIENCE_SECONDS = 120
"""The timeout of tests that are not about durations, as machines of many speeds run them."""
LAST_CHARACTERS = 4000
Value = TypeVar("Value")


def wait_for(look: Callable[[], Value | None], *, what: str, seconds: float = PATIENCE_SECONDS) -> Value:
    """Return the result of `look` as soon as there is one; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"Waited {seconds} s for {what}.")


def answers(base: str) -> bool:
    """Return whether the product at this address is ready."""
    try:
        return requests.get(f"{base}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


@dataclass(kw_only=True)
class Product:
    """One installation in a folder of its own."""

    home: Path
    database_url: str
    redis_url: str = ""
    speed: int = SPEED
    address: str = HERE.address
    """The address of its web process."""
    port: int = field(default_factory=free_port)
    host: Host = HERE
    """The host of its processes."""
    root: Path = ROOT
    """The folder of its code."""
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "OUIPOST_HOME": str(self.home),
            "DATABASE_URL": self.database_url,
            "SIMULATOR_DATABASE_URL": f"sqlite:///{self.home}/simulator.sqlite3",
            "REDIS_URL": self.redis_url,
            "CELERY_BROKER_URL": self.redis_url,
            "PORT": str(self.port),
            "PUBLIC_BASE_URL": self.base,
            "ENGINE_SPEED": str(self.speed),
            "RATE_LIMITS": f"enterprise={UNLIMITED}",  # many posts are written, and polled all the time
            "SYNC_THREADS": "0",  # readings of numbers must not use up the faults that a test orders
            "PYTHONPATH": str(self.root),
            "DJANGO_SETTINGS_MODULE": "ouipost.settings",
        }

    def manage(self, *arguments: str) -> str:
        """Run a command to its end and return its output; raises CalledProcessError, with its error output."""
        command = [sys.executable, "manage.py", *arguments]
        try:
            done = subprocess.run(
                command, cwd=self.root, env=self.environment, check=True, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as error:
            error.add_note(error.stderr)
            raise
        return done.stdout

    def serve(self) -> "subprocess.Popen[bytes]":
        """Start web and worker as an operator does."""
        return self.start("manage.py", "serve")

    def start(self, *command: str, own_group: bool = False) -> "subprocess.Popen[bytes]":
        """Start a process of this product; its output goes to a file in the home."""
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(
                [*self.host.inside, sys.executable, *command],
                cwd=self.root,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=own_group,
            )
        self.processes.append(process)
        return process

    def set_up(self) -> "Product":
        """Make the tables and a sandbox workspace with a key, and start the web process."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.fill("simulator", self._migrate)
        made = json.loads(self.fill("default", self._install))
        self.web()
        self.control = {"Authorization": f"Bearer {self.environment['SIMULATOR_TOKEN']}"}
        self.client = Client(self.base, api_key=made["api_key"], workspace_id=made["workspace_id"])
        return self

    def migrate(self) -> None:
        """Make the tables of the product and of its simulator."""
        for database in ADDRESSES:
            self.fill(database, self._migrate)

    def fill(self, database: str, command: Callable[[str], str]) -> str:
        """Fill an empty database by this command, or from a copy of its result, and return the command's output."""
        address, what = self.environment[ADDRESSES[database]], f"{database} {command.__name__}"
        return database_templates.make(address, what=what, root=self.root, fill=partial(command, database))

    def _migrate(self, database: str) -> str:
        return self.manage("migrate", "--verbosity=0", f"--database={database}")

    def _install(self, database: str) -> str:
        self._migrate(database)
        arguments = ["--email=admin@example.com", "--password=a long pass phrase", "--workspace=Crash"]
        return self.manage("bootstrap", *arguments, "--mode=sandbox", "--json")

    def web(self) -> None:
        """Start the web process, with the simulator, and wait until it answers."""
        listen = ("--host", self.address, "--port", str(self.port), "--no-ws")
        threads = ("--blocking-threads", str(WEB_THREADS))
        self.start("-m", "granian", "--interface", "wsgi", *listen, *threads, "--log-level", "error", WSGI)
        self.wait_until_ready()

    def is_ready(self) -> bool:
        return answers(self.base)

    def wait_until_ready(self) -> None:
        """Return once it answers; a failure includes the last output of its processes."""
        try:
            wait_for(self.is_ready, what="the product to answer")
        except AssertionError as error:
            error.add_note(self.log()[-LAST_CHARACTERS:])
            raise

    def connect(self, person: str) -> dict[str, dict[str, Any]]:
        """Connect one account per network and return them by network."""
        return {network: self.client.connect(network, person) for network in NETWORKS}

    def worker(self, kill_at: str = "", kills: int = 0) -> "subprocess.Popen[bytes]":
        """Start a worker; with `kill_at` it kills itself at that step, once per target, `kills` times in all."""
        return self.start("-m", "tests.crash.worker", kill_at, str(kills), str(self.home / "killed"))

    def celery(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start a Celery worker node, in a process group of its own, as a service manager does."""
        queues = ("-Q", "publish,webhooks,default")
        return self.start("-m", "celery", "-A", "ouipost", "worker", *queues, *options, own_group=True)

    def beat(self) -> "subprocess.Popen[bytes]":
        """Start a beat."""
        return self.start("-m", "celery", "-A", "ouipost", "beat")

    def log(self) -> str:
        """Return the output of the processes so far."""
        return (self.home / "log").read_text()

    def order(self, **fault: Any) -> None:
        """Order a fault at the simulator."""
        answer = requests.post(f"{self.base}/sandbox/_control/faults", json=fault, headers=self.control, timeout=10)
        assert answer.status_code == 201, answer.text

    def copies(self) -> list[dict[str, Any]]:
        """Return every visible copy at the networks."""
        answer = requests.get(f"{self.base}/sandbox/_control/posts", headers=self.control, timeout=10)
        copies: list[dict[str, Any]] = answer.json()["posts"]
        return copies

    def requests(self, **query: str) -> list[dict[str, Any]]:
        """Return the requests that reached the networks."""
        address = f"{self.base}/sandbox/_control/requests"
        answer = requests.get(address, params=query, headers=self.control, timeout=10)
        found: list[dict[str, Any]] = answer.json()["requests"]
        return found

    def post(self, post_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.call("GET", f"/api/posts/{post_id}")["post"]
        return found

    def stop(self) -> None:
        """End every process that was started, by its id."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def running(
    home: Path,
    database_url: str,
    *,
    redis_url: str = "",
    speed: int = SPEED,
    host: Host = HERE,
    root: Path = ROOT,
) -> Iterator[Product]:
    """Give a product that runs, without a worker, and end it after the block."""
    where: dict[str, Any] = {"home": home, "address": host.address, "host": host, "root": root}
    product = Product(database_url=database_url, redis_url=redis_url, speed=speed, **where)
    try:
        yield product.set_up()
    finally:
        product.stop()
