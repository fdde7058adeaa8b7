"""The Linux calls that Python's standard library lacks. No Django in here."""

import ctypes
import os
import signal
import time
from contextlib import suppress

from setproctitle import setproctitle, setthreadtitle

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_SLAVE = 0x2, 0x4, 0x8, 0x4000, 0x80000

_libc = ctypes.CDLL(None, use_errno=True)


def boottime() -> float:
    """Seconds of CLOCK_BOOTTIME: goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def name_process(title: str, short: str) -> None:
    """Show ``title`` in ps, and ``short`` (15 bytes, no blank: Python's fork counts threads by
    splitting /proc/self/stat at blanks) in top."""
    setproctitle(title)
    setthreadtitle(short)


def die_with_parent() -> None:
    """SIGKILL this process when the thread that forked it ends. Not inherited by fork."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (PR_SET_CHILD_SUBREAPER).

    Kept across exec, not inherited by fork.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def enter_private_proc() -> None:
    """Give this process a mount namespace of its own whose /proc shows its PID namespace.

    Mounts made later on the host are still seen here; those made here stay here. Raises OSError
    (EPERM) without CAP_SYS_ADMIN.
    """
    os.unshare(os.CLONE_NEWNS)
    _mount(b"none", b"/", None, _MS_REC | _MS_SLAVE)
    _mount(b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


def open_timer() -> int:
    """A timer on the clock of all deadlines: it fires even after a suspension."""
    return os.timerfd_create(time.CLOCK_BOOTTIME, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)


def wake_on_child_end() -> tuple[int, int]:
    """A pipe whose first end becomes readable when a child of this process ends."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader, writer


def drain(fd: int) -> None:
    """Take what a wake-up pipe or timer holds."""
    with suppress(BlockingIOError):
        os.read(fd, 4096)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        _raise_errno("prctl")


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int) -> None:
    if _libc.mount(source, target, kind, ctypes.c_ulong(flags), None) != 0:
        _raise_errno("mount " + target.decode())


def _raise_errno(what: str) -> None:
    errno = ctypes.get_errno()
    raise OSError(errno, f"{what}: {os.strerror(errno)}")
