"""Events: from the HTTP answer to the start of the process on an idle cluster, and many at once.

``answer to start`` counts from when the poster has read the answer to the job's own first line.
``HTTP`` is the request itself, a new connection each. Many: 8 clients post 10,000 events in batches
of 100, all at once; each is one run of a no-op, and the rows are counted in the end.
"""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scheduler_demo.environment import EVENTS_TOKEN
from scheduler_demo.poster import Promise, post
from scheduler_demo.services import wait_until
from tests.benchmarks.whole_path_bench import BenchCluster, Report, cluster, shown, spread

SINGLE, PAUSE_SECONDS = 200, 0.25
CLIENTS, BATCH, MANY = 8, 100, 10_000
GOAL_P50_MS = 100.0
JOB = {
    "name": "on-event",
    "command_name": "noop",
    "schedule": None,
    "triggers": [{"event_type": "bench.*"}],
}


def measure() -> Report:
    """Both on one cluster of three workers and a web process."""
    with cluster(workers=3, evidence=True, web_port=0) as made:
        made.define([JOB])
        http_ms, start_ms = _singly(made)
        figures = _many(made)
    latency, request = spread(start_ms), spread(http_ms)
    rows = [
        ("answer to start", shown(latency)),
        ("HTTP", shown(request)),
        ("10,000 events, 8 clients", f"all answered after {figures['answered_seconds']} s"),
        ("their runs", f"{figures['runs']}, the last ended after {figures['ended_seconds']} s"),
        ("HTTP of a batch of 100", shown(figures["batch_ms"])),
    ]
    return Report(
        "Events on a cluster of three, posted to its web process",
        rows,
        {
            "answer_to_start_ms": latency,
            "http_ms": request,
            **figures,
            "goal_p50_ms": GOAL_P50_MS,
        },
    )


def _singly(made: BenchCluster) -> tuple[list[float], list[float]]:
    """(milliseconds of each request, and from each answer to its run's start), sorted."""
    answered: dict[str, float] = {}
    http_ms = []
    for number in range(SINGLE):
        began = time.time()
        (promise,) = _post(made, [_event(number)])
        answered[promise.runs[str(JOB["name"])]] = time.time()
        http_ms.append((time.time() - began) * 1000)
        time.sleep(PAUSE_SECONDS)
    assert wait_until(lambda: made.finished() == SINGLE, 30.0)
    started = {mark.run_id: mark.clock for mark in made.evidence() if mark.kind == "start"}
    return sorted(http_ms), sorted((started[run] - at) * 1000 for run, at in answered.items())


def _many(made: BenchCluster) -> dict[str, Any]:
    before, began = made.finished(), time.monotonic()
    batches = [[_event(number) for _ in range(BATCH)] for number in range(MANY // BATCH)]

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = list(clients.map(lambda batch: _clocked(made, batch), batches))
    answered = time.monotonic() - began
    promised = {run for _, found in told for each in found for run in each.runs.values()}
    assert len(promised) == MANY, f"{len(promised)} runs promised"
    assert wait_until(lambda: made.finished() - before >= MANY, 600.0), made.outcomes()
    ended = time.monotonic() - began
    rows = made.sql(
        "SELECT id FROM scheduler_job_run WHERE slot_key LIKE 'e:%%' AND state = 'SUCCEEDED'"
    )
    runs = {str(row[0]) for row in rows}
    assert promised <= runs and made.finished() - before == MANY, made.outcomes()
    return {
        "answered_seconds": round(answered, 1),
        "ended_seconds": round(ended, 1),
        "runs": made.finished() - before,
        "batch_ms": spread(sorted(took for took, _ in told)),
    }


def _clocked(made: BenchCluster, batch: list[dict[str, Any]]) -> tuple[float, list[Promise]]:
    began = time.monotonic()
    found = _post(made, batch)
    return (time.monotonic() - began) * 1000, found


def _post(made: BenchCluster, events: list[dict[str, Any]]) -> list[Promise]:
    assert made.web is not None
    return post(made.web.port, EVENTS_TOKEN, events, timeout_seconds=60.0)


def _event(number: int) -> dict[str, Any]:
    payload = {"number": number, "items": [{"sku": "a", "count": 2}], "name": "注文"}
    return {"type": "bench.order", "dedupe_key": str(uuid.uuid4()), "payload": payload}
