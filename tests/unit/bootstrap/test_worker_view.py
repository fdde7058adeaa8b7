"""What plugins see of their worker."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from scheduler.bootstrap.worker_view import WorkerSight
from scheduler.coordination.connection import RedisConnection
from scheduler.domain.liveness import Deadline
from scheduler.domain.values import DesiredMode, Role
from scheduler.plugin_api.services import LocalLog, LoopPulse, Readiness
from scheduler.store.sqlite import SqliteDatabase

RUN = UUID("0190f3a0-0000-7000-8000-000000000001")
NOW = datetime.now(UTC)


class World:
    """A worker that follows, with nothing around it."""

    def __init__(self, folder: Path, expiry: datetime | None = None) -> None:
        self.member = SimpleNamespace(
            worker_id="w-1",
            role=Role.WORKER,
            joined=True,
            stopping=False,
            desired=DesiredMode.ACTIVE,
            deadline=Deadline(50.0),
            facts=SimpleNamespace(node_id="n-1", capacity=8),
        )
        self.leadership = SimpleNamespace(term=None)
        self.folder = folder
        parts = SimpleNamespace(
            member=self.member,
            leadership=self.leadership,
            agent=SimpleNamespace(running=lambda: (RUN,)),
            adapters=SimpleNamespace(clock=SimpleNamespace(boottime=lambda: 40.0)),
        )
        watch = SimpleNamespace(current=lambda: (1, SimpleNamespace(not_after=expiry)))
        self.sight = WorkerSight(
            cast(Any, parts),
            SqliteDatabase(folder / "db.sqlite3"),
            RedisConnection(f"unix://{folder}/nobody.sock"),
            cast(Any, watch) if expiry else None,
            folder / "logs",
            tuple,
        )

    def readiness(self) -> dict[str, Readiness]:
        return {one.name: one for one in self.sight.readiness()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_snapshot_says_how_the_worker_is_now(world: World):
    snapshot = world.sight.snapshot()
    assert (snapshot.worker_id, snapshot.node_id, snapshot.role) == ("w-1", "n-1", "worker")
    assert (snapshot.capacity, snapshot.running, snapshot.epoch) == (8, 1, None)
    assert (snapshot.joined, snapshot.draining) == (True, False)
    assert snapshot.certificate_expires_at is None
    assert world.sight.running() == {RUN}


def test_a_leader_shows_its_epoch(world: World):
    world.leadership.term = SimpleNamespace(epoch=7)
    assert world.sight.snapshot().epoch == 7


@pytest.mark.parametrize(
    "change",
    [{"stopping": True}, {"desired": DesiredMode.DRAINING}, {"desired": DesiredMode.DETACHED}],
)
def test_a_worker_that_takes_no_new_run_is_draining(world: World, change: dict[str, object]):
    vars(world.member).update(change)
    assert world.sight.snapshot().draining


def test_what_a_worker_lacks_is_named_in_a_sentence(world: World):
    found = world.readiness()
    assert [name for name, one in found.items() if not one.ok] == ["redis"]
    assert "nobody.sock" in found["redis"].summary
    assert found["registered"].summary == "Worker w-1 holds its lease."


def test_without_a_database_it_is_not_ready(tmp_path: Path):
    world = World(tmp_path)
    (tmp_path / "db.sqlite3").mkdir()
    assert not world.readiness()["database"].ok


@pytest.mark.parametrize("change", [{"joined": False}, {"deadline": Deadline(39.0)}])
def test_without_a_lease_it_is_not_registered(world: World, change: dict[str, object]):
    vars(world.member).update(change)
    assert not world.readiness()["registered"].ok


@pytest.mark.parametrize(("days", "ok"), [(1, True), (-1, False)])
def test_a_certificate_counts_until_it_ends(tmp_path: Path, days: int, ok: bool):
    expiry = NOW + timedelta(days=days)
    world = World(tmp_path, expiry)
    assert world.readiness()["certificate"].ok is ok
    assert world.sight.snapshot().certificate_expires_at == expiry


def test_the_logs_of_the_machine_are_seen_and_other_files_are_not(world: World):
    good = world.folder / "logs" / "2026-11-23" / "report" / f"{RUN}.log"
    others = [
        good.with_name("notes.log"),
        good.with_name(f"{RUN}.txt"),
        world.folder / "logs" / "yesterday" / "report" / f"{RUN}.log",
        world.folder / "logs" / f"{RUN}.log",
    ]
    for path in (good, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert list(world.sight.local_logs()) == [LocalLog(RUN, date(2026, 11, 23), "report", good)]


def test_without_a_log_folder_there_are_no_logs(world: World):
    assert list(world.sight.local_logs()) == []


def test_the_loops_are_those_of_the_worker_once_it_is_made(world):
    assert world.sight.loops() == ()
    pulse = LoopPulse("lease", 0.5, dead=False)
    world.sight.sees_loops(lambda: (pulse,))
    assert world.sight.loops() == (pulse,)
