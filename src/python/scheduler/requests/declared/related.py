"""The parts of a job that lie in other tables and may be declared with it: its upstreams and its
event triggers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scheduler.domain.dependency_graph import Match, OnFailure, parse_dependency
from scheduler.domain.errors import InvalidDeclaration, InvalidDependency
from scheduler.domain.triggers import OPERATORS, InvalidTrigger, parse_triggers
from scheduler.models import Dependency, EventTrigger, JobDefinition
from scheduler.requests.declared.parts import register_part
from scheduler.requests.dependencies import set_dependencies
from scheduler.requests.triggers import set_triggers

_SECONDS = {"type": "integer", "minimum": 1}
_TEXT = {"type": "string"}


class DependsOn:
    """``depends_on``: names of upstreams, or objects of a DependencySpec's fields."""

    key = "depends_on"
    empty: Any = []
    schema: Mapping[str, Any] = {
        "type": "array",
        "items": {
            "anyOf": [
                _TEXT,
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["upstream"],
                    "properties": {
                        "upstream": _TEXT,
                        "match": {"enum": [str(each) for each in Match]},
                        "on_failure": {"enum": [str(each) for each in OnFailure]},
                        "max_age_seconds": _SECONDS,
                        "max_wait_seconds": _SECONDS,
                    },
                },
            ]
        },
    }

    def checked(self, value: Any, job: str, where: str) -> Any:
        """A list of objects, in the order of the upstreams' names."""
        if not isinstance(value, list | tuple):
            raise InvalidDeclaration(where, job, self.key, "it is no list", "a list of jobs")
        try:
            specs = [parse_dependency(job, each) for each in value]
        except InvalidDependency as error:
            raise InvalidDeclaration(
                where, job, f"{self.key}.{error.field}", f"{error.value!r} is none", error.allowed
            ) from error
        return _in_order(spec.as_json() for spec in specs)

    def read(self, ids: Sequence[int]) -> Mapping[int, Any]:
        found: dict[int, list[dict[str, Any]]] = {}
        rows = Dependency.objects.filter(definition_id__in=list(ids)).select_related("upstream")
        for row in rows.order_by("definition_id", "upstream__name"):
            found.setdefault(row.definition_id, []).append(row.spec.as_json())
        return {key: _in_order(specs) for key, specs in found.items()}

    def apply(self, definition: JobDefinition, value: Any, by: str) -> None:
        set_dependencies(definition.name, value, by=by, take_over=True)


class Triggers:
    """``triggers``: the events that start the job, as ``requests.set_triggers`` takes them."""

    key = "triggers"
    empty: Any = []
    schema: Mapping[str, Any] = {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["event_type"],
            "properties": {
                "event_type": _TEXT,
                "source": _TEXT,
                "subject": _TEXT,
                "conditions": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["path", "value"],
                        "properties": {"path": _TEXT, "op": {"enum": [*OPERATORS]}, "value": {}},
                    },
                },
                "args": {"type": "object", "additionalProperties": _TEXT},
            },
        },
    }

    def checked(self, value: Any, job: str, where: str) -> Any:
        """The triggers in the order given, without what is empty."""
        try:
            return [trigger.as_json() for trigger in parse_triggers(value)]
        except InvalidTrigger as error:
            raise InvalidDeclaration(
                where, job, error.field, error.problem, error.allowed
            ) from error

    def read(self, ids: Sequence[int]) -> Mapping[int, Any]:
        found: dict[int, list[dict[str, Any]]] = {}
        rows = EventTrigger.objects.filter(definition_id__in=list(ids)).order_by("position")
        for row in rows:
            found.setdefault(row.definition_id, []).append(row.as_trigger().as_json())
        return found

    def apply(self, definition: JobDefinition, value: Any, by: str) -> None:
        set_triggers(definition.name, value, by=by, take_over=True)


def _in_order(specs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """By the upstreams' names, as Python sorts text: a database may have another order."""
    return sorted(specs, key=lambda spec: str(spec["upstream"]))


def register() -> None:
    """Have both declared from now on."""
    register_part(DependsOn())
    register_part(Triggers())
