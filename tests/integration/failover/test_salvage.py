"""What a worker wrote before it died is replayed by the next process of its host."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from scheduler.bootstrap.salvage import JournalSalvager, Salvage, Salvager
from scheduler.domain.errors import DatabaseUnavailable
from scheduler.domain.values import Claim, RunState
from scheduler.execution.journal import KEEP_SECONDS, RunJournal
from scheduler.execution.spool import Spool
from scheduler.store.connections import database_from_url
from scheduler.store.statements import Statement
from tests.contract.store.world import World, claim_of, result

NOW = 1000.0


@pytest.fixture
def world(sqlite: Any) -> Any:
    """A cluster led by w-1, over SQLite: the tests say on which timeline it is."""
    world = World(database_from_url(sqlite.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()


@pytest.fixture
def claim(world: World) -> Claim:
    return claim_of(uuid7(), world.define(), worker_id="w-dead", at=NOW - 5.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"


@pytest.fixture
def salvager(world: World, folder: Path) -> JournalSalvager:
    return JournalSalvager(world.workers, folder, "w-1")


def left_behind(folder: Path, claim: Claim, *results: Any) -> None:
    journal = RunJournal(folder, claim.worker_id)
    journal.claimed([claim])
    journal.finished(results, claim.at)
    journal.close()


def test_a_lost_result_of_a_dead_worker_is_written_again(world, folder, salvager, claim):
    left_behind(folder, claim, result(claim.run_id, claim.claim_token))
    salvager.look(2, NOW)
    assert world.states() == {claim.run_id: RunState.SUCCEEDED}


def test_a_journal_is_kept_for_the_next_fail_over(world, folder, salvager, claim):
    left_behind(folder, claim)
    salvager.look(1, NOW)
    world.session.run(Statement("DELETE FROM scheduler_job_run"))
    salvager.look(1, NOW)
    assert world.states() == {}
    salvager.look(2, NOW)
    assert world.states() == {claim.run_id: RunState.RUNNING}


def test_a_journal_that_is_old_is_removed_and_not_replayed(world, folder, salvager, claim):
    left_behind(folder, claim)
    past = time.time() - KEEP_SECONDS - 1.0
    os.utime(folder / "w-dead.journal", (past, past))
    salvager.look(2, NOW)
    assert world.states() == {}
    assert list(folder.iterdir()) == []


def test_entries_of_another_boot_of_the_machine_are_not_replayed(world, folder, salvager, claim):
    left_behind(folder, claim)
    salvager.look(2, claim.at - 1.0)
    assert world.states() == {}


def test_a_spooled_result_waits_until_its_claim_is_there_again(
    world, folder, salvager, claim, tmp_path
):
    left_behind(folder, claim)
    spool = Spool(tmp_path, "w-dead")
    spool.append([result(claim.run_id, claim.claim_token)])
    spool.close()
    timeline: list[int | None] = [None]
    salvage = Salvage(salvager, Salvager(world.workers, tmp_path, "w-1"), lambda: timeline[0])
    salvage.tick(NOW)
    assert world.states() == {}

    def away(claims: Any) -> Any:
        raise DatabaseUnavailable("test", "away")

    timeline[0] = 2
    world.workers.replay_claims, replay = away, world.workers.replay_claims
    salvage.tick(NOW)
    assert (tmp_path / "w-dead.spool").exists()
    world.workers.replay_claims = replay
    salvage.tick(NOW)
    assert world.states() == {claim.run_id: RunState.SUCCEEDED}
    assert not (tmp_path / "w-dead.spool").exists()
