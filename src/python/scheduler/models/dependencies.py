"""Dependency: a definition that runs after another; UpstreamEnd: what ended, for the leader."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from scheduler.domain import dependency_graph
from scheduler.domain.dependency_graph import DependencySpec, Match
from scheduler.models.choices import MatchRule, OnFailure, one_of
from scheduler.models.definitions import JobDefinition


class Dependency(models.Model):
    """One upstream of a definition, and what it means for its runs (``domain.dependencies``).

    Written by ``scheduler.requests.set_dependencies`` alone, which refuses cycles."""

    definition = models.ForeignKey(
        JobDefinition, on_delete=models.CASCADE, related_name="dependencies", db_index=False
    )
    upstream = models.ForeignKey(JobDefinition, on_delete=models.PROTECT, related_name="dependents")
    match = models.CharField(
        max_length=16, choices=MatchRule.choices, db_default=MatchRule.SAME_SLOT.value
    )
    on_failure = models.CharField(
        max_length=8,
        choices=OnFailure.choices,
        db_default=OnFailure.SKIP.value,
        help_text="What an upstream that failed, was skipped or canceled does to the run.",
    )
    max_age_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How much older than the run's the latest slot may be; empty: any age.",
    )
    max_wait_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How long after its due time the run waits at most; empty: no limit.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "scheduler_dependency"
        verbose_name_plural = "dependencies"
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "upstream"], name="scheduler_dependency_once"
            ),
            models.CheckConstraint(
                condition=~Q(definition=F("upstream")), name="scheduler_dependency_other"
            ),
            one_of("match", MatchRule.values, "scheduler_dependency_match"),
            one_of("on_failure", OnFailure.values, "scheduler_dependency_failure"),
        ]

    def __str__(self) -> str:
        return f"{self.definition} after {self.upstream}"

    @property
    def spec(self) -> DependencySpec:
        """What a request makes this row of; reads the upstream."""
        return DependencySpec(
            upstream=self.upstream.name,
            match=Match(self.match),
            on_failure=dependency_graph.OnFailure(self.on_failure),
            max_age_seconds=self.max_age_seconds,
            max_wait_seconds=self.max_wait_seconds,
        )


class UpstreamEnd(models.Model):
    """A run that ended and that others depend on, until the leader has looked at it.

    Written by the statement that ends the run (``store.upstream_ends``)."""

    run_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "scheduler_upstream_end"

    def __str__(self) -> str:
        return str(self.run_id)
