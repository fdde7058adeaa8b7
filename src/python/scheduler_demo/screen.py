"""The live table in the terminal; a line now and then where there is no terminal."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scheduler_demo.cluster import DemoCluster
from scheduler_demo.picture import Picture, RunLine, WorkerLine, take_picture

_COLOURS = {
    "SUCCEEDED": "green",
    "RUNNING": "cyan",
    "FAILED": "red",
    "TIMED_OUT": "red",
    "ORPHANED": "magenta",
    "SKIPPED": "yellow",
    "CANCELED": "yellow",
}
_REFRESH_SECONDS = 1.0
_LINE_SECONDS = 10.0


class Screen:
    """Shows a running cluster until interrupted. ``say`` takes lines beside the table."""

    def __init__(self, cluster: DemoCluster, say: Callable[[str], None]) -> None:
        self._cluster, self._say = cluster, say
        self._told_dead: set[str] = set()

    def show(self) -> None:
        """Until KeyboardInterrupt."""
        if sys.stdout.isatty():
            self._show_table()
        else:
            self._show_lines()

    def _show_table(self) -> None:
        console = Console()
        with Live(console=console, screen=False, auto_refresh=False) as live:
            while True:
                live.update(self.render(take_picture()), refresh=True)
                time.sleep(_REFRESH_SECONDS)

    def _show_lines(self) -> None:
        next_line = time.monotonic()
        while True:
            for death in self._new_deaths():
                self._say(death)
            if time.monotonic() >= next_line:
                self._say(as_line(take_picture()))
                next_line += _LINE_SECONDS
            time.sleep(_REFRESH_SECONDS)

    def _new_deaths(self) -> list[str]:
        dead = [(name, tail) for name, tail in self._cluster.dead() if name not in self._told_dead]
        self._told_dead.update(name for name, _ in dead)
        return [f"{name} ended by itself: {tail}" for name, tail in dead]

    def render(self, picture: Picture) -> Group:
        """The whole picture as tables."""
        parts = [_headline(picture), _workers(picture.workers), _runs(picture.recent)]
        parts.append(_due(picture))
        dead = self._cluster.dead()
        if dead:
            told = "\n".join(f"{name} ended by itself: {tail}" for name, tail in dead)
            parts.append(Panel(Text(told), title="ended", border_style="red"))
        return Group(*parts, Text("Ctrl-C stops everything.", style="dim"))


def as_line(picture: Picture) -> str:
    """The picture in one line, for a log."""
    states = ", ".join(f"{state} {count}" for state, count in sorted(picture.runs_by_state.items()))
    busy = ", ".join(f"{w.node_id} {w.open_runs}/{w.capacity}" for w in picture.workers)
    return f"leader {picture.leader or 'none'}, epoch {picture.epoch}; {busy}; runs: {states}"


def _headline(picture: Picture) -> Text:
    leader = picture.leader or "none"
    states = "  ".join(f"{state} {n}" for state, n in sorted(picture.runs_by_state.items()))
    return Text(f"leader {leader}   epoch {picture.epoch}   runs: {states}", style="bold")


def _workers(workers: list[WorkerLine]) -> Table:
    table = Table(title="workers", title_justify="left", expand=True)
    for name in ("node", "worker", "role", "state", "busy", "load"):
        table.add_column(name)
    for worker in workers:
        busy = "█" * worker.open_runs + "·" * max(0, min(worker.capacity, 24) - worker.open_runs)
        style = "bold" if worker.role == "leader" else ""
        load = "" if worker.load is None else f"{worker.load:.2f}"
        table.add_row(
            worker.node_id, worker.worker_id, worker.role, worker.state, busy, load, style=style
        )
    return table


def _runs(runs: list[RunLine]) -> Table:
    table = Table(title="recent runs", title_justify="left", expand=True)
    for name in ("job", "due", "attempt", "state", "why", "worker", "took"):
        table.add_column(name, no_wrap=True)
    for run in runs:
        state = Text(run.state, style=_COLOURS.get(run.state, ""))
        took = "" if run.seconds is None else f"{run.seconds:.2f} s"
        due = run.due_at.astimezone().strftime("%H:%M:%S")
        table.add_row(run.job, due, str(run.attempt), state, run.reason, run.worker_id, took)
    return table


def _due(picture: Picture) -> Table:
    table = Table(title="due next", title_justify="left", expand=True)
    for name in ("job", "at", "in"):
        table.add_column(name)
    for job, at in picture.due_next:
        left = max(0.0, (at - datetime.now(UTC)).total_seconds())
        table.add_row(job, at.astimezone().strftime("%m-%d %H:%M:%S"), f"{left:.0f} s")
    return table
