"""What people should hear of, whatever page they look at."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertCode(StrEnum):
    """The alerts of this version; a later one may have more."""

    QUARANTINE_BEGUN = "QUARANTINE_BEGUN"
    QUARANTINE_RELEASED = "QUARANTINE_RELEASED"
    CLUSTER_PAUSED = "CLUSTER_PAUSED"
    CLUSTER_RESUMED = "CLUSTER_RESUMED"
    RETRY_BUDGET_EXHAUSTED = "RETRY_BUDGET_EXHAUSTED"


class AlertSeverity(StrEnum):
    """ERROR: something stands still until a person acts. WARNING: something is held back, or
    soon may be. INFO: it is over."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


SEVERITY = {
    AlertCode.QUARANTINE_BEGUN: AlertSeverity.ERROR,
    AlertCode.QUARANTINE_RELEASED: AlertSeverity.INFO,
    AlertCode.CLUSTER_PAUSED: AlertSeverity.WARNING,
    AlertCode.CLUSTER_RESUMED: AlertSeverity.INFO,
    AlertCode.RETRY_BUDGET_EXHAUSTED: AlertSeverity.WARNING,
}


@dataclass(frozen=True, slots=True)
class Alert:
    """``alert_id`` identifies it: the same one may be delivered more than once. ``code`` is one of
    AlertCode, or of a later version. ``job`` is None for what concerns the whole cluster.
    ``text`` is one sentence for people; ``since`` aware UTC.
    """

    alert_id: int
    code: str
    severity: AlertSeverity
    job: str | None
    text: str
    since: datetime
