"""The tables, all named ``scheduler_*``."""

from scheduler.models.cluster import Cluster, OutboxCursor, RunTransitionOutbox, WorkerLease
from scheduler.models.declared import CodeRevision
from scheduler.models.definitions import JobDefinition
from scheduler.models.runs import Event, JobRun, JobRunDetail, RunRequest
from scheduler.models.settings import (
    AdminActionLog,
    ConfigReloadRequest,
    SchedulerSetting,
    SchedulerSettingHelp,
)

__all__ = [
    "AdminActionLog",
    "Cluster",
    "CodeRevision",
    "ConfigReloadRequest",
    "Event",
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
