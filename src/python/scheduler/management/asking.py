"""Who asks, where a command asks for something in a person's name."""

import getpass
import os
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any


def add_who(parser: ArgumentParser) -> None:
    """The option ``--by``."""
    parser.add_argument(
        "--by", metavar="NAME", help="who asks, as it is kept (the user of the system)"
    )


def who(options: Mapping[str, Any]) -> str:
    """The name given by ``--by``, else the user under whom the command runs."""
    given = (options["by"] or "").strip()
    return given or _user()


def me() -> str:
    """Who runs the command, as records keep it."""
    return f"cli:{_user()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the user may have no name.
        return f"uid {os.getuid()}"
