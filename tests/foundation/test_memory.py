"""What a process has loaded costs no more than it must."""

import gc
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from django.db import connections

from ouipost.db.configuration import CACHED_KIB, WAL_BYTES, database
from ouipost.runtime import memory
from tests.databases import fresh_database
from tests.product import Product

ROOT = Path(__file__).resolve().parents[2]
WEB = ("--interface", "wsgi", "--no-ws", "--log-level", "error", "ouipost.wsgi:application")
WORKER = "import django; django.setup(); import adminapi.processes.worker, sys; print('ouipost.urls' in sys.modules)"
NODE = "import ouipost.celery as it, sys; it.app.loader.init_worker(); print('ouipost.urls' in sys.modules)"
COMMAND = """
import sys, django.core.management
try:
    django.core.management.execute_from_command_line(["manage.py", "stuck"])
except SystemExit as ended:
    assert ended.code == 3  # there are no tables
    print("ouipost.urls" in sys.modules)
"""
ALL_ELSE = """
import sys, ouipost.wsgi
from django.core.management import get_commands, load_command_class
for name, app in get_commands().items():
    if app == "adminapi":
        load_command_class(app, name)
assert "ouipost.simulator.clips" in sys.modules
print(any(name.partition(".")[0] in ("av", "celery", "kombu") for name in sys.modules))
"""


@contextmanager
def before(keep: Callable[[], None]) -> Iterator[None]:
    """Give a block after which this is done."""
    yield
    keep()


@pytest.mark.parametrize("keeping", [memory.loading(), before(memory.keep_loaded)], ids=["loading", "keep_loaded"])
def test_what_is_there_is_nothing_to_the_collector(keeping: AbstractContextManager[None]) -> None:
    try:
        with keeping:
            loaded: list[object] = []
        made: list[object] = []
        looked_at = {id(each) for each in gc.get_objects()}
    finally:
        gc.unfreeze()

    assert (id(loaded) in looked_at, id(made) in looked_at) == (False, True)


@pytest.mark.django_db(databases=["simulator"])
def test_each_of_many_connections_to_sqlite_keeps_little_of_its_file() -> None:
    with connections["simulator"].cursor() as cursor:
        assert cursor.execute("PRAGMA cache_size").fetchone() == (-CACHED_KIB,)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(WORKER, id="a worker, no view and no page of the console"),
        pytest.param(NODE, id="a node, neither"),
        pytest.param(COMMAND, id="a command of the operator's, neither"),
        pytest.param(
            ALL_ELSE, id="pages, commands and networks that are played, no Celery and nothing that reads videos"
        ),
    ],
)
def test_what_it_does_not_need_is_not_loaded(program: str, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "OUIPOST_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "ouipost.settings",
    }
    command = [sys.executable, "-c", program]

    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=True)

    assert done.stdout == "False\n"


@pytest.mark.any_database
@pytest.mark.crash
def test_the_processes_of_the_web_server_share_what_is_loaded(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as url:
        product = Product(home=tmp_path, database_url=url)
        product.migrate()
        try:
            server = product.start(
                "-m", "ouipost.runtime.server", "--port", str(product.port), "--workers", "2", *WEB
            ).pid
            product.wait_until_ready()
            processes = Path(f"/proc/{server}/task/{server}/children").read_text().split()
            lines = Path(f"/proc/{processes[0]}/smaps_rollup").read_text().splitlines()[1:]
        finally:
            product.stop()

    held = {name: int(amount.split()[0]) for name, _, amount in (line.partition(":") for line in lines)}
    assert held["Pss"] < 0.75 * held["Rss"]  # 0.9, where each has loaded it for itself


def test_the_log_that_a_busy_time_leaves_on_the_disk_is_cut_back(tmp_path: Path) -> None:
    path, log = tmp_path / "x.sqlite3", tmp_path / "x.sqlite3-wal"
    with closing(sqlite3.connect(path)) as reader, closing(sqlite3.connect(path)) as writer:
        writer.executescript(database(f"sqlite:///{path}")["OPTIONS"]["init_command"])
        writer.executescript("CREATE TABLE rows (content BLOB); INSERT INTO rows VALUES (1); BEGIN")
        reader.executescript("BEGIN; SELECT * FROM rows")
        writer.execute("INSERT INTO rows VALUES (zeroblob(?))", [2 * WAL_BYTES])
        writer.commit()
        grown = log.stat().st_size
        reader.rollback()
        for _ in range(2):  # the first finds the log free to begin anew, the second does so
            writer.execute("INSERT INTO rows VALUES (1)")
            writer.commit()

        assert grown > 2 * WAL_BYTES
        assert log.stat().st_size <= WAL_BYTES
