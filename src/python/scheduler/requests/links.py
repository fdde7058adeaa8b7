"""What a change of definitions owes to those that depend on them."""

from django.db import connection

from scheduler.domain.errors import UpstreamInUse
from scheduler.models import Dependency, JobDefinition

DEPENDENCIES_LOCK = 0x5C4ED_DE9


def lock_dependencies() -> None:
    """Until the end of the transaction nobody else changes dependencies, or deletes what they
    name: two that are fine one by one may be a cycle together.

    On SQLite the transaction holds the only write lock (``recording.writing``)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DEPENDENCIES_LOCK])


def cut_off(definition: JobDefinition) -> None:
    """Forget what a definition that goes depends on. Raises UpstreamInUse where others depend on
    it. Call it under ``lock_dependencies``."""
    dependents = Dependency.objects.filter(upstream=definition).order_by("definition__name")
    names = list(dependents.values_list("definition__name", flat=True))
    if names:
        raise UpstreamInUse(definition.name, names)
    Dependency.objects.filter(definition=definition).delete()
