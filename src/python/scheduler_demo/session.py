"""What one demo says and does between its start and its stop: a live screen, or a check."""

import json
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from scheduler_demo import project
from scheduler_demo.check import Check, Report
from scheduler_demo.cluster import DemoCluster
from scheduler_demo.environment import ARCHIVE_BUCKET, EVENTS_TOKEN
from scheduler_demo.forks import forks_per_second
from scheduler_demo.options import Options
from scheduler_demo.poster import Poster


class Session:
    """With ``--json`` everything but the one object goes to standard error."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._out = sys.stderr if options.json else sys.stdout
        self._began = datetime.now(UTC)

    def say(self, line: str) -> None:
        """One line of progress."""
        print(line, file=self._out, flush=True)

    def step_done(self, name: str, seconds: float) -> None:
        """A step of the start, with its time."""
        self.say(f"  {name:<28} {seconds:6.2f} s")

    def run(self, cluster: DemoCluster) -> int:
        """Show or check the running cluster; returns the exit code."""
        self._tell_where(cluster)
        project.connect(cluster.environment)
        try:
            with ExitStack() as posting:
                poster = self._poster(cluster)
                if poster is not None:
                    posting.enter_context(poster)
                if self._options.check_seconds is None:
                    self._show(cluster)
                    return 0
                return self._check(cluster, self._options.check_seconds, poster)
        finally:
            project.disconnect()

    def _poster(self, cluster: DemoCluster) -> Poster | None:
        """Orders for the sample jobs that wait for them."""
        if cluster.web is None or self._options.jobs != "all":
            return None
        return Poster(cluster.web.port, EVENTS_TOKEN)

    def _show(self, cluster: DemoCluster) -> None:
        # It reads models, which exist only once Django is set up.
        from scheduler_demo.screen import Screen

        Screen(cluster, self.say).show()

    def _tell_where(self, cluster: DemoCluster) -> None:
        if cluster.web is not None:
            self.say(f"web: http://127.0.0.1:{cluster.web.port}/healthz")
        self.say(f"data and logs: {cluster.layout.root}")
        if cluster.seaweed is not None:
            self.say(f"logs of ended runs: {cluster.seaweed.endpoint_url}/{ARCHIVE_BUCKET}")

    def _check(self, cluster: DemoCluster, seconds: float, poster: Poster | None) -> int:
        self.say(f"checking for {seconds:.0f} s")
        check = Check(
            cluster,
            seconds=seconds,
            kill_leader=self._options.kill_leader,
            probe=project.run_noop_now,
            say=self.say,
            poster=poster,
        )
        report = check.run(self._began)
        self._print(report, cluster)
        return 0 if report.ok else 1

    def _print(self, report: Report, cluster: DemoCluster) -> None:
        options = self._options
        summary: dict[str, Any] = {
            **report.summary,
            "database": options.database,
            "workers": options.workers,
            "ok": report.ok,
        }
        if options.burst:
            summary["forks_per_second_floor"] = forks_per_second()
        if options.json:
            print(json.dumps(summary, ensure_ascii=False), flush=True)
        else:
            self.say(as_text(summary))


def as_text(summary: dict[str, Any]) -> str:
    """The summary for people: one line for each thing, then what is wrong."""
    slots, late, calm = (
        summary[name] for name in ("slots", "lateness_ms", "lateness_undisturbed_ms")
    )
    lines = [
        "",
        f"runs       {_pairs(summary['runs'])}",
        f"slots      {_pairs(slots)}",
        f"lateness   {_pairs(late)} (ms)",
        f"           {_pairs(calm)} (ms), take-over left out",
        f"leader     {summary['leader']}, epoch {summary['epoch']}",
    ]
    if summary.get("events"):
        lines.append(f"events     {_pairs(summary['events'])}")
    if summary.get("archive"):
        lines.append(f"archive    {_pairs(summary['archive'])}")
    if summary["takeover_ms"] is not None:
        lines.append(f"take-over  {summary['takeover_ms']} ms from SIGKILL to the next run")
    if summary["queueing"]:
        lines.append(f"queueing   {summary['queueing']} of the covered slots wait for their turn")
    lines += [
        f"burst      {b['started']} due {b['due']}: last began after {b['lateness_ms']['max']} ms,"
        f" {b['starts_per_second']} starts/s"
        for b in summary["bursts"]
    ]
    if "forks_per_second_floor" in summary:
        lines.append(f"floor      {summary['forks_per_second_floor']} bare forks/s")
    lines += [f"PROBLEM    {problem}" for problem in summary["problems"]]
    lines.append("all is well" if summary["ok"] else "NOT well: see the problems above")
    return "\n".join(lines)


def _pairs(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items()) or "none"
