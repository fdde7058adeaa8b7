"""What operators ask for reaches each worker once."""

from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

from scheduler.domain.errors import PeerUnreachable
from scheduler.domain.values import DesiredMode, LeaseState, WorkerView
from scheduler.runtime.courier import Courier
from scheduler.runtime.member import Term
from tests.unit.runtime.worlds import NOON, Inline, facts

TERM = Term(1, uuid4(), "w-1", 0.0, 10.0)


class Line:
    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []
        self.error: Exception | None = None

    def reload_config(self, address, command, revision):
        if self.error:
            raise self.error
        self.said.append(("reload", revision))
        return revision

    def drain(self, address, command, *, drain):
        self.said.append(("drain", drain))


def courier_of(line: Line) -> Courier:
    return Courier(cast("Any", line), Inline())


def worker(mode: DesiredMode = DesiredMode.ACTIVE) -> WorkerView:
    return WorkerView(facts("w-2"), LeaseState.LIVE, mode, False, NOON, 0.0, 0)


def test_a_new_revision_is_passed_on_once():
    line = Line()
    courier = courier_of(line)
    for revision in (3, 4, 4):
        courier.carry(TERM, revision, [worker()])
    assert line.said == [("reload", 4)]


def test_draining_and_its_undoing_are_passed_on():
    line = Line()
    courier = courier_of(line)
    for mode in (
        DesiredMode.ACTIVE,
        DesiredMode.DRAINING,
        DesiredMode.DRAINING,
        DesiredMode.ACTIVE,
    ):
        courier.carry(TERM, 0, [worker(mode)])
    assert line.said == [("drain", True), ("drain", False)]


def test_a_worker_that_has_just_joined_read_all_of_it_by_itself():
    line = Line()
    courier = courier_of(line)
    courier.carry(TERM, 3, [])
    courier.carry(TERM, 3, [worker(DesiredMode.DRAINING)])
    assert line.said == []


def test_a_worker_that_cannot_be_told_harms_nobody():
    line = Line()
    courier = courier_of(line)
    line.error = PeerUnreachable("w-2:1", refused=True)
    courier.carry(TERM, 3, [worker()])
    courier.carry(TERM, 4, [worker(), replace(worker(), facts=facts("w-3"))])
    assert line.said == []
