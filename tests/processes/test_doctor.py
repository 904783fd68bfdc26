"""`manage.py doctor` names what is wrong with an installation, and nothing else: each set-up is really broken."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.broker import Broker, kill
from tests.databases import fresh_database
from tests.product import ROOT, Product, running, wait_for
from tests.services import free_port

pytestmark = pytest.mark.crash

OTHER_KEY = "k1:" + "A" * 43 + "="
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "0123456789" * 5,
    "TOKEN_KEYS": OTHER_KEY,
    "ALLOWED_HOSTS": "example.com",
    "PUBLIC_BASE_URL": "https://example.com",
    "SIMULATOR_TOKEN": "a-token-of-the-simulator-of-32-signs",
}
LIMIT_SECONDS = 90
"""The doctor's own limit is 20 s, and a process of Django's takes its time to start where many do."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What the doctor printed, and how it ended."""

    code: int
    checks: dict[str, dict[str, str]]

    @property
    def wrong(self) -> set[str]:
        return {name for name, check in self.checks.items() if check["status"] == "wrong"}


def examine(environment: dict[str, str], *options: str) -> Diagnosis:
    command = [sys.executable, "manage.py", "doctor", "--json", *options]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    assert done.stdout.startswith("{"), done.stderr
    found = json.loads(done.stdout)
    checks = {check["name"]: check for check in found["checks"]}
    assert all(check["action"] for check in checks.values() if check["status"] in ("warning", "wrong"))
    return Diagnosis(code=done.returncode, checks=checks)


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A product that is well, with a worker and a Redis."""

    product: Product
    broker: Broker

    def diagnosis(self, *options: str, **changed: str) -> Diagnosis:
        return examine(self.product.environment | changed, *options)

    @property
    def is_on_mariadb(self) -> bool:
        return not self.product.database_url.startswith("sqlite")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    home, broker = tmp_path_factory.mktemp("doctor"), Broker()
    broker.start()
    try:
        with fresh_database(home) as url, running(home, url, redis_url=broker.url, speed=1) as product:
            product.worker()
            patient = Patient(product=product, broker=broker)
            wait_for(lambda: patient.diagnosis().code == 0, what="an installation that is well")
            yield patient
    finally:
        broker.kill()


def nowhere() -> str:
    return f"127.0.0.1:{free_port()}"


def test_an_installation_that_is_well_has_nothing_wrong(patient: Patient) -> None:
    found = patient.diagnosis()

    assert (found.code, found.wrong) == (0, set())
    assert {check["status"] for name, check in found.checks.items() if name != "disk"} == {"ok"}


@pytest.mark.any_database
def test_an_app_that_its_network_does_not_know(patient: Patient) -> None:
    sandbox = {"NETWORK_GATEWAY": f"{patient.product.base}/sandbox"}
    good = {"YOUTUBE_CLIENT_ID": "id", "YOUTUBE_CLIENT_SECRET": "secret"}

    found = patient.diagnosis("--networks", LINKEDIN_CLIENT_ID="id", **good, **sandbox)

    assert (found.code, found.wrong) == (1, {"credentials", "linkedin_app"})
    assert found.checks["linkedin_app"]["message"].endswith("LinkedIn says: Client authentication failed.")
    assert "YouTube says: Malformed auth code." in found.checks["youtube_app"]["message"]
    assert f"{patient.product.base}/connect/youtube/done" in found.checks["youtube_app"]["message"]


def test_a_database_that_is_away(patient: Patient) -> None:
    url = f"mysql://root@{nowhere()}/ouipost" if patient.is_on_mariadb else "sqlite:////nonexistent/ouipost.sqlite3"

    found = patient.diagnosis(DATABASE_URL=url)

    assert (found.code, found.wrong) == (1, {"database"})
    assert ("DATABASE_URL" in found.checks["database"]["action"]) is patient.is_on_mariadb
    why = "Can't connect to server" if patient.is_on_mariadb else "unable to open database file"
    assert why in found.checks["database"]["message"]
    assert found.checks["key_ring"] == {
        "name": "key_ring", "status": "unknown", "message": "Nobody can tell: see database.", "action": ""
    }  # fmt: skip


def copied(patient: Patient, folder: Path) -> str:
    """Copy the product's SQLite file, which its processes hold open, and return the copy's address.

    It keeps its journal wrongly already: to change that nobody else may look, and several of a process do.
    """
    path = folder / "copy.sqlite3"
    ours = patient.product.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(ours)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    return f"sqlite:///{path}"


def test_a_database_that_keeps_transactions_wrongly(patient: Patient, tmp_path: Path) -> None:
    changed = {"DJANGO_SETTINGS_MODULE": "tests.processes.wrong_settings", "WRONG": "isolation"}
    if not patient.is_on_mariadb:
        changed |= {"WRONG": "journal", "DATABASE_URL": copied(patient, tmp_path)}

    found = patient.diagnosis(**changed)

    assert (found.code, found.wrong) == (1, {"transactions"})
    assert ("READ-COMMITTED" if patient.is_on_mariadb else "wal") in found.checks["transactions"]["message"]


@contextmanager
def table(product: Product, conversion: str) -> Iterator[None]:
    """Convert a table that hardly anybody uses, for the length of the block."""
    product.manage("shell", "-c", f"{CURSOR}.execute('ALTER TABLE adminapi_loginturn CONVERT TO {conversion}')")
    yield
    product.manage("shell", "-c", RIGHT)


CURSOR = "from django.db import connection; connection.cursor()"
RIGHT = """
from django.db import connection
cursor = connection.cursor()
cursor.execute("SELECT @@character_set_database, @@collation_database")
cursor.execute("ALTER TABLE adminapi_loginturn CONVERT TO CHARACTER SET {} COLLATE {}".format(*cursor.fetchone()))
"""
"""As the database has it."""


@pytest.mark.parametrize("conversion", ["CHARACTER SET latin1", "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"])
def test_a_table_that_compares_texts_wrongly(patient: Patient, conversion: str) -> None:
    if not patient.is_on_mariadb:
        assert patient.diagnosis().checks["collation"]["status"] == "ok"
        return

    with table(patient.product, conversion):
        found = patient.diagnosis()

    assert (found.code, found.wrong) == (1, {"collation"})
    assert "adminapi_loginturn.name" in found.checks["collation"]["message"]


def test_a_database_that_was_made_anew_for_a_copy_gets_its_collation_by_prepare(patient: Patient) -> None:
    if not patient.is_on_mariadb:
        assert patient.diagnosis().checks["collation"]["status"] == "ok"
        return
    patient.product.manage("shell", "-c", f"{CURSOR}.execute('ALTER DATABASE COLLATE utf8mb4_general_ci')")

    found = patient.diagnosis()
    patient.product.manage("prepare")

    assert (found.code, found.wrong) == (1, {"collation"})
    assert found.checks["collation"]["action"] == "Run `manage.py prepare`."
    assert patient.diagnosis().wrong == set()


def test_a_database_whose_clock_is_wrong(patient: Patient) -> None:
    if not patient.is_on_mariadb:
        assert patient.diagnosis().checks["clock"]["status"] == "ok"
        return

    found = patient.diagnosis(DJANGO_SETTINGS_MODULE="tests.processes.wrong_settings", WRONG="clock")

    assert (found.code, "clock" in found.wrong) == (1, True)
    assert re.search(r"6\d\d seconds apart", found.checks["clock"]["message"])


def test_migrations_that_are_missing(patient: Patient, tmp_path: Path) -> None:
    with fresh_database(tmp_path) as url:
        found = patient.diagnosis(DATABASE_URL=url)

    assert (found.code, found.wrong) == (1, {"migrations"})
    assert found.checks["migrations"]["action"] == "Run `manage.py prepare`."


@pytest.mark.any_database
def test_a_redis_that_is_away(patient: Patient) -> None:
    url = f"redis://{nowhere()}/0"

    found = patient.diagnosis(REDIS_URL=url, CELERY_BROKER_URL=url)

    assert (found.code, found.wrong) == (1, {"redis"})
    assert "Connection refused" in found.checks["redis"]["message"]


@pytest.mark.any_database
def test_a_redis_that_takes_connections_and_never_answers_does_not_hold_the_doctor_up(patient: Patient) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        began = time.monotonic()

        found = patient.diagnosis(REDIS_URL=url, CELERY_BROKER_URL=url)

    assert time.monotonic() - began < LIMIT_SECONDS
    assert (found.code, found.wrong, found.checks["broker"]["status"]) == (1, {"redis"}, "warning")


@pytest.mark.any_database
def test_a_redis_that_throws_keys_away(patient: Patient) -> None:
    import redis

    with redis.Redis.from_url(patient.broker.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        found = patient.diagnosis()
        client.config_set("maxmemory-policy", "noeviction")

    assert (found.code, found.wrong) == (1, {"redis_server"})
    assert "allkeys-lru" in found.checks["redis_server"]["message"]


@pytest.mark.any_database
def test_a_storage_that_cannot_be_written_to(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "media").touch()  # a file where the folder should be: nothing hinders root but that

    found = patient.diagnosis(OUIPOST_HOME=str(tmp_path))

    assert (found.code, found.wrong) == (1, {"storage"})


@pytest.mark.any_database
def test_a_home_that_does_not_exist_is_named_and_not_made(tmp_path: Path) -> None:
    home = tmp_path / "misspelled"
    database = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3", "SIMULATOR": "1"}

    found = examine({"PATH": os.environ["PATH"], "OUIPOST_HOME": str(home)} | PRODUCTION | database)

    assert (found.code, found.wrong, home.exists()) == (1, {"disk"}, False)
    assert str(home) in found.checks["disk"]["message"]
    assert "`manage.py prepare`" in found.checks["disk"]["action"]


@pytest.mark.any_database
def test_embedded_mode_does_not_make_a_home_in_order_to_examine_it(tmp_path: Path) -> None:
    home = tmp_path / "misspelled"

    found = examine({"PATH": os.environ["PATH"], "OUIPOST_HOME": str(home)})

    assert (found.code, found.wrong, home.exists()) == (1, {"settings"}, False)
    assert f"OUIPOST_HOME, {home}, does not exist" in found.checks["settings"]["message"]


@pytest.mark.any_database
def test_a_key_ring_that_does_not_open_what_is_stored(patient: Patient) -> None:
    found = patient.diagnosis(TOKEN_KEYS=OTHER_KEY)
    renamed = patient.diagnosis(TOKEN_KEYS=OTHER_KEY.replace("k1", "k2"))

    assert (found.wrong, renamed.wrong) == ({"key_ring"}, {"key_ring"})
    assert "is not the key of that name" in found.checks["key_ring"]["message"]
    assert "no key k1" in renamed.checks["key_ring"]["message"]


@pytest.mark.any_database
def test_a_public_address_that_leads_nowhere(patient: Patient) -> None:
    found = patient.diagnosis(PUBLIC_BASE_URL=f"http://{nowhere()}")

    assert (found.code, found.wrong) == (1, {"public_address"})


@pytest.mark.any_database
def test_a_public_address_that_networks_cannot_fetch_files_from(patient: Patient) -> None:
    found = patient.diagnosis(INSTAGRAM_CLIENT_ID="id", INSTAGRAM_CLIENT_SECRET="secret")

    assert (found.code, found.wrong) == (1, {"public_address"})
    assert "Instagram cannot reach http" in found.checks["public_address"]["message"]


@pytest.mark.any_database
def test_credentials_that_are_given_by_half(patient: Patient) -> None:
    without_secret = patient.diagnosis(FACEBOOK_CLIENT_ID="id")
    without_id = patient.diagnosis(LINKEDIN_CLIENT_SECRET="secret")

    assert (without_secret.wrong, without_id.wrong) == ({"credentials"}, {"credentials"})
    assert without_secret.checks["credentials"]["message"].endswith(": FACEBOOK_CLIENT_SECRET.")
    assert without_id.checks["credentials"]["message"].endswith(": LINKEDIN_CLIENT_ID.")


@pytest.mark.any_database
def test_hosts_that_are_not_let_in(patient: Patient) -> None:
    found = patient.diagnosis(ALLOWED_HOSTS="elsewhere.example")

    assert (found.code, found.wrong) == (1, {"settings"})


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ENVIRONMENT": "production"}, "SECRET_KEY must be set"),
        ({"PORT": "eighty"}, "PORT cannot be read"),
        ({"REDIS_URL": "http://127.0.0.1"}, "REDIS_URL"),
    ],
)
def test_settings_that_cannot_be_started_with_are_named_by_every_command(
    changed: dict[str, str], told: str, tmp_path: Path
) -> None:
    home = "/nonexistent/home" if "ENVIRONMENT" in changed else str(tmp_path)
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": home} | changed

    found = examine(environment)
    command = [sys.executable, "manage.py", "stuck"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (found.code, found.wrong) == (1, {"settings"})
    assert told in found.checks["settings"]["message"]
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert told in done.stderr


@pytest.mark.any_database
def test_a_worker_that_has_died(patient: Patient) -> None:
    worker = patient.product.processes[-1]
    kill(worker)

    found = wait_for(
        lambda: found if (found := patient.diagnosis(ENGINE_SPEED="20")).wrong else None, what="its silence"
    )

    assert (found.code, found.wrong) == (1, {"publishing"})
    assert "No worker was heard" in found.checks["publishing"]["message"]
