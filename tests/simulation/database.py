"""The real store over SQLite in memory: the RDB of the simulated world, and its faults.

All processes share one connection, since exactly one action runs at any time and a statement is
one step; what the store would do in two statements has the whole world in between. The clock of
the database is the timeline. Statements of a process pass a ``SimulatedSession``: there they may
be slow, lost, carried out but not answered, or carried out after the process gave up.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.store.sessions import Row, Session
from scheduler.store.sqlite import SqliteDatabase
from scheduler.store.statements import Batches, Statement
from tests.simulation.machine import EPOCH
from tests.simulation.weather import Fate

if TYPE_CHECKING:
    from tests.simulation.node import Process
    from tests.simulation.world import World

GIVES_UP_AFTER = {"cluster": 3.0, "lease": 2.0, "leader": 15.0, "worker": 15.0}
"""Seconds after which a statement of each purpose fails (the store's statement timeouts)."""


class SharedDatabase(SqliteDatabase):
    """One connection for everybody; closing it is nobody's business but the world's."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(Path(":memory:"), clock=clock, synchronous="OFF")
        self.connection = super().connect(0.0)
        _template().backup(self.connection)
        self.shared = self.session("simulation")

    def connect(self, busy_seconds: float) -> sqlite3.Connection:
        return self.connection


@cache
def _template() -> sqlite3.Connection:
    """A migrated database in memory, made once per process (by another: this one's settings
    and connections stay as they are)."""
    template = sqlite3.connect(":memory:", check_same_thread=False)
    with TemporaryDirectory(prefix="simulation-") as folder:
        path = Path(folder) / "template.sqlite3"
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{path}",
            "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        }
        command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
        subprocess.run(command, check=True, env=environment)
        with closing(sqlite3.connect(path)) as source:
            source.backup(template)
    return template


class SimulatedSession:
    """One process's connection for one purpose."""

    def __init__(self, world: "World", process: "Process", purpose: str) -> None:
        self._world, self._process, self._purpose = world, process, purpose
        self._inner: Session = world.database.shared
        self.dialect = self._inner.dialect

    def run(self, statement: Statement, batches: Batches | None = None, **values: Any) -> list[Row]:
        world, process, dice = self._world, self._process, self._world.rdb_dice
        world.maybe_pause(process.life, "before a statement")
        world.moments_of(process, self._purpose, "before", statement)
        patience = GIVES_UP_AFTER.get(self._purpose, 5.0)
        self._take(dice.trip(), patience)
        self._check_line(patience)
        fate = dice.fate()
        if fate is Fate.REQUEST_LOST:
            self._fail(patience, "the statement was lost")
        if fate is Fate.LATE:
            world.timeline.after(
                dice.late(), lambda: self._carry_out_unheard(statement, batches, values)
            )
            self._fail(patience, "no answer in time")
        rows = self._carry_out(statement, batches, values)
        world.moments_of(process, self._purpose, "executed", statement)
        if fate is Fate.ANSWER_LOST:
            self._fail(patience, "the answer was lost")
        self._take(dice.trip(), patience)
        self._check_line(patience)
        world.moments_of(process, self._purpose, "answered", statement)
        world.maybe_pause(process.life, "after a statement")
        return rows

    def expect_timeline(self, timeline: int) -> None:
        """SQLite has one timeline."""

    def close(self) -> None:
        """Nothing is kept open."""

    def _take(self, seconds: float, patience: float) -> None:
        if seconds >= patience:
            self._fail(patience, "statement timeout")
        if seconds:
            self._world.timeline.sleep(seconds, self._process.life)

    def _check_line(self, patience: float) -> None:
        if self._world.lines.rdb_is_cut(self._process.node.name):
            self._fail(patience, "the line is cut")

    def _fail(self, patience: float, why: str) -> None:
        """After a moment (the connection broke) or after the whole patience (silence)."""
        seconds = patience * self._world.random.choice([0.01, 0.1, 1.0])
        self._world.timeline.sleep(seconds, self._process.life)
        raise DatabaseUnavailable("simulation", why)

    def _carry_out(
        self, statement: Statement, batches: Batches | None, values: dict[str, Any]
    ) -> list[Row]:
        epoch = values.get("epoch") if statement.writes else None
        return self._world.auditor.watching(
            self._process,
            self._purpose,
            epoch,
            lambda: self._inner.run(statement, batches, **values),
        )

    def _carry_out_unheard(
        self, statement: Statement, batches: Batches | None, values: dict[str, Any]
    ) -> None:
        try:
            self._carry_out(statement, batches, values)
        except sqlite3.IntegrityError as error:
            self._world.trace("late statement refused", reason=str(error))


class ProcessDatabase:
    """``store.sessions.Database`` of one process."""

    vendor = "sqlite"

    def __init__(self, world: "World", process: "Process") -> None:
        self._world, self._process = world, process
        self.worker_id = process.name

    def session(self, purpose: str) -> Session:
        return SimulatedSession(self._world, self._process, purpose)


def cluster_time(seconds: float) -> datetime:
    """The RDB's clock at an instant of the timeline."""
    return EPOCH + timedelta(seconds=seconds)
