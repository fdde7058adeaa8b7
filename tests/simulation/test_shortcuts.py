"""The auditor can fail: each tempting shortcut breaks a promise in one of a few seeds."""

import pytest

from tests.simulation import shortcuts
from tests.simulation.scenarios import DEPOSED, ECHOES, STORMY, SUCCESSIONS
from tests.simulation.shortcuts import Shortcut
from tests.simulation.world import Scenario, first_broken

SEEDS = range(24)
OUTLIVED = "while its process was alive"


@pytest.mark.parametrize(
    ("shortcut", "scenario", "finding"),
    [
        (shortcuts.redis_answer_renews_the_lease, ECHOES, OUTLIVED),
        (shortcuts.ping_counts_from_its_receipt, ECHOES, OUTLIVED),
        (shortcuts.host_trusts_its_worker, ECHOES, OUTLIVED),
        (shortcuts.young_term_may_orphan, SUCCESSIONS, OUTLIVED),
        (shortcuts.last_reply_is_not_asked, SUCCESSIONS, OUTLIVED),
        (shortcuts.epoch_is_checked_before_the_write, DEPOSED, "wrote as leader of epoch"),
        (shortcuts.late_result_overwrites, STORMY, ""),
        (shortcuts.start_before_the_claim, STORMY, ""),
        (shortcuts.refusals_are_not_heard, STORMY, "was assigned more than"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_shortcut_is_caught_within_a_few_seeds(
    monkeypatch: pytest.MonkeyPatch, shortcut: Shortcut, scenario: Scenario, finding: str
) -> None:
    shortcut(monkeypatch)
    caught = first_broken(scenario, SEEDS)
    assert caught is not None, f"no seed of {SEEDS} breaks a promise with {shortcut.__name__}"
    assert finding in str(caught[1])
