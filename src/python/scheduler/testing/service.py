"""A WorkerService that does nothing but remember, for tests of what calls it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from scheduler.domain.errors import RunNotFound, StaleEpoch
from scheduler.domain.values import StartOrder
from scheduler.ports import Command, LogChunk, PingReply, StartReply, WorkerStatus


@dataclass(slots=True)
class RecordingWorkerService:
    """Accepts every order up to ``capacity`` open runs, refuses older epochs, keeps all calls.

    ``before`` is called with each method's name first: it may block, or raise.
    """

    worker_id: str = "w-1"
    capacity: int = 1_000_000
    newest_epoch: int = 0
    leader_worker_id: str | None = None
    draining: bool = False
    revision: int = 0
    orders: list[StartOrder] = field(default_factory=list)
    canceled: list[UUID] = field(default_factory=list)
    logs: dict[UUID, bytes] = field(default_factory=dict)
    echoes: list[int] = field(default_factory=list)
    before: Callable[[str], None] = lambda method: None

    def ping(self, command: Command, echo_nonce: int) -> PingReply:
        self._admit("ping", command)
        self.echoes.append(echo_nonce)
        nonce = len(self.echoes)
        open_runs = len(self._open())
        return PingReply(
            self.worker_id, nonce, self.newest_epoch, open_runs, self.capacity, not self.draining
        )

    def start_runs(self, command: Command, orders: Sequence[StartOrder]) -> StartReply:
        self._admit("start_runs", command)
        if self.draining:
            return StartReply((), tuple((order.run_id, "draining") for order in orders))
        room = max(0, self.capacity - len(self._open()))
        taken, left = orders[:room], orders[room:]
        self.orders.extend(taken)
        refused = tuple((order.run_id, "no_capacity") for order in left)
        return StartReply(tuple(order.run_id for order in taken), refused)

    def cancel_runs(self, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        self._admit("cancel_runs", command)
        known = tuple(run for run in runs if run in self._open())
        self.canceled.extend(known)
        return known

    def drain(self, command: Command, *, drain: bool) -> None:
        self._admit("drain", command)
        self.draining = drain

    def reload_config(self, command: Command, revision: int) -> int:
        self._admit("reload_config", command)
        self.revision = max(self.revision, revision)
        return self.revision

    def confirm_continuation(self, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        self._admit("confirm_continuation", command)
        return tuple(run for run in runs if run in self._open())

    def status(self) -> WorkerStatus:
        self.before("status")
        running = tuple(self._open())
        return WorkerStatus(
            self.worker_id,
            "worker",
            self.newest_epoch,
            len(running),
            self.capacity,
            running,
            12.5,
            self.revision,
        )

    def read_log(self, run_id: UUID, offset: int, limit: int) -> LogChunk:
        self.before("read_log")
        text = self.logs.get(run_id)
        if text is None:
            raise RunNotFound(run_id)
        data = text[offset : offset + limit]
        end = offset + len(data)
        return LogChunk(data, end, len(text), end == len(text))

    def _admit(self, method: str, command: Command) -> None:
        self.before(method)
        if command.epoch < self.newest_epoch:
            raise StaleEpoch(command.epoch, self.newest_epoch, self.leader_worker_id)
        self.newest_epoch, self.leader_worker_id = command.epoch, command.leader_worker_id

    def _open(self) -> dict[UUID, None]:
        return {order.run_id: None for order in self.orders if order.run_id not in self.canceled}
