"""What Alertmanager posts, as its documentation of webhook_config shows it."""

import json
from typing import Any

ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "SchedulerLeaderMissing", "severity": "critical", "job": "scheduler"},
    "annotations": {"summary": "Nobody leads", "description": "For 5 minutes."},
    "startsAt": "2026-03-02T12:00:00.123456789+09:00",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
    "fingerprint": "1a30ba71cca2921f",
}


def payload(*alerts: dict[str, Any], **changes: Any) -> bytes:
    """The shape that Alertmanager's documentation of webhook_config shows."""
    whole = {
        "version": "4",
        "groupKey": '{}:{alertname="SchedulerLeaderMissing"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "scheduler",
        "groupLabels": {"alertname": "SchedulerLeaderMissing"},
        "commonLabels": {"severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": list(alerts),
        **changes,
    }
    return json.dumps(whole).encode()
