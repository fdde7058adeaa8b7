"""A project that cannot be loaded while a certain file is there."""

import os

from tests.integration.execution_app.settings import *  # noqa: F403
from tests.integration.execution_app.settings import INSTALLED_APPS as WHOLE

FAULT = os.environ["EXECUTION_APP_FAULT"]
INSTALLED_APPS = [*WHOLE, "no_such_app"] if os.path.exists(FAULT) else WHOLE
