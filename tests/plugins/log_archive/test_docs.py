"""The plugin's pages say what is so."""

import re
from pathlib import Path

import pytest

from scheduler.plugin_api.resolution import resolve
from scheduler.plugin_api.settings import specs
from scheduler_log_archive.figures import Figures, metrics
from scheduler_log_archive.settings import LogArchiveSettings

ROOT = Path(__file__).parents[3]
README = ROOT / "src/python/plugins/scheduler_log_archive/README.md"
PAGES = [ROOT / "docs/log-archive.md", ROOT / "docs/log-archive.ja.md"]


@pytest.mark.parametrize("page", [*PAGES, README], ids=lambda page: page.name)
def test_the_example_switches_the_archive_on(page):
    (example,) = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    given = dict(re.findall(r"^(?:export )?(SCHEDULER_\w+)=(.*)$", example, re.MULTILINE))
    assert given.pop("SCHEDULER_PLUGINS") == "log_archive"
    assert set(given) <= {spec.key for spec in specs(LogArchiveSettings)}
    settings = resolve(LogArchiveSettings, rows={}, environ=given).settings
    assert settings.log_archive_enabled and settings.path_style


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_lists_all_settings_with_their_defaults(page):
    listed = dict(re.findall(r"^\| `(SCHEDULER_\w+)` \| (.*) \|$", page.read_text(), re.MULTILINE))
    described = {spec.key: spec.default for spec in specs(LogArchiveSettings)}
    for key, default in described.items():
        assert key in listed
        quoted = re.match(r"`([^`]+)`", listed[key])
        if quoted and isinstance(default, int | float):
            assert float(quoted[1]) == float(default), key


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_names_every_figure(page):
    for metric in metrics(Figures(), 0.0):
        assert f"`{metric.name}`" in page.read_text()


def test_the_readme_lists_every_module():
    text = README.read_text()
    for path in README.parent.glob("*.py"):
        if path.stem != "__init__":
            assert f"`{path.stem}`" in text, path.name
