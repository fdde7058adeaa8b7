"""The demo's command line."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler_demo.layout import default_data_dir

_DESCRIPTION = """\
Start a whole scheduler on this machine, with nothing to install first: PostgreSQL,
Valkey (speaks Redis), SeaweedFS (speaks S3), certificates, sample jobs, worker
processes over mutual TLS, and the web process. Ctrl-C stops all of it; the data stays
for the next time.
"""

_EPILOG = """\
examples:
  ./pants run :demo                                   look at it work
  ./pants run :demo -- --workers 5 --port 9000        more workers, another port
  ./pants run :demo -- --check 60 --kill-leader       prove it: kill the leader half-way
  ./pants run :demo -- --check 60 --json              the same for a program to read
  ./pants run :demo -- --check 130 --burst 200        200 jobs due at the same second

what --check looks at:
  Each slot that was due while it ran must have one row and one process. The due slots are
  worked out by arithmetic of the demo's own, from the jobs' timetables; the processes leave
  evidence of themselves in files. So a fault of the scheduler cannot hide its own traces.
  Logs must have been archived, and read back as the API reads them.

exit codes:
  0  all went well (or you stopped it)
  1  --check found something: a slot lost or doubled, a worker's error, the web process failed,
     no new leader after --kill-leader, no log archived or one not to be read back, or a
     process ended by itself
  2  it could not start: the message says why
  130  interrupted during --check
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asked for. ``check_seconds`` None: run until told to stop."""

    data_dir: Path
    workers: int
    port: int
    database: str
    jobs: str
    burst: int
    archive: bool
    check_seconds: float | None
    json: bool
    kill_leader: bool


def parse(argv: Sequence[str]) -> Options:
    """The options of ``argv`` (without the program's name). Exits with 2 and a sentence."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.check is None and (given.json or given.kill_leader):
        parser.error("--json and --kill-leader belong to --check SECONDS; add it")
    return Options(
        data_dir=given.data_dir.expanduser().absolute(),
        workers=given.workers,
        port=given.port,
        database=given.database,
        jobs=given.jobs,
        burst=given.burst,
        archive=given.database == "postgres" and not given.no_archive,
        check_seconds=given.check,
        json=given.json,
        kill_leader=given.kill_leader,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./pants run :demo --",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_cluster_options(parser.add_argument_group("the cluster"))
    _add_check_options(parser.add_argument_group("unattended"))
    return parser


def _add_cluster_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data-dir",
        type=Path,
        default=default_data_dir(),
        metavar="DIR",
        help="where everything is kept between runs (default: %(default)s)",
    )
    group.add_argument(
        "--workers",
        type=_whole(1, 64),
        default=3,
        metavar="N",
        help="worker processes; one leads, and runs jobs itself only when alone (default: 3)",
    )
    group.add_argument(
        "--port",
        type=_whole(0, 65535),
        default=8000,
        help="of the web process on 127.0.0.1; 0: any free one (default: 8000)",
    )
    group.add_argument(
        "--database",
        choices=("postgres", "sqlite"),
        default="postgres",
        help="postgres (embedded), or sqlite: one file, one host (default: postgres)",
    )
    group.add_argument(
        "--jobs",
        choices=("all", "pulse"),
        default="all",
        help="all samples, or pulse: only no-ops, for measuring an idle cluster (default: all)",
    )
    group.add_argument(
        "--burst",
        type=_whole(0, 100_000),
        default=0,
        metavar="N",
        help="N more no-op jobs, all due at second 30 of each minute (default: 0)",
    )
    group.add_argument(
        "--no-archive",
        action="store_true",
        help="without SeaweedFS, to which the logs of runs go else (with postgres)",
    )


def _add_check_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--check",
        type=_seconds,
        metavar="SECONDS",
        help="run for so long, audit, print a summary, stop; the exit code tells",
    )
    group.add_argument(
        "--json",
        action="store_true",
        help="the summary as one JSON object, and nothing else on standard output",
    )
    group.add_argument(
        "--kill-leader",
        action="store_true",
        help="kill the leader (SIGKILL) half-way and measure until the new one starts a run",
    )


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse_number(text: str) -> int:
        if text.strip().isdigit() and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")

    return parse_number


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 5 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 5 to 86400")
    return value
