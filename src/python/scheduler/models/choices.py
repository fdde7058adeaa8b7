"""The closed sets of words that the tables hold; each column that uses one is CHECKed for it."""

from collections.abc import Iterable

from django.db import models
from django.db.models import Q

from scheduler.domain.values import LeaseState, RunState


class Isolation(models.TextChoices):
    FORK = "fork", "Fork of the warm server"
    EXEC = "exec", "New interpreter"


class MisfirePolicy(models.TextChoices):
    SKIP = "skip", "Skip what was missed"
    RUN_ONCE = "run_once", "Run once for all that was missed"
    RUN_ALL = "run_all", "Run each that was missed"


class ConcurrencyPolicy(models.TextChoices):
    ALLOW = "allow", "Allow runs side by side"
    FORBID = "forbid", "Skip while one is open"
    REPLACE = "replace", "Cancel the older, then run"


class RequestKind(models.TextChoices):
    RUN_NOW = "run_now", "Run now"
    RERUN = "rerun", "Run again"
    BACKFILL = "backfill", "Backfill"
    EVENT = "event", "Event"


RUN_STATES = [(state.value, state.value) for state in RunState]
LEASE_STATES = [(state.value, state.value) for state in LeaseState]
DESIRED_MODES = [("active", "Active"), ("draining", "Draining"), ("detached", "Detached")]


def one_of(field: str, values: Iterable[str], name: str) -> models.CheckConstraint:
    """The constraint that ``field`` holds one of ``values``."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": sorted(values)}), name=name)
