"""An alert of what a person asked for, in the same transaction."""

from datetime import datetime

from django.db import connection
from django.db.models import BigIntegerField, Func

from scheduler.domain.alerts import SEVERITY, AlertCode
from scheduler.models import Alert, JobDefinition


class _TransactionId(Func):
    """PostgreSQL's id of the transaction under way, by which readers of the table go."""

    template = "pg_current_xact_id()::text::bigint"
    output_field = BigIntegerField()


def alert(code: AlertCode, text: str, since: datetime, job: JobDefinition | None = None) -> None:
    """Plugins are told of it once the transaction has committed."""
    Alert.objects.create(
        xid=_TransactionId() if connection.vendor == "postgresql" else 0,
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
