"""How surely the processes of a dead fork server are ended: chosen by what the machine permits.

Each run's own process adopts the orphans among its descendants, and the fork server those of a
run that ended, so that a run's whole tree is found and killed whatever its sessions are. That
holds under every strength. The strengths differ in what ends the trees when the *fork server*
dies: the kernel (PID namespace), one write (cgroup), or the launcher, who then adopts and
kills them one by one. No Django in here.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from scheduler.domain.errors import SchedulerError
from scheduler.execution import linux


class KillStrength(StrEnum):
    """From the strongest to the one that every Linux has."""

    PID_NAMESPACE = "pid_namespace"
    CGROUP = "cgroup"
    PROCESS_GROUP = "process_group"


class StrengthNotPermitted(SchedulerError):
    """A kill strength was asked for by name that this machine does not permit."""

    code = "KILL_STRENGTH_NOT_PERMITTED"

    def __init__(self, strength: str) -> None:
        self.strength = strength
        super().__init__(
            f"Kill strength {strength!r} is not permitted here; "
            f"allow it (CAP_SYS_ADMIN, or a delegated cgroup v2) or leave the choice open."
        )


def choose(wanted: KillStrength | None = None) -> KillStrength:
    """The strongest that is permitted, or ``wanted``. Raises StrengthNotPermitted."""
    permitted: dict[KillStrength, Callable[[], bool]] = {
        KillStrength.PID_NAMESPACE: pid_namespace_permitted,
        KillStrength.CGROUP: lambda: own_cgroup() is not None,
        KillStrength.PROCESS_GROUP: lambda: True,
    }
    for strength in [wanted] if wanted else list(KillStrength):
        if permitted[strength]():
            return strength
    raise StrengthNotPermitted(str(wanted))


def pid_namespace_permitted() -> bool:
    """Try it in a process made for that: a PID namespace, in it a /proc of its own, and the way
    back for the next one (which a user namespace without a PID namespace of its own lacks)."""
    pid = os.fork()
    if pid == 0:
        _try_pid_namespace()
    return os.waitpid(pid, 0)[1] == 0


def _try_pid_namespace() -> None:
    code = 1
    with suppress(OSError):
        own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        os.unshare(os.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            with suppress(OSError):
                linux.enter_private_proc()
                code = 0
        else:
            os.setns(own, os.CLONE_NEWPID)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os._exit(code)


def own_cgroup() -> Path | None:
    """This process's cgroup v2 folder, if processes may be moved into folders made in it and
    killed there (Linux 5.14)."""
    folder = _own_cgroup_folder()
    if folder is None:
        return None
    trial = folder / f"scheduler-trial-{uuid4().hex}"
    try:
        trial.mkdir()
    except OSError:
        return None
    try:
        return folder if _can_kill_in(trial) else None
    finally:
        with suppress(OSError):
            trial.rmdir()


def _own_cgroup_folder() -> Path | None:
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    roots = [(words[3], words[4]) for words in mounts if words[words.index("-") + 1] == "cgroup2"]
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::") and roots:
            root, mount = roots[0]
            path = line[3:].removeprefix(root.rstrip("/")).lstrip("/")
            return None if ".." in path else Path(mount) / path
    return None


def _can_kill_in(folder: Path) -> bool:
    pid = os.fork()
    if pid == 0:
        with suppress(OSError):
            enter_cgroup(folder)
            (folder / "cgroup.kill").write_text("1")
        os._exit(1)
    return os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def enter_cgroup(folder: Path) -> None:
    """Move this process into a cgroup."""
    (folder / "cgroup.procs").write_text("0")


def kill_cgroup(folder: Path) -> None:
    """SIGKILL all in a cgroup and below it; one that is gone is not an error."""
    with suppress(OSError):
        (folder / "cgroup.kill").write_text("1")


def remove_cgroup(folder: Path) -> None:
    """Remove a cgroup and those directly in it as far as they are empty of living processes."""
    with suppress(OSError):
        for inner in [path for path in folder.iterdir() if path.is_dir()]:
            with suppress(OSError):
                inner.rmdir()
        folder.rmdir()
