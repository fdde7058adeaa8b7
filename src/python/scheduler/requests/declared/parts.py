"""What belongs to a job but lies in other tables, such as its dependencies and its triggers.

A part is registered once, at import of the module that knows its table::

    register_part(DependsOn())

From then on its ``key`` may be stated in files and in ``@scheduled``; it is compared, applied (in
the same transaction, after all definitions), exported and in the JSON Schema, like a field.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from scheduler.models import JobDefinition


class RelatedPart(Protocol):
    """One kind of related rows. Values are JSON: lists, objects, text, numbers, booleans, null."""

    key: str
    """The key under which it is declared."""

    empty: Any
    """The value of a job that has no such rows."""

    schema: Mapping[str, Any]
    """The JSON Schema of its value."""

    def checked(self, value: Any, job: str, where: str) -> Any:
        """The value in its one normal form (order, defaults): two that mean the same are equal.

        Raises InvalidDeclaration. Must not read the database."""

    def read(self, ids: Sequence[int]) -> Mapping[int, Any]:
        """The normal form of what the definitions with these ids have now; one query, not one
        for each. Those without rows may be left out."""

    def apply(self, definition: JobDefinition, value: Any, by: str) -> None:
        """Make the rows say ``value``. All declared definitions exist by now; whatever it raises
        undoes the whole apply. It must not refuse a job for being managed by code."""


_PARTS: dict[str, RelatedPart] = {}


def register_part(part: RelatedPart) -> None:
    """Have ``part.key`` declared. Registering a key again replaces the part."""
    _PARTS[part.key] = part


def forget_part(key: str) -> None:
    """The opposite of ``register_part``."""
    _PARTS.pop(key, None)


def related_parts() -> Mapping[str, RelatedPart]:
    """The parts by key."""
    return _PARTS
