"""An alert of what a person asked for, in the same transaction."""

from datetime import datetime

from scheduler.domain.alerts import SEVERITY, AlertCode
from scheduler.models import Alert, JobDefinition
from scheduler.requests.recording import transaction_id


def alert(code: AlertCode, text: str, since: datetime, job: JobDefinition | None = None) -> None:
    """Plugins are told of it once the transaction has committed."""
    Alert.objects.create(
        xid=transaction_id(),
        code=code,
        severity=SEVERITY[code],
        definition_id=job.pk if job else None,
        job_name=job.name if job else "",
        text=text,
        since=since,
    )


def said(reason: str) -> str:
    """A person's reason as the end of a sentence."""
    return f": {reason.rstrip('.')}." if reason else "."
