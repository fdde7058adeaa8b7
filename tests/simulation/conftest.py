"""Simulations tell their own story; the runtime's log lines stay out of it."""

from collections.abc import Iterator

import pytest
import structlog

from tests.simulation.world import quiet


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    quiet()
    yield
    structlog.reset_defaults()
