"""Pages of runs cost the same however many runs there are: by the plans that PostgreSQL makes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from scheduler.domain.values import RunState
from scheduler.queries.paging import SCAN
from scheduler.queries.run_lists import RunFilter, run_page
from scheduler.requests import find_job, save_definition
from scheduler_demo.services import EmbeddedPostgres
from tests.conftest import as_default

pytestmark = pytest.mark.postgres

ROWS = 60_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
FILL = """
    INSERT INTO scheduler_job_run
        (id, definition_id, slot_key, attempt, state, scheduled_for, due_at, worker_id,
         started_at, finished_at)
    SELECT (lpad(to_hex(%(ms)s::bigint + n::bigint * 1000), 12, '0') || '7000800000000000'
            || lpad(to_hex(n %% 65536), 4, '0'))::uuid,
           CASE WHEN n %% 100 = 0 THEN %(rare)s ELSE %(often)s END,
           't:' || n, 1,
           CASE WHEN n = 7 THEN 'FAILED' WHEN n > %(rows)s - 20 THEN 'RUNNING'
                ELSE 'SUCCEEDED' END,
           to_timestamp(%(ms)s / 1000.0 + n), to_timestamp(%(ms)s / 1000.0 + n), 'w-1',
           to_timestamp(%(ms)s / 1000.0 + n),
           CASE WHEN n > %(rows)s - 20 THEN NULL ELSE to_timestamp(%(ms)s / 1000.0 + n) END
    FROM generate_series(1, %(rows)s) AS n
"""


@pytest.fixture(scope="module")
def filled(
    postgres_server: EmbeddedPostgres, postgres_template: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """The URL of a database with a long history, which no test here changes."""
    dsn = postgres_server.create_database("long_history", template=postgres_template)
    with as_default(dsn, django_db_blocker):
        fill(ROWS)
    yield dsn
    postgres_server.drop_database("long_history")


@pytest.fixture
def history(filled: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A long history: one run a second, one failure at its beginning, 20 runs under way."""
    with as_default(filled, django_db_blocker):
        yield


def fill(rows: int) -> None:
    for name in ("often", "rare"):
        save_definition(name, by="t", command_name="noop")
    values = {
        "ms": int(BEGAN.timestamp() * 1000),
        "rows": rows,
        "often": find_job("often").pk,
        "rare": find_job("rare").pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(FILL, values)
        cursor.execute("ANALYZE scheduler_job_run")


def rows_read(wanted: RunFilter, **page: Any) -> int:
    """How many rows of runs PostgreSQL looks at for a page, by EXPLAIN ANALYZE."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        run_page(wanted, **page)
    read = 0
    for query in list(captured.captured_queries):
        if 'FROM "scheduler_job_run"' in query["sql"]:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
                found = cursor.fetchone()[0]
            plan = json.loads(found) if isinstance(found, str) else found
            read += sum(_looked_at(node) for node in _nodes(plan[0]["Plan"]))
    return read


def _nodes(plan: dict[str, Any]):
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)


def _looked_at(node: dict[str, Any]) -> int:
    if node.get("Relation Name") != "scheduler_job_run":
        return 0
    assert node["Node Type"] != "Seq Scan", node
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(rows * node["Actual Loops"])


@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(),
        RunFilter(job="often"),
        RunFilter(job="rare"),
        RunFilter(states=frozenset({RunState.RUNNING})),
        RunFilter(states=frozenset({RunState.RUNNING, RunState.PENDING}), worker_id="w-1"),
    ],
    ids=str,
)
def test_a_page_reads_little_more_than_it_shows(history, wanted: RunFilter):
    assert rows_read(wanted, limit=50) <= 110
    middle = run_page(RunFilter(), limit=50).runs[-1].run_id
    assert rows_read(wanted, limit=50, before=middle) <= 110


@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(states=frozenset({RunState.FAILED})),
        RunFilter(worker_id="w-9"),
        RunFilter(job="often", states=frozenset({RunState.FAILED})),
        RunFilter(scheduled_until=BEGAN - timedelta(days=1)),
        RunFilter(finished_from=BEGAN, reason="NOWHERE"),
    ],
    ids=str,
)
def test_a_page_that_finds_nothing_has_looked_at_a_bounded_number_of_rows(history, wanted):
    assert rows_read(wanted, limit=50) <= 3 * SCAN


def test_a_bound_of_time_leads_to_the_rows_by_the_index(history):
    early = RunFilter(
        finished_until=BEGAN + timedelta(minutes=1), states=frozenset({RunState.FAILED})
    )
    page = run_page(early, limit=50)
    assert [run.state for run in page.runs] == [RunState.FAILED] or page.next is not None
    late = RunFilter(scheduled_from=BEGAN + timedelta(days=30))
    assert rows_read(late, limit=50) <= 110
