"""Errors in Sentry: bugs with their traceback and ids, without secrets, local variables and bodies.

On where `SENTRY_DSN` is set; the package is loaded then, and nowhere else.
"""

import logging
from collections.abc import Mapping
from multiprocessing.util import Finalize, register_after_fork
from typing import Any

import structlog

from accounts.platforms.base import PlatformError
from ouipost import __version__
from ouipost.errors import DomainError
from ouipost.events.masking import masked
from ouipost.outbound.errors import AnswerLost, NotSent

EXPECTED = (DomainError, PlatformError, NotSent, AnswerLost)
"""What callers do and what networks answer is no bug: it is told where it belongs."""
DROPPED = ("request", "user", "extra", "breadcrumbs", "modules")
"""What an event may have and nobody needs: the ids lead to the log, which has the rest."""
ELSEWHERE = ("django.request", "django.security.DisallowedHost", "_granian")
"""Loggers whose errors are reported by themselves, are callers', or say that a web process was ended."""
FLUSH_SECONDS = 3


def start(dsn: str, *, environment: str) -> None:
    """Report errors from now on; raises ImportError without the package, ValueError for a DSN that is none."""
    import sentry_sdk
    from sentry_sdk.integrations.celery import CeleryIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger
    from sentry_sdk.integrations.threading import ThreadingIntegration

    sentry_sdk.init(
        dsn=dsn,
        release=f"ouipost@{__version__}",
        environment=environment,
        default_integrations=False,  # one of them would tell networks of our traces
        auto_enabling_integrations=False,
        integrations=[
            DjangoIntegration(middleware_spans=False),
            CeleryIntegration(propagate_traces=False),
            ThreadingIntegration(),
            LoggingIntegration(level=None, event_level=logging.ERROR),
            ExcepthookIntegration(),
            DedupeIntegration(),
        ],
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        trace_propagation_targets=[],
        before_send=prepared,
    )
    for name in ELSEWHERE:
        ignore_logger(name)
    _flush_at_its_end(sentry_sdk)
    register_after_fork(sentry_sdk, _flush_at_its_end)  # a web process forgets what was to be done at its parent's


def _flush_at_its_end(sdk: Any) -> None:
    """Send what waits when this process ends, also where atexit is not called."""
    Finalize(None, sdk.flush, args=(FLUSH_SECONDS,), exitpriority=0)


def prepared(event: Any, hint: Mapping[str, Any]) -> Any:
    """Return an event as it may leave, with the ids of what went on as tags; None for what is no bug."""
    _, error, _ = hint.get("exc_info") or (None, None, None)
    if isinstance(error, EXPECTED):
        return None
    tags = {name: str(value) for name, value in structlog.contextvars.get_contextvars().items()}
    kept = {name: value for name, value in event.items() if name not in DROPPED}
    return masked(kept | {"tags": {**kept.get("tags", {}), **tags}})
