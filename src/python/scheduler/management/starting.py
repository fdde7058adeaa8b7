"""What a starting worker does with the jobs that code declares. It never keeps it from starting."""

import os
import socket

import structlog
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseError
from django.db import connection

from scheduler.domain.declaring import CODE, Plan
from scheduler.domain.errors import SchedulerError
from scheduler.requests.declared.applying import apply_new_code, plan
from scheduler.requests.declared.discovery import Found, discover

log = structlog.get_logger(__name__)

NAMES_AT_MOST = 20


def take_up_code(mode: str) -> None:
    """Plan or apply (``mode``: off, plan, apply) what code declares; logs what it did and what it
    left alone. Raises nothing: what is wrong with declarations must not stop running jobs."""
    if mode == "off":
        return
    try:
        found = discover()
        for module, why in found.broken:
            log.warning("jobs_module_not_importable", module=module, reason=why)
        _tell(_carried_out(mode, found), mode)
    except (SchedulerError, ValidationError, DatabaseError) as error:
        log.error("jobs_in_code_refused", reason=str(error).partition("\n")[0])
    finally:
        connection.close()


def _carried_out(mode: str, found: Found) -> Plan | None:
    if mode == "plan":
        return plan(found.declarations, source=CODE)
    if not found.declarations:
        return None
    by = f"worker:{socket.gethostname()}:{os.getpid()}"
    return apply_new_code(found.declarations, by=by)


def _tell(done: Plan | None, mode: str) -> None:
    if done is None:
        log.info("jobs_in_code_as_applied_before")
        return
    event = "jobs_in_code_applied" if mode == "apply" else "jobs_in_code_planned"
    names = [f"{change.kind} {change.name}" for change in done.changes]
    log.info(event, changes=len(names), jobs=names[:NAMES_AT_MOST], unchanged=done.unchanged)
    for name, owner in done.foreign[:NAMES_AT_MOST]:
        log.warning("job_in_code_owned_by_another", job=name, owner=owner or "a person")
    if done.left:
        log.warning("jobs_no_longer_in_code", jobs=done.left[:NAMES_AT_MOST])
