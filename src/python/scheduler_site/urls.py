"""The site's addresses."""

from django.contrib import admin
from django.urls import path

from scheduler.api.health import healthz
from scheduler.api.rest.application import urls as rest_api

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("api/v1/", rest_api),
    path("admin/", admin.site.urls),
]
