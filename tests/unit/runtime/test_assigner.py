"""The assigner's look at what waits: bounded each time, and in the end at every run."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from scheduler.domain.values import Reason
from scheduler.runtime.assigner import Assigner
from scheduler.runtime.config import RuntimeConfig
from tests.unit.runtime.worlds import FakeClock

CONFIG = RuntimeConfig(waiting_limit=10)


class Backlog:
    """Runs that nobody can take: of one kind, so that the heads are always the same."""

    def __init__(self, count: int) -> None:
        self.ids = [UUID(int=number + 1) for number in range(count)]
        self.told: dict[UUID, Reason] = {}
        self.read: list[int] = []

    def waiting(self, until: Any, limit: int, *, heads: int) -> list[Any]:
        return self._rows(self.ids[: min(limit, heads)])

    def waiting_after(self, until: Any, limit: int, run_id: UUID) -> list[Any]:
        return self._rows([each for each in self.ids if each > run_id][:limit])

    def wait(self, fence: Any, waits: Any) -> None:
        self.told.update({run_id: reason for run_id, reason, _ in waits})

    def _rows(self, ids: list[UUID]) -> list[Any]:
        self.read.append(len(ids))
        return [SimpleNamespace(run_id=each, reason=self.told.get(each)) for each in ids]


def assigner_over(backlog: Backlog) -> Assigner:
    return Assigner(
        cast(Any, backlog), cast(Any, None), FakeClock(), lambda: CONFIG, lambda worker_id: ""
    )


TERM = cast(Any, SimpleNamespace(fence=None, epoch=1))


def test_every_run_of_a_long_backlog_is_told_why_it_waits_after_some_looks():
    backlog = Backlog(45)
    assigner = assigner_over(backlog)
    for _look in range(6):
        assigner.hold(TERM, ["w-1"])
    assert set(backlog.told) == set(backlog.ids)
    assert max(backlog.read) == 10


def test_a_short_backlog_is_one_read():
    backlog = Backlog(9)
    assigner_over(backlog).hold(TERM, ["w-1"])
    assert backlog.read == [9]
    assert set(backlog.told.values()) == {Reason.WAIT_REPLAY}
