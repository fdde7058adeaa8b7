"""The plugin's addresses in the web process."""

from django.urls import path

from scheduler_monitoring.views import metrics

urlpatterns = [path("metrics", metrics, name="scheduler_monitoring_metrics")]
