import time

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Burns CPU and writes to storage, so that there is something to account for."

    def add_arguments(self, parser):
        parser.add_argument("--cpu-seconds", type=float, default=0.0)
        parser.add_argument("--log-megabytes", type=int, default=0)

    def handle(self, *args, **options):
        until = time.process_time() + options["cpu_seconds"]
        while time.process_time() < until:
            sum(range(1000))
        line = "x" * 1023
        for _ in range(options["log_megabytes"] * 1024):
            print(line)
