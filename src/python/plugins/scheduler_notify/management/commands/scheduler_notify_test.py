"""``manage.py scheduler_notify_test``: does a notice arrive?"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduler_notify.failing_plainly import BAD_INPUT, plainly
from scheduler_notify.in_force import settings_in_force
from scheduler_notify.messages import CHANNELS, Channel
from scheduler_notify.settings import NotifySettings
from scheduler_notify.trial import Tried, try_channels

FAILED = 1


class Command(BaseCommand):
    requires_system_checks = []
    help = (
        "Send a test notice at once and say what became of it, channel by channel. Exit codes: "
        "0 all took it, 1 one did not, 2 bad settings."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--channel", choices=CHANNELS, help="this one alone (all that are set up)"
        )
        parser.add_argument("--job", default="", help="a job's name to put into the notice")

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            settings = settings_in_force()
        names = _asked(settings, options["channel"])
        tried = try_channels(names, settings, options["job"], timezone.now)
        for one in tried:
            self.stdout.write(_line(one))
        if not all(one.ok for one in tried):
            sys.exit(FAILED)


def _asked(settings: NotifySettings, channel: Channel | None) -> tuple[Channel, ...]:
    names = (channel,) if channel else settings.configured
    if not names or not set(names) <= set(settings.configured):
        what = f"The channel {channel} is not" if channel else "No channel is"
        sentence = f"{what} set up; docs/notifications.md says which settings it takes."
        raise CommandError(sentence, returncode=BAD_INPUT)
    return names


def _line(one: Tried) -> str:
    if not one.ok:
        return f"{one.channel}: failed. {one.words}"
    return f"{one.channel}: sent. {one.words}".rstrip()
