"""Simulated processes of runs, their fork server, and the worker's handle on it.

The table of living runs is the real one (``execution.running``): it decides who gets which signal
when. What is simulated is what the operating system does: forks, signals, deaths, reaping, and the
ways in which the guards themselves die. The fork server's life is not the worker's: a worker that
is stopped changes nothing here, and one that is killed only closes the line.
"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

from scheduler.domain.values import (
    ForkServerLost,
    LaunchSpec,
    ProcessEvent,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
)
from scheduler.execution.running import LivingRun, RunTable
from tests.simulation.machine import MachineTime
from tests.simulation.timeline import Life

if TYPE_CHECKING:
    from tests.simulation.world import World

GUARD_SLACK_SECONDS = 0.5
"""After the lease's end the launcher gives a fork server so long before it kills it."""


@dataclass(slots=True)
class Behaviour:
    """What a job does: how long, with which exit code, and whether it heeds TERM."""

    seconds: float
    exit_code: int
    heeds_term: bool


class RunProcess:
    """One process of a run, from its fork until its whole tree is reaped."""

    def __init__(self, spec: LaunchSpec, pid: int, behaviour: Behaviour) -> None:
        self.spec, self.pid, self.behaviour = spec, pid, behaviour
        self.dying = False
        self.gone = False


class ForkServer:
    """One fork server and its launcher, with the runs they guard.

    ``tell`` hands events to the worker's line; which runs a lost server had, the worker's side
    knows. Killing takes up to ``kill_seconds``.
    """

    _pids = count(1000)

    def __init__(
        self,
        world: "World",
        machine: str,
        time: MachineTime,
        kill_seconds: float,
        tell: Callable[[Sequence[ProcessEvent]], None],
    ) -> None:
        self._world, self._machine, self._time = world, machine, time
        self._kill_seconds, self._tell = kill_seconds, tell
        self.table = RunTable()
        self.life = Life(f"fork server on {machine}")
        self._launcher_deadline: float | None = None
        self._processes: dict[UUID, RunProcess] = {}
        self._queued: set[UUID] = set()
        self._turn = 0

    # ------------------------------------------------------------------------- the worker's line

    def launch(self, specs: Sequence[LaunchSpec]) -> None:
        for spec in specs:
            self._queued.add(spec.run_id)
            seconds = self._world.random.uniform(0.0, 0.02)
            self._soon(seconds, lambda spec=spec: self._start(spec))  # type: ignore[misc]

    def cancel(self, runs: Sequence[UUID]) -> None:
        self._soon(0.0, lambda: self._signal(self.table.cancel(runs, self._now())))

    def set_deadline(self, at: float) -> None:
        """Both guards hear it; the fork server when it is not stopped."""
        self._launcher_deadline = at
        when = self._time.true(at) + GUARD_SLACK_SECONDS
        self._world.timeline.at(when, lambda: self._launcher_looks(at))

        def hear() -> None:
            self.table.deadline = at
            self._enforce()

        self._soon(0.0, hear)

    def line_closed(self) -> None:
        """The worker is dead: end all runs with their grace, never later than the lease."""
        self._tell = lambda events: None
        self._soon(0.0, lambda: self._signal(self.table.end_all(self._now())))

    # ------------------------------------------------------------------------------ guarding

    def _soon(self, seconds: float, action: Callable[[], None]) -> None:
        self._world.timeline.after(seconds, action, self.life)

    def _now(self) -> float:
        return self._time.boottime(self._world.timeline.now)

    def _start(self, spec: LaunchSpec) -> None:
        self._queued.discard(spec.run_id)
        if self.table.lease_over(self._now()):
            self._tell([ProcessNotStarted(spec.run_id, "the lease has run out", blameless=True)])
            return
        process = RunProcess(spec, next(self._pids), self._world.behaviour_of(spec.run_id))
        self._processes[spec.run_id] = process
        self.table.add(LivingRun(spec, process.pid, self._now()))
        self._world.auditor.process_started(spec.run_id, self._machine)
        self._tell([ProcessStarted(spec.run_id, process.pid, self._now())])
        ends = process.behaviour.seconds
        self._world.timeline.after(
            ends, lambda: self._end(process, process.behaviour.exit_code, None)
        )
        self._enforce()

    def _enforce(self) -> None:
        self._signal(self.table.due(self._now()))
        self._turn += 1
        turn, due_at = self._turn, self.table.next_due()
        if due_at is not None:
            when = max(self._time.true(due_at), self._world.timeline.now) + 1e-6
            self._world.timeline.at(
                when, lambda: self._enforce() if turn == self._turn else None, self.life
            )

    def _signal(self, signals: Sequence[tuple[int, int]]) -> None:
        by_pid = {process.pid: process for process in self._processes.values()}
        for pid, number in signals:
            if pid in by_pid:
                self._deliver(by_pid[pid], number)
        if signals:
            self._enforce()

    def _deliver(self, process: RunProcess, number: int) -> None:
        if number == signal.SIGTERM and not process.behaviour.heeds_term:
            return
        if process.dying:
            return
        process.dying = number == signal.SIGKILL
        most = self._kill_seconds if process.dying else 1.0
        seconds = self._world.random.uniform(0.0, most)
        self._world.timeline.after(seconds, lambda: self._end(process, None, number))

    def _end(self, process: RunProcess, exit_code: int | None, number: int | None) -> None:
        """The process and all its kin are gone and reaped by the machine."""
        if process.gone:
            return
        process.gone = True
        run_id = process.spec.run_id
        self._processes.pop(run_id, None)
        self._world.auditor.process_ended(run_id)
        self._soon(0.0, lambda: self._report(process, exit_code, number))

    def _report(self, process: RunProcess, exit_code: int | None, number: int | None) -> None:
        run = self.table.remove(process.pid)
        if run is not None:
            self._tell(
                [
                    ProcessExited(
                        process.spec.run_id,
                        exit_code,
                        number,
                        self._now(),
                        run.timed_out,
                        run.canceled,
                        run.lease_lost,
                    )
                ]
            )

    # ------------------------------------------------------------------------ when guards die

    def _launcher_looks(self, deadline: float) -> None:
        """The lease ran out and the fork server has not cleared its runs: it is killed."""
        over = self._launcher_deadline == deadline and self.life.alive
        stuck = self.life.stopped_until > self._world.timeline.now
        if over and stuck and (self._processes or self._queued):
            self.die()

    def lose_a_run(self) -> None:
        """SIGKILL of one run, by somebody else."""
        if self._processes:
            process = self._world.random.choice(list(self._processes.values()))
            self._end(process, None, signal.SIGKILL)

    def die(self) -> None:
        """SIGKILL of the fork server: its runs die with it, then the worker is told."""
        if not self.life.alive:
            return
        self.life.end()
        seconds = self._world.random.uniform(0.0, self._kill_seconds)
        for process in list(self._processes.values()):
            self._world.timeline.after(
                seconds,
                lambda process=process: self._end(process, None, signal.SIGKILL),  # type: ignore[misc]
            )
        self._world.timeline.after(seconds + 1e-3, lambda: self._tell([ForkServerLost(())]))


class SimulatedHost:
    """Implements ``ports.ProcessHost`` for one worker process."""

    def __init__(
        self,
        world: "World",
        life: Life,
        machine: str,
        time: MachineTime,
        kill_seconds: float,
        heard: Callable[[Sequence[ProcessEvent]], None],
    ) -> None:
        self._world, self._life, self._machine, self._time = world, life, machine, time
        self._kill_seconds, self._heard = kill_seconds, heard
        self._running: set[UUID] = set()
        self._deadline: float | None = None
        self.server = self._new_server()

    def launch(self, specs: Sequence[LaunchSpec]) -> None:
        self._world.maybe_pause(self._life, "before a launch")
        self._running.update(spec.run_id for spec in specs)
        self.server.launch(specs)

    def warm(self, commands: Sequence[str]) -> None:
        """Every command is warm here."""

    def cancel(self, runs: Sequence[UUID]) -> None:
        self._world.maybe_pause(self._life, "before a cancel")
        self.server.cancel(runs)

    def set_deadline(self, boottime: float) -> None:
        self._world.maybe_pause(self._life, "before a deadline")
        self._deadline = boottime
        self.server.set_deadline(boottime)

    def events(self, timeout_seconds: float) -> list[ProcessEvent]:
        """Events are pushed here (``heard``)."""
        return []

    def running(self) -> frozenset[UUID]:
        return frozenset(self._running)

    def stop(self, grace_seconds: float) -> None:
        self.server.line_closed()

    def worker_died(self, *, noticed: bool) -> None:
        """The line closes; a fork server that does not notice leaves it to the launcher."""
        if noticed:
            self.server.line_closed()
        else:
            self.server.life.stop(float("inf"))

    def _new_server(self) -> ForkServer:
        server = ForkServer(
            self._world,
            self._machine,
            self._time,
            self._kill_seconds,
            lambda events: self._world.timeline.after(0.0, lambda: self._told(events), self._life),
        )
        if self._deadline is not None:
            server.set_deadline(self._deadline)
        return server

    def _told(self, events: Sequence[ProcessEvent]) -> None:
        for event in events:
            if isinstance(event, ForkServerLost):
                self._heard([ForkServerLost(tuple(sorted(self._running)))])
                self._running.clear()
                self.server = self._new_server()
                continue
            if not isinstance(event, ProcessStarted):
                self._running.discard(event.run_id)
            self._heard([event])
