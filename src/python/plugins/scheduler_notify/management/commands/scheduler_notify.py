"""``manage.py scheduler_notify``: routes, what waits, what was not delivered and why."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduler.queries.clock import cluster_now
from scheduler_notify import store
from scheduler_notify.failing_plainly import BAD_INPUT, plainly
from scheduler_notify.in_force import settings_in_force
from scheduler_notify.messages import CHANNELS
from scheduler_notify.overview import ListedMessage, Overview, messages_in, overview


class Command(BaseCommand):
    requires_system_checks = []
    help = (
        "Show the routes of notices, how many wait and were sent, and the last errors; send again "
        "what was given up. Exit codes: 0 done, 2 bad settings or no database."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
        parser.add_argument("--notice", type=UUID, metavar="ID", help="list a notice's messages")
        parser.add_argument(
            "--requeue", action="store_true", help="send again what was given up, then show"
        )
        parser.add_argument("--channel", choices=CHANNELS, help="requeue this channel's alone")

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            if options["notice"]:
                return self._show(_messages(options["notice"]), options["json"])
            if options["requeue"]:
                count = store.requeue_dead(cluster_now(), options["channel"])
                self.stderr.write(f"Notices queued again: {count}.")
            found = overview(settings_in_force())
        return self._show(found, options["json"])

    def _show(self, found: Overview | list[ListedMessage], as_json: bool) -> None:
        if as_json:
            facts = (
                asdict(found)
                if isinstance(found, Overview)
                else {"messages": [asdict(one) for one in found]}
            )
            self.stdout.write(json.dumps(facts, default=_plain, ensure_ascii=False))
            return
        lines = _overview_lines(found) if isinstance(found, Overview) else map(_line, found)
        self.stdout.write("\n".join(lines))


def _messages(notice_id: UUID) -> list[ListedMessage]:
    found = messages_in(notice_id)
    if not found:
        sentence = f"There is no notice {notice_id}; scheduler_notify lists those in trouble."
        raise CommandError(sentence, returncode=BAD_INPUT)
    return found


def _overview_lines(found: Overview) -> Iterator[str]:
    yield f"Channels set up: {', '.join(found.configured) or 'none'}"
    yield "Routes:"
    for route in found.routes:
        where = ", ".join(route["channels"]) or "all channels"
        yield (
            f"  {route['name']}: {', '.join(sorted(route['severities']))} of"
            f" {', '.join(route['jobs'])} to {where}"
        )
    yield f"Messages not routed yet: {found.unrouted}"
    for channel, counts in found.counts.items():
        if channel in found.configured or any(counts.values()):
            yield f"  {channel}: " + ", ".join(f"{n} {state}" for state, n in counts.items())
    for one in found.troubled:
        yield (
            f"{one.notice_id} {one.state}, {one.channel} by {one.route}, {one.messages} messages,"
            f" attempt {one.attempts}, formed {_local(one.formed_at)}: {one.last_error}"
        )


def _line(one: ListedMessage) -> str:
    run = f" run {one.run_id}" if one.run_id else ""
    return f"{_local(one.happened_at)} {one.severity} {one.kind} {one.subject}{run}"


def _local(at: datetime) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S %Z")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
