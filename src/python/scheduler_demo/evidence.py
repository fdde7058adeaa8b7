"""What the sample jobs themselves leave behind, so that an audit need not believe the database.

With ``DEMO_EVIDENCE_DIR`` set to a folder, each sample job appends one line of JSON when its
process begins and one when it ends, and holds a lock on a file named after its slot meanwhile. The
kernel lets go of the lock when the process ends, however it ends: a job that finds its slot's
lock taken has met a second live process of the same slot, and says so.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

ENVIRONMENT_NAME = "DEMO_EVIDENCE_DIR"
_FILE_NAME = "evidence.jsonl"
_LOCKS = "slots"

Kind = Literal["start", "end", "overlap"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One line. ``boottime`` is CLOCK_BOOTTIME of this host, ``clock`` its Unix time; ``token`` is
    the fencing token of the run's assignment, whose upper half is the leader's epoch."""

    kind: Kind
    run_id: str
    job: str
    scheduled_for: str
    attempt: int
    token: int
    pid: int
    boottime: float
    clock: float

    @property
    def epoch(self) -> int:
        """The epoch of the leader that assigned the run."""
        return self.token >> 32


@contextmanager
def recorded() -> Iterator[None]:
    """Marks the start and the end of the work inside; does nothing without the variable."""
    folder = os.environ.get(ENVIRONMENT_NAME)
    if not folder:
        yield
        return
    began = _mark("start")
    with _slot_lock(Path(folder), began) as alone:
        _append(Path(folder), began)
        if not alone:
            _append(Path(folder), _mark("overlap"))
        try:
            yield
        finally:
            # Inside the lock: the end is written before another process may begin.
            _append(Path(folder), _mark("end"))


def read(folder: Path) -> list[Mark]:
    """All marks so far, in the order in which they were written."""
    path = folder / _FILE_NAME
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    return [Mark(**json.loads(line)) for line in lines]


def forget(folder: Path) -> None:
    """Remove what earlier jobs left."""
    (folder / _FILE_NAME).unlink(missing_ok=True)
    shutil.rmtree(folder / _LOCKS, ignore_errors=True)


def _mark(kind: Kind) -> Mark:
    get = os.environ.get
    return Mark(
        kind=kind,
        run_id=get("SCHEDULER_JOB_RUN_ID", ""),
        job=get("SCHEDULER_JOB_NAME", ""),
        scheduled_for=get("SCHEDULER_SCHEDULED_FOR", ""),
        attempt=int(get("SCHEDULER_ATTEMPT", "0")),
        token=int(get("SCHEDULER_FENCING_TOKEN", "0")),
        pid=os.getpid(),
        boottime=time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)),
        clock=time.time(),
    )


def _append(folder: Path, mark: Mark) -> None:
    # One write to a file opened for appending: lines of several processes never mix.
    line = json.dumps(asdict(mark)) + "\n"
    descriptor = os.open(folder / _FILE_NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@contextmanager
def _slot_lock(folder: Path, mark: Mark) -> Iterator[bool]:
    locks = folder / _LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    # Events of one request are due at one instant, each a slot of its own.
    event = json.loads(os.environ.get("SCHEDULER_EVENT_JSON", "{}")).get("id", "")
    name = f"{mark.job}@{mark.scheduled_for}{event}".replace("/", "_")
    descriptor = os.open(locks / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _taken(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
