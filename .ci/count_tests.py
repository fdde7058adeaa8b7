"""Adds up pytest's JUnit reports: prints ``N passed, N failed, N skipped``.

python .ci/count_tests.py FOLDER. Exit code 1 when there is no report or nothing passed."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def counts(folder: Path) -> tuple[int, int, int]:
    """Passed, failed (errors too) and skipped tests of all reports in ``folder``."""
    tests = failed = skipped = 0
    for report in sorted(folder.rglob("*.xml")):
        # Our own pytest wrote them a moment ago.
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314
            tests += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
    return tests - failed - skipped, failed, skipped


def main() -> int:
    passed, failed, skipped = counts(Path(sys.argv[1]))
    sys.stdout.write(f"{passed} passed, {failed} failed, {skipped} skipped\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
