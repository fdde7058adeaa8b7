"""The conformance suite passes for a good plugin and finds what is wrong with a bad one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.metrics import Metric, MetricKind, Sample
from scheduler.plugin_api.mounts import PageAnswer, WorkerPage
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.services import Service
from scheduler.plugin_api.settings import SettingsConfigDict, SettingsModel, setting
from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus, RunState
from scheduler.testing import imports
from scheduler.testing.plugin_conformance import PluginConformance
from tests.plugins.builders import Echo, broken, plugin

WORDS = {"title": ("T", "題"), "meaning": ("M", "意味です"), "impact": ("I", "影響です")}


class GoodSettings(SettingsModel):
    model_config = SettingsConfigDict(env_prefix="SCHEDULER_GOOD_")
    depth: int = setting(3, **WORDS, ge=1, le=9)  # type: ignore[arg-type]
    password: SecretStr = setting(SecretStr(""), **WORDS, secret=True)  # type: ignore[arg-type]


class Good(Plugin):
    """Has something in most hooks."""

    name = "good"
    settings_model = GoodSettings
    run_states = frozenset({RunState.FAILED})

    @hookimpl
    def scheduler_executors(self):
        return [Echo()]

    @hookimpl
    def scheduler_run_transitioned(self, transitions):
        assert self.settings.depth == 5

    @hookimpl
    def scheduler_alert(self, alert):
        assert alert.job

    @hookimpl
    def scheduler_health_checks(self):
        return [HealthCheck("depth", lambda: HealthReport(HealthStatus.UNKNOWN, "It is away."))]

    @hookimpl
    def scheduler_worker_pages(self, worker):
        return [WorkerPage("/good", lambda request: PageAnswer(200, b"good"))]

    @hookimpl
    def scheduler_worker_services(self, worker):
        return [Service("sweep", lambda: 60.0)]

    @hookimpl
    def scheduler_metrics(self):
        return [Metric("scheduler_good_total", MetricKind.COUNTER, "Good.", [Sample(1)])]


class TestAGoodPlugin(PluginConformance):
    plugin = Good
    environ = {"SCHEDULER_GOOD_DEPTH": "5"}

    @pytest.fixture(autouse=True)
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """This file of ours imports what no plugin may."""
        monkeypatch.setattr(
            "scheduler.testing.plugin_conformance._package_folder", lambda plugin: tmp_path
        )


def settings(**fields: object) -> type[SettingsModel]:
    body = {
        "model_config": SettingsConfigDict(env_prefix="SCHEDULER_BAD_"),
        "__annotations__": {name: type(field.default) for name, field in fields.items()},  # type: ignore[attr-defined]
        "__module__": __name__,
        **fields,
    }
    return type("BadSettings", (SettingsModel,), body)


def with_setting(field: object, name: str = "depth") -> type[Plugin]:
    return type("Bad", (Plugin,), {"name": "bad", "settings_model": settings(**{name: field})})


class Restless(Plugin):
    """Its counter goes back."""

    name = "restless"
    value = 9.0

    @hookimpl
    def scheduler_metrics(self):
        self.value -= 1
        return [Metric("scheduler_x_total", MetricKind.COUNTER, "X.", [Sample(self.value)])]


class Proud(Plugin):
    """Cannot be told twice."""

    name = "proud"
    run_states = frozenset({RunState.FAILED})
    told = False

    @hookimpl
    def scheduler_run_transitioned(self, transitions):
        assert not self.told
        self.told = True


class Listening(Plugin):
    """Raises at alerts."""

    name = "listening"

    @hookimpl
    def scheduler_alert(self, alert):
        raise OSError("the remote end is away")


class Startled(Plugin):
    """Raises at archived logs."""

    name = "startled"

    @hookimpl
    def scheduler_logs_archived(self, logs):
        raise OSError("the remote end is away")


def figures(metric: Metric) -> type[Plugin]:
    return plugin("bad", metrics=lambda self: [metric])


UNTOLD = {**WORDS, "meaning": ("M", "M")}
GAUGE, COUNTER = MetricKind.GAUGE, MetricKind.COUNTER
SUITE = PluginConformance


@pytest.mark.parametrize(
    ("bad", "test"),
    [
        (type("Odd", (Plugin,), {"name": "Odd Name"}), SUITE.test_its_name_is_a_lasting_identifier),
        (
            with_setting(setting("", **UNTOLD)),  # type: ignore[arg-type]
            SUITE.test_its_settings_are_explained_in_both_languages,
        ),
        (
            with_setting(setting(3, **WORDS, ge=1)),  # type: ignore[arg-type]
            SUITE.test_its_numbers_have_bounds_that_are_enforced,
        ),
        (
            with_setting(setting("", **WORDS), "api_token"),  # type: ignore[arg-type]
            SUITE.test_its_secrets_are_declared_so,
        ),
        (
            plugin("bad", worker_pages=broken),
            SUITE.test_what_it_brings_to_a_process_is_of_the_right_kind_and_comes_in_time,
        ),
        (
            plugin("bad", run_environment=lambda self, order: {"SCHEDULER_X": "1"}),
            SUITE.test_its_environment_for_runs_is_text_with_free_names,
        ),
        (
            plugin("bad", health_checks=lambda self: [HealthCheck("c", broken)]),
            SUITE.test_its_health_checks_answer_when_the_world_outside_is_away,
        ),
        (
            plugin("bad", worker_pages=lambda self, worker: [WorkerPage("/bad", broken)]),
            SUITE.test_its_pages_in_a_worker_answer,
        ),
        (Restless, SUITE.test_its_figures_are_well_formed_and_counters_do_not_go_back),
        *(
            (figures(metric), SUITE.test_its_figures_are_well_formed_and_counters_do_not_go_back)
            for metric in (
                Metric("bad_total", COUNTER, "X.", []),
                Metric("scheduler_x", COUNTER, "X.", []),
                Metric("scheduler_x_total", GAUGE, "X.", []),
                Metric("scheduler_x", GAUGE, "", []),
                Metric("scheduler_x", GAUGE, "X.", [Sample(1, {"a-b": "x"})]),
                Metric("scheduler_x", GAUGE, "X.", [Sample(n, {}) for n in range(1001)]),
            )
        ),
        (Proud, SUITE.test_it_bears_to_be_told_of_transitions_twice),
        (Listening, SUITE.test_it_bears_to_be_told_of_every_alert_twice),
        (Startled, SUITE.test_it_bears_to_be_told_of_archived_logs_twice),
        (plugin("bad", stopping=broken), SUITE.test_it_bears_a_workers_whole_life),
    ],
)
def test_what_is_wrong_with_a_plugin_is_found(bad: type[Plugin], test: Callable[..., None]):
    suite = type("Suite", (PluginConformance,), {"plugin": bad})()
    with pytest.raises(AssertionError):
        test(suite)


# ------------------------------------------------------------------------------------- imports


def package(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    "line",
    [
        "import scheduler.models",
        "from scheduler import store",
        "from scheduler.domain.errors import SchedulerError",
        "def f():\n    import scheduler.bootstrap",
        "import scheduler_notify.plugin",
        "import scheduler_site.settings",
        "import scheduler.testing",
    ],
)
def test_an_import_that_no_plugin_may_is_found(tmp_path: Path, line: str):
    folder = package(tmp_path / "mine", plugin=line)
    (found,) = imports.forbidden(folder, "mine.plugin")
    assert found.startswith("plugin.py:")


def test_what_plugins_may_import_is_no_finding(tmp_path: Path):
    lines: Sequence[str] = [
        "import scheduler.plugin_api.host",
        "from scheduler import queries, requests",
        "from scheduler.requests import runs",
        "import schedulers_of_others, boto3, mine.settings",
        "from . import settings",
    ]
    folder = package(
        tmp_path / "mine", plugin="\n".join(lines), tests__test_it="import scheduler.testing"
    )
    assert imports.forbidden(folder, "mine.plugin") == []


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("import scheduler.queries.runs", 1),
        ("from mine.models import X", 1),
        ("class A:\n    from django.db.models import Model", 1),
        ("try:\n    import django.contrib.auth\nexcept ImportError:\n    pass", 1),
        ("def f():\n    import scheduler.queries.runs", 0),
        ("import django.conf, mine.settings", 0),
    ],
)
def test_what_is_imported_before_django_is_set_up_is_found(tmp_path: Path, text, findings):
    folder = package(tmp_path / "mine", plugin=text)
    assert len(imports.too_early(folder / "plugin.py", "mine.plugin")) == findings
