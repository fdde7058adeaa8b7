"""``manage.py scheduler_why``: why a run or a job does not run."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from scheduler.management.failing import plainly
from scheduler.queries.why import Answer, why_run
from scheduler.queries.why_facts import moment, plain
from scheduler.queries.why_job import JobReport, why_job


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Say why a run waits or how it ended (RUN is its id), or why a job does not run (JOB is "
        "its name): every reason there is now, with the fact behind it. Exit codes: 0 answered, "
        "2 no such run or job, or a database that does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", metavar="RUN|JOB", help="a run's id, or a job's name")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
        parser.add_argument(
            "--lang", choices=["en", "ja"], default="en", help="language of the sentences (en)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run_id, lang = _run_id(options["what"]), options["lang"]
        with plainly():
            if run_id is not None:
                found: Answer | JobReport = why_run(run_id, lang=lang)
            else:
                found = why_job(options["what"], lang=lang)
        if options["json"]:
            self.stdout.write(json.dumps(plain(asdict(found)), ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(found)))


def _run_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _lines(found: Answer | JobReport) -> Iterator[str]:
    if isinstance(found, Answer):
        yield from _answer_lines(found)
        return
    for answer in found.answers:
        yield from _answer_lines(answer)
    for run_id, answer in found.waiting:
        yield f"{run_id}:"
        yield from (f"  {line}" for line in _answer_lines(answer))
    for run in found.last_runs:
        reason = f" {run.reason}" if run.reason else ""
        yield f"  {moment(run.due_at)}  #{run.attempt} {run.state.value}{reason}  {run.run_id}"


def _answer_lines(answer: Answer) -> Iterator[str]:
    yield f"{answer.code}: {answer.sentence}"
    for other in answer.more:
        yield from _answer_lines(other)
