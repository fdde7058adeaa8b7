"""The conformance suite of plugins. A plugin's own tests subclass it::

    from scheduler.testing.plugin_conformance import PluginConformance

    class TestConformance(PluginConformance):
        plugin = MyPlugin
        environ = {"SCHEDULER_MINE_URL": "http://127.0.0.1:1"}

``environ`` holds what the plugin needs to be configured; everything it names should be *away*
(nobody listens on port 1), for a plugin must bear that. A plugin that asks the database marks the
class with ``pytest.mark.django_db(transaction=True)``: some hooks are called on other threads.
"""

import inspect
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from scheduler.domain.alerts import SEVERITY
from scheduler.domain.errors import SchedulerError
from scheduler.domain.values import StartOrder
from scheduler.plugin_api.archive import ArchivedLog
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.loading import NAME, check_plugin, load_plugins
from scheduler.plugin_api.metrics import Metric, MetricKind, RunMeasure
from scheduler.plugin_api.mounts import PageRequest
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.services import LeadershipChange
from scheduler.plugin_api.settings import SettingSpec, specs
from scheduler.plugin_api.values import (
    Alert,
    AlertCode,
    LaunchSite,
    RunState,
    RunTransition,
)
from scheduler.testing import imports
from scheduler.testing.worker_view import FakeWorkerView

NOON = datetime(2026, 1, 2, 3, tzinfo=UTC)
RUN = UUID("0190f3a0-0000-7000-8000-000000000001")
METRIC_NAME = re.compile(r"scheduler_[a-z0-9_]+")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
SAMPLES_AT_MOST = 1000
RESPONSE = range(200, 600)

ORDER = StartOrder(
    run_id=RUN,
    assign_seq=1,
    start_in_seconds=0.0,
    definition_id=1,
    job_name="nightly",
    attempt=1,
    orphan_count=0,
    slot_key="t:x",
    scheduled_for=NOON,
    executor="management_command",
    command="check",
)
MEASURE = RunMeasure(
    run_id=RUN,
    job_name="nightly",
    queue="default",
    attempt=1,
    state=RunState.SUCCEEDED,
    reason="",
    due_at=NOON,
    started_at=NOON,
    finished_at=NOON,
    cpu_user_seconds=0.1,
    cpu_system_seconds=None,
    max_rss_bytes=None,
    read_bytes=None,
    write_bytes=None,
)


class PluginConformance:
    """What every plugin keeps. Subclass it, set ``plugin`` and ``environ``."""

    plugin: ClassVar[type[Plugin]]
    environ: ClassVar[Mapping[str, str]] = {}

    def host(self) -> PluginHost:
        """The plugin at work, alone beside the core's own."""
        name = self.plugin.name
        host = PluginHost(load_plugins([name], {name: lambda: self.plugin}))
        host.configure(rows={}, environ=dict(self.environ))
        return host

    def settings(self) -> list[SettingSpec]:
        """Every setting of the plugin."""
        host = self.host()
        return [spec for model in host.settings_of(self.plugin.name) for spec in specs(model)]

    # ------------------------------------------------------------------------- its shape

    def test_it_loads_and_its_hooks_are_well_formed(self) -> None:
        check_plugin(self.plugin())
        _unharmed(self.host())

    def test_its_name_is_a_lasting_identifier(self) -> None:
        assert NAME.fullmatch(self.plugin.name), f"the name is {self.plugin.name!r}"

    def test_two_of_it_can_be_made_in_one_process(self) -> None:
        first, second = self.host(), self.host()
        assert first.plugins[1] is not second.plugins[1]
        _unharmed(first)
        _unharmed(second)

    def test_it_imports_of_the_core_only_what_plugins_may(self) -> None:
        found = imports.forbidden(_package_folder(self.plugin), self.plugin.__module__)
        assert not found, "\n".join(found)

    def test_it_can_be_imported_before_django_is_set_up(self) -> None:
        found = imports.too_early(Path(inspect.getfile(self.plugin)), self.plugin.__module__)
        assert not found, "import these inside the functions that use them:\n" + "\n".join(found)

    # -------------------------------------------------------------------------- settings

    def test_its_settings_are_explained_in_both_languages(self) -> None:
        for spec in self.settings():
            texts = (spec.help.title, spec.help.meaning, spec.help.impact)
            assert all(words.en and words.ja for words in texts), f"{spec.key} lacks a text"
            assert JAPANESE.search(spec.help.meaning.ja), f"{spec.key}: {spec.help.meaning.ja!r}"

    def test_its_numbers_have_bounds_that_are_enforced(self) -> None:
        for spec in self.settings():
            if spec.type_ in (int, float):
                assert spec.minimum is not None, f"{spec.key} has no lower bound"
                assert spec.maximum is not None, f"{spec.key} has no upper bound"

    def test_its_secrets_are_declared_so(self) -> None:
        for spec in self.settings():
            words = re.search(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|API_KEY", spec.key)
            if words and spec.type_ is not bool:
                assert spec.help.secret, f"{spec.key} looks like a secret: secret=True, SecretStr"

    def test_its_settings_are_not_the_cores(self) -> None:
        core = {spec.key for spec in specs(CoreSettings)}
        assert not core & {spec.key for spec in self.settings()}

    # ---------------------------------------------------------------------------- answers

    def test_what_it_brings_to_a_process_is_of_the_right_kind_and_comes_in_time(self) -> None:
        host, view = self.host(), FakeWorkerView()
        host.django_apps()
        host.url_mounts()
        host.worker_pages(view)
        host.archives_logs()
        names = [
            one.service.name for one in (*host.worker_services(view), *host.leader_services(view))
        ]
        assert [name for name, count in Counter(names).items() if count > 1] == []
        _unharmed(host)

    def test_its_executors_answer_with_plain_text(self) -> None:
        host = self.host()
        for name in host.executors:
            assert NAME.fullmatch(name), f"the executor's name is {name!r}"
            order = replace(ORDER, executor=name)
            try:
                spec = host.prepare(order, LaunchSite("w-1", "/logs/1"))
            except SchedulerError as error:
                assert str(error), f"executor {name} refuses an order without saying why"
            else:
                # Written down for another process: nothing of the plugin is ever pickled.
                json.dumps([spec.argv, dict(spec.env)])
        _unharmed(host)

    def test_its_environment_for_runs_is_text_with_free_names(self) -> None:
        host = self.host()
        host.environments([ORDER])()
        _unharmed(host)

    def test_its_health_checks_answer_when_the_world_outside_is_away(self) -> None:
        host = self.host()
        for result in host.health():
            assert result.report.summary, f"check {result.check} says nothing"
        _unharmed(host)

    def test_its_figures_are_well_formed_and_counters_do_not_go_back(self) -> None:
        host = self.host()
        first, second = _brought(host), _brought(host)
        for metric in first:
            _refuse_malformed(metric)
        names = [metric.name for metric in first]
        assert len(names) == len(set(names)), f"a name comes twice: {sorted(names)}"
        before, after = _counters(first), _counters(second)
        assert not [key for key, value in before.items() if after.get(key, value) < value]
        _unharmed(host)

    def test_its_pages_in_a_worker_answer(self) -> None:
        host = self.host()
        for path, (owner, page) in host.worker_pages(FakeWorkerView()).items():
            answer = host.answer(owner, page, PageRequest(path, {}, {}))
            assert answer is not None, f"page {path} raised or took too long: {host.failures}"
            assert answer.status in RESPONSE, f"page {path} answers with status {answer.status}"
        _unharmed(host)

    # -------------------------------------------------------------------------- being told

    def test_it_bears_to_be_told_of_transitions_twice(self) -> None:
        host = self.host()
        for name, states in host.transition_readers().items():
            batch = [_transition(state) for state in sorted(states)]
            assert host.deliver(name, batch), f"{host.failures}"
            assert host.deliver(name, batch), f"told again: {host.failures}"

    def test_it_bears_to_be_told_of_every_alert_twice(self) -> None:
        host = self.host()
        alerts = [_alert(number, code) for number, code in enumerate(AlertCode, 1)]
        for name in host.alert_readers():
            assert host.deliver_alerts(name, alerts), f"{host.failures}"
            assert host.deliver_alerts(name, alerts), f"told again: {host.failures}"

    def test_it_bears_to_be_told_of_archived_logs_twice(self) -> None:
        host = self.host()
        logs = [ArchivedLog(RUN, "http://127.0.0.1:1/logs/x.log", NOON)]
        for name in host.archived_readers():
            assert host.deliver_archived(name, logs), f"{host.failures}"
            assert host.deliver_archived(name, logs), f"told again: {host.failures}"

    def test_it_bears_a_workers_whole_life(self) -> None:
        host = self.host()
        host.ready(FakeWorkerView())
        for gained in (True, False):
            host.leadership_changed(LeadershipChange("w-1", 7, gained, NOON))
        host.measured([MEASURE, MEASURE])
        host.stopping()
        _unharmed(host)


def _unharmed(host: PluginHost) -> None:
    told = [f"{one.hook}: {one.last_error}" for one in host.failures]
    assert not told, "the plugin failed in " + "; ".join(told)


def _package_folder(plugin: type[Plugin]) -> Path:
    """The plugin's package, or its one module."""
    path = Path(inspect.getfile(plugin)).resolve()
    return path.parent if (path.parent / "__init__.py").exists() else path


def _brought(host: PluginHost) -> list[Metric]:
    return [one for one in host.metrics() if one.name != "scheduler_plugin_failures_total"]


def _refuse_malformed(metric: Metric) -> None:
    counter = metric.kind is MetricKind.COUNTER
    assert METRIC_NAME.fullmatch(metric.name), f"{metric.name} is no name of a figure"
    assert metric.name.endswith("_total") == counter, f"{metric.name}: _total is for counters"
    assert metric.help, f"{metric.name} has no help"
    assert len(metric.samples) <= SAMPLES_AT_MOST, f"{metric.name} has too many samples"
    for sample in metric.samples:
        float(sample.value)
        assert all(LABEL_NAME.fullmatch(name) for name in sample.labels), f"{metric.name}"
        assert all(isinstance(value, str) for value in sample.labels.values()), metric.name


def _counters(metrics: list[Metric]) -> dict[tuple[Any, ...], float]:
    return {
        (metric.name, *sorted(sample.labels.items())): sample.value
        for metric in metrics
        if metric.kind is MetricKind.COUNTER
        for sample in metric.samples
    }


def _transition(new: RunState) -> RunTransition:
    return RunTransition(
        run_id=RUN,
        definition_id=1,
        job_name="nightly",
        attempt=1,
        old=RunState.RUNNING,
        new=new,
        reason="",
        worker_id="w-1",
        at=NOON,
    )


def _alert(number: int, code: AlertCode) -> Alert:
    return Alert(number, code, SEVERITY[code], "nightly", "Something happened.", NOON)
