"""SCHEDULER_PLUGINS: what is listed is loaded and checked; what is wrong stops the start."""

import sys
from functools import partial
from importlib import metadata
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from pluggy import HookimplMarker

from scheduler.domain.errors import PluginProblem
from scheduler.plugin_api import hookspecs
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.loading import ENTRY_POINT_GROUP, KNOWN_HOOKS, load_plugins
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.settings import SettingsModel, setting
from scheduler.plugin_api.values import RunState


class Quiet(Plugin):
    name = "quiet"


class Loud(Plugin):
    name = "loud"


def load(*classes: type) -> tuple[Plugin, ...]:
    """Load classes as if each were installed under its own name."""
    offered = {found.__name__: partial(_itself, found) for found in classes}
    return load_plugins(list(offered), offered)


def _itself(found: type) -> type:
    return found


def problem_of(*classes: type) -> str:
    with pytest.raises(PluginProblem) as caught:
        PluginHost(load(*classes))
    return str(caught.value)


def test_the_core_comes_first_and_the_rest_in_the_order_of_the_list():
    assert [plugin.name for plugin in load(Loud, Quiet)] == ["core", "loud", "quiet"]
    assert [plugin.name for plugin in load(Quiet, Loud)] == ["core", "quiet", "loud"]


def test_installed_is_not_enabled():
    assert [plugin.name for plugin in load_plugins([], {"Quiet": lambda: Quiet})] == ["core"]


@pytest.fixture
def module_with_quiet(monkeypatch):
    module = ModuleType("some_package.plugins")
    module.__dict__["Quiet"] = Quiet
    monkeypatch.setitem(sys.modules, "some_package", ModuleType("some_package"))
    monkeypatch.setitem(sys.modules, "some_package.plugins", module)


@pytest.mark.parametrize("path", ["some_package.plugins.Quiet", "some_package.plugins:Quiet"])
@pytest.mark.usefixtures("module_with_quiet")
def test_a_plugin_is_found_by_its_dotted_path(path):
    assert [plugin.name for plugin in load_plugins([path], {})] == ["core", "quiet"]


def test_an_unknown_name_stops_the_start_and_lists_what_is_installed():
    with pytest.raises(PluginProblem) as caught:
        load_plugins(["quite"], {"loud": lambda: Loud, "quiet": lambda: Quiet})
    assert str(caught.value) == "Plugin 'quite' is not installed; installed are: loud, quiet."


def test_an_unknown_name_where_nothing_is_installed_says_so():
    with pytest.raises(PluginProblem, match="installed are: none"):
        load_plugins(["quite"], {})


@pytest.mark.parametrize("path", ["no_such_package.Plugin", "json.NoSuchPlugin"])
def test_a_path_that_leads_nowhere_stops_the_start_by_name(path):
    with pytest.raises(PluginProblem, match=r"cannot be imported .*Error") as caught:
        load_plugins([path], {})
    assert path in str(caught.value)


def test_a_plugin_whose_module_breaks_at_import_stops_the_start():
    def broken() -> object:
        raise RuntimeError("no licence")

    with pytest.raises(PluginProblem, match=r"'x' cannot be imported .RuntimeError: no licence"):
        load_plugins(["x"], {"x": broken})


@pytest.mark.parametrize("ending", [SystemExit("bye"), GeneratorExit()])
def test_a_plugin_that_would_end_the_process_stops_the_start_with_a_sentence(ending):
    def leave() -> object:
        raise ending

    with pytest.raises(PluginProblem, match="'x' cannot be imported"):
        load_plugins(["x"], {"x": leave})

    class Leaver(Plugin):
        name = "leaver"

        def __init__(self) -> None:
            raise ending

    assert "'Leaver' cannot be made" in problem_of(Leaver)


def test_ctrl_c_during_an_import_is_no_plugins_doing():
    def interrupted() -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_plugins(["x"], {"x": interrupted})


def test_what_an_import_says_is_told_in_one_line_without_its_secrets():
    def broken() -> object:
        raise RuntimeError("no licence\nat redis://:hunter22@host")

    with pytest.raises(PluginProblem) as caught:
        load_plugins(["x"], {"x": broken})
    assert "no licence at redis://:***@host" in str(caught.value)


def offering(monkeypatch, **targets: tuple[str, ...]) -> None:
    """As if installed packages declared these entry points."""
    points = [
        EntryPoint(name, target, ENTRY_POINT_GROUP)
        for name, values in targets.items()
        for target in values
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)


def test_a_name_that_two_packages_offer_is_refused_and_both_are_named(monkeypatch):
    offering(monkeypatch, quiet=(f"{__name__}:Quiet", f"{__name__}:Loud"))
    with pytest.raises(PluginProblem) as caught:
        load_plugins(["quiet"])
    assert str(caught.value) == (
        "Plugin 'quiet' is offered by 2 packages; list the dotted path of the one you mean: "
        f"{__name__}:Loud or {__name__}:Quiet."
    )
    assert load_plugins([f"{__name__}:Loud"])[1].name == "loud"


def test_a_package_that_is_found_twice_is_one(monkeypatch):
    offering(monkeypatch, quiet=(f"{__name__}:Quiet", f"{__name__}:Quiet"))
    assert load_plugins(["quiet"])[1].name == "quiet"


@pytest.mark.parametrize("found", [object(), int, "Quiet", None])
def test_what_is_no_plugin_class_is_refused(found):
    with pytest.raises(PluginProblem, match="is not a plugin class"):
        load_plugins(["x"], {"x": lambda: found})


def test_a_plugin_without_a_name_is_refused():
    class Nameless(Plugin):
        pass

    assert "has no name" in problem_of(Nameless)


@pytest.mark.parametrize("called", ["my-plugin", "Mine", "a b", "7th", "x" * 101, 5])
def test_a_name_that_cannot_be_kept_is_refused(called):
    odd = type("Odd", (Plugin,), {"name": called})
    sentence = problem_of(odd)
    assert f"has the name {called!r}" in sentence
    assert "lower-case letters, digits and _, at most 100" in sentence


def test_a_plugin_that_cannot_be_made_is_refused():
    class Choosy(Plugin):
        name = "choosy"

        def __init__(self, taste: str) -> None:
            self.taste = taste

    assert "its class must take no arguments" in problem_of(Choosy)


def test_two_plugins_of_one_name_are_refused():
    class Other(Plugin):
        name = "quiet"

    sentence = problem_of(Quiet, Other)
    assert "Other" in sentence
    assert "Quiet" in sentence


# --------------------------------------------------------------------------------------- hooks


def test_a_misspelt_hook_is_refused_with_the_nearest():
    class Typo(Plugin):
        name = "typo"

        @hookimpl
        def scheduler_executor(self):
            return ()

    assert "did you mean scheduler_executors?" in problem_of(Typo)


def test_a_hook_without_its_mark_is_refused():
    class Bare(Plugin):
        name = "bare"

        def scheduler_executors(self):
            return ()

    assert "decorate it with hookimpl" in problem_of(Bare)


def test_a_hook_with_strange_arguments_is_refused():
    class Odd(Plugin):
        name = "odd"

        @hookimpl
        def scheduler_executors(self, weather):
            return ()

    sentence = problem_of(Odd)
    assert "'odd' has a wrong hook" in sentence
    assert "weather" in sentence


@pytest.mark.parametrize("option", ["tryfirst", "trylast", "wrapper", "hookwrapper"])
def test_a_hook_that_wants_a_special_place_is_refused(option):
    options: dict[str, Any] = {option: True}

    class First(Plugin):
        name = "first"

        @HookimplMarker("scheduler")(**options)
        def scheduler_executors(self):
            yield

    assert "use hookimpl without options" in problem_of(First)


def test_listening_to_no_state_is_refused():
    class Deaf(Plugin):
        name = "deaf"

        @hookimpl
        def scheduler_run_transitioned(self, transitions):
            return None

    assert "run_states" in problem_of(Deaf)


@pytest.mark.parametrize("states", [{"FAILD"}, "FAILED", [RunState.FAILED]])
def test_what_are_no_states_is_refused(states):
    class Vague(Plugin):
        name = "vague"
        run_states = states

        @hookimpl
        def scheduler_run_transitioned(self, transitions):
            return None

    assert "give a frozenset of members of RunState" in problem_of(Vague)


def test_declaring_states_without_listening_is_refused():
    class Mute(Plugin):
        name = "mute"
        run_states = frozenset({RunState.FAILED})

    assert "scheduler_run_transitioned" in problem_of(Mute)


# ------------------------------------------------------------------------------------- settings


def texts(name: str) -> dict[str, Any]:
    return {"title": (name, name), "meaning": ("m", "意味"), "impact": ("i", "影響")}


def test_a_plugin_setting_of_a_name_that_the_core_has_is_refused():
    class Mine(SettingsModel):
        node_id: str = setting("", **texts("t"))

    class Greedy(Plugin):
        name = "greedy"
        settings_model = Mine

    sentence = problem_of(Greedy)
    assert "SCHEDULER_NODE_ID" in sentence
    assert "'greedy'" in sentence
    assert "'core'" in sentence


def test_a_plugin_setting_outside_our_names_is_refused():
    class Mine(SettingsModel):
        model_config = {"env_prefix": "PATH_"}
        depth: int = setting(1, **texts("t"))

    class Foreign(Plugin):
        name = "foreign"
        settings_model = Mine

    assert "PATH_DEPTH" in problem_of(Foreign)


def test_a_plugin_setting_without_its_help_is_refused():
    class Mine(SettingsModel):
        depth: int = 1

    class Terse(Plugin):
        name = "terse"
        settings_model = Mine

    assert "Mine.depth" in problem_of(Terse)


def test_every_hook_has_its_promise_written_down():
    assert len(KNOWN_HOOKS) >= 4
    for name in KNOWN_HOOKS:
        assert len(getattr(hookspecs.SchedulerHooks, name).__doc__ or "") > 100, name
