"""The ids of a run's trace, and whether it is sampled: all of it follows from the run's id. Pure.

The trace's id is the run's (a UUIDv7 has 128 bits, as a trace id has). A span's id is the first
64 bits of the SHA-256 of the run's id and the span's name. So what the job is told in its
environment before it starts, and what is exported after it has ended, agree without anything
being remembered; and an export that comes twice brings the same spans.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

ROOT, PLAN, ASSIGN = "run", "plan", "assign"
DISPATCH, EXECUTE, FINISH, ARCHIVE = "dispatch", "execute", "finish", "archive"

_SAMPLED, _NOT_SAMPLED = "01", "00"


def trace_id(run_id: UUID) -> int:
    """128 bits, never 0."""
    return run_id.int


def span_id(run_id: UUID, span: str) -> int:
    """64 bits, never 0."""
    return int.from_bytes(sha256(run_id.bytes + span.encode()).digest()[:8]) or 1


def traceparent(run_id: UUID, span: str, sampled: bool) -> str:
    """W3C Trace Context: what makes the job's own spans children of ``span``."""
    flags = _SAMPLED if sampled else _NOT_SAMPLED
    return f"00-{trace_id(run_id):032x}-{span_id(run_id, span):016x}-{flags}"


@dataclass(frozen=True, slots=True)
class Sampler:
    """Which runs are traced: a ``share`` of them, the same ones whoever asks.

    By a hash, not by the id's own bits as OpenTelemetry's TraceIdRatioBased does it: a UUIDv7
    may count in them, which is no chance."""

    share: float = 1.0

    def samples(self, run_id: UUID) -> bool:
        return span_id(run_id, "sampled") < round(self.share * (1 << 64))


def tracing_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces, by OpenTelemetry's own names."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = _names(environ.get("OTEL_TRACES_EXPORTER", ""))
    if exporters:
        return "otlp" in exporters
    return any(
        environ.get(name, "").strip()
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    )


def sampler_of(environ: Mapping[str, str]) -> Sampler:
    """As ``OTEL_TRACES_SAMPLER`` and ``_ARG`` say; everything, where they say nothing we know. A
    run has no parent, so ``parentbased_x`` is ``x``."""
    kind = environ.get("OTEL_TRACES_SAMPLER", "").strip().removeprefix("parentbased_")
    if kind == "always_off":
        return Sampler(0.0)
    if kind == "traceidratio":
        return Sampler(_share(environ.get("OTEL_TRACES_SAMPLER_ARG", "")))
    return Sampler()


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        return 1.0
    return share if 0.0 <= share <= 1.0 else 1.0


def _names(text: str) -> set[str]:
    return {name.strip().lower() for name in text.split(",") if name.strip()}
