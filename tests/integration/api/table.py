"""Every operation of the REST API, with who may call it. A new one needs a row here."""

from dataclasses import dataclass
from uuid import UUID

from scheduler.domain.tokens import TokenScope as Scope

NOBODY = UUID(int=0)


@dataclass(frozen=True)
class Row:
    """``operator`` and ``admin``: whether these roles may call it. A superuser may all."""

    method: str
    path: str
    scope: Scope
    operator: bool = True
    admin: bool = True

    @property
    def address(self) -> str:
        """The path with parts that fit, of nothing that exists."""
        parts = {"job": "none", "worker": "none", "key": "none"}
        ids = dict.fromkeys(("run_id", "request_id", "backfill_id", "event_id"), str(NOBODY))
        return self.path.format(**parts, **ids)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _settings(method: str, path: str, scope: Scope) -> Row:
    return Row(method, path, scope, operator=False)


TABLE = [
    Row("GET", "/api/v1/jobs", Scope.READ),
    Row("POST", "/api/v1/jobs", Scope.JOBS_WRITE),
    Row("GET", "/api/v1/jobs/{job}", Scope.READ),
    Row("PUT", "/api/v1/jobs/{job}", Scope.JOBS_WRITE),
    Row("PATCH", "/api/v1/jobs/{job}", Scope.JOBS_WRITE),
    Row("DELETE", "/api/v1/jobs/{job}", Scope.JOBS_WRITE),
    Row("POST", "/api/v1/jobs/{job}/enable", Scope.JOBS_WRITE),
    Row("POST", "/api/v1/jobs/{job}/disable", Scope.JOBS_WRITE),
    Row("POST", "/api/v1/jobs/{job}/release", Scope.JOBS_WRITE),
    Row("GET", "/api/v1/jobs/{job}/fire-times", Scope.READ),
    Row("GET", "/api/v1/jobs/{job}/dependencies", Scope.READ),
    Row("PUT", "/api/v1/jobs/{job}/dependencies", Scope.JOBS_WRITE),
    Row("GET", "/api/v1/jobs/{job}/triggers", Scope.READ),
    Row("PUT", "/api/v1/jobs/{job}/triggers", Scope.JOBS_WRITE),
    Row("POST", "/api/v1/fire-times", Scope.READ),
    Row("GET", "/api/v1/jobs/{job}/why", Scope.READ),
    Row("GET", "/api/v1/runs/{run_id}/why", Scope.READ),
    Row("POST", "/api/v1/jobs/{job}/run", Scope.RUNS_WRITE),
    Row("POST", "/api/v1/jobs/{job}/backfill", Scope.RUNS_WRITE),
    Row("GET", "/api/v1/runs", Scope.READ),
    Row("GET", "/api/v1/runs/{run_id}", Scope.READ),
    Row("GET", "/api/v1/runs/{run_id}/log", Scope.READ),
    Row("POST", "/api/v1/runs/{run_id}/cancel", Scope.RUNS_WRITE),
    Row("POST", "/api/v1/runs/{run_id}/rerun", Scope.RUNS_WRITE),
    Row("POST", "/api/v1/runs/cancel", Scope.RUNS_WRITE),
    Row("POST", "/api/v1/runs/rerun", Scope.RUNS_WRITE),
    Row("GET", "/api/v1/run-requests/{request_id}", Scope.READ),
    Row("GET", "/api/v1/backfills", Scope.READ),
    Row("GET", "/api/v1/backfills/{backfill_id}", Scope.READ),
    Row("POST", "/api/v1/backfills/{backfill_id}/cancel", Scope.RUNS_WRITE),
    Row("GET", "/api/v1/events", Scope.READ),
    Row("GET", "/api/v1/events/{event_id}", Scope.READ),
    Row("GET", "/api/v1/cluster", Scope.READ),
    Row("POST", "/api/v1/cluster/pause", Scope.WORKERS_WRITE, operator=False),
    Row("POST", "/api/v1/cluster/resume", Scope.WORKERS_WRITE, operator=False),
    Row("POST", "/api/v1/cluster/degrade-leader", Scope.WORKERS_WRITE, operator=False),
    Row("GET", "/api/v1/workers", Scope.READ),
    Row("GET", "/api/v1/workers/{worker}", Scope.READ),
    Row("POST", "/api/v1/workers/{worker}/drain", Scope.WORKERS_WRITE, operator=False),
    Row("POST", "/api/v1/workers/{worker}/detach", Scope.WORKERS_WRITE, operator=False),
    Row("POST", "/api/v1/workers/{worker}/activate", Scope.WORKERS_WRITE, operator=False),
    _settings("GET", "/api/v1/settings", Scope.SETTINGS_READ),
    _settings("PATCH", "/api/v1/settings", Scope.SETTINGS_WRITE),
    _settings("GET", "/api/v1/settings/{key}", Scope.SETTINGS_READ),
    _settings("GET", "/api/v1/settings/reload", Scope.SETTINGS_READ),
    _settings("POST", "/api/v1/settings/reload", Scope.SETTINGS_WRITE),
]
