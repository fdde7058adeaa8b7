"""The guide's code runs as it stands in docs/plugins.md."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.values import JobSketch, LaunchSite, RunState, RunTransition, StartOrder
from scheduler.testing.plugin_conformance import PluginConformance

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
NOON = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What the guide's code defines, all of it one module."""
    path = tmp_path / "guide_of_plugins.py"
    path.write_text("\n".join(BLOCKS))
    spec = spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
        yield vars(module)
    finally:
        del sys.modules[path.stem]


@pytest.fixture
def host(namespace: dict[str, Any]) -> PluginHost:
    host = PluginHost.load(["report"], {"report": lambda: namespace["ReportPlugin"]})
    host.configure(rows={}, environ={"SCHEDULER_REPORT_KEEP_LAST": "2"})
    return host


def failed(number: int) -> RunTransition:
    return RunTransition(
        run_id=UUID(int=number),
        definition_id=1,
        job_name="nightly",
        attempt=1,
        old=RunState.RUNNING,
        new=RunState.FAILED,
        reason="EXIT_CODE",
        worker_id="w-1",
        at=NOON,
    )


def test_the_guide_holds_a_plugin_and_its_tests():
    assert len(BLOCKS) == 3


SUITE = [name for name in vars(PluginConformance) if name.startswith("test_")]


@pytest.mark.parametrize("test", SUITE)
def test_the_plugin_of_the_guide_passes_the_conformance_suite(namespace, test, tmp_path):
    # The plugin alone, as its own file would be: what the suite reads is its source.
    (tmp_path / "guide_of_plugins.py").write_text(BLOCKS[0])
    getattr(namespace["TestConformance"](), test)()


def test_the_plugin_of_the_guide_launches_its_command(host):
    order = StartOrder(
        run_id=UUID(int=7),
        assign_seq=1,
        start_in_seconds=0,
        definition_id=1,
        job_name="sales",
        attempt=1,
        orphan_count=0,
        slot_key="t:x",
        scheduled_for=NOON,
        executor="report",
        command="sales",
    )
    spec = host.prepare(order, LaunchSite("w-1", "/logs/7"))
    assert spec.argv == ("make_report", "sales")
    assert spec.env["REPORT_FOR"] == "2026-01-02T03:00:00+00:00"
    assert spec.env["SCHEDULER_JOB_NAME"] == "sales"
    assert "name" in (host.validate_job("report", JobSketch("sales", "", None, "fork")) or "")


def test_the_plugin_of_the_guide_takes_a_batch_twice_without_harm(host):
    batch = [failed(1), failed(2)]
    assert host.deliver("report", batch)
    assert host.deliver("report", batch)
    (result,) = host.health()
    assert result.report.summary == "2 runs have failed."


def test_the_plugin_of_the_guide_obeys_its_setting(host):
    assert host.deliver("report", [failed(number) for number in range(5)])
    assert [one.run_id.int for one in host.plugins[1].failures] == [3, 4]


def test_the_sentences_that_the_guide_quotes_are_those_that_come(namespace):
    quoted = re.search(r"^Plugin 'reprot'.*$", GUIDE, re.MULTILINE)
    assert quoted
    offered = {"report": lambda: None, "some_installed_plugin": lambda: None}
    with pytest.raises(Exception, match=re.escape(quoted[0])):
        PluginHost.load(["reprot"], offered)


@pytest.mark.parametrize("page", ["plugins.md", "plugins.ja.md"])
def test_the_commands_of_the_ten_minutes_are_run_where_they_work(page):
    """``manage.py`` stands in the project's folder, the plugin's tests in the plugin's."""
    text = (DOCS / page).read_text(encoding="utf-8")
    block = r"^```sh\n(python manage.py scheduler_startplugin.*?)^```"
    (commands,) = re.findall(block, text, re.DOTALL | re.MULTILINE)
    folder = ["project"]
    for command in commands.splitlines():
        match command.split():
            case ["cd", ".."]:
                folder.pop()
            case ["cd", below]:
                folder.append(below)
            case words:
                wanted = ["project"] if "manage.py" in words else ["project", "disk_watch"]
                assert folder == wanted, command
