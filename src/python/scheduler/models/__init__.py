"""The tables, all named ``scheduler_*``."""

from scheduler.models.backfills import Backfill, BackfillSlot
from scheduler.models.cluster import Cluster, OutboxCursor, RunTransitionOutbox, WorkerLease
from scheduler.models.definitions import JobDefinition
from scheduler.models.runs import Event, JobRun, JobRunDetail, RunRequest
from scheduler.models.settings import (
    AdminActionLog,
    ConfigReloadRequest,
    SchedulerSetting,
    SchedulerSettingHelp,
)
from scheduler.models.tokens import ApiToken
from scheduler.models.triggers import EventTrigger

__all__ = [
    "AdminActionLog",
    "ApiToken",
    "Backfill",
    "BackfillSlot",
    "Cluster",
    "ConfigReloadRequest",
    "Event",
    "EventTrigger",
    "JobDefinition",
    "JobRun",
    "JobRunDetail",
    "OutboxCursor",
    "RunRequest",
    "RunTransitionOutbox",
    "SchedulerSetting",
    "SchedulerSettingHelp",
    "WorkerLease",
]
