"""Reports unexpected errors to Sentry, with traceback and ids, without secrets, local variables and bodies.

The package is imported only if `SENTRY_DSN` is set.
"""

import logging
from collections.abc import Mapping
from multiprocessing.util import Finalize, register_after_fork
from typing import Any

import structlog
from django.core.exceptions import SuspiciousOperation

from accounts.platforms.errors import PlatformError
from ouipost import __version__
from ouipost.errors import DomainError
from ouipost.masking import masked
from ouipost.outbound.errors import AnswerLost, NotSent

EXPECTED = (DomainError, PlatformError, NotSent, AnswerLost, SuspiciousOperation)
"""Errors of callers and networks, which are no bugs: they are answered or shown, but not reported.

Django raises the last, and logs it as an error, for requests such as one with a thousand parameters.
"""
DROPPED = ("request", "user", "extra", "breadcrumbs", "modules")
"""Parts of an event that are removed; the log has them, and is found by the event's ids."""
ELSEWHERE = ("django.request", "_granian")
"""Loggers that are not reported: their errors are reported otherwise, or are ends of web processes."""
FLUSH_SECONDS = 3


def start(dsn: str, *, environment: str) -> None:
    """Report errors from now on; raises ImportError without the package, ValueError for an invalid DSN."""
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
        default_integrations=False,  # one of them would send trace headers to networks
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
    register_after_fork(sentry_sdk, _flush_at_its_end)  # finalizers are not inherited by forked web processes


def _flush_at_its_end(sdk: Any) -> None:
    """Send queued events when this process ends, even if atexit handlers are not run."""
    Finalize(None, sdk.flush, args=(FLUSH_SECONDS,), exitpriority=0)


def prepared(event: Any, hint: Mapping[str, Any]) -> Any:
    """Return the event to send, masked and with the bound ids as tags; None for an expected error."""
    _, error, _ = hint.get("exc_info") or (None, None, None)
    if isinstance(error, EXPECTED):
        return None
    tags = {name: str(value) for name, value in structlog.contextvars.get_contextvars().items()}
    kept = {name: value for name, value in event.items() if name not in DROPPED}
    return masked(kept | {"tags": {**kept.get("tags", {}), **tags}})
