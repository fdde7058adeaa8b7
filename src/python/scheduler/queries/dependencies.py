"""What depends on what, as pages, exports and commands show it."""

from collections.abc import Iterable

from scheduler.domain.dependency_graph import DependencySpec, in_order
from scheduler.models import Dependency


def dependencies_of(name: str) -> list[DependencySpec]:
    """The upstreams of the job of this name, in order of their making; none for an unknown job."""
    rows = Dependency.objects.filter(definition__name=name, definition__deleted_at=None)
    return [row.spec for row in rows.select_related("upstream").order_by("pk")]


def dependents_of(name: str) -> list[str]:
    """All jobs that run after this one, through others too, each after those it depends on: the
    order in which a backfill that carries them asks for their runs."""
    upstreams = _upstreams()
    found: set[str] = set()
    pending = {name}
    while pending:
        pending = {job for job, of in upstreams.items() if of & pending} - found
        found |= pending
    return in_order(found, upstreams)


def _upstreams() -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {}
    rows: Iterable[tuple[str, str]] = Dependency.objects.values_list(
        "definition__name", "upstream__name"
    )
    for job, upstream in rows:
        edges.setdefault(job, set()).add(upstream)
    return edges
