"""Makes what the processes of a demo need before they start, in one process: each start of Django
costs a second."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandParser

from scheduler_demo.sample.management.commands import sample_load


class Command(sample_load.Command):
    help = "Mint certificates where there are none, make the tables, load definitions."

    # There are no tables to check yet.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--tls-dir", type=Path, required=True, metavar="DIR", help="the certificates' folder"
        )
        parser.add_argument("--load", action="store_true", help="load definitions, too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError (exit code 2) as the commands do that it calls."""
        folder: Path = options["tls_dir"]
        if not (folder / "tls.crt").exists():
            call_command("scheduler_dev_certs", dir=folder, stdout=self.stdout)
        call_command("migrate", verbosity=0)
        if options["load"]:
            super().handle(*args, **options)
