"""``manage.py scheduler_purge``: delete history that is older than its retention."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from scheduler.domain.retention import RetentionDays, cutoffs
from scheduler.execution.logs import Keep, delete_old_logs
from scheduler.management.failing import BAD_INPUT, plainly
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.resolution import resolve
from scheduler.queries.plugins import logs_are_archived
from scheduler.queries.run_logs import not_archived
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
        "is not finished is kept whatever its age. While a plugin archives logs, those that are "
        "not archived yet are kept and counted. Safe to stop and to run again."
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
        parser.add_argument(
            "--unarchived-logs",
            action="store_true",
            help="delete old log files that are not archived yet, too: they are lost then",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            core = resolve(CoreSettings, rows=read_setting_rows(), environ=os.environ).settings
            now = rdb_now()
            days = options["days"] or core.log_retention_days_db
            hours = options["days"] * 24 if options["days"] else core.log_local_retention_hours
            if not days and not hours:
                self.stdout.write("Retention is for ever: nothing to purge.")
            # Before the rows: those tell which logs are archived.
            stuck = self._purge_logs(core, now - timedelta(hours=hours), options) if hours else ""
            if days:
                cutoff = cutoffs(RetentionDays(runs=days), now).runs
                assert cutoff is not None
                self._purge_rows(cutoff, options["batch"], dry_run=options["dry_run"])
            if stuck:
                raise CommandError(stuck, returncode=BAD_INPUT)

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

    def _purge_logs(self, core: CoreSettings, before: datetime, options: dict[str, Any]) -> str:
        """Returns what is to be said of logs that could not be deleted."""
        folder, dry_run = Path(core.log_dir), options["dry_run"]
        keep = _keep_none if options["unarchived_logs"] else _what_an_archive_waits_for()
        swept = delete_old_logs(folder, before.timestamp(), keep, dry_run=dry_run)
        verb = "Would delete" if dry_run else "Deleted"
        self.stdout.write(f"{verb} {swept.files} log files ({swept.freed} bytes) in {folder}.")
        if swept.oldest_kept is not None:
            oldest = datetime.fromtimestamp(swept.oldest_kept, UTC).isoformat(timespec="seconds")
            self.stdout.write(
                f"{'Would keep' if dry_run else 'Kept'} {swept.kept} old log files that are not "
                f"archived yet, the oldest last written {oldest}; --unarchived-logs deletes them."
            )
        files = f"{swept.stuck} log files could not be deleted ({swept.why})"
        return f"{files}; run this as the user of the workers." if swept.stuck else ""


def _what_an_archive_waits_for() -> Keep:
    """Raises PluginProblem and the like: who cannot tell whether logs are archived deletes none."""
    return not_archived if logs_are_archived() else _keep_none


def _keep_none(_: list[UUID]) -> tuple[()]:
    return ()


def _days(text: str) -> int:
    return _whole(text, 1, 36500)


def _rows(text: str) -> int:
    return _whole(text, 1, 100_000)


def _whole(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)
