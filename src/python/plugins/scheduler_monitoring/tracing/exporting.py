"""Sends the spans of ended runs by OTLP over HTTP, as OpenTelemetry's variables say.

A failed export raises, so that the outbox tells the same runs again: the ids are the same, so a
trace that arrives twice is one. What has failed for ten minutes is dropped and counted; the
outbox must not grow because a collector is gone.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from scheduler.plugin_api.values import RunTransition
from scheduler.queries.run_histories import RunHistory, run_histories
from scheduler_monitoring.errors import RemoteUnavailable
from scheduler_monitoring.tracing.identity import Sampler
from scheduler_monitoring.tracing.spans import RunSpan, spans_of

KEPT = timedelta(minutes=10)
_SCOPE = InstrumentationScope("scheduler_monitoring")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_DEFAULTS = {"service.name": "scheduler", "service.namespace": "scheduler"}


class TraceExporter:
    """Exports the traces of runs that have ended. One thread."""

    def __init__(
        self,
        sampler: Sampler,
        count: Callable[[str, int], None],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        histories: Callable[[Iterable[UUID]], Mapping[UUID, RunHistory]] = run_histories,
    ) -> None:
        self._sampler, self._count, self._now, self._histories = sampler, count, now, histories

    @cached_property
    def _exporter(self) -> OTLPSpanExporter:
        # A collector that is away is told of by our own error; the library's would come each time.
        logging.getLogger(OTLPSpanExporter.__module__).setLevel(logging.CRITICAL)
        return OTLPSpanExporter()

    @cached_property
    def _resource(self) -> Resource:
        # What the environment says goes over these.
        return Resource(_DEFAULTS).merge(OTELResourceDetector().detect())

    def export(self, transitions: Sequence[RunTransition]) -> None:
        """Raises RemoteUnavailable where the collector does not take them and all of it is young
        enough to be tried again."""
        ended = {one.run_id: one.at for one in transitions if self._sampler.samples(one.run_id)}
        if not ended:
            return
        found = self._histories(ended)
        if not found:
            return
        spans = [span for run_id, run in found.items() for span in spans_of(run, ended[run_id])]
        if self._sent([readable(span, self._resource) for span in spans]):
            self._count("exported", len(found))
        elif max(ended.values()) < self._now() - KEPT:
            self._count("dropped", len(found))
        else:
            where = "of OTEL_EXPORTER_OTLP_ENDPOINT"
            raise RemoteUnavailable("The trace collector", where, "it took no traces")

    def close(self) -> None:
        """The end of the process."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _sent(self, spans: Sequence[ReadableSpan]) -> bool:
        return self._exporter.export(spans) is SpanExportResult.SUCCESS


def readable(span: RunSpan, resource: Resource) -> ReadableSpan:
    """A span of ours as the SDK has it."""
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace, span.span),
        parent=None if span.parent is None else _context(span.trace, span.parent),
        resource=resource,
        attributes=dict(span.attributes),
        links=[Link(_context(*span.link))] if span.link else [],
        kind=SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, span.told) if span.failed else Status(StatusCode.OK),
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
        instrumentation_scope=_SCOPE,
    )


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=_SAMPLED)


def _nanoseconds(instant: datetime) -> int:
    microseconds = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return microseconds * 1000
