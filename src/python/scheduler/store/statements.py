"""A statement of several steps: one statement on PostgreSQL, one transaction on SQLite.

PostgreSQL runs ``WITH step AS (...), step AS (UPDATE ...) SELECT ...`` as one autocommit
statement, in which every step sees the state at its start: a step must read what an earlier one
changed from that step's RETURNING, never from the table. SQLite has no such statement: there the
steps run one after another in one BEGIN IMMEDIATE transaction, each once, and the rows each gave
are the relation of its name for those after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler.store.dialects import Columns, Dialect

Batches = Mapping[str, Sequence[Sequence[Any]]]

_WRITES = ("UPDATE", "INSERT", "DELETE")


@dataclass(frozen=True, slots=True)
class Statement:
    """``steps`` are named relations in order; ``result`` is the last statement.

    ``batches`` declares the batches by name and columns; a batch is a relation like a step.
    """

    result: str
    steps: Mapping[str, str] = field(default_factory=dict)
    batches: Mapping[str, Columns] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        return any(is_write(text) for text in (*self.steps.values(), self.result))

    def params(
        self, dialect: Dialect, values: Mapping[str, Any], batches: Batches
    ) -> dict[str, Any]:
        """The driver's parameters; KeyError for a declared batch that is not given."""
        params = {name: dialect.value(value) for name, value in values.items()}
        for name, columns in self.batches.items():
            params |= dialect.batch_params(name, columns, batches[name])
        return params

    def as_one(self, dialect: Dialect) -> str:
        """The whole as one SQL text."""
        relations = {name: dialect.batch(name, cols) for name, cols in self.batches.items()}
        relations |= {name: dialect.sql(text) for name, text in self.steps.items()}
        return with_relations(relations, dialect.sql(self.result))


def is_write(text: str) -> bool:
    return text.lstrip().startswith(_WRITES)


def with_relations(relations: Mapping[str, str], text: str) -> str:
    """``text`` with its relations in front."""
    if not relations:
        return text
    listed = ", ".join(f"{name} AS ({body})" for name, body in relations.items())
    return f"WITH {listed} {text}"
