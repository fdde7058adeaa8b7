"""The site's settings with the sample jobs added: what the demo's processes run with."""

from scheduler_site.settings import *  # noqa: F403
from scheduler_site.settings import INSTALLED_APPS as SITE_APPS

INSTALLED_APPS = [*SITE_APPS, "scheduler_demo.sample"]
