"""Django's command line for the demo's project: ``python -m scheduler_demo.manage COMMAND``."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name, over ``scheduler_demo.settings`` unless told."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_demo.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(f"scheduler_demo.manage: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
