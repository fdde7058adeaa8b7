"""What the runtime needs of the world, as Protocols: one per thing that has two implementations.

The runtime (``scheduler.runtime``) is written against these alone; ``scheduler.bootstrap`` hands
it the real ones, ``scheduler.testing`` the fakes. Contract suites run against both.

Every method may raise ``DatabaseUnavailable`` / ``RedisUnavailable`` / ``PeerUnreachable`` where
it talks to that part; leader writes raise ``StaleEpoch`` when the fence no longer holds. Nothing
else of the libraries underneath comes through.
"""

from scheduler.ports.cluster import (
    ClusterStore,
    LeaseStore,
    OnTimeline,
)
from scheduler.ports.coordination import (
    Bell,
    Heartbeat,
    LeaderLock,
    Listening,
    LockView,
    Presence,
)
from scheduler.ports.line import (
    DRAINING,
    Command,
    LogChunk,
    PingReply,
    StartReply,
    WorkerLink,
    WorkerService,
    WorkerStatus,
)
from scheduler.ports.outbox import (
    Outbox,
    OutboxBatch,
)
from scheduler.ports.processes import (
    Journal,
    ProcessHost,
    Spool,
)
from scheduler.ports.rows import (
    ActiveRow,
    Agenda,
    BackfillRow,
    CalendarRow,
    CursorMove,
    DefinitionRow,
    MyRow,
    NewRun,
    RequestRow,
    WaitingRow,
)
from scheduler.ports.runs import (
    LeaderStore,
    LinkReads,
    LinkStore,
    WorkerStore,
)
from scheduler.ports.time import (
    Clock,
)

__all__ = [
    "DRAINING",
    "ActiveRow",
    "Agenda",
    "BackfillRow",
    "Bell",
    "CalendarRow",
    "Clock",
    "ClusterStore",
    "Command",
    "CursorMove",
    "DefinitionRow",
    "Heartbeat",
    "Journal",
    "LeaderLock",
    "LeaderStore",
    "LeaseStore",
    "LinkReads",
    "LinkStore",
    "Listening",
    "LockView",
    "LogChunk",
    "MyRow",
    "NewRun",
    "OnTimeline",
    "Outbox",
    "OutboxBatch",
    "PingReply",
    "Presence",
    "ProcessHost",
    "RequestRow",
    "Spool",
    "StartReply",
    "WaitingRow",
    "WorkerLink",
    "WorkerService",
    "WorkerStatus",
    "WorkerStore",
]
