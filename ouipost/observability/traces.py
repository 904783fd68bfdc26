"""OpenTelemetry traces: the duration of each step, with its ids; none without `OTEL_EXPORTER_OTLP_ENDPOINT`.

The packages are imported with the first span of a process. No trace headers are sent to networks or webhooks, and spans
hold no addresses, texts or error messages.
"""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings

from ouipost import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

SERVER, CLIENT, INTERNAL = "SERVER", "CLIENT", "INTERNAL"
FLUSH_MS = 3_000
EXPORT_SECONDS = 3
"""Timeout of the collector: with the SDK's ten seconds, a hanging collector would delay the end of a process."""
TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
"""Variables with which the operator sets another timeout."""
NOTHING: AbstractContextManager[None] = nullcontext()


def span(name: str, kind: str = INTERNAL, **attributes: str | int) -> "AbstractContextManager[Span | None]":
    """Return a context manager that records a span with the bound ids; it gives the span, None if tracing is off."""
    return _span(name, kind, attributes) if settings.OTEL_EXPORTER_OTLP_ENDPOINT else NOTHING


def past(name: str, began: float, **attributes: str | int) -> None:
    """Record a span from this monotonic time until now, for a step that is only recorded if it found work."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        start = time.time_ns() - round((time.monotonic() - began) * 1e9)
        _tracer().start_span(name, start_time=start, attributes=_ids() | attributes).end()


@contextmanager
def _span(name: str, kind: str, attributes: dict[str, str | int]) -> "Iterator[Span]":
    from opentelemetry.trace import SpanKind, StatusCode

    spans = _tracer().start_as_current_span(
        name,
        kind=SpanKind[kind],
        attributes=_ids() | attributes,
        record_exception=False,  # messages may hold confidential data
        set_status_on_exception=False,
    )
    with spans as current:
        try:
            yield current
        except Exception as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def _ids() -> dict[str, Any]:
    return {name: value for name, value in structlog.contextvars.get_contextvars().items() if value is not None}


@cache
def _tracer() -> "Tracer":
    """Return this process's tracer; it exports spans every few seconds, and the last ones when the process ends."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME", "").strip() or "ouipost",
        "service.version": __version__,
        "deployment.environment.name": settings.ENVIRONMENT,
    }
    provider = TracerProvider(resource=Resource.create(about))
    endpoint = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces"
    timeout = None if any(os.environ.get(name, "").strip() for name in TIMEOUTS) else EXPORT_SECONDS
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=timeout)))
    Finalize(None, provider.force_flush, args=(FLUSH_MS,), exitpriority=0)  # even if atexit is not called
    return provider.get_tracer("ouipost", __version__)
