"""``manage.py scheduler_purge``: delete history that is older than its retention."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from scheduler.domain.retention import RetentionDays, cutoffs
from scheduler.execution.logs import delete_old_logs
from scheduler.management.failing import plainly
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.resolution import resolve
from scheduler.requests.recording import record
from scheduler.store.clock import rdb_now
from scheduler.store.connections import database_from_settings
from scheduler.store.retention import KINDS, Kind, SqlRetention
from scheduler.store.settings import read_setting_rows


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Delete finished runs with their details, handled requests and events, audit rows, "
        "ended workers, and this host's log files, when they are older than "
        "SCHEDULER_LOG_RETENTION_DAYS_DB (log files: SCHEDULER_LOG_LOCAL_RETENTION_HOURS). What "
        "is not finished is kept whatever its age. Safe to stop and to run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days", type=_days, metavar="N", help="keep this many days instead, of log files too"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would go, and delete nothing"
        )
        parser.add_argument(
            "--batch", type=_rows, default=5000, metavar="ROWS", help="rows per statement (5000)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            core = resolve(CoreSettings, rows=read_setting_rows(), environ=os.environ).settings
            days = options["days"] or core.log_retention_days_db
            now = rdb_now()
            if days:
                cutoff = cutoffs(RetentionDays(runs=days), now).runs
                assert cutoff is not None
                self._purge_rows(cutoff, options["batch"], dry_run=options["dry_run"])
            hours = options["days"] * 24 if options["days"] else core.log_local_retention_hours
            if hours:
                before = now - timedelta(hours=hours)
                self._purge_logs(Path(core.log_dir), before, dry_run=options["dry_run"])
            if not days and not hours:
                self.stdout.write("Retention is for ever: nothing to purge.")

    def _purge_rows(self, cutoff: datetime, batch: int, *, dry_run: bool) -> None:
        database = database_from_settings(settings.DATABASES["default"])
        with SqlRetention(database) as store:
            gone = {
                kind.name: store.count(kind, cutoff)
                if dry_run
                else self._purge_kind(store, kind, cutoff, batch)
                for kind in KINDS
            }
        told = ", ".join(f"{count} {name}" for name, count in gone.items())
        before = cutoff.isoformat(timespec="seconds")
        self.stdout.write(f"{'Would delete' if dry_run else 'Deleted'} {told} of before {before}.")
        if not dry_run and any(gone.values()):
            record("purged", before, "scheduler_purge", **gone)

    def _purge_kind(self, store: SqlRetention, kind: Kind, cutoff: datetime, batch: int) -> int:
        total = 0
        while gone := store.delete_batch(kind, cutoff, batch):
            total += gone
            if gone == batch:
                self.stderr.write(f"{kind.name}: {total} deleted so far")
        return total

    def _purge_logs(self, folder: Path, before: datetime, *, dry_run: bool) -> None:
        if dry_run:
            when = before.isoformat(timespec="seconds")
            self.stdout.write(f"Would delete log files last written before {when} in {folder}.")
            return
        files, freed = delete_old_logs(folder, before.timestamp())
        self.stdout.write(f"Deleted {files} log files ({freed} bytes) in {folder}.")


def _days(text: str) -> int:
    return _whole(text, 1, 36500)


def _rows(text: str) -> int:
    return _whole(text, 1, 100_000)


def _whole(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)
