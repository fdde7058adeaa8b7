"""The leader's own reads for somebody who asks why a run waits: the same rows, nothing written."""

from datetime import datetime
from uuid import UUID

from scheduler.domain.values import ClusterView, WorkerView
from scheduler.ports import WaitingRow
from scheduler.store.cluster import SqlClusterStore
from scheduler.store.leader_links import LAST, LinkStatements
from scheduler.store.leader_reads import WAITING_ROWS, LeaderReads, waiting_row
from scheduler.store.leases import SqlLeaseStore
from scheduler.store.sessions import Database
from scheduler.store.statements import Statement

ONE = Statement(f"{WAITING_ROWS} AND r.id = %(id)s")
RIVALS = Statement(f"""
    {WAITING_ROWS} AND r.reason <> 'WAIT_UPSTREAM' AND r.id <> %(id)s
    ORDER BY r.due_at, r.id LIMIT %(limit)s
""")


class SqlInquiry(LeaderReads, LinkStatements):
    """``ports.LinkReads``, and what an assigner reads. One thread; close it."""

    def __init__(self, database: Database) -> None:
        self._session = database.session("read")
        self._leases, self._cluster = SqlLeaseStore(database), SqlClusterStore(database)

    def close(self) -> None:
        for part in (self._leases, self._cluster):
            part.close()
        super().close()

    def waiting_run(self, run_id: UUID) -> WaitingRow | None:
        """The run, where it is PENDING."""
        rows = self._session.run(ONE, until=LAST, id=run_id)
        return waiting_row(rows[0]) if rows else None

    def rivals(self, mine: UUID, until: datetime, limit: int) -> list[WaitingRow]:
        """Others, due by ``until``, that may be given the place this run waits for."""
        rows = self._session.run(RIVALS, until=until, id=mine, limit=limit)
        return [waiting_row(row) for row in rows]

    def live(self) -> list[WorkerView]:
        """The live workers."""
        return self._leases.live()

    def cluster(self) -> ClusterView:
        """The cluster row."""
        return self._cluster.read()
