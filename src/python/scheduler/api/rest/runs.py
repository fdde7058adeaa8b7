"""Runs: listed, looked at, their logs read."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from scheduler.api.rest.answering import operation
from scheduler.api.rest.paging import cursor_of, id_of
from scheduler.api.rest.reading import AS_NUMBER, Cursor, Instant, Limit, Text, only_known
from scheduler.api.rest.refusals import RequestNotFound
from scheduler.api.rest.views import LogOut, RequestOut, RunDetailOut, RunPageOut
from scheduler.bootstrap.run_log_reader import (
    CHUNK_AT_MOST,
    LogNotFound,
    log_link,
    read_run_log,
)
from scheduler.domain.errors import JobNotFound, RunNotFound
from scheduler.domain.tokens import TokenScope
from scheduler.domain.values import RunState
from scheduler.queries.in_force import core_settings
from scheduler.queries.plugins import log_archive
from scheduler.queries.run_details import request_view, run_detail
from scheduler.queries.run_lists import RunFilter, run_page

router = Router(tags=["runs"])

LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""


class RunQuery(Schema):
    job: Text | None = None
    state: list[RunState] | None = Field(None, description="One or more.", max_length=9)
    worker: Text | None = Field(None, description="The id of the worker that has or had it.")
    reason: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    scheduled_from: Instant | None = None
    scheduled_until: Instant | None = Field(None, description="Not included.")
    finished_from: Instant | None = None
    finished_until: Instant | None = Field(None, description="Not included.")
    cursor: Cursor | None = None
    limit: Limit = 50

    def wanted(self) -> RunFilter:
        return RunFilter(
            job=self.job,
            states=frozenset(self.state) if self.state else None,
            worker_id=self.worker,
            reason=self.reason,
            scheduled_from=self.scheduled_from,
            scheduled_until=self.scheduled_until,
            finished_from=self.finished_from,
            finished_until=self.finished_until,
        )


class LogQuery(Schema):
    offset: Annotated[int, Field(ge=-CHUNK_AT_MOST, le=2**53), AS_NUMBER] = Field(
        0, description="In bytes; negative: from the end."
    )
    limit: Annotated[int, Field(ge=LONGEST_CHARACTER, le=CHUNK_AT_MOST), AS_NUMBER] = Field(
        65_536, description="Bytes at most."
    )


@router.get("/runs", **operation(TokenScope.READ, RunPageOut, JobNotFound))
def list_runs(request: HttpRequest, query: Query[RunQuery]) -> Any:
    """Runs, newest first."""
    only_known(request, RunQuery)
    page = run_page(query.wanted(), before=id_of(query.cursor), limit=query.limit)
    return {"runs": page.runs, "next": cursor_of(page.next)}


@router.get(
    "/runs/{uuid:run_id}",
    **operation(TokenScope.READ, RunDetailOut, RunNotFound, checked=False),
)
def get_run(request: HttpRequest, run_id: UUID) -> Any:
    """A run: its attempts, what it used, why it waits or how it ended."""
    return run_detail(run_id)


@router.get(
    "/runs/{uuid:run_id}/log", **operation(TokenScope.READ, LogOut, RunNotFound, LogNotFound)
)
def get_log(request: HttpRequest, run_id: UUID, query: Query[LogQuery]) -> Any:
    """A piece of the run's log, read from its worker while that lives, else from this machine,
    else from the log archive.

    Give ``next_offset`` as ``offset`` for the next piece; poll until ``complete``."""
    only_known(request, LogQuery)
    chunk = read_run_log(run_id, query.offset, query.limit, core_settings(), log_archive)
    start = chunk.next_offset - len(chunk.data)
    data = whole_characters(chunk.data, last=chunk.finished)
    return LogOut(
        text=data.decode(errors="replace"),
        offset=start,
        next_offset=start + len(data),
        size=chunk.size,
        complete=chunk.finished,
        link=log_link(run_id, log_archive) if chunk.finished else None,
    )


@router.get(
    "/run-requests/{uuid:request_id}",
    url_name="get_run_request",
    **operation(TokenScope.READ, RequestOut, RequestNotFound, checked=False),
)
def get_run_request(request: HttpRequest, request_id: UUID) -> Any:
    """A wish for a run, and the run that came of it."""
    found = request_view(request_id)
    if found is None:
        raise RequestNotFound(f"There is no request {request_id}; it may have been purged.")
    return found


def whole_characters(data: bytes, *, last: bool) -> bytes:
    """``data`` without the beginning of a character that its end cuts (it comes with the next
    piece); bytes that are no UTF-8 anyway stay."""
    if last:
        return data
    for length in range(1, min(LONGEST_CHARACTER, len(data) + 1)):
        lead = data[-length]
        if lead & 0b1100_0000 != 0b1000_0000:
            wanted = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
            return data[:-length] if wanted > length and len(data) > length else data
    return data
