"""A worker's own writes: the claim before the start, the finish after the end."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.domain.values import RunResult, RunState, StartOrder
from scheduler.ports import MyRow
from scheduler.store.dialects import maybe_uuid, uuid_of
from scheduler.store.fencing import chunks
from scheduler.store.orders import ORDER_COLUMNS, ORDER_JOINS, order_of
from scheduler.store.outbox import CHANGED_COLUMNS, Transition, with_outbox
from scheduler.store.quarantine import COUNTING, ENDING_A_ROW
from scheduler.store.replay import ReplayWrites
from scheduler.store.sessions import Database
from scheduler.store.statements import Statement
from scheduler.store.upstream_ends import note_ends

ORDERS = Statement(
    batches={"v": {"id": "uuid"}},
    result=f"""
        SELECT {ORDER_COLUMNS} FROM v JOIN scheduler_job_run AS r ON r.id = v.id {ORDER_JOINS}
        WHERE r.state = 'ASSIGNED' AND r.worker_id = %(worker_id)s ORDER BY r.id
    """,
)
CLAIM = Statement(
    batches={"v": {"id": "uuid", "assign_seq": "bigint", "claim_token": "uuid"}},
    steps={
        "me": """
            SELECT l.worker_id FROM scheduler_worker_lease AS l
            WHERE l.worker_id = %(worker_id)s AND l.state = 'LIVE' FOR SHARE OF l
        """,
        "picked": """
            SELECT r.id, v.claim_token, r.state AS old_state, r.worker_id AS old_worker_id
            FROM me AS m CROSS JOIN scheduler_cluster AS c CROSS JOIN v
            JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE c.id = 1 AND c.hold_seq = %(hold_seq)s AND NOT c.paused
              AND r.state = 'ASSIGNED' AND r.worker_id = m.worker_id
              AND r.assign_seq = v.assign_seq AND r.cancel_requested_at IS NULL
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "changed": f"""
            UPDATE scheduler_job_run AS r
            SET state = 'RUNNING', claim_token = p.claim_token, started_at = clock_timestamp()
            FROM picked AS p WHERE r.id = p.id RETURNING {CHANGED_COLUMNS}
        """,
    },
    result="SELECT r.id FROM changed AS r",
)
CLAIMED = Statement(
    batches={"v": {"id": "uuid", "claim_token": "uuid"}},
    result="""
        SELECT r.id FROM v JOIN scheduler_job_run AS r ON r.id = v.id
        WHERE r.claim_token = v.claim_token AND r.state = 'RUNNING'
    """,
)
RESULT_COLUMNS = {
    "nr": "integer",
    "id": "uuid",
    "claim_token": "uuid",
    "state": "text",
    "reason": "text",
    "exit_code": "integer",
    "retry_delay": "float8",
    "quarantine": "boolean",
    "error": "text",
    "log_ref": "text",
    "cpu_user_seconds": "float8",
    "cpu_system_seconds": "float8",
    "max_rss_bytes": "bigint",
    "read_bytes": "bigint",
    "write_bytes": "bigint",
}
_FINISH = Statement(
    batches={"v": RESULT_COLUMNS},
    steps={
        "picked": """
            SELECT v.*, r.state AS old_state, r.worker_id AS old_worker_id
            FROM v JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE r.state = 'RUNNING' AND r.claim_token = v.claim_token
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        # A run that was to be canceled and failed instead is not tried again.
        "changed": f"""
            UPDATE scheduler_job_run AS r
            SET state = p.state, finished_at = clock_timestamp(), exit_code = p.exit_code,
                reason = CASE WHEN p.state = 'CANCELED' AND r.reason = 'REPLACED' THEN r.reason
                              ELSE p.reason END,
                retry_due_at = CASE WHEN r.cancel_requested_at IS NULL
                    THEN clock_timestamp() + make_interval(secs => p.retry_delay) END
            FROM picked AS p WHERE r.id = p.id
            RETURNING {CHANGED_COLUMNS}, r.retry_due_at, r.cancel_requested_at
        """,
        "detailed": """
            INSERT INTO scheduler_job_run_detail
                (run_id, error, log_ref, cpu_user_seconds, cpu_system_seconds, max_rss_bytes,
                 read_bytes, write_bytes)
            SELECT p.id, p.error, p.log_ref, p.cpu_user_seconds, p.cpu_system_seconds,
                   p.max_rss_bytes, p.read_bytes, p.write_bytes
            FROM picked AS p JOIN changed AS r ON r.id = p.id WHERE true
            ON CONFLICT (run_id) DO UPDATE SET error = excluded.error, log_ref = excluded.log_ref,
                cpu_user_seconds = excluded.cpu_user_seconds,
                cpu_system_seconds = excluded.cpu_system_seconds,
                max_rss_bytes = excluded.max_rss_bytes, read_bytes = excluded.read_bytes,
                write_bytes = excluded.write_bytes
        """,
        "noted": note_ends("changed"),
    },
    result="SELECT r.id FROM changed AS r",
)
FINISH = replace(
    _FINISH,
    steps={
        **_FINISH.steps,
        "ended": """
            SELECT r.definition_id, p.nr, CASE WHEN r.state = 'SUCCEEDED' THEN 1 ELSE 0 END AS good,
                   CASE WHEN r.state IN ('FAILED', 'TIMED_OUT') AND r.retry_due_at IS NULL
                             AND r.cancel_requested_at IS NULL THEN 1 ELSE 0 END AS failed,
                   CASE WHEN p.quarantine THEN 1 ELSE 0 END AS at_once
            FROM picked AS p JOIN changed AS r ON r.id = p.id
        """,
        **COUNTING,
    },
)
# Most batches are of successes alone, and those need only end a row of failures.
FINISH_GOOD = replace(_FINISH, steps={**_FINISH.steps, **ENDING_A_ROW})
# A statement of its own: in FINISH's snapshot a run that was orphaned meanwhile still ran.
KEEP_LATE = Statement(
    batches={"v": {"id": "uuid", "claim_token": "uuid", "state": "text", "result": "jsonb"}},
    result="""
        INSERT INTO scheduler_job_run_detail (run_id, late_result)
        SELECT r.id, v.result FROM v JOIN scheduler_job_run AS r ON r.id = v.id
        WHERE r.claim_token = v.claim_token AND r.finished_at IS NOT NULL AND r.state <> v.state
           OR r.claim_token <> v.claim_token
        ON CONFLICT (run_id) DO UPDATE SET late_result = excluded.late_result
    """,
)
GIVE_BACK = Statement(
    batches={"v": {"id": "uuid", "assign_seq": "bigint"}},
    steps={
        "picked": """
            SELECT r.id, r.state AS old_state, r.worker_id AS old_worker_id
            FROM v JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE r.state = 'ASSIGNED' AND r.worker_id = %(worker_id)s
              AND r.assign_seq = v.assign_seq
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "changed": f"""
            UPDATE scheduler_job_run AS r
            SET state = 'PENDING', worker_id = NULL, assigned_at = NULL
            FROM picked AS p WHERE r.id = p.id RETURNING {CHANGED_COLUMNS}
        """,
    },
    result="SELECT r.id FROM changed AS r",
)
MINE = Statement("""
    SELECT r.id, r.state, r.assign_seq, r.claim_token, r.cancel_requested_at IS NOT NULL
    FROM scheduler_job_run AS r
    WHERE r.finished_at IS NULL AND r.worker_id = %(worker_id)s
      AND r.state IN ('ASSIGNED', 'RUNNING')
    ORDER BY r.id
""")


class SqlWorkerStore(ReplayWrites):
    """``ports.WorkerStore``. One thread."""

    def __init__(
        self,
        database: Database,
        *,
        declared_transitions: Collection[Transition] = (),
        purpose: str = "worker",
    ) -> None:
        self._session = database.session(purpose)
        self._claim = with_outbox(CLAIM, declared_transitions)
        self._finish = with_outbox(FINISH, declared_transitions)
        self._finish_good = with_outbox(FINISH_GOOD, declared_transitions)
        self._give_back = with_outbox(GIVE_BACK, declared_transitions)
        self._declare_replay(declared_transitions)

    def orders(self, worker_id: str, runs: Sequence[UUID]) -> list[StartOrder]:
        return [
            order_of(row)
            for part in chunks(runs)
            for row in self._session.run(
                ORDERS, {"v": [(run,) for run in part]}, worker_id=worker_id
            )
        ]

    def claim(
        self, worker_id: str, claims: Sequence[tuple[UUID, int, UUID]], *, hold_seq: int
    ) -> list[UUID]:
        return [
            run for part in chunks(claims) for run in self._claim_part(worker_id, part, hold_seq)
        ]

    def _claim_part(
        self, worker_id: str, claims: Sequence[tuple[UUID, int, UUID]], hold_seq: int
    ) -> list[UUID]:
        won: list[UUID] = []
        with suppress(DatabaseUnavailable):
            rows = self._session.run(
                self._claim, {"v": claims}, worker_id=worker_id, hold_seq=hold_seq
            )
            won = [uuid_of(row[0]) for row in rows]
        # What is missing may have been won before by this very token, and the answer lost.
        tokens = [(run, token) for run, _, token in claims if run not in set(won)]
        if tokens:
            won += [uuid_of(row[0]) for row in self._session.run(CLAIMED, {"v": tokens})]
        return won

    def finish(self, worker_id: str, results: Sequence[RunResult]) -> list[UUID]:
        """``worker_id`` is not asked for: a spooled result may come from the worker's next life."""
        single = list({(result.run_id, result.claim_token): result for result in results}.values())
        return [run for part in chunks(single) for run in self._finish_part(part)]

    def _finish_part(self, results: Sequence[RunResult]) -> list[UUID]:
        ended = [(nr, *_result_row(result)) for nr, result in enumerate(results)]
        good = all(result.state is RunState.SUCCEEDED for result in results)
        rows = self._session.run(self._finish_good if good else self._finish, {"v": ended})
        changed = [uuid_of(row[0]) for row in rows]
        late = [result for result in results if result.run_id not in set(changed)]
        if late:
            self._session.run(KEEP_LATE, {"v": [_late_row(result) for result in late]})
        return changed

    def give_back(self, worker_id: str, runs: Sequence[tuple[UUID, int]]) -> list[UUID]:
        return [
            uuid_of(row[0])
            for part in chunks(runs)
            for row in self._session.run(self._give_back, {"v": part}, worker_id=worker_id)
        ]

    def mine(self, worker_id: str) -> list[MyRow]:
        return [
            MyRow(
                run_id=uuid_of(row[0]),
                state=RunState(row[1]),
                assign_seq=row[2],
                claim_token=maybe_uuid(row[3]),
                cancel_requested=bool(row[4]),
            )
            for row in self._session.run(MINE, worker_id=worker_id)
        ]


def _result_row(result: RunResult) -> tuple[Any, ...]:
    use = result.use
    return (
        result.run_id,
        result.claim_token,
        result.state.value,
        result.reason.value if result.reason else "",
        result.exit_code,
        result.retry_delay_seconds,
        result.quarantine,
        _storable(result.error),
        result.log_ref,
        use.cpu_user_seconds,
        use.cpu_system_seconds,
        use.max_rss_bytes,
        use.read_bytes,
        use.write_bytes,
    )


def _storable(text: str) -> str:
    """Text as PostgreSQL takes it: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _late_row(result: RunResult) -> tuple[UUID, UUID, str, str]:
    shown: Mapping[str, Any] = {
        "state": result.state.value,
        "reason": result.reason.value if result.reason else "",
        "exit_code": result.exit_code,
        "error": _storable(result.error),
        "log_ref": result.log_ref,
        "use": asdict(result.use),
    }
    return (result.run_id, result.claim_token, result.state.value, json.dumps(shown))
