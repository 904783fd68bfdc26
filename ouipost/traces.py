"""Traces, for OpenTelemetry: how long each step of the work took, with its ids; off, a step costs one comparison.

On where `OTEL_EXPORTER_OTLP_ENDPOINT` is set; the packages are loaded with the first span of a process. Nothing of a
trace is sent to networks or webhooks, and no address, text or error message is in one.
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
NOTHING: AbstractContextManager[None] = nullcontext()


def span(name: str, kind: str = INTERNAL, **attributes: str | int) -> "AbstractContextManager[Span | None]":
    """Give a span around a step, with the ids that are bound by then; None where traces are off."""
    return _span(name, kind, attributes) if settings.OTEL_EXPORTER_OTLP_ENDPOINT else NOTHING


def past(name: str, began: float, **attributes: str | int) -> None:
    """Tell of a step that began at this monotonic time and ends now: one of which nobody knew if it was worth it."""
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
        record_exception=False,  # what an exception says may hold what nobody else shall see
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
    """Return what makes this process's spans; they leave every few seconds, and the last ones when it ends."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME", "ouipost"),
        "service.version": __version__,
        "deployment.environment.name": settings.ENVIRONMENT,
    }
    provider = TracerProvider(resource=Resource.create(about))
    endpoint = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    Finalize(None, provider.force_flush, args=(FLUSH_MS,), exitpriority=0)  # also where atexit is not called
    return provider.get_tracer("ouipost", __version__)
