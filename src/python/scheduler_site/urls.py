"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

from scheduler.api.health import healthz
from scheduler.plugin_api.site import plugin_urls

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("", include("scheduler.api.urls")),
    *plugin_urls(),
]
