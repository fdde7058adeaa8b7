import signal
import time

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Stays until it is ended (or for so many seconds)."

    def add_arguments(self, parser):
        parser.add_argument("--seconds", type=float, default=3600)
        parser.add_argument("--ignore-term", action="store_true")
        parser.add_argument("--leave-well", action="store_true")

    def handle(self, *args, **options):
        if options["ignore_term"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if options["leave_well"]:
            signal.signal(signal.SIGTERM, lambda *_: exit(0))
        print("asleep", flush=True)
        time.sleep(options["seconds"])
