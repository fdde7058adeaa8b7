"""``python -m tests.simulation --seeds 200 --from 1000``: many seeds; ``--seed N``: one, told."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter

SOURCE_ROOTS = ("src/python", "src/python/plugins")


def main() -> int:
    """0 when every promise held, 1 at the first that did not, 2 for a bad argument."""
    parser = ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many seeds to run")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--seed", type=int, help="replay one seed and print its story")
    parser.add_argument("--scenario", default="chaos", help="a name of tests/simulation/scenarios")
    parser.add_argument("--keep-going", action="store_true", help="do not end at the first finding")
    options = parser.parse_args()

    root = Path(__file__).parents[2]
    sys.path[1:1] = [str(root / folder) for folder in SOURCE_ROOTS]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
    import django

    django.setup()
    from tests.simulation.scenarios import SCENARIOS
    from tests.simulation.world import quiet

    if options.scenario not in SCENARIOS:
        parser.error(f"no scenario {options.scenario!r}; there are {', '.join(sorted(SCENARIOS))}")
    quiet()
    if options.seed is not None:
        return _replay(options.scenario, options.seed)
    return _run_many(
        options.scenario, range(options.first, options.first + options.seeds), options.keep_going
    )


def _run_many(name: str, seeds: range, keep_going: bool) -> int:
    from tests.simulation.auditor import PromiseBroken
    from tests.simulation.scenarios import SCENARIOS
    from tests.simulation.world import simulate

    began, simulated, broken = perf_counter(), 0.0, 0
    for seed in seeds:
        try:
            simulated += simulate(seed, SCENARIOS[name]).timeline.now
        except PromiseBroken as finding:
            broken += 1
            print(finding, file=sys.stderr)
            if not keep_going:
                return _replay(name, seed)
    print(
        f"{len(seeds)} seeds of {name}: {simulated / 3600:.2f} simulated hours "
        f"in {perf_counter() - began:.1f} s, {broken} broken"
    )
    return 1 if broken else 0


def _replay(name: str, seed: int) -> int:
    from tests.simulation.auditor import PromiseBroken
    from tests.simulation.scenarios import SCENARIOS
    from tests.simulation.world import World

    world = World(seed, SCENARIOS[name], tell=True)
    world.set_weather(world.scenario.odds)
    code = 0
    try:
        world.live()
    except PromiseBroken as broken:
        world.story.append(f"PROMISE BROKEN {broken}")
        code = 1
    print("\n".join(world.story))
    return code


if __name__ == "__main__":
    sys.exit(main())
