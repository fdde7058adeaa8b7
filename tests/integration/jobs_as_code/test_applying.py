"""Applying declarations: all or nothing, once, and never over the head of an owner."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from scheduler import requests
from scheduler.domain.declaring import CODE
from scheduler.domain.errors import ManagedByCode, NotTheOwner
from scheduler.models import AdminActionLog, CodeRevision, JobDefinition
from scheduler.requests.declared.applying import apply, apply_new_code, plan
from scheduler.requests.declared.parts import forget_part, register_part

FILE = "file:jobs.yaml"


def names() -> list[str]:
    return list(JobDefinition.objects.filter(deleted_at=None).values_list("name", flat=True))


def job(name: str = "report") -> Any:
    return JobDefinition.objects.get(name=name, deleted_at=None)


def at_once(number: int, call: Any) -> list[Any]:
    """The results of so many calls that begin at the same time."""
    barrier = Barrier(number)

    def one(which: int) -> Any:
        try:
            barrier.wait(10)
            return call(which)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def test_a_failing_apply_leaves_nothing_behind(database, declare, monkeypatch):
    class Broken:
        key = "broken"
        empty: Any = []
        schema: Mapping[str, Any] = {}

        def checked(self, value, job, where):
            return value

        def read(self, ids):
            return {}

        def apply(self, definition, value, by):
            raise ValidationError("no such upstream")

    register_part(Broken())
    try:
        declared = [declare("a"), declare("b", broken=["x"])]
        with pytest.raises(ValidationError):
            apply(declared, source=CODE, by="ann")
    finally:
        forget_part("broken")
    assert names() == []
    assert not AdminActionLog.objects.exists()
    assert not CodeRevision.objects.exists()


def test_a_job_of_a_person_is_not_overwritten(database, declare):
    requests.save_definition("report", by="ann", command_name="noop", priority=3)
    with pytest.raises(NotTheOwner, match=r"'report' \(a person\)"):
        apply([declare(), declare("other")], source=CODE, by="ci")
    assert names() == ["report"]
    apply([declare()], source=CODE, by="ci", take_over=True)
    assert (job().priority, job().provenance) == (0, f"{CODE}app.jobs:f")


def test_prune_deletes_what_the_source_owns_and_nothing_else(database, declare):
    requests.save_definition("by-hand", by="ann", command_name="noop")
    apply([declare("in-code")], source=CODE, by="ci")
    apply([declare("one", owner=FILE), declare("two", owner=FILE)], source=FILE, by="ci")
    kept = apply([declare("one", owner=FILE)], source=FILE, by="ci")
    assert kept.left == ("two",)
    apply([declare("one", owner=FILE)], source=FILE, by="ci", prune=True)
    assert names() == ["by-hand", "in-code", "one"]


def test_two_applies_at_once_make_each_job_once(database, declare):
    declared = [declare(f"job-{number}", owner=FILE) for number in range(20)]
    done = at_once(2, lambda which: apply(declared[:: 1 - 2 * which], source=FILE, by="ci"))
    assert sorted(len(one.changes) for one in done) == [0, 20]
    assert len(names()) == 20


def test_of_workers_that_start_at_once_one_applies(database, declare):
    done = at_once(4, lambda which: apply_new_code([declare()], by=f"w-{which}"))
    assert [one is None for one in done].count(False) == 1
    assert AdminActionLog.objects.filter(action="job_created").count() == 1


def test_an_older_version_does_not_undo_the_newer(database, declare):
    old, new = [declare(cron="0 1 * * *")], [declare(cron="0 2 * * *")]
    assert apply_new_code(old, by="w-1") is not None
    assert apply_new_code(new, by="w-2") is not None
    assert apply_new_code(old, by="w-3") is None
    assert job().schedule["expression"] == "0 2 * * *"
    apply(old, source=CODE, by="ann rolls back")
    assert apply_new_code(new, by="w-4") is None
    assert job().schedule["expression"] == "0 1 * * *"


def test_a_starting_worker_deletes_nothing_and_leaves_what_others_own(database, declare):
    requests.save_definition("mine", by="ann", command_name="noop", priority=9)
    apply_new_code([declare("old")], by="w-1")
    done = apply_new_code([declare("mine"), declare("new")], by="w-2")
    assert done is not None
    assert (done.foreign, done.left) == ((("mine", ""),), ("old",))
    assert names() == ["mine", "new", "old"]
    assert job("mine").priority == 9


class TestTheGuard:
    def test_refuses_a_person_and_says_who_owns_the_job(self, database, declare):
        apply([declare()], source=CODE, by="ci")
        with pytest.raises(ManagedByCode, match=r"managed by code:app\.jobs:f: change it there"):
            requests.save_definition("report", by="ann", priority=5)
        with pytest.raises(ManagedByCode):
            requests.delete_definition("report", by="ann")
        assert job().priority == 0

    def test_lets_a_person_take_over(self, database, declare):
        apply([declare()], source=CODE, by="ci")
        requests.save_definition("report", by="ann", priority=5, take_over=True)
        assert (job().priority, job().provenance) == (5, "")
        assert plan([declare()], source=CODE).foreign == (("report", ""),)

    def test_lets_a_job_go(self, database, declare):
        apply([declare()], source=CODE, by="ci")
        assert requests.release_ownership("report", by="ann")
        assert not requests.release_ownership("report", by="ann")
        requests.save_definition("report", by="ann", priority=5)


class TestAHold:
    def test_outlives_every_apply_until_a_person_enables_the_job(self, database, declare):
        apply([declare()], source=CODE, by="ci")
        requests.set_enabled("report", False, by="ann")
        done = apply([declare(priority=4)], source=CODE, by="ci")
        assert done.held == ("report",)
        assert (job().enabled, job().priority, job().held_by) == (False, 4, "ann")
        requests.set_enabled("report", True, by="ann")
        assert (job().enabled, job().held_by) == (True, "")
        assert plan([declare(priority=4)], source=CODE).changes == ()

    def test_only_stops(self, database, declare):
        apply([declare(enabled=False)], source=CODE, by="ci")
        requests.set_enabled("report", True, by="ann")
        apply([declare(enabled=False)], source=CODE, by="ci")
        assert not job().enabled


def test_an_interval_keeps_its_beat_while_its_length_stays(database, declare):
    apply([declare(every=90)], source=CODE, by="ci")
    anchor = job().schedule["anchor"]
    assert plan([declare(every="1m30s")], source=CODE).changes == ()
    apply([declare(every=90, priority=1)], source=CODE, by="ci")
    assert job().schedule["anchor"] == anchor


def test_one_and_true_are_not_the_same(database, declare):
    apply([declare(args={"a": 1})], source=CODE, by="ci")
    assert len(apply([declare(args={"a": True})], source=CODE, by="ci").changes) == 1
    assert plan([declare(args={"a": True})], source=CODE).changes == ()
