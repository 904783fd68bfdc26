"""The log's lines: JSON whatever they are of, and what is secret masked by its name and by its looks."""

import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from logging.config import DictConfigurator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.exceptions import DisallowedHost, PermissionDenied
from django.core.handlers.exception import response_for_exception
from django.db import OperationalError
from django.test import RequestFactory
from structlog.contextvars import bound_contextvars, clear_contextvars

from ouipost.observability import log_format, logs
from tests.factories import NOW

KEY = f"pk_live_{'a' * 32}"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What a logger of JSON writes."""
    clear_contextvars()
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter(log_format.JSON))
    logger = logging.getLogger("tests.lines")
    logger.handlers, logger.propagate = [handler], False
    yield stream
    logger.handlers = []


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection


def only(stream: StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


def test_a_line_has_the_ids_that_are_bound_and_no_others(log: StringIO) -> None:
    with bound_contextvars(post_id="post_1"):
        logging.getLogger("tests.lines").warning("Late by\n%s", "much")

    told = only(log)
    assert told.pop("timestamp")
    assert told == {"event": "Late by\nmuch", "level": "warning", "logger": "tests.lines", "post_id": "post_1"}


def test_an_exception_is_told_in_fields_with_its_cause_and_notes_and_without_secrets(log: StringIO) -> None:
    password = "hunter2 is nobody's password"
    try:
        try:
            raise KeyError(KEY)
        except KeyError as cause:
            error = ValueError(f"Bearer {KEY}")
            error.add_note(f"whsec_{'b' * 24}")
            raise error from cause
    except ValueError:
        logging.getLogger("tests.lines").exception("It failed", extra={"outcome": {"password": password}})

    told = only(log)
    assert [each["exc_type"] for each in told["exception"]] == ["ValueError", "KeyError"]
    assert told["exception"][0]["exc_notes"] == ["[masked]"]
    assert told["exception"][0]["frames"][-1].keys() == {"filename", "lineno", "name"}
    assert told["outcome"] == {"password": "[masked]"}
    assert not [secret for secret in (KEY, "b" * 24, password) if secret in log.getvalue()]


def test_what_django_refuses_of_strangers_is_no_error_and_has_no_traceback(
    log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, refused = logging.getLogger("tests.lines").handlers[0], logging.getLogger("django.security.DisallowedHost")
    monkeypatch.setattr(refused, "handlers", [handler])
    monkeypatch.setattr(refused, "propagate", False)
    handler.addFilter(logs.Strangers())

    for logger in (refused, logging.getLogger("tests.lines")):
        logger.error("Invalid HTTP_HOST header", exc_info=DisallowedHost("Invalid HTTP_HOST header"))

    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["level"], "exception" in line) for line in told] == [("warning", False), ("error", True)]


def test_a_refused_request_is_told_without_a_traceback_and_a_broken_one_with_it(
    log: StringIO, monkeypatch: pytest.MonkeyPatch, rf: RequestFactory
) -> None:
    handler, requests = logging.getLogger("tests.lines").handlers[0], logging.getLogger("django.request")
    monkeypatch.setattr(requests, "handlers", [handler])
    monkeypatch.setattr(requests, "propagate", False)
    monkeypatch.setattr(requests, "level", logging.INFO)
    handler.addFilter(logs.Strangers())

    for error in (PermissionDenied(), ZeroDivisionError()):
        try:
            raise error
        except (PermissionDenied, ZeroDivisionError) as raised:
            response_for_exception(rf.get("/console/jobs/"), raised)

    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["level"], "exception" in line) for line in told] == [("warning", False), ("error", True)]
    assert told[0]["event"] == "Forbidden (Permission denied): /console/jobs/"


def test_an_outage_is_told_once_a_minute_without_a_traceback_and_what_else_breaks_each_time_with_one(
    log: StringIO, database: sqlite3.Connection
) -> None:
    logger = logging.getLogger("tests.lines")
    logger.handlers[0].addFilter(logs.Outages())
    database.executescript("PRAGMA max_page_count = 2; CREATE TABLE pages (bytes);")

    def fail(work: Callable[[], object]) -> None:
        try:
            work()
        except (OSError, sqlite3.Error, OperationalError, ZeroDivisionError):
            logger.exception("%s failed", "A chore")

    def fill_database() -> None:
        database.execute("INSERT INTO pages VALUES (zeroblob(9000))")

    def connect_in_vain() -> None:
        raise OperationalError(2002, "Can't connect to server on 'db' (115)")

    def read_what_is_not_there() -> None:
        database.execute("SELECT * FROM books")

    with time_machine.travel(NOW, tick=False) as clock, Path("/dev/full").open("wb", buffering=0) as full:
        for _ in range(2):
            for work in (fill_database, lambda: full.write(b"x"), lambda: 1 / 0, connect_in_vain):
                fail(work)
            fail(read_what_is_not_there)
        clock.shift(61)
        fail(fill_database)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    of_database = ("A chore failed: database or disk is full", False)
    of_file, of_us = ("A chore failed: [Errno 28] No space left on device", False), ("A chore failed", True)
    of_server = ("A chore failed: (2002, \"Can't connect to server on 'db' (115)\")", False)
    of_tables = (
        "A chore failed: no such table: books: is the database migrated for this version? `manage.py prepare` does it.",
        False,
    )
    assert [(line["event"], "exception" in line) for line in lines] == [
        *(of_database, of_file, of_us, of_server, of_tables, of_us, of_database)
    ]


def test_what_is_no_json_is_told_as_text(log: StringIO) -> None:
    logging.getLogger("tests.lines").error("It has", extra={"outcome": "\ud800"})
    logging.getLogger("tests.lines").error("It has", extra={"outcome": {1: object(), "at": {2}}})

    assert [json.loads(line)["level"] for line in log.getvalue().splitlines()] == ["error", "error"]


def test_what_goes_well_is_told_in_json_alone() -> None:
    levels = {form: logs.logging_config(form)["loggers"][logs.WORK]["level"] for form in log_format.ALL}

    assert levels == {log_format.TEXT: "WARNING", log_format.JSON: "INFO"}


STRAYS = """
import sys, threading, warnings
import django
django.setup()
from billiard.util import get_logger
get_logger().error("Process %r pid:%r exited with %r", "ForkPoolWorker-2", 11772, "signal 9 (SIGKILL)")
warnings.warn("An old way")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
class Unruly:
    def __del__(self):
        raise OSError
del (unruly := [Unruly()])[:]
raise LookupError("the end")
"""


def test_a_killed_child_of_celery_warnings_and_what_nothing_has_caught_become_lines(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(tmp_path), "LOG_FORMAT": "json"}
    environment["DJANGO_SETTINGS_MODULE"] = "ouipost.settings"

    done = subprocess.run([sys.executable, "-c", STRAYS], env=environment, capture_output=True, text=True, check=False)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    said = [line["event"] for line in lines]
    assert said[0] == "Process 'ForkPoolWorker-2' pid:11772 exited with 'signal 9 (SIGKILL)'"
    assert "UserWarning: An old way" in said[1]
    assert said[2:] == [f"Uncaught {name}" for name in ("ZeroDivisionError", "OSError", "LookupError")]
    assert [line["exception"][0]["exc_type"] for line in lines[2:]] == ["ZeroDivisionError", "OSError", "LookupError"]


WRONG = "Oui Post cannot run with these settings: SECRET_KEY must have at least 32 characters."
NO_BROKER = "CELERY_BROKER_URL and REDIS_URL are empty. Without a broker, run `manage.py work` instead."


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    ("command", "variables", "status", "told"),
    [
        (["manage.py", "work"], {"SECRET_KEY": "short"}, 3, WRONG),
        (["-m", "celery", "-A", "ouipost", "--quiet", "beat"], {"SECRET_KEY": "short"}, 1, WRONG),
        (["-m", "celery", "-A", "ouipost", "--quiet", "beat"], {}, 1, NO_BROKER),
    ],
    ids=["work", "beat", "beat without a broker"],
)
def test_why_a_process_does_not_start_is_told_in_the_form_of_its_log(
    tmp_path: Path, command: list[str], variables: dict[str, str], status: int, told: str, form: str
) -> None:
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(tmp_path), "LOG_FORMAT": form} | variables

    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)

    lines = done.stderr.splitlines()
    said = [(line := json.loads(each))["event"] for each in lines] if form == "json" else lines
    assert (done.returncode, said) == (status, [told])
    assert form == "text" or (line["level"], line["logger"]) == ("critical", "ouipost")


PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "0123456789" * 5,
    "TOKEN_KEYS": "k1:" + "A" * 43 + "=",
    "ALLOWED_HOSTS": "example.com",
    "PUBLIC_BASE_URL": "https://example.com",
}
WARNING = "import logging; logging.getLogger('tests').warning('Beware')"


@pytest.mark.parametrize(
    ("command", "variables", "told", "form"),
    [
        (["work"], {"SECRET_KEY": "short"}, WRONG, "json"),
        (["prepare"], {"SECRET_KEY": "short"}, WRONG, "text"),
        (["prepare"], {"SECRET_KEY": "short", "LOG_FORMAT": "json"}, WRONG, "json"),
        (["shell", "-c", WARNING], {}, "Beware", "text"),
        (["shell", "-c", WARNING], {"LOG_FORMAT": "json"}, "Beware", "json"),
    ],
)
def test_in_production_processes_log_json_and_commands_of_people_write_text_unless_told_otherwise(
    tmp_path: Path, command: list[str], variables: dict[str, str], told: str, form: str
) -> None:
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(tmp_path)} | PRODUCTION | variables

    done = subprocess.run(
        [sys.executable, "manage.py", *command], env=environment, capture_output=True, text=True, check=False
    )

    [line] = done.stderr.splitlines()
    assert told in line
    assert line.startswith("{") == (form == "json")


TOKEN = "a-token-that-nobody-must-see"


def test_a_traceback_in_the_logs_shows_no_local_variables() -> None:
    line = _logged(_failure())

    assert ("Traceback" in line, TOKEN in line) == (True, False)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_key_in_an_address_is_masked_in_the_logs(form: str) -> None:
    key = "pk_live_" + "aB3" * 10 + "xy"

    line = _logged(logging.LogRecord("test", logging.WARNING, __file__, 1, "Not Found: /api/%s", (key,), None), form)

    assert ("Not Found: /api/[masked]" in line, key in line) == (True, False)


def _logged(record: logging.LogRecord, form: str = "text") -> str:
    formatter = logs.logging_config(form)["formatters"]["lines"]
    handler = logging.StreamHandler()
    handler.setFormatter(DictConfigurator({}).configure_formatter(formatter))
    return handler.format(record)


def _failure() -> logging.LogRecord:
    token = TOKEN
    try:
        raise ValueError(len(token))
    except ValueError:
        return logging.LogRecord("test", logging.ERROR, __file__, 1, "It failed", (), sys.exc_info())
