#!/usr/bin/env python
"""Django's command line for a checkout: ``python manage.py scheduler_worker``."""

import sys
from pathlib import Path

_SOURCE = Path(__file__).resolve().parent / "src" / "python"


def main() -> None:
    """Run the command that the arguments name, from the sources beside this file."""
    sys.path[:0] = [str(_SOURCE), str(_SOURCE / "plugins")]
    try:
        import django  # noqa: F401
    except ImportError:
        sys.exit(
            "Django is not installed here; run: python -m pip install -r requirements.txt"
            " (in a virtual environment of Python 3.13)"
        )
    from scheduler_site.manage import main as run

    run()


if __name__ == "__main__":
    main()
