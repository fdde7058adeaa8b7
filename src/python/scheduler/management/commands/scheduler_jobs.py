"""``manage.py scheduler_jobs``: jobs as code: plan, apply, export; and who owns a job."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler.domain.declaring import CODE, Declaration, Plan
from scheduler.domain.errors import JobNotFound, NotTheOwner
from scheduler.management.asking import me
from scheduler.management.failing import BAD_INPUT, plainly
from scheduler.management.plans import as_json, in_words
from scheduler.requests import release_ownership, set_enabled
from scheduler.requests.declared.applying import apply, existing_jobs, plan
from scheduler.requests.declared.discovery import discover
from scheduler.requests.declared.exporting import exported, json_schema
from scheduler.requests.declared.jobfile import read_job_file
from scheduler.store.clock import rdb_now

CHANGES_PENDING = 3


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Jobs as code, from a YAML file or (--code) from @scheduled. Exit codes: 0 done, or "
        "nothing to change; 2 an error, with one sentence; 3 plan found changes that are pending."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        planning = actions.add_parser("plan", help="show what apply would change; change nothing")
        applying = actions.add_parser("apply", help="make the jobs as declared, all or nothing")
        _add_source(planning)
        _add_source(applying)
        applying.add_argument("--dry-run", action="store_true", help="the same as plan")
        export = actions.add_parser("export", help="write jobs as a file that apply takes")
        export.add_argument("file", metavar="FILE", help="where to; - for standard output")
        export.add_argument("--job", action="append", metavar="NAME", help="only these (repeat)")
        actions.add_parser("schema", help="print the JSON Schema of the file, for editors")
        _add_names(actions.add_parser("release", help="take jobs from their code or file"))
        _add_names(actions.add_parser("disable", help="stop jobs; no apply starts them again"))
        _add_names(actions.add_parser("enable", help="let jobs run again"))

    def handle(self, *args: Any, **options: Any) -> None:
        action: Callable[[dict[str, Any]], None] = getattr(self, f"_{options['action']}")
        with plainly():
            action(options)

    def _plan(self, options: dict[str, Any]) -> None:
        source, declared, switches = self._source(options)
        found = plan(declared, source=source, **switches)
        if found.foreign:
            self._show(found, options)
            raise NotTheOwner(source, found.foreign)
        self._show(found, options)
        if found.changes:
            # Not an error: nothing is to be printed, so no CommandError.
            sys.exit(CHANGES_PENDING)

    def _apply(self, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            return self._plan(options)
        source, declared, switches = self._source(options)
        self._show(apply(declared, source=source, by=me(), **switches), options, done=True)

    def _export(self, options: dict[str, Any]) -> None:
        jobs = existing_jobs(names=None)
        if options["job"]:
            known = {job.name: job for job in jobs}
            missing = next((name for name in options["job"] if name not in known), None)
            if missing is not None:
                raise JobNotFound(missing, known)
            jobs = [known[name] for name in options["job"]]
        text = exported(jobs, rdb_now())
        if options["file"] == "-":
            self.stdout.write(text)
            return
        try:
            Path(options["file"]).write_text(text, encoding="utf-8")
        except OSError as error:
            sentence = f"{options['file']} cannot be written ({error.strerror})."
            raise CommandError(sentence, returncode=BAD_INPUT) from error
        self.stdout.write(f"{len(jobs)} jobs written to {options['file']}.")

    def _schema(self, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False))

    def _release(self, options: dict[str, Any]) -> None:
        for name in options["name"]:
            done = release_ownership(name, by=me())
            said = "is a person's from now on" if done else "was a person's already"
            self.stdout.write(f"{name} {said}.")

    def _disable(self, options: dict[str, Any]) -> None:
        self._switch(options["name"], False)

    def _enable(self, options: dict[str, Any]) -> None:
        self._switch(options["name"], True)

    def _switch(self, names: list[str], enabled: bool) -> None:
        for name in names:
            set_enabled(name, enabled, by=me())
            self.stdout.write(f"{name} is {'enabled' if enabled else 'disabled'}.")

    def _source(self, options: dict[str, Any]) -> tuple[str, tuple[Declaration, ...], Any]:
        switches = {"prune": options["prune"], "take_over": options["take_over"]}
        if options["code"] == bool(options["file"]):
            raise CommandError("Give either a FILE or --code.", returncode=BAD_INPUT)
        if not options["code"]:
            file = read_job_file(Path(options["file"]))
            return file.source, file.declarations, switches
        found = discover()
        for module, why in found.broken:
            self.stderr.write(f"{module} cannot be imported: {why}")
        if found.broken and options["prune"]:
            sentence = "--prune is refused: jobs of modules that cannot be imported would go."
            raise CommandError(sentence, returncode=BAD_INPUT)
        return CODE, found.declarations, switches

    def _show(self, found: Plan, options: dict[str, Any], *, done: bool = False) -> None:
        now = rdb_now()
        self.stdout.write(
            as_json(found, now) if options["json"] else in_words(found, now, done=done)
        )


def _add_source(parser: ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="the YAML file")
    parser.add_argument("--code", action="store_true", help="what @scheduled declares, instead")
    parser.add_argument(
        "--prune", action="store_true", help="delete jobs that this source owns and lists no more"
    )
    parser.add_argument(
        "--take-over", action="store_true", help="own the listed jobs that others own now"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def _add_names(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="+", metavar="NAME")
