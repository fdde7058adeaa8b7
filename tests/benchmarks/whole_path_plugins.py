"""What all plugins cost while their remote ends are down: two clusters side by side, one bare.

Every end that a plugin may speak to is a port that takes connections and never answers, the worst
that an end can do. Lateness is measured in both clusters at the same time; throughput in turns, so
that both meet the same noise. Half of the runs of the lateness part fail: there is something to
notify of.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks.whole_path_bench import (
    BenchCluster,
    Report,
    cluster,
    lateness_ms,
    median,
    shown,
    spread,
)
from tests.benchmarks.whole_path_throughput import run_all
from tests.plugins.shipped import ALL_PLUGINS

ROUNDS, RUNS_PER_ROUND = 7, 400
JOBS, PERIOD_SECONDS, SECONDS = 20, 10, 120
APART_SECONDS = 0.25
GOAL = 1.05


def measure(seconds: float = SECONDS) -> Report:
    """Two workers each, of which the leader runs nothing."""
    with ExitStack() as stack:
        silent = stack.enter_context(_silence())
        bare = stack.enter_context(cluster(workers=2, evidence=True))
        full = stack.enter_context(cluster(workers=2, evidence=True, settings=_settings(silent)))
        both = {"bare": bare, "all plugins": full}
        late = _lateness(both, seconds)
        rates = _throughput(both)
    spreads = {name: spread(values) for name, values in late.items()}
    middle = {name: median(values) for name, values in rates.items()}
    rows = [(f"lateness, {name}", shown(each)) for name, each in spreads.items()]
    rows += [
        (f"runs per second, {name}", ", ".join(f"{rate:.0f}" for rate in each))
        for name, each in rates.items()
    ]
    ratios = {
        "throughput": middle["bare"] / middle["all plugins"],
        "lateness_p50": spreads["all plugins"]["p50"] / spreads["bare"]["p50"],
        "lateness_p99": spreads["all plugins"]["p99"] / spreads["bare"]["p99"],
    }
    rows += [
        (f"times as slow: {name}", f"{ratio:.2f} (goal {GOAL})") for name, ratio in ratios.items()
    ]
    return Report("All plugins, their remote ends silent, beside none", rows, ratios)


@contextmanager
def _silence() -> Iterator[int]:
    """A port of 127.0.0.1 that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield listening.getsockname()[1]


def _settings(port: int) -> dict[str, str]:
    end = f"http://127.0.0.1:{port}"
    return {
        "SCHEDULER_PLUGINS": ALL_PLUGINS,
        "SCHEDULER_DEPLOYMENT": "k8s",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(port),
        "SCHEDULER_LOG_ARCHIVE_ENABLED": "1",
        "SCHEDULER_LOG_ARCHIVE_S3_ENDPOINT_URL": end,
        "SCHEDULER_LOG_ARCHIVE_BUCKET": "scheduler-logs",
        "SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID": "nobody",
        "SCHEDULER_LOG_ARCHIVE_SECRET_ACCESS_KEY": "nothing",
        "SCHEDULER_PROMETHEUS_URL": end,
        "SCHEDULER_ALERTMANAGER_URL": end,
        "OTEL_EXPORTER_OTLP_ENDPOINT": end,
        "SCHEDULER_NOTIFY_WEBHOOK_URL": f"{end}/hook",
        "SCHEDULER_NOTIFY_WEBHOOK_SECRET": "bm90aGluZyB0byBzaWduIGZvcg==",
        "SCHEDULER_NOTIFY_ALLOW_HTTP": "1",
    }


def _throughput(both: dict[str, BenchCluster]) -> dict[str, list[float]]:
    """Runs per second of each round, the clusters in turns, the first one anew each round."""
    rates: dict[str, list[float]] = {name: [] for name in both}
    for made in both.values():
        made.define([{"name": "noop", "command_name": "noop", "schedule": None}])
        run_all(made, 50)
    for number in range(ROUNDS):
        order = list(both.items())
        for name, made in order if number % 2 else reversed(order):
            rates[name].append(RUNS_PER_ROUND / run_all(made, RUNS_PER_ROUND))
    return rates


def _lateness(both: dict[str, BenchCluster], seconds: float) -> dict[str, list[float]]:
    """Two runs a second in each cluster, a quarter of a second apart from the other's."""
    for number, made in enumerate(both.values()):
        made.define(_jobs(APART_SECONDS * number))
    time.sleep(PERIOD_SECONDS)
    skip = {name: len(made.evidence()) for name, made in both.items()}
    time.sleep(seconds)
    late = {name: lateness_ms(made.evidence()[skip[name] :]) for name, made in both.items()}
    for made in both.values():
        made.sql("UPDATE scheduler_job_definition SET enabled = false, next_fire_at = NULL")
    time.sleep(PERIOD_SECONDS)
    return late


def _jobs(shift_seconds: float) -> list[dict[str, Any]]:
    anchor = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    return [
        {
            "name": f"job-{number}",
            "command_name": "noop" if number % 2 else "sample_failing",
            "max_attempts": 1,
            "schedule": {
                "kind": "interval",
                "seconds": PERIOD_SECONDS,
                "anchor": (anchor + timedelta(seconds=number / 2 + shift_seconds)).isoformat(),
            },
        }
        for number in range(JOBS)
    ]
