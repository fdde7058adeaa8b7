#!/usr/bin/env python3
"""Writes what is made of the settings' declarations: the help fixture and the reference pages.

    python scripts/generate_settings.py

The results are checked in; a test holds them equal to what this script writes.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src" / "python"))

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.reference import fixture, reference_page
from scripts.checked_in import write


def generated() -> dict[Path, str]:
    """The text of each generated file, by its path below the repository's root."""
    return {
        Path("src/python/scheduler/fixtures/scheduler_setting_help.json"): fixture([CoreSettings]),
        Path("docs/settings.md"): reference_page([CoreSettings], "en"),
        Path("docs/settings.ja.md"): reference_page([CoreSettings], "ja"),
    }


if __name__ == "__main__":
    sys.exit(write(generated()))
