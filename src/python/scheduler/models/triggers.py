"""EventTrigger: which events start a job."""

from django.db import models

from scheduler.domain.triggers import Trigger, parse_trigger
from scheduler.models.cluster import EMPTY_LIST, EMPTY_OBJECT
from scheduler.models.definitions import JobDefinition


class EventTrigger(models.Model):
    """One of a job's triggers (``domain.triggers`` says what its parts mean).

    A job has them as a list, which ``requests.set_triggers`` replaces whole; of several that match
    an event the first counts."""

    id = models.BigAutoField(primary_key=True)
    definition = models.ForeignKey(
        JobDefinition, on_delete=models.CASCADE, related_name="triggers", db_index=False
    )
    position = models.PositiveSmallIntegerField(default=0, db_default=0)
    event_type = models.CharField(max_length=202)
    source = models.CharField(max_length=200, blank=True, default="", db_default="")
    subject = models.CharField(max_length=200, blank=True, default="", db_default="")
    conditions = models.JSONField(blank=True, default=list, db_default=EMPTY_LIST)
    args = models.JSONField(blank=True, default=dict, db_default=EMPTY_OBJECT)

    class Meta:
        db_table = "scheduler_event_trigger"
        ordering = ["definition", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "position"], name="scheduler_trigger_position"
            )
        ]
        indexes = [models.Index(fields=["event_type"], name="scheduler_trigger_type")]

    def __str__(self) -> str:
        return self.event_type

    def as_trigger(self) -> Trigger:
        """The row as the domain knows it. Raises InvalidTrigger for one that no request wrote."""
        return parse_trigger(
            {
                "event_type": self.event_type,
                "source": self.source,
                "subject": self.subject,
                "conditions": self.conditions,
                "args": self.args,
            }
        )
