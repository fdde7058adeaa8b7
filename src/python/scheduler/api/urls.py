"""The addresses of the HTTP API. A project mounts them with
``path("", include("scheduler.api.urls"))``."""

from django.urls import path

from scheduler.api.events import ingest_events

urlpatterns = [
    path("api/events/ingest/", ingest_events, name="scheduler-events-ingest"),
]
