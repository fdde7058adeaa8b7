"""The addresses that the plugin mounts, as the site mounts them."""

from django.urls import include, path

from scheduler_notify.plugin import NotifyPlugin

urlpatterns = [
    path(mount.prefix, include(mount.urlconf)) for mount in NotifyPlugin().scheduler_url_mounts()
]
