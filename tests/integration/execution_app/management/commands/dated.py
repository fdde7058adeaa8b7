import time

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Has a default that is another one at each run."

    def add_arguments(self, parser):
        parser.add_argument("--at", default=time.time_ns())

    def handle(self, *args, **options):
        print(options["at"])
