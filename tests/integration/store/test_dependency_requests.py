"""Dependencies as people change them, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from scheduler import requests
from scheduler.domain.dependency_graph import DependencySpec, Match, OnFailure
from scheduler.domain.errors import (
    DependencyCycle,
    InvalidDependency,
    JobNotFound,
    UpstreamInUse,
)
from scheduler.domain.lineage import root_of
from scheduler.models import AdminActionLog, Dependency
from scheduler.queries.dependencies import dependencies_of, dependents_of
from tests.contract.store.world import World


@pytest.fixture(autouse=True)
def jobs(world: World) -> None:
    for name in ("a", "b", "c", "d"):
        requests.save_definition(name, by="ann", command_name="noop")


def depend(name: str, *upstreams: object) -> list[DependencySpec]:
    return requests.set_dependencies(name, list(upstreams), by="ann")  # type: ignore[arg-type]


class TestSettingDependencies:
    def test_keeps_them_and_who_set_them(self):
        spec = {"upstream": "a", "match": "latest", "on_failure": "wait", "max_age_seconds": 60}
        depend("c", spec, "b")
        assert dependencies_of("c") == [
            DependencySpec("a", Match.LATEST, OnFailure.WAIT, max_age_seconds=60),
            DependencySpec("b"),
        ]
        log = AdminActionLog.objects.get(action="dependencies_set")
        assert (log.actor, log.target) == ("ann", "c")
        assert [one["upstream"] for one in log.detail["upstreams"]] == ["a", "b"]

    def test_replaces_what_differs_and_keeps_the_rest(self):
        depend("c", "a", "b")
        kept = Dependency.objects.get(upstream__name="a").pk
        depend("c", "a", {"upstream": "b", "on_failure": "run"}, "d")
        assert Dependency.objects.get(upstream__name="a").pk == kept
        assert [spec.upstream for spec in dependencies_of("c")] == ["a", "b", "d"]
        depend("c")
        assert dependencies_of("c") == []

    def test_again_as_they_are_is_not_recorded(self):
        depend("c", "a")
        depend("c", "a")
        assert AdminActionLog.objects.filter(action="dependencies_set").count() == 1

    @pytest.mark.parametrize(
        ("upstreams", "error"),
        [
            (["nobody"], JobNotFound),
            (["a", "a"], InvalidDependency),
            (["c"], InvalidDependency),
            ([{"upstream": "a", "match": "x"}], InvalidDependency),
        ],
    )
    def test_that_cannot_be_changes_nothing(self, upstreams, error):
        depend("c", "b")
        with pytest.raises(error):
            depend("c", *upstreams)
        assert [spec.upstream for spec in dependencies_of("c")] == ["b"]

    def test_of_an_unknown_job_is_refused(self):
        with pytest.raises(JobNotFound):
            depend("nobody", "a")

    def test_that_make_a_cycle_is_refused_with_its_jobs(self):
        depend("b", "a")
        depend("c", "b")
        with pytest.raises(DependencyCycle, match="a -> b -> c -> a") as refused:
            depend("a", "c")
        assert refused.value.cycle == ("a", "b", "c", "a")
        assert dependencies_of("a") == []

    def test_tells_who_runs_after_a_job_each_after_its_own(self):
        depend("c", "b")
        depend("b", "a")
        depend("d", "a", "c")
        assert dependents_of("a") == ["b", "c", "d"]
        assert dependents_of("d") == []


class TestDeletingAJob:
    def test_that_others_depend_on_is_refused_with_their_names(self):
        depend("b", "a")
        depend("c", "a")
        with pytest.raises(UpstreamInUse, match="upstream of 'b', 'c'"):
            requests.delete_definition("a", by="ann")
        assert requests.find_job("a").deleted_at is None

    def test_that_depends_on_others_sets_them_free(self):
        depend("b", "a")
        requests.delete_definition("b", by="ann")
        requests.delete_definition("a", by="ann")
        assert Dependency.objects.count() == 0


def test_a_run_made_again_belongs_to_the_slot_of_the_first(world: World):
    (run,) = world.plan(requests.find_job("a").pk)
    key = world.run_value(run, "slot_key")
    asked = requests.request_rerun(run, by="ann")
    assert asked.slot_key == f"m:{key}:{asked.id}"
    assert root_of(asked.slot_key) == key
    assert asked.rerun_of == run


def test_of_two_that_would_make_a_cycle_at_once_one_is_refused(world: World):
    both = Barrier(2)

    def set_one(name: str, upstream: str) -> str:
        try:
            both.wait(10.0)
            requests.set_dependencies(name, [upstream], by="ann")
        except DependencyCycle:
            return "refused"
        finally:
            connection.close()
        return "made"

    for _ in range(5):
        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(set_one, ("a", "b"), ("b", "a")))
        assert sorted(answers) == ["made", "refused"]
        for name in ("a", "b"):
            depend(name)


def test_of_a_delete_and_a_dependency_at_once_one_is_refused(world: World):
    both = Barrier(2)

    def attempt(what: str) -> str:
        try:
            both.wait(10.0)
            if what == "delete":
                requests.delete_definition("a", by="ann")
            else:
                requests.set_dependencies("b", ["a"], by="ann")
        except (UpstreamInUse, JobNotFound):
            return "refused"
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(attempt, ("delete", "depend")))
    assert sorted(answers) == ["made", "refused"]
