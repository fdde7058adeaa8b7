"""Sends the spans of ended runs and of archived logs by OTLP over HTTP, as OpenTelemetry's
variables say.

A failed export raises, so that the outbox tells the same runs again: the ids are the same, so a
trace that arrives twice is one. What has failed for ten minutes is dropped and counted; the
outbox must not grow because a collector is gone. Each try may take as long as the library goes on
trying (ten seconds): so where the last one failed a moment ago, what is that old is not tried.
"""

import logging
import os
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

from scheduler.plugin_api.archive import ArchivedLog
from scheduler.plugin_api.values import RunTransition
from scheduler.queries.run_histories import RunHistory, run_histories
from scheduler_monitoring.errors import RemoteUnavailable
from scheduler_monitoring.tracing.identity import ARCHIVE, ROOT, Sampler
from scheduler_monitoring.tracing.spans import RunSpan, archive_span, spans_of

KEPT = timedelta(minutes=10)
TRIED_AGAIN = timedelta(minutes=1)
_SCOPE = InstrumentationScope("scheduler_monitoring")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_DEFAULTS = {"service.name": "scheduler", "service.namespace": "scheduler"}


class TraceExporter:
    """Exports traces of runs that have ended, or what is told of them later. One thread."""

    def __init__(
        self,
        sampler: Sampler,
        count: Callable[[str, str, int], None],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        histories: Callable[[Iterable[UUID]], Mapping[UUID, RunHistory]] = run_histories,
    ) -> None:
        self._sampler, self._count, self._now, self._histories = sampler, count, now, histories
        self._failed_at: datetime | None = None

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
        self._send(ROOT, spans, len(found), max(ended.values()))

    def export_archived(self, logs: Sequence[ArchivedLog]) -> None:
        """The spans that are told later than the rest of their traces. Raises as ``export``."""
        archived = {one.run_id: one for one in logs if self._sampler.samples(one.run_id)}
        if not archived:
            return
        spans = [
            archive_span(run, archived[run_id].log_ref, archived[run_id].at)
            for run_id, run in self._histories(archived).items()
        ]
        if spans:
            self._send(ARCHIVE, spans, len(spans), max(one.at for one in archived.values()))

    def close(self) -> None:
        """The end of the process."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _send(self, part: str, spans: Sequence[RunSpan], count: int, newest: datetime) -> None:
        """``count`` runs' spans, the newest of which was told of at ``newest``."""
        now = self._now()
        old = newest < now - KEPT
        if not (old and self._failed_lately(now)) and self._sent(spans):
            self._failed_at = None
            self._count(part, "exported", count)
        elif old:
            self._count(part, "dropped", count)
        else:
            where = "of OTEL_EXPORTER_OTLP_ENDPOINT"
            raise RemoteUnavailable("The trace collector", where, _why(os.environ))

    def _sent(self, spans: Sequence[RunSpan]) -> bool:
        made = [readable(span, self._resource) for span in spans]
        if self._exporter.export(made) is SpanExportResult.SUCCESS:
            return True
        self._failed_at = self._now()
        return False

    def _failed_lately(self, now: datetime) -> bool:
        return self._failed_at is not None and now < self._failed_at + TRIED_AGAIN


def _why(environ: Mapping[str, str]) -> str:
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", ""
    )
    if protocol.strip().lower() == "grpc":
        return "it took no traces; only OTLP over HTTP is spoken, not grpc"
    return "it took no traces"


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
