"""Workers on odd machines: a wall clock that is wrong, a log folder that is full."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scheduler_demo.processes import GuardedProcess
from scheduler_demo.workers import MANAGE, WorkerProcess
from tests.e2e.cluster import Cluster

# The interpreter and gRPC read a moved clock, and hand absolute wall times to the kernel's futex,
# whose clock is right: those are moved back.
_CLOCK_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

typedef long (*system_call)(long, long, long, long, long, long, long);

static long real_call(long n, long a, long b, long c, long d, long e, long f) {
    static system_call real;
    if (!real) real = (system_call)dlsym(RTLD_NEXT, "syscall");
    return real(n, a, b, c, d, e, f);
}

static long offset_for(void *caller) {
    Dl_info where;
    const char *text = getenv("CLOCK_OFFSET_SECONDS");
    if (!text || !dladdr(caller, &where) || !where.dli_fname) return 0;
    const char *slash = strrchr(where.dli_fname, '/');
    const char *name = slash ? slash + 1 : where.dli_fname;
    int moved = !strncmp(name, "libpython", 9) || !strncmp(name, "python", 6)
                || !strncmp(name, "cygrpc", 6);
    return moved ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = real_call(SYS_clock_gettime, clock, (long)now, 0, 0, 0, 0);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += offset_for(__builtin_return_address(0));
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    int failed = real_call(SYS_gettimeofday, (long)now, (long)zone, 0, 0, 0, 0);
    if (!failed) now->tv_sec += offset_for(__builtin_return_address(0));
    return failed;
}

time_t time(time_t *out) {
    struct timespec now;
    real_call(SYS_clock_gettime, CLOCK_REALTIME, (long)&now, 0, 0, 0, 0);
    now.tv_sec += offset_for(__builtin_return_address(0));
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

long syscall(long n, long a, long b, long c, long d, long e, long f) {
    struct timespec until;
    if (n == SYS_futex && (b & FUTEX_CLOCK_REALTIME) && d) {
        until = *(struct timespec *)d;
        until.tv_sec -= offset_for(__builtin_return_address(0));
        d = (long)&until;
    }
    return real_call(n, a, b, c, d, e, f);
}
"""
FULL_QUEUE = "full"
"""Served by the worker with the full disk alone."""
_OWN_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount")
_ON_A_FULL_DISK = """
mount -t tmpfs -o size=4k tmpfs "$1" || exit 1
head -c 4096 /dev/zero > "$1/filler" || exit 1
shift
exec "$@"
"""


def wrong_clock_library(folder: Path) -> Path | None:
    """A library to preload that moves a worker's wall clock by CLOCK_OFFSET_SECONDS; None where
    there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    source, library = folder / "clock.c", folder / "clock.so"
    # Without <unistd.h>, whose declaration of syscall is variadic.
    source.write_text(_CLOCK_SOURCE)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def full_disks_can_be_had(folder: Path) -> bool:
    """Whether this machine lets us mount in a user namespace of our own."""
    command = [*_OWN_MOUNTS, "sh", "-c", _ON_A_FULL_DISK, "sh", str(folder), "true"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


class FullDiskWorker(WorkerProcess):
    """A worker whose log folder is a full disk, seen by no other process."""

    @property
    def log_folder(self) -> Path:
        return Path(self._environment["SCHEDULER_LOG_DIR"])

    def start(self) -> None:
        self.log_folder.mkdir(exist_ok=True)
        worker = [*MANAGE, "scheduler_worker", "--node-id", self.node_id, *self._options]
        mounting = [*_OWN_MOUNTS, "sh", "-c", _ON_A_FULL_DISK, "sh", str(self.log_folder)]
        self._process = GuardedProcess([*mounting, *worker], self.log_path, env=self._environment)

    def logs_as_it_sees_them(self) -> list[Path]:
        """Log files on its disk."""
        return list(Path(f"/proc/{self.pid}/root{self.log_folder}").glob("*/*/*.log"))


class OddCluster(Cluster):
    """``clock_offsets`` and ``full_disk`` name workers by their number."""

    def __init__(
        self,
        folder: Path,
        jobs: Sequence[Mapping[str, Any]],
        *,
        clock_library: Path | None,
        clock_offsets: Mapping[int, int],
        full_disk: int,
    ) -> None:
        super().__init__(folder, jobs)
        self._library, self._offsets, self._full_disk = clock_library, clock_offsets, full_disk

    def worker_environment(self, number: int) -> dict[str, str]:
        environment = super().worker_environment(number)
        if self._library is not None and number in self._offsets:
            environment["LD_PRELOAD"] = str(self._library)
            environment["CLOCK_OFFSET_SECONDS"] = str(self._offsets[number])
        if number == self._full_disk:
            environment["SCHEDULER_LOG_DIR"] = str(self.layout.root / "full-disk")
        return environment

    def make_worker(self, number: int) -> WorkerProcess:
        if number != self._full_disk:
            return super().make_worker(number)
        log_path = self.layout.logs / f"worker-{number}.log"
        options = (*self._worker_options, "--queues", f"default,{FULL_QUEUE}")
        return FullDiskWorker(number, self.worker_environment(number), log_path, options)
