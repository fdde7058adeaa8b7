"""Benchmarks of the whole path, each by one command (see docs/benchmarks.md):

PYTHONPATH=src/python python -m tests.benchmarks.whole_path NAME... [--json]
"""

import argparse
import importlib
import json

NAMES = ("cost", "throughput", "lateness", "herd", "tick", "idle", "events", "plugins")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=(*NAMES, "all"), metavar="NAME")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    names = NAMES if "all" in options.names else options.names
    figures = {}
    for name in names:
        report = importlib.import_module(f"tests.benchmarks.whole_path_{name}").measure()
        figures[name] = report.figures
        if not options.json:
            report.print()
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
