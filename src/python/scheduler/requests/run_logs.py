"""Where the logs of runs went, written down by whoever took them there."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db import DatabaseError

from scheduler.models import ArchivedLogOutbox, JobRun, JobRunDetail
from scheduler.plugin_api.process_host import plugin_host
from scheduler.requests.recording import transaction_id, writing
from scheduler.store.connections import unavailable

_AT_ONCE = 500


def record_log_refs(addresses: Mapping[UUID, str]) -> None:
    """Record an address for each run; what was recorded before goes. Runs without a row (purged)
    are left out. The same again changes nothing. Plugins with ``scheduler_logs_archived`` are told
    of what is new.

    Uses Django's connection of the calling thread. Raises DatabaseUnavailable, after which the
    next call connects anew; some may be recorded then."""
    # In the order of ids: two that write the same rows must not wait for each other.
    wanted = sorted(addresses.items())
    try:
        for at in range(0, len(wanted), _AT_ONCE):
            _record(dict(wanted[at : at + _AT_ONCE]))
    except DatabaseError as error:
        raise unavailable(error) from None


def _record(addresses: Mapping[UUID, str]) -> None:
    with writing():
        runs = JobRun.objects.filter(pk__in=addresses).order_by("pk")
        there = list(runs.values_list("pk", flat=True))
        if plugin_host().archived_readers():
            _tell(there, addresses)
        JobRunDetail.objects.bulk_create(
            [JobRunDetail(run_id=run, log_ref=addresses[run]) for run in there],
            update_conflicts=True,
            update_fields=["log_ref"],
            unique_fields=["run"],
        )


def _tell(runs: Iterable[UUID], addresses: Mapping[UUID, str]) -> None:
    """Write down, for those who are to be told, what is not recorded yet."""
    known = dict(JobRunDetail.objects.filter(pk__in=addresses).values_list("run_id", "log_ref"))
    ArchivedLogOutbox.objects.bulk_create(
        ArchivedLogOutbox(xid=transaction_id(), run_id=run, log_ref=addresses[run])
        for run in runs
        if known.get(run) != addresses[run]
    )
