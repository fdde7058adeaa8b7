"""``manage.py scheduler_log_archive``: what waits on this machine, and whether a log is whole."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.logs import configure_logging
from scheduler.plugin_api.services import LocalLog
from scheduler.queries.in_force import core_settings
from scheduler.queries.plugins import settled_host
from scheduler.queries.run_logs import run_log_states
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.deposit import verify
from scheduler_log_archive.disk_queue import DiskQueue
from scheduler_log_archive.errors import ArchiveProblem
from scheduler_log_archive.figures import FigureBoard
from scheduler_log_archive.folder import LogFolder
from scheduler_log_archive.health import archive_health
from scheduler_log_archive.plugin import LogArchivePlugin
from scheduler_log_archive.reading import recorded_key
from scheduler_log_archive.worker_uploads import WorkerUploads

NOT_WELL, BAD_INPUT = 1, 2


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Show the log archive: whether its bucket answers, and how many logs of this machine wait "
        "for it. With --flush upload those first; with --verify read an archived log back and "
        "compare it with its checksum. Exit codes: 0 all well, 1 the bucket does not answer, logs "
        "still wait after --flush, or the log is not whole, 2 it cannot be asked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--flush", action="store_true", help="upload the logs of runs that have ended, now"
        )
        what.add_argument(
            "--verify", type=_run_id, metavar="RUN", help="read the log of this run and compare it"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        configure_logging(format="console", level="error")
        try:
            bucket, log_dir = _bucket(), Path(core_settings().log_dir)
            if options["verify"]:
                found = _verified(bucket, options["verify"])
            else:
                found = _status(bucket, log_dir.absolute(), flush=options["flush"])
        except SchedulerError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        except DatabaseError as error:
            sentence = "The database does not answer; check DATABASE_URL."
            raise CommandError(sentence, returncode=BAD_INPUT) from error
        self._print(found, as_json=options["json"])
        if not found["ok"]:
            raise SystemExit(NOT_WELL)

    def _print(self, found: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        for name, value in found.items():
            self.stdout.write(f"{name.replace('_', ' '):18} {value}")


class _ThisMachine:
    """A worker without runs: all that the uploads ask of one."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir

    def running(self) -> frozenset[UUID]:
        return frozenset()

    def local_logs(self) -> Iterator[LocalLog]:
        return LogFolder(self._log_dir).all()


def _bucket() -> Bucket:
    plugins = settled_host().plugins
    plugin = next((one for one in plugins if isinstance(one, LogArchivePlugin)), None)
    bucket = plugin.bucket() if plugin else None
    if bucket is None:
        raise CommandError(
            "The log archive is switched off; list log_archive in SCHEDULER_PLUGINS and set "
            "SCHEDULER_LOG_ARCHIVE_ENABLED=1.",
            returncode=BAD_INPUT,
        )
    return bucket


def _status(bucket: Bucket, log_dir: Path, *, flush: bool) -> dict[str, Any]:
    board = FigureBoard()
    if flush:
        uploads = WorkerUploads(_ThisMachine(log_dir), lambda: bucket, board)
        uploads.flush()
        uploads.close()
    queue = DiskQueue(log_dir)
    queue.look(())
    count, since = queue.waiting.backlog()
    health = archive_health(bucket, board.read())
    return {
        "archive": health.summary,
        "log_folder": str(log_dir),
        "waiting": count,
        "waited_seconds": round(time() - since) if since else 0,
        "archived_now": board.read().archived,
        "failures": board.read().failures,
        "ok": health.status == "ok" and not (flush and count),
    }


def _verified(bucket: Bucket, run_id: UUID) -> dict[str, Any]:
    state = run_log_states([run_id]).get(run_id)
    key = recorded_key(bucket, run_id, state.log_ref) if state else None
    if key is None:
        why = f"No archived log of run {run_id} is recorded; see manage.py scheduler_status."
        raise CommandError(why, returncode=BAD_INPUT)
    found: dict[str, Any] = {"run": str(run_id), "key": key}
    try:
        stored = verify(bucket, key)
    except ArchiveProblem as problem:
        return {**found, "problem": str(problem), "ok": False}
    whole = stored.metadata.get("complete") == "1"
    sizes = {"size": int(stored.metadata["size"]), "stored_size": stored.size}
    return {**found, **sizes, "complete": whole, "ok": True}


def _run_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no run id") from None
