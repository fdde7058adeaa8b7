"""What the demo's processes find in their environment."""

import os
import secrets
import sys
from collections.abc import Mapping

from scheduler_demo import evidence
from scheduler_demo.layout import Layout

_SETTINGS = "scheduler_demo.settings"
EVENTS_TOKEN = secrets.token_urlsafe(32)
"""By which the demo posts its own events; another one at each start."""


def project_environment(
    layout: Layout, *, database_url: str, redis_url: str, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of every process of a demo: this one's, with the demo's project in it.

    ``PYTHONPATH`` is this interpreter's whole search path, so that a child finds what we find,
    also where we run from a PEX."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": _SETTINGS,
        "DATABASE_URL": database_url,
        "SCHEDULER_REDIS_URL": redis_url,
        "SCHEDULER_GRPC_HOST": "127.0.0.1",
        "SCHEDULER_TLS_CERT_FILE": str(layout.tls / "tls.crt"),
        "SCHEDULER_TLS_KEY_FILE": str(layout.tls / "tls.key"),
        "SCHEDULER_LOG_DIR": str(layout.run_logs),
        "SCHEDULER_LOG_FORMAT": "json",
        "SCHEDULER_EVENTS_API_TOKEN": EVENTS_TOKEN,
        **(extra or {}),
    }


def evidence_environment(layout: Layout) -> dict[str, str]:
    """What makes the sample jobs leave evidence."""
    return {evidence.ENVIRONMENT_NAME: str(layout.evidence)}
