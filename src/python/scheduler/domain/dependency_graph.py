"""Which definition depends on which, as people say it; and that nobody waits for himself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any

from scheduler.domain.errors import InvalidDependency


class Match(StrEnum):
    """Which slot of the upstream counts."""

    SAME_SLOT = "same_slot"
    LATEST = "latest"


class OnFailure(StrEnum):
    """What an upstream does to mine that failed, was skipped or canceled, or has no such slot."""

    SKIP = "skip"
    WAIT = "wait"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class DependencySpec:
    """One upstream of a definition, by its name. Seconds are whole; None: no limit.

    ``max_age_seconds`` (``latest`` only): how much older than mine its slot may be.
    ``max_wait_seconds``: how long after my due instant mine waits at most."""

    upstream: str
    match: Match = Match.SAME_SLOT
    on_failure: OnFailure = OnFailure.SKIP
    max_age_seconds: int | None = None
    max_wait_seconds: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The form that ``parse_dependency`` reads, without what is the default."""
        plain = {"upstream": self.upstream, "match": str(self.match)}
        plain["on_failure"] = str(self.on_failure)
        limits = {
            "max_age_seconds": self.max_age_seconds,
            "max_wait_seconds": self.max_wait_seconds,
        }
        return plain | {name: value for name, value in limits.items() if value is not None}


def parse_dependency(job: str, spec: object) -> DependencySpec:
    """A DependencySpec from itself, from an upstream's name, or from a mapping of its fields.

    Raises InvalidDependency that names the field and what is allowed."""
    if isinstance(spec, DependencySpec):
        spec = {field.name: getattr(spec, field.name) for field in fields(spec)}
    if isinstance(spec, str):
        spec = {"upstream": spec}
    if not isinstance(spec, Mapping):
        raise InvalidDependency(job, "upstream", spec, "a job's name, or an object of fields")
    known = {field.name for field in fields(DependencySpec)}
    for name in spec:
        if name not in known:
            raise InvalidDependency(
                job, str(name), spec[name], f"fields {', '.join(sorted(known))}"
            )
    return _parsed(job, spec)


def _parsed(job: str, spec: Mapping[str, Any]) -> DependencySpec:
    upstream = spec.get("upstream")
    if not isinstance(upstream, str) or not upstream:
        raise InvalidDependency(job, "upstream", upstream, "the name of a job")
    if upstream == job:
        raise InvalidDependency(job, "upstream", upstream, "another job than itself")
    match = _choice(job, "match", spec.get("match", Match.SAME_SLOT), Match)
    max_age = _whole(job, "max_age_seconds", spec.get("max_age_seconds"))
    if max_age is not None and match is not Match.LATEST:
        raise InvalidDependency(job, "max_age_seconds", max_age, "empty unless match is 'latest'")
    return DependencySpec(
        upstream=upstream,
        match=match,
        on_failure=_choice(job, "on_failure", spec.get("on_failure", OnFailure.SKIP), OnFailure),
        max_age_seconds=max_age,
        max_wait_seconds=_whole(job, "max_wait_seconds", spec.get("max_wait_seconds")),
    )


def _choice[T: StrEnum](job: str, name: str, value: object, choices: type[T]) -> T:
    if isinstance(value, str) and value in choices:
        return choices(value)
    raise InvalidDependency(job, name, value, ", ".join(choices))


LONGEST_SECONDS = 2_000_000_000
"""About 63 years: what the column takes."""


def _whole(job: str, name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_SECONDS:
        allowed = f"a whole number of seconds from 1 to {LONGEST_SECONDS}, or empty"
        raise InvalidDependency(job, name, value, allowed)
    return value


def find_cycle(start: str, upstreams: Mapping[str, Iterable[str]]) -> Sequence[str]:
    """A way from ``start`` through those that depend on each other back to itself, in the order
    of their runs and with both ends named; empty: there is none.

    ``upstreams`` has no cycle but through ``start``. The cost is the number of its edges."""
    try:
        TopologicalSorter(upstreams).prepare()
    except CycleError as error:
        around: list[str] = error.args[1][:-1]
        begin = around.index(start)
        return [*around[begin:], *around[:begin], start]
    return ()


def in_order(names: Iterable[str], upstreams: Mapping[str, Iterable[str]]) -> list[str]:
    """``names`` with each after those of them that it depends on. ``upstreams`` has no cycle."""
    wanted = set(names)
    graph = {name: sorted(set(upstreams.get(name, ())) & wanted) for name in sorted(wanted)}
    return list(TopologicalSorter(graph).static_order())
