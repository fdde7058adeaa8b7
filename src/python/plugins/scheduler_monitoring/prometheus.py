"""Asks Prometheus for figures: one instant, or a range for a chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler_monitoring.errors import RemoteMalformed, RemoteRefused
from scheduler_monitoring.remote import Remote

POINTS_AT_MOST = 11_000
"""What Prometheus allows for one series."""


@dataclass(frozen=True, slots=True)
class Point:
    """``at`` is aware UTC. ``value`` may be infinite or not a number, as Prometheus has it."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels (``__name__`` among them, where it has one) and its points, oldest
    first. An instant query gives each series one point."""

    labels: Mapping[str, str]
    points: tuple[Point, ...]


class Prometheus:
    """The client. Every method raises RemoteError's kinds and nothing else."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def instant(self, query: str, at: datetime | None = None) -> list[Series]:
        """The query's value at an instant (aware), by default now. A scalar is one series without
        labels."""
        form = {"query": query, **self._limit()}
        if at is not None:
            form["time"] = _unix(at)
        kind, found = self._ask("/api/v1/query", form)
        if kind == "scalar":
            return [Series({}, (self._point(found),))]
        if kind != "vector":
            raise self._malformed(f"a query answered with a {kind}")
        return [Series(self._labels(one), (self._point(one.get("value")),)) for one in found]

    def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[Series]:
        """The query's values from ``start`` to ``end`` (aware), one each ``step``."""
        if step <= timedelta(0) or end < start:
            raise ValueError("step must be positive, and end not before start")
        if (end - start) / step > POINTS_AT_MOST:
            raise RemoteRefused(
                "Prometheus", 400, f"more than {POINTS_AT_MOST} points; take a longer step"
            )
        seconds = f"{step.total_seconds():.3f}"
        form = {"query": query, "start": _unix(start), "end": _unix(end), "step": seconds}
        kind, found = self._ask("/api/v1/query_range", {**form, **self._limit()})
        if kind != "matrix":
            raise self._malformed(f"a range query answered with a {kind}")
        return [
            Series(self._labels(one), tuple(map(self._point, self._listed(one.get("values")))))
            for one in found
        ]

    def check_ready(self) -> None:
        """Return if it answers and is ready; raise what is wrong."""
        self._remote.ask("GET", "/-/ready")

    def _limit(self) -> dict[str, str]:
        return {"timeout": f"{self._remote.timeout_seconds:g}s"}

    def _ask(self, path: str, form: Mapping[str, str]) -> tuple[str, Any]:
        """The kind of the result and the result: a list of objects, or a scalar's pair."""
        answer = self._remote.ask_json("POST", path, form=form)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict) or answer.get("status") != "success":
            raise self._malformed("it lacks status and data")
        kind, found = data.get("resultType"), self._listed(data.get("result"))
        if kind != "scalar" and not all(isinstance(one, dict) for one in found):
            raise self._malformed("a series is no object")
        return str(kind), found

    def _listed(self, found: Any) -> Sequence[Any]:
        if not isinstance(found, list):
            raise self._malformed("a list is missing")
        return found

    def _labels(self, one: Mapping[str, Any]) -> dict[str, str]:
        labels = one.get("metric")
        if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
            raise self._malformed("a series lacks its labels")
        return labels

    def _point(self, pair: Any) -> Point:
        try:
            at, value = pair
            return Point(datetime.fromtimestamp(float(at), UTC), float(value))
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise self._malformed("a point is no pair of numbers") from error

    def _malformed(self, why: str) -> RemoteMalformed:
        return RemoteMalformed("Prometheus", why)


def _unix(instant: datetime) -> str:
    return f"{instant.timestamp():.3f}"
