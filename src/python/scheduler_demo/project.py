"""The demo's Django project within this process: to look at the cluster and to ask for runs."""

import os
from collections.abc import Mapping

import django

from scheduler.plugin_api.logs import configure_logging


def connect(environment: Mapping[str, str]) -> None:
    """Set Django up over the project of ``environment``; once per process."""
    os.environ.update(
        {
            name: value
            for name, value in environment.items()
            if name in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL") or name.startswith("SCHEDULER_")
        }
    )
    django.setup()
    # What others log is not the demo's to say; by default it would go to standard output.
    configure_logging(format="console", level="error")


def disconnect() -> None:
    """Close the connections, so that the database may stop."""
    from django.db import connections

    connections.close_all()


def run_noop_now() -> None:
    """Ask for one run of the pulse at once."""
    from scheduler.coordination.bell import RedisBell
    from scheduler.coordination.connection import RedisConnection
    from scheduler.requests import request_run

    redis = RedisConnection(os.environ["SCHEDULER_REDIS_URL"])
    try:
        request_run("pulse", by="demo", ring=RedisBell(redis).ring)
    finally:
        redis.close()
