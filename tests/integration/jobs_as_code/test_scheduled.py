"""``@scheduled``: what it refuses, and what ``scheduler_call`` calls."""

import sys
from types import ModuleType

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from scheduler import jobs
from scheduler.domain.errors import InvalidDeclaration
from scheduler.jobs import scheduled
from scheduler.requests.declared.discovery import collected

CALLED: list[object] = []


def note(day: int, *, place: object = "here") -> None:
    CALLED.append((day, place))


def test_a_function_is_called_with_the_arguments_of_the_run(monkeypatch):
    scheduled("notes", args={"day": 1})(note)
    monkeypatch.setenv("SCHEDULER_JOB_NAME", "notes")
    monkeypatch.setenv("SCHEDULER_ARGS_JSON", '{"day": 2, "place": {"deep": ["東京"]}}')
    call_command("scheduler_call")
    assert CALLED.pop() == (2, {"deep": ["東京"]})
    call_command("scheduler_call", f"{__name__}.note", call_args="[3]")
    assert CALLED.pop() == (3, "here")


def test_a_function_that_is_not_registered_is_never_called(monkeypatch):
    monkeypatch.delenv("SCHEDULER_JOB_NAME", raising=False)
    for path in ("os.system", f"{__name__}.note"):
        with pytest.raises(CommandError, match="No function is registered") as refused:
            call_command("scheduler_call", path, call_args="[1]")
        assert refused.value.returncode == 2
    assert CALLED == []


def test_arguments_that_a_function_does_not_take_are_refused():
    scheduled("notes", args=[1])(note)
    with pytest.raises(CommandError, match="unexpected keyword argument 'nope'"):
        call_command("scheduler_call", f"{__name__}.note", call_args='{"day": 1, "nope": 2}')


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"args": {}}, "field 'args': missing a required argument: 'day'"),
        ({"args": [1], "prio": 1}, "field 'prio'"),
        ({"args": [1], "cron": "x y"}, "field 'cron'"),
        ({"args": [1], "command": "noop"}, "field 'command'"),
        ({"args": [1], "every": 5, "cron": "* * * * *"}, "one of cron"),
        ({"args": [1], "priority": "high"}, "a whole number"),
    ],
)
def test_a_wrong_declaration_is_refused_where_it_stands(fields, said):
    with pytest.raises(InvalidDeclaration) as refused:
        scheduled(**fields)(note)
    assert said in str(refused.value)
    assert f"{__file__}:" in str(refused.value)
    assert "note" in str(refused.value)


def test_only_commands_and_plain_functions_are_decorated():
    class Loose(BaseCommand):
        pass

    for target in (Loose, lambda: None, 5):
        with pytest.raises(InvalidDeclaration):
            scheduled()(target)


def test_a_command_class_has_the_commands_name_and_may_have_several_schedules(monkeypatch):
    module = ModuleType("shop.management.commands.report")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    code = (
        "from django.core.management.base import BaseCommand\n"
        "from scheduler.jobs import scheduled\n"
        "@scheduled('report-late', daily_at='22:00')\n"
        "@scheduled(daily_at='02:00')\n"
        "class Command(BaseCommand): pass\n"
    )
    exec(code, module.__dict__)
    first, second = collected(jobs.registered())
    assert (first.name, second.name) == ("report", "report-late")
    assert first.fields["command_name"] == second.fields["command_name"] == "report"


def test_a_name_that_stands_twice_is_refused():
    def other() -> None: ...

    other.__qualname__ = "other"
    scheduled("same")(other)
    scheduled("same", args=[1])(note)
    with pytest.raises(InvalidDeclaration, match="declared twice"):
        collected(jobs.registered())
