"""The fixtures of most tests: a workspace, a key with all permissions in it, and a client with that key."""

import gc
import json
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import hypothesis
import pytest
from django.core import management
from django.core.management import call_command
from django.core.management.commands import flush
from django.db import connection, connections
from django.test import Client
from pytest_django.fixtures import Settings

from accounts import calls
from accounts.platforms.meta import numbers as meta_numbers
from adminapi.management.copying import MADE_BY_MIGRATE
from ouipost import breaker, redis
from ouipost.api import limits
from posts.models import Post
from tests import database_templates
from tests.factories import make_account, make_key, make_post, make_token, make_user, make_workspace
from tests.outbound.names import NameServer
from tests.stores import Bucket, Folder, Kept, s3_server
from tests.webhooks.receiver import Receiver
from workspaces.keys import guesses, usage
from workspaces.models import Workspace

ON_ANY_MACHINE = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("same", ON_ANY_MACHINE, derandomize=True)
hypothesis.settings.register_profile("new", ON_ANY_MACHINE)
hypothesis.settings.load_profile("same")
"""Draw the same values in every run, so that only a change can break a passing suite. New values are tried by
`pytest --hypothesis-profile=new`."""

TESTS = Path(__file__).parent
ON_THEIR_OWN_DATABASE = (TESTS / "networks", TESTS / "simulator")
"""Tests of the networks, which use SQLite whatever the product uses."""
NOT_TRIED = "Not tried: "
"""The beginning of skip reasons that the end of a run repeats: this machine cannot run the test, but others can."""
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup"}
AGAINST_THE_SIMULATOR = ("_simulated", "_sandbox", "_connector")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not collect the networks' tests, a third of all, for a run that leaves them out."""
    left_out = config.option.markexpr
    if "not any_database" in left_out and collection_path in ON_THEIR_OWN_DATABASE:
        return True
    return ("not thorough" in left_out and _plays_networks(collection_path)) or None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Disable garbage collection while tests are collected, and for the collected objects, which stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests and sort them: the networks' tests, and tests without a database, run on one database only.

    `fast` leaves out tests that play networks through, and all cases of a test but its first.

    Tests that start processes mostly wait. They come first, alternating with the longest computing tests: else cores
    would be idle at the beginning, or for one long module at the end.
    """
    tested: set[tuple[pytest.Item | pytest.Collector | None, str]] = set()
    for item in items:
        test = item.parent, getattr(item, "originalname", item.name)
        if test in tested:
            item.add_marker(pytest.mark.further_case)
        tested.add(test)
        if item.path.parent in ON_THEIR_OWN_DATABASE or _asks_no_database(item):
            item.add_marker(pytest.mark.any_database)
        if _plays_networks(item.path):
            item.add_marker(pytest.mark.thorough)
        if item.get_closest_marker("any_database") and item.get_closest_marker("on_servers"):
            raise pytest.UsageError(f"{item.nodeid} would run on no database: it has both marks.")
    waiting, thorough, others = _modules(items, "crash"), _modules(items, "thorough"), _modules(items)
    computing = [module for module in dict.fromkeys([*thorough, *others]) if module not in waiting]
    in_turns = [module for pair in zip_longest(waiting, computing) for module in pair if module]
    places = {module: place for place, module in enumerate(in_turns)}
    items.sort(key=lambda item: places[item.path])


def _modules(items: list[pytest.Item], mark: str = "") -> list[Path]:
    return list(dict.fromkeys(item.path for item in items if not mark or item.get_closest_marker(mark)))


def _plays_networks(path: Path) -> bool:
    return path.parent == TESTS / "simulator" or path.stem.endswith(AGAINST_THE_SIMULATOR)


def _asks_no_database(item: pytest.Item) -> bool:
    """Return whether neither the test nor a process that it starts uses the product's database."""
    if any(item.get_closest_marker(mark) for mark in ("crash", "django_db", "on_servers")):
        return False
    return not DATABASE_FIXTURES & set(getattr(item, "fixturenames", ()))


class ApiClient:
    """Calls the API as a program would, and gives back status and body."""

    def __init__(self, secret: str, workspace_id: str = "") -> None:
        self.client = Client()
        self.headers = {"X-API-Key": secret, "X-Workspace-ID": workspace_id}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a JSON request; header names are written with underscores."""
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        return self.client.generic(method, path, self._encoded(body), content_type="application/json", headers=sent)

    def _encoded(self, body: Any) -> bytes:
        if body is None:
            return b""
        return body if isinstance(body, bytes) else json.dumps(body).encode()

    def get(self, path: str, **headers: str) -> Any:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self("DELETE", path, **headers)


class AdminClient(ApiClient):
    """Calls the admin API as a script of an administrator would."""

    def __init__(self, token: str) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def tables_are_copied() -> Iterator[pytest.MonkeyPatch]:
    """Migrate in one process of a run, and copy its tables in the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(management, "call_command", _call_command)
        yield patch


@pytest.fixture(scope="session")
def flushes_are_short() -> Iterator[None]:
    """Keep Django's own rows about the models when a flush removes a test's rows from all tables.

    Removing and recreating them takes nine tenths of a flush, and a commit for each model.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "sql_flush", _sql_flush)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_: None)
        yield


def _sql_flush(style: Any, connection: Any, **options: bool) -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    emptied = sorted(set(names) - {model._meta.db_table for model in MADE_BY_MIGRATE})
    statements: list[str] = connection.ops.sql_flush(style, emptied, **options)
    return statements


@pytest.fixture(scope="session")
def django_db_setup(flushes_are_short: None, tables_are_copied: pytest.MonkeyPatch, django_db_setup: None) -> None:
    """Create the databases of this process as pytest-django does; later migrations are Django's own again."""
    tables_are_copied.undo()


def _call_command(command: str, **options: Any) -> None:
    def run() -> str:
        return str(call_command(command, **options) or "")

    if command != "migrate":
        run()
        return
    alias = options["database"]
    database_templates.make(_address(alias), what=f"{alias} of the tests", root=TESTS.parent, fill=run)


def _address(alias: str) -> str:
    name = connections[alias].settings_dict["NAME"]
    if connections[alias].vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def media_of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(autouse=True)
def private_media(settings: Settings, media_of_all: Path) -> None:
    """Name a folder for this test's own files; it is created with the first file, as most tests have none."""
    settings.MEDIA_ROOT = media_of_all / uuid4().hex


@pytest.fixture(autouse=True)
def _passwords_are_hashed_at_once(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["tests.factories.QuickHasher"]


@pytest.fixture(autouse=True)
def _static_files_are_looked_for(settings: Settings) -> None:
    """Look static files up on demand: each test client is a new server, which would list them all first."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def _nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the counted requests of earlier tests, and flush no counts in the background."""
    limits.IN_PROCESS.reset()
    guesses.HELD.clear()
    monkeypatch.setattr(guesses, "TRIES", guesses.Tries())
    usage.IN_PROCESS.start_anew()
    calls.COUNTED.start_anew()
    monkeypatch.setattr(usage.FLUSHER, "flush_soon", lambda: None)
    monkeypatch.setattr(calls.FLUSHER, "flush_soon", lambda: None)


@pytest.fixture(autouse=True)
def _nothing_refused() -> None:
    """Forget the metrics that Meta's networks refused in earlier tests."""
    meta_numbers.refused.clear()


@pytest.fixture
def pauses_end(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give breakers a clock that stands still, and return a function that moves it on by an hour."""
    times = [0.0]
    monkeypatch.setattr(breaker, "time", SimpleNamespace(monotonic=lambda: times[-1]))
    return lambda: times.append(times[-1] + 3600)


@pytest.fixture
def unlimited(settings: Settings) -> None:
    """Raise the rate limits so that no test reaches them."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 10**9)


@pytest.fixture
def redis_url(settings: Settings) -> Iterator[str]:
    """An empty Redis database of this test process, which the product uses."""
    named = os.environ.get("REDIS_URL_TEST", "")
    assert named, "REDIS_URL_TEST must name a Redis whose databases may be emptied; `make test` starts one."
    parts = urlsplit(named)
    number = int(parts.path.strip("/") or 0) + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    settings.REDIS_URL = urlunsplit(parts._replace(path=f"/{number}"))
    settings.REDIS_TIMEOUT = 5.0  # a busy machine must not fail these tests
    server = redis.server()
    assert server is not None
    server.run(redis.Script("redis.call('FLUSHDB')"))
    yield settings.REDIS_URL
    server.close()


@pytest.fixture
def on_mariadb(db: None) -> None:
    """Skip tests of what MySQL cannot do, or plans differently: see "On MySQL" in docs/operations/servers.md."""
    if not getattr(connection, "mysql_is_mariadb", False):
        pytest.skip("Does not hold on MySQL: see docs/operations/servers.md.")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> NameServer:
    """Name servers for this process: no name resolves, unless a test says so."""
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    return server


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver of webhooks on this machine, which the operator lists."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a server that speaks S3."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3: str, settings: Settings) -> Bucket:
    """An empty bucket, in use by the product."""
    made = Bucket(s3)
    settings.STORAGES = settings.STORAGES | {"default": made.setting}
    return made


@pytest.fixture(params=["local", "s3"])
def kept(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Kept:
    """An empty storage of either kind, in use by the product."""
    if request.param == "s3":
        made: Bucket = request.getfixturevalue("bucket")
        return made
    settings.STORAGES = settings.STORAGES | {"default": Folder.setting}
    settings.MEDIA_ROOT = tmp_path / "stored"
    return Folder(tmp_path / "stored")


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def post(workspace: Workspace) -> Post:
    """A draft for one account."""
    return make_post(workspace, accounts=[make_account(workspace)])


@pytest.fixture
def api(workspace: Workspace) -> ApiClient:
    _, secret = make_key()
    return ApiClient(secret, workspace.pk)


@pytest.fixture
def admin(db: None) -> AdminClient:
    """A client that is logged in as an administrator."""
    return AdminClient(make_token(make_user(email="admin@example.com")))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the figures that tests recorded, and how many tests ran on which database."""
    if hasattr(config, "workerinput"):
        return  # the process that started the workers reports
    passed = terminalreporter.stats.get("passed", [])
    figures = [value for report in passed for name, value in report.user_properties if name == "numbers"]
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    untried = [reason.removeprefix("Skipped: ") for reason in reasons if NOT_TRIED in reason]
    for line in [*sorted(set(figures)), *sorted(set(untried))]:
        terminalreporter.write_line(line)
    totals = os.environ.get("OUIPOST_TOTALS")
    if totals:
        with Path(totals).open("a") as file:
            file.write(f"{os.environ['OUIPOST_DATABASE']}: {len(passed)} tests passed\n")
        terminalreporter.write_line(Path(totals).read_text().rstrip())


@pytest.fixture
def threads_end() -> Iterator[None]:
    """Wait for threads of shared calls, which would else use the next test's database."""
    yield
    for thread in threading.enumerate():
        if thread.name == "shared call":
            thread.join(10)
