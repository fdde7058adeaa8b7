"""``manage.py scheduler_alerts``: the alerts there are; silences made and expired."""

import getpass
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.utils import timezone

from scheduler.plugin_api.errors import SchedulerError
from scheduler.requests.recording import record
from scheduler_monitoring.alertmanager import Alertmanager, FiringAlert, Silence
from scheduler_monitoring.errors import InvalidSilence, RemoteRefused
from scheduler_monitoring.in_force import settings_in_force
from scheduler_monitoring.servers import alertmanager_of
from scheduler_monitoring.silences import Matcher, NewSilence, parse_duration

BAD_INPUT = 2
_NOT_FOUND = 404


class Command(BaseCommand):
    help = (
        "Alerts and silences of the Alertmanager at SCHEDULER_ALERTMANAGER_URL. list: the alerts "
        "and the silences; silence: hold back the alerts that match, for up to 7 days; expire: "
        "end a silence now. Exit code 2: what was asked for could not be done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="alerts and silences")
        listing.add_argument("matchers", nargs="*", metavar="MATCHER", help="only such alerts")
        silence = actions.add_parser("silence", help="make a silence")
        silence.add_argument("matchers", nargs="+", metavar="MATCHER", help='e.g. severity="info"')
        silence.add_argument("--for", dest="duration", default="2h", help="30m, 2h, 7d (2h)")
        silence.add_argument("--author", default="", help="who asks (the system's user)")
        silence.add_argument("--comment", required=True, help="why")
        expire = actions.add_parser("expire", help="end a silence")
        expire.add_argument("silence_id", metavar="ID")
        expire.add_argument("--author", default="", help="who asks (the system's user)")
        for each in (listing, silence, expire):
            each.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        given = Namespace(**options)
        act: dict[str, Callable[[Alertmanager, Namespace], None]] = {
            "list": self._list,
            "silence": self._silence,
            "expire": self._expire,
        }
        try:
            act[given.action](alertmanager_of(settings_in_force()), given)
        except SchedulerError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        except DatabaseError as error:
            sentence = "The database does not answer; check DATABASE_URL."
            raise CommandError(sentence, returncode=BAD_INPUT) from error

    def _list(self, server: Alertmanager, given: Namespace) -> None:
        alerts = server.alerts(map(Matcher.parse, given.matchers))
        silences = server.silences()
        if given.json:
            found = {"alerts": [*map(asdict, alerts)], "silences": [*map(asdict, silences)]}
            self.stdout.write(json.dumps(found, default=_plain, ensure_ascii=False))
            return
        lines = [*map(_alert_line, alerts), "", *map(_silence_line, silences)]
        heads = f"Alerts: {len(alerts)}, silences: {len(silences)}"
        self.stdout.write("\n".join([heads, *lines]).rstrip())

    def _silence(self, server: Alertmanager, given: Namespace) -> None:
        silence = NewSilence.of(
            [Matcher.parse(text) for text in given.matchers],
            parse_duration(given.duration),
            author=given.author or getpass.getuser(),
            comment=given.comment,
            now=datetime.now(UTC),
        )
        silence_id = server.create_silence(silence)
        matchers = [str(matcher) for matcher in silence.matchers]
        ends_at = silence.ends_at.isoformat(timespec="seconds")
        told = {"matchers": matchers, "ends_at": ends_at, "comment": silence.comment}
        record("alerts_silenced", silence_id, silence.author, **told)
        told_text = f"Silenced {', '.join(matchers)} until {_clock(silence.ends_at)}: {silence_id}"
        self._tell(given, {"silence_id": silence_id, **told}, told_text)

    def _expire(self, server: Alertmanager, given: Namespace) -> None:
        silence_id = _silence_id(given.silence_id)
        try:
            server.expire_silence(silence_id)
        except RemoteRefused as error:
            if error.status != _NOT_FOUND:
                raise
            allowed = "those that scheduler_alerts list shows"
            raise InvalidSilence("id", f"there is none {silence_id}", allowed) from error
        record("silence_expired", silence_id, given.author or getpass.getuser())
        self._tell(given, {"silence_id": str(silence_id)}, f"Expired {silence_id}.")

    def _tell(self, given: Namespace, found: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(found, ensure_ascii=False) if given.json else text)


def _alert_line(alert: FiringAlert) -> str:
    severity = alert.labels.get("severity", "none")
    said = alert.annotations.get("summary", "")
    return f"  {alert.state} {severity} {alert.name} since {_clock(alert.starts_at)}: {said}"


def _silence_line(silence: Silence) -> str:
    matchers = ", ".join(map(str, silence.matchers))
    until = f"until {_clock(silence.ends_at)}"
    by = f"by {silence.author}: {silence.comment}"
    return f"  {silence.silence_id} {silence.state} {until} {matchers} {by}"


def _silence_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidSilence("id", f"{text!r} is none", "the id that list shows") from None


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _clock(instant: datetime) -> str:
    return timezone.localtime(instant).strftime("%Y-%m-%d %H:%M:%S")
