"""Which lines are cut, and the calls that leaders make to workers over those that are not."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from scheduler.domain.errors import PeerUnreachable, SchedulerError
from scheduler.ports import WorkerService
from tests.simulation.weather import Fate

if TYPE_CHECKING:
    from tests.simulation.node import Process
    from tests.simulation.world import World

PATIENCE = {"ping": 2.0}
COMMAND_PATIENCE = 5.0
"""Seconds after which a call is given up (the client's deadlines)."""


class Lines:
    """Cut lines, by node name."""

    def __init__(self) -> None:
        self.no_rdb: set[str] = set()
        self.no_redis: set[str] = set()
        self.no_call: set[tuple[str, str]] = set()
        self.rdb_is_away = False

    def rdb_is_cut(self, node: str) -> bool:
        return self.rdb_is_away or node in self.no_rdb

    def mend(self) -> None:
        self.no_rdb.clear()
        self.no_redis.clear()
        self.no_call.clear()
        self.rdb_is_away = False


class ProcessNetwork:
    """What ``FakeWorkerLink`` calls through: the lines of one process."""

    def __init__(self, world: "World", caller: "Process") -> None:
        self._world, self._caller = world, caller

    def is_refusing(self, caller: str, address: str) -> bool:
        self._world.maybe_pause(self._caller.life, "before a probe")
        callee = self._world.process_at(address)
        return callee is None and not self._is_cut(address)

    def call[Reply](
        self, caller: str, address: str, method: str, act: Callable[[WorkerService], Reply]
    ) -> Reply:
        world, life = self._world, self._caller.life
        patience = PATIENCE.get(method, COMMAND_PATIENCE)
        world.maybe_pause(life, f"before {method}")
        fate = world.rpc_dice.fate()
        if self._is_cut(address) or fate is Fate.REQUEST_LOST:
            self._fail(address, patience)
        callee = world.process_at(address)
        if callee is None:
            raise PeerUnreachable(address, refused=True)
        if fate is Fate.LATE:
            self._deliver(world.rpc_dice.late(), address, act)
            self._fail(address, patience)
        reply = self._there_and_back(callee, address, act, patience)
        if fate is Fate.DOUBLED:
            self._deliver(world.rpc_dice.late(), address, act)
        if fate is Fate.ANSWER_LOST:
            self._fail(address, patience)
        world.maybe_pause(life, f"after {method}")
        return reply

    def _there_and_back[Reply](
        self,
        callee: "Process",
        address: str,
        act: Callable[[WorkerService], Reply],
        patience: float,
    ) -> Reply:
        """The handler is the callee's own action: it waits while that process is stopped."""
        world, life = self._world, self._caller.life
        replies: list[Reply] = []
        errors: list[SchedulerError] = []

        def handle() -> None:
            try:
                replies.append(act(callee.parts.service))
            except SchedulerError as error:
                errors.append(error)

        trip = world.rpc_dice.trip()
        world.timeline.after(trip, handle, callee.life)
        world.timeline.sleep(min(trip + 1e-6, patience), life)
        waited = trip
        while not (replies or errors) and callee.life.alive and waited < patience:
            world.timeline.sleep(0.1, life)
            waited += 0.1
        if errors:
            raise errors[0]
        if not replies:
            raise PeerUnreachable(address, refused=not callee.life.alive, why="no answer in time")
        back = world.rpc_dice.trip()
        if back:
            world.timeline.sleep(min(back, patience), life)
        if back >= patience or self._is_cut(address):
            raise PeerUnreachable(address, refused=False, why="no answer in time")
        return replies[0]

    def _deliver[Reply](
        self, seconds: float, address: str, act: Callable[[WorkerService], Reply]
    ) -> None:
        """Nobody waits for this one any more; the process it was sent to may take it."""
        callee = self._world.process_at(address)
        if callee is None:
            return
        service = callee.parts.service

        def handle() -> None:
            try:
                act(service)
            except SchedulerError as error:
                self._world.trace("late message refused", reason=str(error))

        self._world.timeline.after(seconds, handle, callee.life)

    def _is_cut(self, address: str) -> bool:
        return (self._caller.node.name, address) in self._world.lines.no_call

    def _fail(self, address: str, patience: float) -> None:
        self._world.timeline.sleep(patience, self._caller.life)
        raise PeerUnreachable(address, refused=False, why="no answer in time")
