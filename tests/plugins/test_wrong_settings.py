"""A plugin's settings that are declared wrongly, and validators that raise what they like."""

from typing import Annotated, Any, ClassVar, Self

import pytest
from pydantic import AfterValidator, model_validator

from scheduler.domain.errors import InvalidSetting, PluginProblem
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.resolution import SettingsConflict, Source
from scheduler.plugin_api.settings import Rule, SettingsConfigDict, SettingsModel, setting
from tests.plugins.builders import host_of

WORDS: dict[str, Any] = {"title": ("T", "題"), "meaning": ("M", "意"), "impact": ("I", "影")}
KEY = "SCHEDULER_WRONG_DEPTH"


def only_three(value: int) -> int:
    if value != 3:
        raise KeyError(value)
    return value


class Base(SettingsModel):
    model_config = SettingsConfigDict(env_prefix="SCHEDULER_WRONG_")


class OutsideItsBounds(Base):
    depth: int = setting(10, ge=1, le=9, **WORDS)


class RefusedByItsOwnValidator(Base):
    depth: Annotated[int, AfterValidator(only_three)] = setting(4, **WORDS)


class RuleOverNothing(Base):
    rules: ClassVar = (Rule(("deepness",), lambda model: True, "Dive less deep"),)
    depth: int = setting(3, ge=1, le=9, **WORDS)


class Choosy(Base):
    """Takes 3; its field's validator raises a KeyError for all else."""

    depth: Annotated[int, AfterValidator(only_three)] = setting(3, **WORDS)


class RaisingRule(Base):
    rules: ClassVar = (Rule(("depth",), lambda model: 1 / (model.depth - 4), "Not so deep"),)
    depth: int = setting(3, ge=1, le=9, **WORDS)


class WholeModel(Base):
    depth: int = setting(3, ge=1, le=9, **WORDS)

    @model_validator(mode="after")
    def not_four(self) -> Self:
        if self.depth == 4:
            raise ValueError("four is unlucky")
        return self


class RaisingModel(Base):
    depth: int = setting(3, ge=1, le=9, **WORDS)

    @model_validator(mode="after")
    def not_four(self) -> Self:
        only_three(self.depth)
        return self


def plugin_with(model: type[SettingsModel]) -> type[Plugin]:
    return type("Wrong", (Plugin,), {"name": "wrong", "settings_model": model})


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (OutsideItsBounds, "Setting SCHEDULER_WRONG_DEPTH is '10'; allowed: a whole number from 1"),
        (RefusedByItsOwnValidator, "Setting SCHEDULER_WRONG_DEPTH is '4'"),
        (RuleOverNothing, "has a rule about deepness, which it does not declare"),
    ],
)
def test_a_wrong_declaration_stops_the_start_in_a_sentence_that_names_the_plugin(model, sentence):
    with pytest.raises(PluginProblem, match="Plugin 'wrong' has a") as caught:
        host_of(plugin_with(model))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (Choosy, InvalidSetting),
        (RaisingRule, SettingsConflict),
        (WholeModel, SettingsConflict),
        (RaisingModel, SettingsConflict),
    ],
)
def test_a_variable_that_makes_a_validator_raise_stops_the_start_in_a_sentence(model, error):
    with pytest.raises(error, match=KEY) as caught:
        host_of(plugin_with(model)).configure(rows={}, environ={KEY: "4"})
    assert "\n" not in str(caught.value)


def test_what_a_model_says_of_its_values_is_in_the_sentence():
    with pytest.raises(SettingsConflict) as caught:
        host_of(plugin_with(WholeModel)).configure(rows={}, environ={KEY: "4"})
    assert str(caught.value) == (
        "WholeModel does not take these values: four is unlucky (SCHEDULER_WRONG_DEPTH is 4);"
        " correct the environment."
    )


@pytest.mark.parametrize("model", [Choosy, RaisingRule, WholeModel, RaisingModel])
def test_a_row_that_makes_a_validator_raise_is_ignored_at_the_start_and_at_a_reload(model):
    host = host_of(plugin_with(model))
    resolved = host.configure(rows={KEY: "4"}, environ={})
    assert [one.key for group in resolved for one in group.problems] == [KEY]
    assert host.plugins[1].settings.depth == 3
    told = host.reload(rows={KEY: "4"}, environ={})
    assert [one.key for one in told.problems] == [KEY]
    assert host.resolved(model).sources[KEY] is Source.DEFAULT
    assert host.plugins[1].settings.depth == 3
