"""``manage.py scheduler_backfill``: run the slots of a past range of a job."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from scheduler.domain.backfilling import PACE_AT_MOST, SLOTS_AT_MOST
from scheduler.management.asking import me
from scheduler.management.failing import BAD_INPUT, plainly
from scheduler.management.json_args import parsed_args
from scheduler.requests import find_job
from scheduler.requests.backfills import LIMIT, BackfillWish, plan_backfill, request_backfill

SHOWN = 20
ONE_DAY = timedelta(days=1)


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Run the slots that a job had in a past range, a few at a time, after what is due now. "
        "Slots with a run that succeeded or is open are left out, unless --all is given. Exit "
        "codes: 0 asked for (or shown), 2 for bad input or a database that does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", help="name of the job")
        when = "a day (in the job's time zone), or an instant with its offset"
        parser.add_argument(
            "--from", required=True, dest="since", metavar="WHEN", help=f"the start: {when}"
        )
        parser.add_argument(
            "--to",
            required=True,
            dest="until",
            metavar="WHEN",
            help="the end: a day is included, an instant is not",
        )
        parser.add_argument("--dry-run", action="store_true", help="only show the slots")
        parser.add_argument(
            "--all", action="store_true", dest="again", help="also slots that have succeeded"
        )
        parser.add_argument(
            "--limit",
            type=int,
            default=LIMIT,
            metavar="N",
            help=f"refuse more slots than this ({LIMIT}; at most {SLOTS_AT_MOST})",
        )
        parser.add_argument(
            "--pace",
            type=int,
            default=1,
            metavar="N",
            help=f"slots under way at once (1; at most {PACE_AT_MOST})",
        )
        parser.add_argument(
            "--args", metavar="JSON", dest="job_args", help="arguments of these runs, as JSON"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        job_args = parsed_args(options["job_args"])
        with plainly():
            wish = _wish(find_job(options["job"]).timezone, job_args, options)
            if options["dry_run"]:
                self._show(options["job"], wish)
                return
            by = me()
            backfill = request_backfill(options["job"], wish, by=by)
        self.stdout.write(
            f"Requested: {backfill.slot_count} slots of {options['job']}, "
            f"{backfill.pace} at a time (backfill {backfill.pk})."
        )

    def _show(self, job: str, wish: BackfillWish) -> None:
        plan = plan_backfill(job, wish)
        for slot in plan.slots[:SHOWN]:
            self.stdout.write(slot.isoformat())
        if len(plan.slots) > SHOWN:
            self.stdout.write(f"... and {len(plan.slots) - SHOWN} more")
        self.stdout.write(f"{len(plan.slots)} slots would run, {plan.covered} are covered already.")


def _wish(timezone: str, job_args: Any, options: dict[str, Any]) -> BackfillWish:
    zone = ZoneInfo(timezone)
    return BackfillWish(
        since=_instant("--from", options["since"], zone, timedelta(0)),
        until=_instant("--to", options["until"], zone, ONE_DAY),
        only_missing=not options["again"],
        limit=options["limit"],
        pace=options["pace"],
        args=job_args,
    )


def _instant(option: str, text: str, zone: ZoneInfo, of_a_day: timedelta) -> datetime:
    """A day is its midnight, plus ``of_a_day``, by the clock of ``zone``."""
    try:
        if len(text) == len("2026-01-01"):
            day = date.fromisoformat(text) + of_a_day
            return datetime.combine(day, time(), zone).astimezone(UTC)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise CommandError(
        f"{option} {text} is no day and no instant; write e.g. 2026-11-23 or "
        "2026-11-23T09:00:00+09:00.",
        returncode=BAD_INPUT,
    )
