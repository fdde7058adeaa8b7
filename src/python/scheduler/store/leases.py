"""Worker lease rows: who works here, and until when."""

import json
from collections.abc import Sequence

from scheduler.domain.errors import WorkerNotFound
from scheduler.domain.values import (
    DesiredMode,
    Fence,
    LeaseAnswer,
    LeaseState,
    WorkerFacts,
    WorkerView,
)
from scheduler.store.dialects import TIMELINE, json_of, time_of
from scheduler.store.fencing import FENCE, fenced
from scheduler.store.sessions import Closing, Database, Row
from scheduler.store.statements import Statement

_FACTS = """
    worker_id, node_id, hostname, pid, grpc_address, queues, labels, capacity, lease_seconds,
    margin_seconds, protocol_version, capabilities, software_version
"""
_ANSWER = f"""
    SELECT c.epoch, m.desired, c.hold_seq, c.config_revision, clock_timestamp(), {TIMELINE}
    FROM mine AS m CROSS JOIN scheduler_cluster AS c WHERE c.id = 1
"""

REGISTER = Statement(
    steps={
        # A second time with the same id is the same worker whose first answer was lost.
        "mine": f"""
            INSERT INTO scheduler_worker_lease AS l
                ({_FACTS}, state, desired, registered_at, renewed_at, replayed_timeline)
            VALUES (%(worker_id)s, %(node_id)s, %(hostname)s, %(pid)s, %(grpc_address)s,
                    %(queues)s::jsonb, %(labels)s::jsonb, %(capacity)s, %(lease_seconds)s,
                    %(margin_seconds)s, %(protocol_version)s, %(capabilities)s::jsonb,
                    %(software_version)s, 'LIVE', 'active', clock_timestamp(), clock_timestamp(),
                    CASE WHEN %(replayed)s::int = 0 THEN {TIMELINE} ELSE %(replayed)s::int END)
            ON CONFLICT (worker_id) DO UPDATE SET renewed_at = clock_timestamp()
            WHERE l.state = 'LIVE'
            RETURNING l.desired
        """
    },
    result=_ANSWER,
)
RENEW = Statement(
    steps={
        "mine": """
            UPDATE scheduler_worker_lease AS l
            SET renewed_at = clock_timestamp(), open_runs = %(open_runs)s
            WHERE l.worker_id = %(worker_id)s AND l.state = 'LIVE'
            RETURNING l.desired
        """
    },
    result=_ANSWER,
)
LEAVE = Statement("""
    UPDATE scheduler_worker_lease AS l
    SET state = 'LEFT', ended_at = clock_timestamp(), open_runs = 0
    WHERE l.worker_id = %(worker_id)s AND l.state = 'LIVE'
""")
LIVE = Statement("""
    SELECT l.worker_id, l.node_id, l.hostname, l.pid, l.grpc_address, l.queues::text,
           l.labels::text, l.capacity, l.lease_seconds, l.margin_seconds, l.protocol_version,
           l.capabilities::text, l.software_version, l.state, l.desired,
           l.suspect_since IS NOT NULL, l.registered_at,
           extract(epoch FROM clock_timestamp() - l.renewed_at)::float8, l.open_runs,
           l.replayed_timeline
    FROM scheduler_worker_lease AS l WHERE l.state = 'LIVE'
    ORDER BY l.registered_at, l.worker_id
""")
_NAMED = {"v": {"worker_id": "text"}}
MARK_SUSPECT = Statement(
    batches=_NAMED,
    steps={
        "f": FENCE,
        "picked": """
            SELECT l.worker_id FROM f CROSS JOIN v
            JOIN scheduler_worker_lease AS l ON l.worker_id = v.worker_id
            WHERE l.state = 'LIVE' AND (l.suspect_since IS NOT NULL) <> %(suspect)s
            ORDER BY l.worker_id FOR NO KEY UPDATE OF l
        """,
    },
    result="""
        UPDATE scheduler_worker_lease AS l
        SET suspect_since = CASE WHEN %(suspect)s THEN clock_timestamp() END
        FROM picked AS p WHERE l.worker_id = p.worker_id
        RETURNING l.worker_id
    """,
)
MARK_LOST = Statement(
    batches=_NAMED,
    steps={
        "f": FENCE,
        "picked": """
            SELECT l.worker_id FROM f CROSS JOIN v
            JOIN scheduler_worker_lease AS l ON l.worker_id = v.worker_id
            WHERE l.state = 'LIVE'
              AND l.renewed_at + make_interval(secs => l.lease_seconds + l.margin_seconds)
                  < clock_timestamp()
            ORDER BY l.worker_id FOR NO KEY UPDATE OF l
        """,
    },
    result="""
        UPDATE scheduler_worker_lease AS l SET state = 'LOST', ended_at = clock_timestamp()
        FROM picked AS p WHERE l.worker_id = p.worker_id
        RETURNING l.worker_id
    """,
)
ACKNOWLEDGE = Statement("""
    UPDATE scheduler_worker_lease AS l SET config_revision = %(revision)s
    WHERE l.worker_id = %(worker_id)s AND l.config_revision < %(revision)s
""")


class SqlLeaseStore(Closing):
    """``ports.LeaseStore``. One thread: the worker's lease thread has one, the leader another."""

    def __init__(self, database: Database, *, purpose: str = "lease") -> None:
        self._session = database.session(purpose)

    def register(self, facts: WorkerFacts, *, replayed_timeline: int = 0) -> LeaseAnswer:
        """Raises WorkerNotFound when a worker of this id has lived and ended before."""
        rows = self._session.run(
            REGISTER,
            worker_id=facts.worker_id,
            node_id=facts.node_id,
            hostname=facts.hostname,
            pid=facts.pid,
            grpc_address=facts.grpc_address,
            queues=json.dumps(list(facts.queues)),
            labels=json.dumps(dict(facts.labels)),
            capacity=facts.capacity,
            lease_seconds=facts.lease_seconds,
            margin_seconds=facts.margin_seconds,
            protocol_version=facts.protocol_version,
            capabilities=json.dumps(list(facts.capabilities)),
            software_version=facts.software_version,
            replayed=replayed_timeline,
        )
        if not rows:
            raise WorkerNotFound(facts.worker_id)
        return _answer(rows[0])

    def renew(self, worker_id: str, *, open_runs: int) -> LeaseAnswer | None:
        rows = self._session.run(RENEW, worker_id=worker_id, open_runs=open_runs)
        return _answer(rows[0]) if rows else None

    def leave(self, worker_id: str) -> None:
        self._session.run(LEAVE, worker_id=worker_id)

    def live(self) -> list[WorkerView]:
        return [worker_view(row) for row in self._session.run(LIVE)]

    def mark_suspect(self, fence: Fence, worker_ids: Sequence[str], *, suspect: bool) -> None:
        batch = {"v": [(worker_id,) for worker_id in worker_ids]}
        fenced(self._session, fence, MARK_SUSPECT, batch, suspect=suspect)

    def mark_lost(self, fence: Fence, worker_ids: Sequence[str]) -> list[str]:
        batch = {"v": [(worker_id,) for worker_id in worker_ids]}
        return [row[0] for row in fenced(self._session, fence, MARK_LOST, batch)]

    def acknowledge_config(self, worker_id: str, revision: int) -> None:
        self._session.run(ACKNOWLEDGE, worker_id=worker_id, revision=revision)


def _answer(row: Row) -> LeaseAnswer:
    return LeaseAnswer(
        epoch=row[0],
        desired=DesiredMode(row[1]),
        hold_seq=row[2],
        config_revision=row[3],
        db_now=time_of(row[4]),
        timeline=row[5],
    )


def worker_view(row: Row) -> WorkerView:
    """A row of LIVE's columns."""
    facts = WorkerFacts(
        worker_id=row[0],
        node_id=row[1],
        hostname=row[2],
        pid=row[3],
        grpc_address=row[4],
        queues=tuple(json_of(row[5])),
        labels=json_of(row[6]),
        capacity=row[7],
        lease_seconds=row[8],
        margin_seconds=row[9],
        protocol_version=row[10],
        capabilities=tuple(json_of(row[11])),
        software_version=row[12],
    )
    return WorkerView(
        facts=facts,
        state=LeaseState(row[13]),
        desired=DesiredMode(row[14]),
        suspect=bool(row[15]),
        registered_at=time_of(row[16]),
        renewed_age_seconds=row[17],
        open_runs=row[18],
        replayed_timeline=row[19],
    )
