"""What Alertmanager posts (its webhook format, version 4) as messages. Pure.

Unknown members are left alone: later versions add some. An alert is known by its fingerprint, its
beginning and its status, so that one which Alertmanager repeats is told of once.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from scheduler_notify.messages import Kind, Message, Severity
from scheduler_notify.refusals import InvalidPayload

ALERTS_AT_MOST = 1000
LONGEST_TEXT = 2000
LABELS_KEPT = 30
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
SEVERITIES = {
    "critical": Severity.ERROR,
    "error": Severity.ERROR,
    "page": Severity.ERROR,
    "info": Severity.INFO,
    "none": Severity.INFO,
}
"""By the label ``severity``; another one, or none, is a warning."""

JOB_LABELS = ("scheduler_job", "job_name")
"""Labels that name a job of this scheduler. Prometheus' own ``job`` is that of its scraping."""

Status = Literal["firing", "resolved"]


class PostedAlert(BaseModel):
    """One alert of the list."""

    model_config = ConfigDict(extra="ignore")

    status: Status
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: AwareDatetime = Field(ge=EARLIEST, le=LATEST)
    endsAt: AwareDatetime | None = None
    generatorURL: str = ""
    fingerprint: str = ""


class Posted(BaseModel):
    """The whole of a notification."""

    model_config = ConfigDict(extra="ignore")

    version: str = "4"
    groupKey: str = ""
    truncatedAlerts: int = Field(0, ge=0)
    status: Status
    receiver: str = ""
    groupLabels: dict[str, str] = Field(default_factory=dict)
    commonLabels: dict[str, str] = Field(default_factory=dict)
    externalURL: str = ""
    alerts: list[PostedAlert] = Field(max_length=ALERTS_AT_MOST)


_POSTED = TypeAdapter(Posted)


def read_payload(body: bytes) -> Posted:
    """Raises InvalidPayload with a sentence that names the place."""
    try:
        return _POSTED.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise InvalidPayload(
            f"This is no notification of Alertmanager (version 4): {place}: {first['msg']}."
        ) from None


def messages_of(posted: Posted, now: datetime) -> list[Message]:
    """One for each alert, and one that says how many Alertmanager left out."""
    found = [_message(one, posted) for one in posted.alerts]
    return [*found, _left_out(posted, now)] if posted.truncatedAlerts else found


def _message(alert: PostedAlert, posted: Posted) -> Message:
    labels = _cut(alert.labels)
    key = alert.fingerprint or _digest(f"{k}={v}" for k, v in sorted(alert.labels.items()))
    begun, resolved = alert.startsAt.astimezone(UTC), alert.status == "resolved"
    ended = alert.endsAt if resolved and alert.endsAt and alert.endsAt > begun else None
    return Message(
        dedupe_key=f"alertmanager:{_clean(key)[:64]}:{begun.isoformat()}:{alert.status}",
        kind=Kind.PROMETHEUS,
        severity=_severity(alert.labels),
        resolved=resolved,
        subject=labels.get("alertname", "")[:200] or "Prometheus",
        job=next((labels[name] for name in JOB_LABELS if labels.get(name)), "")[:200],
        happened_at=(ended or begun).astimezone(UTC),
        facts={
            "labels": labels,
            "annotations": _cut(alert.annotations),
            "since": begun.isoformat(),
            "lasted_seconds": int((ended - begun).total_seconds()) if ended else None,
            "source": _address(alert.generatorURL) or _address(posted.externalURL),
        },
    )


def firing_key(resolved_key: str) -> str:
    """The key of the message that the alert fires, by that of the one that it is resolved."""
    return resolved_key.removesuffix(":resolved") + ":firing"


def _left_out(posted: Posted, now: datetime) -> Message:
    # With their beginnings: the same alerts next week are others.
    alerts = (f"{one.fingerprint}:{one.startsAt.isoformat()}" for one in posted.alerts)
    seen = _digest([posted.groupKey, posted.status, *alerts])
    return Message(
        dedupe_key=f"alertmanager-left-out:{seen}:{posted.truncatedAlerts}",
        kind=Kind.PROMETHEUS,
        severity=_severity(posted.commonLabels),
        resolved=posted.status == "resolved",
        subject=_clean(posted.groupLabels.get("alertname", ""))[:200] or "Prometheus",
        happened_at=now,
        facts={
            "left_out": posted.truncatedAlerts,
            "labels": _cut(posted.groupLabels),
            "source": _address(posted.externalURL),
        },
    )


def _severity(labels: Mapping[str, str]) -> Severity:
    return SEVERITIES.get(labels.get("severity", "").lower(), Severity.WARNING)


def _cut(pairs: Mapping[str, str]) -> dict[str, str]:
    kept = list(pairs.items())[:LABELS_KEPT]
    return {_clean(name)[:200]: _clean(text) for name, text in kept}


def _clean(text: str) -> str:
    # PostgreSQL takes no U+0000.
    return text[:LONGEST_TEXT].replace("\x00", "")


def _address(text: str) -> str:
    return _clean(text) if text.startswith(("http://", "https://")) else ""


def _digest(parts: Iterable[str]) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:40]
