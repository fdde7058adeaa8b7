import sys

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Says something and ends as asked."

    def add_arguments(self, parser):
        parser.add_argument("text")
        parser.add_argument("--times", type=int, default=1)
        parser.add_argument("--end", choices=["well", "exit", "error", "crash"], default="well")
        parser.add_argument("--code", type=int, default=0)

    def handle(self, *args, **options):
        for _ in range(options["times"]):
            self.stdout.write(options["text"])
        end, code = options["end"], options["code"]
        if end == "exit":
            sys.exit(code)
        if end == "error":
            raise CommandError("it will not do", returncode=code)
        if end == "crash":
            raise ValueError("it broke")
