"""The addresses of the HTTP API. A project mounts them with
``path("", include("scheduler.api.urls"))``."""

from django.urls import path

from scheduler.api.events import ingest_events
from scheduler.api.rest.application import urls as rest_api

urlpatterns = [
    path("api/v1/", rest_api),
    path("api/events/ingest/", ingest_events, name="scheduler-events-ingest"),
]
