"""The storm guard's rows: which starts count, retries given up, alerts."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from scheduler.domain.alerts import SEVERITY, AlertCode
from scheduler.domain.guard import RETRY_WINDOW_SECONDS, START_WINDOW_SECONDS, Start
from scheduler.domain.values import Fence, Reason
from scheduler.store.dialects import uuid_of
from scheduler.store.fencing import FENCE, MAX_ROWS, chunks, fenced, until_short
from scheduler.store.leader_runs import SKIP
from scheduler.store.outbox import Transition, with_outbox
from scheduler.store.quarantine import COUNTING
from scheduler.store.sessions import Closing
from scheduler.store.statements import Statement

_ENDS = f"""
    r.started_at + make_interval(secs => CASE WHEN s.is_retry THEN {RETRY_WINDOW_SECONDS}
                                              ELSE {START_WINDOW_SECONDS} END)
"""
# In one snapshot a run is either not claimed yet or has the instant of its claim.
STARTS = Statement(
    batches={"v": {"definition_id": "bigint"}},
    result=f"""
        SELECT s.definition_id, s.is_retry,
               extract(epoch FROM clock_timestamp() - r.started_at)::float8
        FROM scheduler_job_start AS s JOIN scheduler_job_run AS r ON r.id = s.run_id
        WHERE (r.state = 'ASSIGNED' OR {_ENDS} > clock_timestamp())
          AND (%(of_all)s OR s.definition_id IN (SELECT v.definition_id FROM v))
    """,
)
# A run taken back may be handed out again: it stays until it has ended.
FORGET_STARTS = Statement(
    steps={
        "f": FENCE,
        "over": f"""
            SELECT s.run_id FROM f CROSS JOIN scheduler_job_start AS s
            LEFT JOIN scheduler_job_run AS r ON r.id = s.run_id
            WHERE r.id IS NULL OR {_ENDS} <= clock_timestamp()
               OR r.started_at IS NULL AND r.finished_at IS NOT NULL
            LIMIT %(limit)s
        """,
        "gone": """
            DELETE FROM scheduler_job_start
            WHERE run_id IN (SELECT o.run_id FROM over AS o) RETURNING run_id
        """,
    },
    result="SELECT g.run_id FROM gone AS g",
)
# The slot has failed for good: its last attempt failed and no other follows.
GIVE_UP = replace(
    SKIP,
    steps={
        **SKIP.steps,
        "ended": """
            SELECT r.definition_id, 0 AS nr, 0 AS good, 1 AS failed, 0 AS at_once
            FROM changed AS r
        """,
        **COUNTING,
    },
)
ALERT_EXHAUSTED = Statement(
    batches={"v": {"definition_id": "bigint"}},
    steps={
        "f": FENCE,
        "told": f"""
            INSERT INTO scheduler_alert
                (xid, code, severity, definition_id, job_name, text, since, at)
            SELECT pg_current_xact_id()::text::bigint, '{AlertCode.RETRY_BUDGET_EXHAUSTED}',
                   '{SEVERITY[AlertCode.RETRY_BUDGET_EXHAUSTED]}', d.id, d.name,
                   'Job ' || d.name || ' has spent its retry budget of an hour, '
                   || d.retry_budget_per_hour || ': further retries wait or are given up.',
                   clock_timestamp(), clock_timestamp()
            FROM f CROSS JOIN v JOIN scheduler_job_definition AS d ON d.id = v.definition_id
            WHERE NOT EXISTS (
                SELECT 1 FROM scheduler_alert AS a
                WHERE a.definition_id = d.id AND a.code = '{AlertCode.RETRY_BUDGET_EXHAUSTED}'
                  AND a.at + make_interval(secs => {RETRY_WINDOW_SECONDS}) > clock_timestamp())
            RETURNING definition_id
        """,
    },
    result="SELECT t.definition_id FROM told AS t",
)


class GuardWrites(Closing):
    """The storm guard's half of ``ports.LeaderStore``; each write raises StaleEpoch."""

    def _declare_guard(self, declared: Collection[Transition]) -> None:
        self._give_up = with_outbox(GIVE_UP, declared)

    def starts(self, definitions: Collection[int], *, of_all: bool = False) -> list[Start]:
        batches = {"v": [(each,) for each in sorted(definitions)]}
        return [
            Start(definition_id=row[0], is_retry=bool(row[1]), age_seconds=row[2])
            for row in self._session.run(STARTS, batches, of_all=of_all)
        ]

    def forget_starts(self, fence: Fence) -> int:
        return len(until_short(lambda: fenced(self._session, fence, FORGET_STARTS, limit=MAX_ROWS)))

    def give_up(self, fence: Fence, runs: Sequence[tuple[UUID, Reason, str]]) -> list[UUID]:
        return [
            uuid_of(row[0])
            for part in chunks(runs)
            for row in fenced(self._session, fence, self._give_up, {"v": part})
        ]

    def alert_exhausted(self, fence: Fence, definitions: Collection[int]) -> list[int]:
        batches = {"v": [(each,) for each in sorted(definitions)]}
        return [row[0] for row in fenced(self._session, fence, ALERT_EXHAUSTED, batches)]
