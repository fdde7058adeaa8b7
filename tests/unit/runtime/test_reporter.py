"""Whoever measures runs is handed outcomes: what is committed, once, and nothing else."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.domain.values import RunResult, RunState
from scheduler.runtime.member import Member
from scheduler.runtime.reporter import Reporter


class Store:
    """Finishes the runs that still wait for an outcome; or does not answer."""

    def __init__(self, *waiting: int) -> None:
        self.waiting = {UUID(int=one) for one in waiting}
        self.away = False

    def finish(self, worker_id: str, results: Sequence[RunResult]) -> list[UUID]:
        if self.away:
            raise DatabaseUnavailable("db", "gone")
        changed = [one.run_id for one in results if one.run_id in self.waiting]
        self.waiting -= set(changed)
        return changed


class Spool:
    def __init__(self) -> None:
        self.kept: list[RunResult] = []

    def pending(self) -> list[RunResult]:
        return list(self.kept)

    def append(self, results: Sequence[RunResult]) -> None:
        self.kept.extend(results)

    def acknowledge(self, tokens: Sequence[UUID]) -> None:
        self.kept.clear()


class World:
    def __init__(self, store: Store) -> None:
        self.told: list[int] = []
        member = cast(Member, SimpleNamespace(worker_id="w-1", newest_epoch=1))
        self.reporter = Reporter(
            member, cast(Any, store), cast(Any, Spool()), self.ignore, self.ignore, self.take
        )

    def ignore(self, *_: object) -> None:
        """Of no matter here."""

    def take(self, results: Sequence[RunResult]) -> None:
        self.told += [one.run_id.int for one in results]


def result(number: int) -> RunResult:
    return RunResult(UUID(int=number), uuid4(), RunState.SUCCEEDED)


def test_a_committed_outcome_is_told_and_a_late_result_is_not():
    world = World(Store(1))
    world.reporter.add(result(1))
    world.reporter.add(result(2))
    world.reporter.report(0.0)
    assert world.told == [1]


def test_what_waits_on_disk_is_told_when_it_is_committed_and_not_before():
    store = Store(1)
    world = World(store)
    store.away = True
    world.reporter.add(result(1))
    with pytest.raises(DatabaseUnavailable):
        world.reporter.report(0.0)
    world.reporter.keep_on_disk()
    assert world.told == []
    store.away = False
    world.reporter.replay_spool(1.0)
    assert world.told == [1]
