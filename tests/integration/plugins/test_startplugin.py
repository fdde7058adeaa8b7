"""``manage.py scheduler_startplugin`` writes a plugin that works; or nothing, and says why."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).parents[3]


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = [str(folder), str(ROOT / "src/python"), str(ROOT / "src/python/plugins")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, *sys.path[1:]]), **environment}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    call_command("scheduler_startplugin", "scheduler_disk_watch", directory=folder)
    return folder / "scheduler_disk_watch"


def test_a_whole_project_is_written(written: Path):
    files = {str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()}
    assert files == {
        "BUILD",
        "README.md",
        "pyproject.toml",
        "scheduler_disk_watch/__init__.py",
        "scheduler_disk_watch/free_space.py",
        "scheduler_disk_watch/plugin.py",
        "scheduler_disk_watch/settings.py",
        "tests/test_plugin.py",
    }
    texts = [path.read_text() for path in written.rglob("*") if path.is_file()]
    assert not [text for text in texts if "@PACKAGE@" in text or "@" + "NAME@" in text]


def test_installing_it_asks_no_index_for_a_project_that_has_the_schedulers_name(written: Path):
    project = tomllib.loads((written / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == []


def test_its_tests_pass(written: Path):
    done = run(written, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split(" passed")[0].split()[-1]) > 15


def test_its_files_need_no_formatting_and_no_mending(written: Path):
    config = str(ROOT / "pyproject.toml")
    # Whether the scheduler's imports stand among one's own is the author's choice.
    for command in (["check", "--ignore", "I"], ["format", "--check", "--diff"]):
        done = run(written, "-m", "ruff", command[0], "--config", config, *command[1:], ".")
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_loaded_by_its_entry_point_once_it_is_installed(written: Path, tmp_path: Path):
    """As a wheel's metadata says it; building one would ask a registry for its tools."""
    metadata = written / "scheduler_disk_watch-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[scheduler.plugins]\ndisk_watch = scheduler_disk_watch.plugin:DiskWatchPlugin\n"
    )
    environment = {
        "SCHEDULER_PLUGINS": "disk_watch",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "DJANGO_SECRET_KEY": "x" * 50,
    }
    manage = ["-m", "scheduler_site.manage"]
    assert run(written, *manage, "migrate", "-v", "0", **environment).returncode == 0
    done = run(written, *manage, "scheduler_plugins", "--json", **environment)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (plugin,) = (one for one in told["plugins"] if one["name"] == "disk_watch")
    assert plugin["hooks"] == [
        "scheduler_health_checks",
        "scheduler_metrics",
        "scheduler_settings",
    ]
    assert plugin["settings"]["SCHEDULER_DISK_WATCH_LEAST_FREE_PERCENT"]["value"] == "10"
    assert [check["check"] for check in plugin["health"]] == ["free space"]
    assert "disk_watch" in [one["name"] for one in told["installed"]]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Disk",
        "disk-watch",
        "1disk",
        "disk__watch",
        "_disk",
        "scheduler",
        "../up",
        "x" * 41,
        "scheduler_2fa",
    ],
)
def test_a_name_that_is_none_is_refused_in_one_sentence(name: str, tmp_path: Path):
    with pytest.raises(CommandError, match="is no name for a plugin's package") as refused:
        call_command("scheduler_startplugin", name, directory=tmp_path)
    assert refused.value.returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("json", "is here already"),
        ("tests", "is here already"),
        ("class", "word of Python"),
        ("core", "is that of a plugin"),
        ("scheduler_k8s_health_", "is no name"),
        ("k8s_health", "is that of a plugin"),
        ("log", "settings names like SCHEDULER_LOG_.*, which is another's"),
        ("k8s", "settings names like SCHEDULER_K8S_.*, which is another's"),
    ],
)
def test_a_name_that_is_taken_is_refused(name: str, why: str, tmp_path: Path):
    with pytest.raises(CommandError, match=why):
        call_command("scheduler_startplugin", name, directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_left_alone(tmp_path: Path):
    (tmp_path / "my_disks").mkdir()
    (tmp_path / "my_disks" / "mine.txt").write_text("mine")
    with pytest.raises(CommandError, match="my_disks is there already"):
        call_command("scheduler_startplugin", "my_disks", directory=tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["my_disks", "mine.txt"]


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path):
    with pytest.raises(CommandError, match="is not there; make it first"):
        call_command("scheduler_startplugin", "my_disks", directory=tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CommandError, match=r"cannot be written \(no space left on device\)"):
        call_command("scheduler_startplugin", "my_disks", directory=tmp_path)
    assert list(tmp_path.iterdir()) == []
