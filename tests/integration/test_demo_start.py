"""What keeps the demo from starting is one sentence and exit code 2, with nothing left behind."""

import os
import socket
import subprocess
import sys

import pytest

from scheduler_demo.errors import DemoProblem
from scheduler_demo.layout import Layout


def run_demo(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scheduler_demo", *argv],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_demo("--port", str(port), "--data-dir", str(tmp_path / "d"))
    assert done.returncode == 2
    assert f"Port {port} of 127.0.0.1 cannot be used" in done.stderr
    assert "choose another with --port" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "d").exists()


def test_a_data_folder_in_use_names_the_demo_that_uses_it(tmp_path):
    with Layout(tmp_path).locked():
        done = run_demo("--port", "0", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert f"Another demo (pid {os.getpid()}) uses the data folder" in done.stderr


def test_a_data_folder_is_free_again_after_use(tmp_path):
    with Layout(tmp_path).locked():
        pass
    with Layout(tmp_path).locked():
        assert Layout(tmp_path).logs.is_dir()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DemoProblem, match=r"cannot be made .*; name another with --data-dir"),
        Layout(tmp_path / "file" / "d").locked(),
    ):
        pass
