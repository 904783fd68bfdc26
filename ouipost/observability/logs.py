"""Logging, as text for people or as JSON for machines; both carry the ids of the rows that they are about.

Ids are bound when work on a row begins (`structlog.contextvars`), and every line until its end has them.
"""

import errno
import io
import json
import logging
import logging.config
import math
import os
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from ouipost.masking import masked, masked_text
from ouipost.observability.log_format import JSON

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

POOL = "multiprocessing"
"""Logger of Celery's pool, which tells of killed processes; the pool cuts it off from the root's handler."""
REQUESTS, WORK = "ouipost.requests", "ouipost.work"
"""Loggers of normal operation, in JSON only: a line for each request, and for each target, delivery and reading."""
FIELDS = ("method", "route", "status", "ms", "outcome", "step")
"""The fields of these lines in addition to ids."""
FRAMES = 50
FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "disk is full", "Disk full", "' is full")
"""Error texts of the system, SQLite and MariaDB for a full disk."""
AWAY = (
    "Can't connect to",
    "Lost connection to",
    "erver has gone away",
    "Too many connections",
    "unable to open database",
)
"""Error texts of the databases' clients for a server that is away or full, or a file that cannot be opened."""
UNMIGRATED = ("no such table", "no such column", "has no column named", "' doesn't exist", "Unknown column")
"""Error texts of SQLite and MariaDB for a missing table or column."""
PREPARE = ": is the database migrated for this version? `manage.py prepare` does it."
A_MINUTE = 60

logger = logging.getLogger(__name__)
SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(allow=FIELDS),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(form: str) -> dict[str, Any]:
    """Return Django's LOGGING for `text` or `json`."""
    usual = "INFO" if form == JSON else "WARNING"
    # Django's lines about refused requests hold the raw path, and nothing else that the request's own line lacks.
    refused = {"django.request": {"level": "ERROR"}} if form == JSON else {}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "ouipost.observability.logs.formatter", "form": form}},
        "filters": {
            "outages": {"()": "ouipost.observability.logs.Outages"},
            "strangers": {"()": "ouipost.observability.logs.Strangers"},
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["outages", "strangers"]}
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            **{name: {"level": usual} for name in (REQUESTS, WORK)},
            POOL: {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            **refused,
        },
    }


def formatter(form: str = JSON) -> logging.Formatter:
    """Return the formatter for our own and libraries' records; the web server's log configuration uses it too."""
    as_json: list[Processor] = [
        ExceptionRenderer(ExceptionDictTransformer(show_locals=False, max_frames=FRAMES)),
        _as_masked_json,
    ]
    # A plain traceback: a richer one would print local variables, and so tokens.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    as_text: list[Processor] = [plain, _masked]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(as_json if form == JSON else as_text),
        ],
    )


class Outages(logging.Filter):
    """Logs a full disk, and a database that is away or not migrated, in one line without a traceback.

    The same trouble is logged once a minute, since every try meets it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        error = str(record.exc_info[1]) if record.exc_info else ""
        is_unmigrated = any(words in error for words in UNMIGRATED)
        if not is_unmigrated and not any(words in error for words in FULL + AWAY):
            return True
        trouble = (str(record.msg), error)
        if record.created - self._told.get(trouble, -math.inf) < A_MINUTE:
            return False
        self._told[trouble] = record.created
        message = f"{record.getMessage()}: {error}{PREPARE if is_unmigrated else ''}"
        record.msg, record.args, record.exc_info = message, (), None
        return True


class Strangers(logging.Filter):
    """Logs requests that are refused, such as one for another host or without the permission, as warnings without a
    traceback.

    They are no errors of ours, and scanners send them all day.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
        elif record.name == "django.request" and record.levelno == logging.WARNING:  # an answer of 4xx
            record.exc_info = None
        return True


def configure(config: dict[str, Any]) -> None:
    """Apply `LOGGING`; for JSON, also log Python's warnings and uncaught exceptions."""
    logging.config.dictConfig(config)
    if config["formatters"]["lines"]["form"] == JSON:
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
        threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def say_in_lines(command: "BaseCommand") -> None:
    """Send a long-running command's output to the log, line by line, and its error output as errors."""
    from django.core.management.base import OutputWrapper

    command.stdout, command.stderr = OutputWrapper(_Lines(logging.INFO)), OutputWrapper(_Lines(logging.ERROR))


class _Lines(io.StringIO):
    """A stream that logs each line written to it."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                logger.log(self._level, "%s", line)
        return len(text)


def _uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt) or error is None:
        sys.__excepthook__(kind, error or kind(), traceback)
    elif not issubclass(kind, SystemExit):  # a thread may end with SystemExit
        logger.critical("Uncaught %s", kind.__name__, exc_info=(kind, error, traceback))


def _as_masked_json(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> str:
    """Return a line as JSON, with secrets in its fields and exceptions masked, recognized by their name or form."""
    return json.dumps(masked(fields))


def _masked(_logger: Any, _method: str, line: Any) -> str:
    """Mask keys and tokens in a line, since some callers put them into addresses."""
    return masked_text(line)
