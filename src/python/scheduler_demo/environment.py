"""What the demo's processes find in their environment."""

import os
import secrets
import sys
from collections.abc import Mapping

from scheduler_demo import evidence
from scheduler_demo.layout import Layout
from scheduler_demo.seaweed import EmbeddedSeaweed

_SETTINGS = "scheduler_demo.settings"
# By its path: where nothing is installed, as in the monorepo, there are no entry points.
_ARCHIVE_PLUGIN = "scheduler_log_archive.plugin.LogArchivePlugin"
ARCHIVE_BUCKET = "scheduler-logs"
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


def archive_environment(seaweed: EmbeddedSeaweed) -> dict[str, str]:
    """What makes all processes keep the logs of runs in that store, and nowhere else."""
    return {
        "SCHEDULER_PLUGINS": with_plugin(os.environ.get("SCHEDULER_PLUGINS", ""), _ARCHIVE_PLUGIN),
        "SCHEDULER_LOG_ARCHIVE_ENABLED": "1",
        "SCHEDULER_LOG_ARCHIVE_S3_ENDPOINT_URL": seaweed.endpoint_url,
        "SCHEDULER_LOG_ARCHIVE_BUCKET": ARCHIVE_BUCKET,
        "SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID": seaweed.access_key_id,
        "SCHEDULER_LOG_ARCHIVE_SECRET_ACCESS_KEY": seaweed.secret_access_key,
        "SCHEDULER_LOG_ARCHIVE_CREATE_BUCKET": "1",
        "SCHEDULER_LOG_ARCHIVE_PRESIGN_SECONDS": "3600",
        "SCHEDULER_LOG_LOCAL_DELETE_AFTER_UPLOAD": os.environ.get(
            "SCHEDULER_LOG_LOCAL_DELETE_AFTER_UPLOAD", "1"
        ),
    }


def with_plugin(listed: str, path: str) -> str:
    """``SCHEDULER_PLUGINS`` with the plugin of that dotted path, unless it is listed already."""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    known_as = path.partition(".")[0].removeprefix("scheduler_")
    if not any(known_as in name for name in names):
        names.append(path)
    return ",".join(names)


def evidence_environment(layout: Layout) -> dict[str, str]:
    """What makes the sample jobs leave evidence."""
    return {evidence.ENVIRONMENT_NAME: str(layout.evidence)}
