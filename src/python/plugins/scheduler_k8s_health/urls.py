"""The probes of the web process; at the root, where Kubernetes looks for its own."""

from django.urls import path

from scheduler_k8s_health.views import livez, readyz

urlpatterns = [path("livez", livez), path("readyz", readyz)]
