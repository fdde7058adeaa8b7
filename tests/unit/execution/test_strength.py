"""The choice of a kill strength by what the machine permits."""

import subprocess
import sys

import pytest

from scheduler.execution import strength
from scheduler.execution.strength import KillStrength, StrengthNotPermitted


@pytest.fixture
def machine(monkeypatch):
    def permits(*, namespaces, cgroups):
        monkeypatch.setattr(strength, "pid_namespace_permitted", lambda: namespaces)
        monkeypatch.setattr(strength, "own_cgroup", lambda: "x" if cgroups else None)

    return permits


def test_pid_namespace_comes_first(machine):
    machine(namespaces=True, cgroups=True)
    assert strength.choose() is KillStrength.PID_NAMESPACE


def test_cgroup_comes_second(machine):
    machine(namespaces=False, cgroups=True)
    assert strength.choose() is KillStrength.CGROUP


def test_process_group_is_always_there(machine):
    machine(namespaces=False, cgroups=False)
    assert strength.choose() is KillStrength.PROCESS_GROUP


def test_weaker_strength_may_be_asked_for(machine):
    machine(namespaces=True, cgroups=True)
    assert strength.choose(KillStrength.PROCESS_GROUP) is KillStrength.PROCESS_GROUP


def test_strength_that_is_not_permitted_is_refused_with_its_name(machine):
    machine(namespaces=False, cgroups=False)
    with pytest.raises(StrengthNotPermitted, match="'pid_namespace' is not permitted here"):
        strength.choose(KillStrength.PID_NAMESPACE)


def test_launcher_imports_nothing_of_django():
    code = "import sys, scheduler.execution.launcher; print('django' in sys.modules)"
    env = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.check_output([sys.executable, "-c", code], env=env) == b"False\n"
