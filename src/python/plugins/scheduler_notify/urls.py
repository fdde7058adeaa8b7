"""The addresses of the plugin, below ``/api/alertmanager/``."""

from django.urls import path

from scheduler_notify.receiver import receive

urlpatterns = [path("webhook/", receive, name="scheduler_notify_alertmanager")]
