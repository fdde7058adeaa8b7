"""The live table in the terminal; a line now and then where there is no terminal."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import Error, connections
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scheduler.domain.values import Role, RunState
from scheduler.queries.cluster import WorkerStatus
from scheduler_demo.cluster import DemoCluster
from scheduler_demo.picture import Picture, take_picture

_COLOURS = {
    RunState.SUCCEEDED: "green",
    RunState.RUNNING: "cyan",
    RunState.FAILED: "red",
    RunState.TIMED_OUT: "red",
    RunState.ORPHANED: "magenta",
    RunState.SKIPPED: "yellow",
    RunState.CANCELED: "yellow",
}
_REFRESH_SECONDS = 1.0
_LINE_SECONDS = 10.0
_WIDEST_BAR = 24
_ENDED_SHOWN = 2
_LINK_SECONDS = 60.0
# Of the headline, of the other tables with six workers, of all tables' frames, and of the link.
_OTHER_LINES = 37


class Screen:
    """Shows a running cluster until interrupted. ``say`` takes lines where there is no table."""

    def __init__(self, cluster: DemoCluster, say: Callable[[str], None]) -> None:
        self._cluster, self._say = cluster, say
        self._told: set[str] = set()
        self._link, self._link_until = "", 0.0

    def show(self) -> None:
        """Until KeyboardInterrupt."""
        if sys.stdout.isatty():
            self._show_table()
        else:
            self._show_lines()

    def _show_table(self) -> None:
        console = Console()
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                live.update(self.render(console.height), refresh=True)
                time.sleep(_REFRESH_SECONDS)

    def _show_lines(self) -> None:
        next_line = time.monotonic()
        while True:
            self._tell_deaths()
            if time.monotonic() >= next_line:
                picture = _try_picture()
                self._say(as_line(picture) if picture else "the database does not answer")
                self._tell_link(picture)
                next_line = time.monotonic() + _LINE_SECONDS
            time.sleep(_REFRESH_SECONDS)

    def _tell_deaths(self) -> None:
        for name, tail in self._cluster.dead():
            if name not in self._told:
                self._told.add(name)
                self._say(f"{name} ended by itself: {tail}")

    def _tell_link(self, picture: Picture | None) -> None:
        if picture and picture.archived_log and not self._link:
            self._link = picture.archived_log
            self._say(f"an archived log: {self._link}")

    def _archived(self, picture: Picture) -> Text:
        """One link for a minute, so that it can be copied; all of it, for its signature opens the
        bucket, and not every terminal can be clicked on."""
        if picture.archived_log is None:
            return Text("no log is archived yet", style="dim")
        if time.monotonic() >= self._link_until:
            self._link, self._link_until = picture.archived_log, time.monotonic() + _LINK_SECONDS
        return Text.assemble("an archived log: ", (self._link, f"link {self._link}"))

    def render(self, height: int) -> Group:
        """The cluster as it is now, as tables that fit into so many lines; and what has ended
        that should run."""
        picture = _try_picture(max(4, height - _OTHER_LINES))
        parts: list[RenderableType] = (
            [
                _headline(picture),
                _workers(picture),
                _runs(picture),
                _due(picture),
                self._archived(picture),
            ]
            if picture
            else [Text("The database does not answer.", style="bold red")]
        )
        if dead := self._cluster.dead():
            told = "\n".join(f"{name} ended by itself: {tail}" for name, tail in dead)
            parts.append(Panel(Text(told), title="ended", border_style="red"))
        return Group(*parts, Text("Ctrl-C stops everything.", style="dim"))


def as_line(picture: Picture) -> str:
    """The picture in one line, for a log."""
    status = picture.status
    busy = ", ".join(f"{w.node_id} {w.open_runs}/{w.capacity}" for w in status.workers)
    leader = status.leader_worker_id if status.has_leader else None
    return f"leader {leader or 'none'}, epoch {status.epoch}; busy: {busy}; {_states(picture)}"


def _try_picture(recent: int = 0) -> Picture | None:
    try:
        return take_picture(recent=recent)
    except Error:
        connections.close_all()
        return None


def _states(picture: Picture) -> str:
    counts = ", ".join(f"{state} {count}" for state, count in picture.states.items() if count)
    return f"last hour: {counts or 'no runs'}"


def _headline(picture: Picture) -> Text:
    status = picture.status
    leader = status.leader_worker_id if status.has_leader else None
    paused = "   PAUSED" if status.paused else ""
    return Text(
        f"leader {leader or 'none'}   epoch {status.epoch}{paused}   {_states(picture)}",
        style="bold",
    )


def _workers(picture: Picture) -> Table:
    table = _table("workers", "node", "worker", "role", "state", "runs")
    for worker in (*picture.status.workers, *picture.status.ended[-_ENDED_SHOWN:]):
        style = "bold" if worker.role is Role.LEADER else ""
        suspect = worker.suspect and worker.ended_at is None
        state = "SUSPECT" if suspect else worker.state.value
        row = (worker.node_id, worker.worker_id, worker.role.value, state, _bar(worker))
        table.add_row(*row, style=style if worker.ended_at is None else "dim")
    return table


def _bar(worker: WorkerStatus) -> str:
    if worker.ended_at is not None:
        return ""
    room = max(0, min(worker.capacity, _WIDEST_BAR) - worker.open_runs)
    return f"{'█' * min(worker.open_runs, _WIDEST_BAR)}{'·' * room} {worker.open_runs}"


def _runs(picture: Picture) -> Table:
    table = _table("recent runs", "job", "due", "attempt", "state", "why", "worker", "took")
    for run in picture.recent:
        took = "" if run.duration_seconds is None else f"{run.duration_seconds:.2f} s"
        table.add_row(
            run.job_name,
            run.due_at.astimezone().strftime("%H:%M:%S"),
            str(run.attempt),
            Text(run.state.value, style=_COLOURS.get(run.state, "")),
            run.reason,
            run.worker_id or "",
            took,
        )
    return table


def _due(picture: Picture) -> Table:
    table = _table("due next", "job", "at", "in")
    for due in picture.due:
        left = (due.due_at - datetime.now(UTC)).total_seconds()
        at = due.due_at.astimezone().strftime("%m-%d %H:%M:%S")
        table.add_row(due.job_name, at, f"{left:.0f} s" if left >= 0 else f"waits {-left:.0f} s")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", expand=True, box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
