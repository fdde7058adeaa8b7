"""What a job depends on, as people change it: checked, without a cycle, recorded."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import F

from scheduler.domain.dependency_graph import DependencySpec, find_cycle, parse_dependency
from scheduler.domain.errors import DependencyCycle, InvalidDependency
from scheduler.models import Dependency, JobDefinition
from scheduler.requests.jobs import refuse_managed
from scheduler.requests.links import lock_dependencies
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.store.clock import rdb_now
from scheduler.store.jobs import find_job


def set_dependencies(
    name: str,
    upstreams: Sequence[DependencySpec | str | Mapping[str, Any]],
    *,
    by: str,
    ring: Ring | None = None,
    take_over: bool = False,
) -> list[DependencySpec]:
    """Let the job ``name`` depend on exactly these; an empty list: on none. Returns them.

    Each is a DependencySpec, a mapping of its fields, or the upstream's name alone. They count for
    runs that have not started yet. Raises JobNotFound (also for an upstream), InvalidDependency,
    DependencyCycle, and ManagedByCode for a job that code or a file owns, unless ``take_over``;
    then nothing has changed. What is there already changes nothing and is not
    recorded."""
    specs = [parse_dependency(name, spec) for spec in upstreams]
    _refuse_twice(name, specs)
    with writing():
        lock_dependencies()
        definition = find_job(name)
        wanted = {find_job(spec.upstream).pk: spec for spec in specs}
        rows = Dependency.objects.filter(definition=definition).select_related("upstream")
        known = {row.upstream_id: row.spec for row in rows}
        if known == wanted:
            return specs
        if not take_over:
            refuse_managed(definition)
        _refuse_cycle(name, specs)
        _write(definition.pk, known, wanted)
        JobDefinition.objects.filter(pk=definition.pk).update(
            revision=F("revision") + 1, updated_at=rdb_now()
        )
        record("dependencies_set", name, by, upstreams=[spec.as_json() for spec in specs])
        tell(ring, "leader")
    return specs


def _refuse_twice(name: str, specs: Iterable[DependencySpec]) -> None:
    seen: set[str] = set()
    for spec in specs:
        if spec.upstream in seen:
            raise InvalidDependency(name, "upstream", spec.upstream, "each job once")
        seen.add(spec.upstream)


def _refuse_cycle(name: str, specs: Iterable[DependencySpec]) -> None:
    """Raises DependencyCycle. All edges there are, for a cycle may go through any of them."""
    edges: dict[str, set[str]] = {}
    rows = Dependency.objects.exclude(definition__name=name, definition__deleted_at=None)
    for downstream, upstream in rows.values_list("definition__name", "upstream__name"):
        edges.setdefault(downstream, set()).add(upstream)
    edges[name] = {spec.upstream for spec in specs}
    cycle = find_cycle(name, edges)
    if cycle:
        raise DependencyCycle(cycle)


def _write(
    definition_id: int, known: Mapping[int, DependencySpec], wanted: Mapping[int, DependencySpec]
) -> None:
    """Replace what differs; what stays keeps its row."""
    gone = [upstream for upstream, spec in known.items() if wanted.get(upstream) != spec]
    Dependency.objects.filter(definition_id=definition_id, upstream_id__in=gone).delete()
    Dependency.objects.bulk_create(
        Dependency(
            definition_id=definition_id,
            upstream_id=upstream,
            match=str(spec.match),
            on_failure=str(spec.on_failure),
            max_age_seconds=spec.max_age_seconds,
            max_wait_seconds=spec.max_wait_seconds,
        )
        for upstream, spec in wanted.items()
        if known.get(upstream) != spec
    )
