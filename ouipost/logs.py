"""How the logs look: lines for people, or JSON for machines; both carry the request's id."""

from typing import Any

import structlog

from ouipost.events.masking import masked_text

SHARED = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(form: str) -> dict[str, Any]:
    """Return Django's LOGGING for `text` or `json`."""
    as_json = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # A plain traceback: a richer one would print local variables, and so tokens.
    as_text = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *(as_json if form == "json" else as_text),
                    _masked,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {"django": {"handlers": [], "level": "INFO", "propagate": True}},
    }


def _masked(_logger: Any, _method: str, line: str) -> str:
    """Return a line without keys and tokens: callers put them into addresses, where they do not belong."""
    return masked_text(line)
