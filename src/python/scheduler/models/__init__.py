"""The tables, all named ``scheduler_*``."""

from scheduler.models.backfills import Backfill, BackfillSlot
from scheduler.models.calendars import Calendar
from scheduler.models.cluster import (
    ArchivedLogOutbox,
    Cluster,
    OutboxCursor,
    RunTransitionOutbox,
    WorkerLease,
)
from scheduler.models.declared import CodeRevision
from scheduler.models.definitions import JobDefinition
from scheduler.models.dependencies import Dependency, UpstreamEnd
from scheduler.models.guard import Alert, JobStart
from scheduler.models.plugins import PluginState
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
    "Alert",
    "ApiToken",
    "ArchivedLogOutbox",
    "Backfill",
    "BackfillSlot",
    "Calendar",
    "Cluster",
    "CodeRevision",
    "ConfigReloadRequest",
    "Dependency",
    "Event",
    "EventTrigger",
    "JobDefinition",
    "JobRun",
    "JobRunDetail",
    "JobStart",
    "OutboxCursor",
    "PluginState",
    "RunRequest",
    "RunTransitionOutbox",
    "SchedulerSetting",
    "SchedulerSettingHelp",
    "UpstreamEnd",
    "WorkerLease",
]
