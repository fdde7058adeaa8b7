"""The cluster row: who leads, proven by epoch and term."""

import contextlib
import os
import signal
from typing import Any
from uuid import UUID

import psutil

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.domain.values import ClusterView, Fence
from scheduler.store.dialects import TIMELINE, maybe_uuid, time_of
from scheduler.store.fencing import check_fence
from scheduler.store.postgres import is_lock_timeout
from scheduler.store.sessions import Closing, Database, Row
from scheduler.store.sqlite import is_busy
from scheduler.store.statements import Statement

_VIEW = f"""
    c.epoch, c.term_id, c.leader_worker_id, c.leader_address,
    extract(epoch FROM clock_timestamp() - c.leader_seen_at)::float8,
    extract(epoch FROM clock_timestamp() - c.term_started_at)::float8,
    c.released, c.subleader_worker_id, c.trust_seconds, c.backend_pid, c.flaps, c.hold_seq,
    c.paused, c.config_revision, c.degrade_requested, clock_timestamp(),
    {TIMELINE}
"""
_HELD = "c.id = 1 AND c.epoch = %(epoch)s AND c.term_id = %(term_id)s"

READ = Statement(f"SELECT {_VIEW} FROM scheduler_cluster AS c WHERE c.id = 1")
BUMP = Statement("""
    UPDATE scheduler_cluster AS c
    SET epoch = %(new_epoch)s, term_id = %(term_id)s, term_started_at = clock_timestamp(),
        leader_worker_id = %(worker_id)s::text, leader_address = %(address)s,
        leader_seen_at = clock_timestamp(), released = false,
        subleader_worker_id = CASE WHEN c.subleader_worker_id = %(worker_id)s::text THEN NULL
                                   ELSE c.subleader_worker_id END,
        trust_seconds = %(trust_seconds)s, backend_pid = pg_backend_pid(),
        backend_started_at = %(started_at)s::float8, flaps = %(flaps)s, degrade_requested = false
    WHERE c.id = 1 AND c.epoch = %(seen_epoch)s
    RETURNING c.epoch
""")
RENEW = Statement(f"""
    UPDATE scheduler_cluster AS c
    SET leader_seen_at = clock_timestamp(), backend_pid = pg_backend_pid()
    WHERE {_HELD} RETURNING {_VIEW}
""")
RELEASE = Statement(f"""
    UPDATE scheduler_cluster AS c SET released = true WHERE {_HELD} RETURNING c.epoch
""")
NAME_SUBLEADER = Statement(f"""
    UPDATE scheduler_cluster AS c SET subleader_worker_id = %(subleader)s
    WHERE {_HELD} RETURNING c.epoch
""")
LEADER_PROCESS = Statement("""
    SELECT c.backend_pid, c.backend_started_at FROM scheduler_cluster AS c WHERE c.id = 1
""")
# A worker keeps its connections when it rejoins under a new id: the backend that the leader
# recorded tells the name under which its process connected.
TERMINATE = Statement("""
    SELECT pg_terminate_backend(a.pid)
    FROM pg_stat_activity AS a CROSS JOIN scheduler_cluster AS c
    LEFT JOIN pg_stat_activity AS b ON b.pid = c.backend_pid AND b.datname = current_database()
         AND split_part(b.application_name, '/', 3) = 'cluster'
    WHERE c.id = 1 AND a.datname = current_database() AND a.pid <> pg_backend_pid()
      AND split_part(a.application_name, '/', 1) = 'scheduler'
      AND split_part(a.application_name, '/', 2)
          IN (c.leader_worker_id, split_part(b.application_name, '/', 2))
      AND split_part(a.application_name, '/', 3) IN ('leader', 'cluster')
""")


class SqlClusterStore(Closing):
    """``ports.ClusterStore``. One thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session = database.session("cluster")

    def read(self) -> ClusterView:
        return _view(self._session.run(READ)[0])

    def bump(
        self,
        *,
        seen_epoch: int,
        new_epoch: int,
        term_id: UUID,
        worker_id: str,
        address: str,
        trust_seconds: float,
        flaps: int,
    ) -> bool:
        def attempt() -> bool:
            rows = self._session.run(
                BUMP,
                seen_epoch=seen_epoch,
                new_epoch=new_epoch,
                term_id=term_id,
                worker_id=worker_id,
                address=address,
                trust_seconds=trust_seconds,
                flaps=flaps,
                started_at=_my_start(),
            )
            return bool(rows)

        try:
            return attempt()
        except DatabaseUnavailable as error:
            if is_lock_timeout(error.__cause__) or is_busy(error.__cause__):
                self._end_old_leader()
                return attempt()
            # The answer was lost, perhaps after the commit: only this term's id tells.
            return self.read().term_id == term_id

    def renew(self, fence: Fence) -> ClusterView:
        return _view(self._mine(RENEW, fence)[0])

    def release(self, fence: Fence) -> None:
        self._mine(RELEASE, fence)

    def name_subleader(self, fence: Fence, worker_id: str | None) -> None:
        self._mine(NAME_SUBLEADER, fence, subleader=worker_id)

    def _mine(self, statement: Statement, fence: Fence, **values: Any) -> list[Row]:
        rows = self._session.run(statement, epoch=fence.epoch, term_id=fence.term_id, **values)
        if not rows:
            check_fence(self._session, fence)
        return rows

    def _end_old_leader(self) -> None:
        """End what keeps the cluster row locked: the old leader is paused, or cut off."""
        if self._database.vendor == "sqlite":
            _kill(*self._session.run(LEADER_PROCESS)[0])
        else:
            self._session.run(TERMINATE)


def _my_start() -> float:
    return psutil.Process().create_time()


def _kill(pid: int | None, started_at: float | None) -> None:
    """SIGKILL the process of this pid, if it is still the one that wrote its start time."""
    if pid is None or pid == os.getpid():
        return
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        if process.create_time() == started_at:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=1.0)


def _view(row: Row) -> ClusterView:
    return ClusterView(
        epoch=row[0],
        term_id=maybe_uuid(row[1]),
        leader_worker_id=row[2],
        leader_address=row[3],
        leader_seen_age_seconds=row[4],
        term_age_seconds=row[5],
        released=bool(row[6]),
        subleader_worker_id=row[7],
        trust_seconds=row[8],
        backend_pid=row[9],
        flaps=row[10],
        hold_seq=row[11],
        paused=bool(row[12]),
        config_revision=row[13],
        degrade_requested=bool(row[14]),
        db_now=time_of(row[15]),
        timeline=row[16],
    )
