"""``manage.py scheduler_dev_certs``: a certificate for development, in one command."""

import ipaddress
import re
import shlex
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler.domain.errors import CertificateProblem
from scheduler.transport.certificates import mint

_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_DAYS_MAX = 36_500


class Command(BaseCommand):
    help = (
        "Make a self-signed certificate (tls.crt) and its key (tls.key) for the gRPC line between "
        "workers on one's own machines. It is its own CA and serves both directions: give every "
        "worker the same two files. In production let cert-manager or your CA issue one."
    )
    # It needs no database and no settings of the scheduler.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dir",
            type=Path,
            default=Path("dev-certs"),
            help="folder to write to; made if missing (default: %(default)s)",
        )
        parser.add_argument(
            "--days",
            type=_days,
            default=3650,
            help=f"days of validity, 1 to {_DAYS_MAX} (default: %(default)s)",
        )
        parser.add_argument("--force", action="store_true", help="replace files that exist")
        parser.add_argument(
            "--host",
            action="append",
            type=_host,
            default=[],
            metavar="NAME",
            help="a further host name or address to put into it; may be repeated. Workers find "
            "each other without; it is for tools that check the host name",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Writes both files or nothing; prints the two lines for the shell on stdout."""
        folder: Path = options["dir"].absolute()
        try:
            files = mint(
                folder, days=options["days"], hosts=options["host"], replace=options["force"]
            )
        except CertificateProblem as problem:
            raise CommandError(str(problem), returncode=2) from None
        self.stdout.write(f"export SCHEDULER_TLS_CERT_FILE={shlex.quote(str(files.cert_file))}")
        self.stdout.write(f"export SCHEDULER_TLS_KEY_FILE={shlex.quote(str(files.key_file))}")


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _DAYS_MAX:
        raise ArgumentTypeError(f"{text!r} is not a number of days from 1 to {_DAYS_MAX}")
    return int(text)


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if _HOST.fullmatch(text):
            return text
    raise ArgumentTypeError(f"{text!r} is neither a host name nor an IP address")
