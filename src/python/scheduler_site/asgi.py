"""ASGI entry: ``uvicorn scheduler_site.asgi:application``."""

import os
from importlib import import_module

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
application = get_asgi_application()
# What two plugins want stops the start, not the first request.
import_module(settings.ROOT_URLCONF)
