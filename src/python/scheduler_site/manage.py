"""Django's command line, for a checkout, a wheel and a PEX alike."""

import os
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command that the arguments name; a wrong setting is one sentence and exit code 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{Path(sys.argv[0]).name}: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
