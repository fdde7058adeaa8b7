"""How late runs start on an idle cluster: from the due instant to the job's own first line.

Half of the jobs are of the policy ``allow`` (handed to a worker ahead of time), half ``forbid``
(decided at the due instant by the leader); at each whole second one of each is due. ``a bare
timer`` is what this machine adds by itself at that time: how late a sleeping thread wakes.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks.whole_path_bench import (
    Report,
    cluster,
    cpu_of,
    lateness_ms,
    shown,
    spread,
)

JOBS_PER_POLICY, PERIOD_SECONDS, SECONDS = 10, 10, 160
GOAL_MS = 50.0


def measure(seconds: float = SECONDS) -> Report:
    """Two runs a second, one of each policy, over three workers."""
    with cluster(workers=3, evidence=True) as made:
        made.define(_jobs())
        time.sleep(PERIOD_SECONDS)
        skip, before, began = len(made.evidence()), cpu_of(made), time.monotonic()
        timer = _timer_lateness_ms(seconds)
        used, took = cpu_of(made).since(before), time.monotonic() - began
        marks = made.evidence()[skip:]
    spreads = {
        "all": spread(lateness_ms(marks)),
        "allow": spread(lateness_ms(marks, "allow")),
        "forbid": spread(lateness_ms(marks, "forbid")),
        "a bare timer": spread(timer),
    }
    count = len(lateness_ms(marks))
    rows = [
        ("runs", f"{count} in {took:.0f} s"),
        *((name, shown(each)) for name, each in spreads.items()),
    ]
    rows.append(("CPU of the workers meanwhile", f"{used.workers / took * 100:.0f} % of a core"))
    return Report(
        "Lateness on an idle cluster of three, due instant to process start",
        rows,
        {
            "runs": count,
            **{f"{name}_ms".replace(" ", "_"): each for name, each in spreads.items()},
            "goal_p99_ms": GOAL_MS,
        },
    )


def _timer_lateness_ms(seconds: float) -> list[float]:
    """Each tenth of a second for so long, sorted."""
    late, ended = [], threading.Event()
    at = time.monotonic()
    for _ in range(int(seconds * 10)):
        at += 0.1
        ended.wait(max(0.0, at - time.monotonic()))
        late.append(max(0.0, time.monotonic() - at) * 1000)
    return sorted(late)


def _jobs() -> list[dict[str, Any]]:
    """Jobs of a common period, the pairs a second apart."""
    anchor = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    pairs = [(policy, n) for n in range(JOBS_PER_POLICY) for policy in ("allow", "forbid")]
    return [
        {
            "name": f"{policy}-{number}",
            "command_name": "noop",
            "concurrency_policy": policy,
            "schedule": {
                "kind": "interval",
                "seconds": PERIOD_SECONDS,
                "anchor": (anchor + timedelta(seconds=number)).isoformat(),
            },
        }
        for policy, number in pairs
    ]
