"""WSGI entry, for servers that speak it."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
application = get_wsgi_application()
# What two plugins want stops the start, not the first request.
import_module(settings.ROOT_URLCONF)
