"""A worker in a user namespace without a PID namespace of its own: it may make one PID namespace
and never come back from it for the next."""

import os
import shutil
import subprocess
import sys

import pytest

IN_USER_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
CHOICE = "from scheduler.execution.strength import choose; print(choose())"


def in_user_namespace(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*IN_USER_NAMESPACE, *command],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)},
    )


def test_a_pid_namespace_from_which_nobody_comes_back_is_not_chosen():
    if shutil.which("unshare") is None or in_user_namespace("true").returncode != 0:
        pytest.skip("this machine allows no user namespace")
    chosen = in_user_namespace(sys.executable, "-c", CHOICE)
    assert chosen.returncode == 0, chosen.stderr
    assert chosen.stdout.strip() in {"cgroup", "process_group"}
