"""What /proc says of processes: children, storage bytes, host pids, marked environments.

All functions take a race with the end of a process for granted: what is gone is left out.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_SWEEP_PAUSE_SECONDS = 0.005


def children_of(pid: int, proc_fd: int | None = None) -> list[int]:
    """The pids of a process's children (zombies too), oldest first.

    ``proc_fd`` is an open /proc of another PID namespace: ``pid`` and the answer are its pids.
    """
    try:
        return [int(word) for word in _read(f"{pid}/task/{pid}/children", proc_fd).split()]
    except FileNotFoundError:
        if proc_fd is not None or not os.path.exists(f"/proc/{pid}"):
            return []
        return [child for child in all_pids() if parent_of(child) == pid]


def parent_of(pid: int) -> int:
    """The parent's pid; 0 when the process is gone."""
    try:
        return int(_read(f"{pid}/stat").rsplit(b")", 1)[1].split()[1])
    except OSError:
        return 0


def all_pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def storage_bytes(pid: int) -> tuple[int | None, int | None]:
    """Bytes that a process and its reaped children read from and wrote to storage.

    A zombie still answers; (None, None) where the kernel does not count.
    """
    try:
        lines = dict(line.split(b": ") for line in _read(f"{pid}/io").splitlines())
        return int(lines[b"read_bytes"]), int(lines[b"write_bytes"])
    except (OSError, KeyError, ValueError):
        return None, None


def host_pid(pid: int, server_pid: int, proc_fd: int) -> int:
    """The pid by which the host knows child ``pid`` of this process; ``pid`` itself if unknown.

    ``proc_fd`` is the host's /proc, ``server_pid`` this process there. The newest child is
    looked at first: it is the one just forked, unless an orphan was adopted meanwhile.
    """
    for candidate in reversed(children_of(server_pid, proc_fd)):
        with suppress(OSError, IndexError, ValueError):
            names = _read(f"{candidate}/status", proc_fd).split(b"NSpid:", 1)[1]
            if int(names.split(b"\n", 1)[0].split()[-1]) == pid:
                return candidate
    return pid


def marked_pids(marker: str) -> list[int]:
    """Processes, other than this one, that were started with ``marker`` in their environment."""
    needle, mine = marker.encode(), os.getpid()
    return [pid for pid in all_pids() if pid != mine and _is_marked(pid, needle)]


def kill_marked(marker: str, within_seconds: float) -> list[int]:
    """SIGKILL every process started with ``marker``, and what they start meanwhile, until none
    is alive; returns those that still are after ``within_seconds``."""
    until = time.monotonic() + within_seconds
    while (left := [pid for pid in marked_pids(marker) if is_alive(pid)]) and (
        time.monotonic() < until
    ):
        for pid in left:
            send(pid, signal.SIGKILL)
        time.sleep(_SWEEP_PAUSE_SECONDS)
    return left


def is_alive(pid: int) -> bool:
    """True unless the process is gone or a zombie."""
    try:
        return _read(f"{pid}/stat").rsplit(b")", 1)[1].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def send(pid: int, number: int) -> None:
    """Signal one process; one that is gone is not an error."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def send_group(leader_pid: int, number: int) -> None:
    """Signal a process group, or its leader alone while that has not yet made the group."""
    try:
        os.killpg(leader_pid, number)
    except ProcessLookupError:
        send(leader_pid, number)


def _is_marked(pid: int, needle: bytes) -> bool:
    try:
        return needle in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def _read(path: str, proc_fd: int | None = None) -> bytes:
    if proc_fd is None:
        path = "/proc/" + path
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc_fd)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    except ProcessLookupError as gone:
        raise FileNotFoundError(path) from gone
    finally:
        os.close(fd)
