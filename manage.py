#!/usr/bin/env python
"""Django's command line for a checkout: ``python manage.py scheduler_worker``."""

import os
import sys
from pathlib import Path

_SOURCE = Path(__file__).resolve().parent / "src" / "python"


def main() -> None:
    """Run the command that the arguments name."""
    sys.path[:0] = [str(_SOURCE), str(_SOURCE / "plugins")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "Django is not installed here; run: python -m pip install -r requirements.txt"
            " (in a virtual environment of Python 3.13)"
        )
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
