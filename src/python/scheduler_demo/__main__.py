"""``./pants run :demo -- [options]``: the whole scheduler on one machine."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

from scheduler_demo.errors import DemoProblem
from scheduler_demo.layout import Layout
from scheduler_demo.monitored import MonitoredCluster
from scheduler_demo.options import Options, parse
from scheduler_demo.session import Session
from scheduler_demo.workers import check_port

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; returns its exit code (see ``--help``)."""
    options = parse(sys.argv[1:] if argv is None else argv)
    layout = Layout(options.data_dir)
    try:
        if options.port:
            check_port(options.port)
        with layout.locked():
            return _run(options, layout)
    except DemoProblem as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 2


def _run(options: Options, layout: Layout) -> int:
    session = Session(options)
    cluster = MonitoredCluster(
        layout,
        say=session.say,
        workers=options.workers,
        database=options.database,
        web_port=options.port,
        jobs=options.jobs,
        burst=options.burst,
        archive=options.archive,
        leave_evidence=options.check_seconds is not None,
        on_step=session.step_done,
    )
    with _signals_interrupt():
        try:
            cluster.start()
            return session.run(cluster)
        except KeyboardInterrupt:
            return 0 if options.check_seconds is None else INTERRUPTED
        finally:
            _stop(cluster, session)


def _stop(cluster: MonitoredCluster, session: Session) -> None:
    """In order and in peace; another signal hurries it."""

    def hurry(number: int, frame: FrameType | None) -> None:
        if not cluster.hurry.is_set():
            session.say("hurrying: what still runs is ended")
        cluster.hurry.set()

    for number in _STOP_SIGNALS:
        signal.signal(number, hurry)
    session.say("stopping: workers hand over and finish their runs (Ctrl-C again to hurry)")
    cluster.stop()
    session.say("stopped; nothing is left running")


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and a closed terminal interrupt as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Nothing of ours is left to wait for; a library's thread must not keep the terminal.
    os._exit(code)
