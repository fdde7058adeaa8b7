"""``manage.py scheduler_worker``: run one worker of the cluster."""

import os
import signal
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)

from scheduler.bootstrap.settings import SettingsInForce
from scheduler.bootstrap.worker import WorkerProcess
from scheduler.domain.errors import SchedulerError
from scheduler.management.starting import take_up_code
from scheduler.plugin_api.logs import configure_logging, get_logger
from scheduler.plugin_api.resolution import secret_values

log = get_logger("scheduler.worker")

EPILOG = """
A worker runs jobs; one of the workers leads (plans, assigns, dispatches), another stands by.
Start as many as you like, on as many hosts as you like: they find each other through the
database and Redis. With only one worker, it leads and runs jobs itself.

Signals: SIGTERM or SIGINT hands leadership over, takes no new run and ends when the last run of
this worker has ended. A second one ends the runs too: they are tried again on another worker.

Every option stands for an environment variable, and goes over it. All settings, with bounds and
meaning: docs/settings.md.

Exit codes: 0 after a stop that was asked for; 2 when it could not start, with one sentence.
"""

OPTIONS = {
    "grpc_host": "SCHEDULER_GRPC_HOST",
    "node_id": "SCHEDULER_NODE_ID",
    "queues": "SCHEDULER_QUEUES",
    "labels": "SCHEDULER_LABELS",
    "capacity": "SCHEDULER_MAX_JOBS_PER_WORKER",
    "log_format": "SCHEDULER_LOG_FORMAT",
    "log_level": "SCHEDULER_LOG_LEVEL",
}


class Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Django's order of options; the epilog as it is written."""


class Command(BaseCommand):
    """Parses, starts, forwards signals; everything else is in ``scheduler.bootstrap``."""

    help = "Run one worker of the job scheduler."
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs |= {"epilog": EPILOG, "formatter_class": Formatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        line = parser.add_argument_group("the line to other workers")
        line.add_argument(
            "--grpc-port",
            type=int,
            metavar="N",
            help="listen on this port (default: the first free one of "
            "SCHEDULER_GRPC_PORT_RANGE_START..END, 50051-50150; 0: any)",
        )
        line.add_argument(
            "--grpc-host", metavar="HOST", help="address to listen on, and that others reach"
        )
        line.add_argument(
            "--node-id", metavar="NAME", help="this host's or node's name (default: its hostname)"
        )
        work = parser.add_argument_group("the work it takes")
        work.add_argument("--queues", metavar="A,B", help="queues served (default: default)")
        work.add_argument(
            "--labels", metavar="K=V,...", help="labels that jobs may require of a worker"
        )
        work.add_argument("--capacity", metavar="N", help="runs at the same time (default: 8)")
        other = parser.add_argument_group("logs and checks")
        other.add_argument("--log-format", metavar="json|console", help="default: json")
        other.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
        other.add_argument(
            "--strict",
            action="store_true",
            help="refuse to start when a SCHEDULER_* variable is not a setting",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal says stop. Raises CommandError (exit code 2) for what prevents it."""
        environ = dict(os.environ)
        for option, variable in OPTIONS.items():
            if options[option] is not None:
                environ[variable] = str(options[option])
        try:
            settings = SettingsInForce(environ, strict=options["strict"])
            self._configure_logs(settings)
            process = WorkerProcess(settings, grpc_port=_port(options["grpc_port"]))
        except SchedulerError as error:
            raise CommandError(str(error), returncode=2) from None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.request_stop())
        take_up_code(settings.core.jobs_autodiscover)
        process.run()

    def _configure_logs(self, settings: SettingsInForce) -> None:
        core = settings.core
        resolved = [settings.plugins.resolved(m) for m in settings.plugins.settings_models]
        configure_logging(
            format=core.log_format,
            level=core.log_level,
            fields={"node_id": core.node_id} if core.node_id else {},
            secrets=secret_values(resolved),
        )
        for warning in settings.warnings:
            log.warning("setting_unknown", reason=warning)


def _port(value: int | None) -> int | None:
    if value is not None and not 0 <= value <= 65535:
        raise CommandError(
            f"--grpc-port is {value}; allowed: a port from 1 to 65535, or 0 for any.", returncode=2
        )
    return value
