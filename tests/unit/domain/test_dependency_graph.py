import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.dependency_graph import (
    DependencySpec,
    Match,
    OnFailure,
    find_cycle,
    in_order,
    parse_dependency,
)
from scheduler.domain.errors import InvalidDependency


class TestADependency:
    def test_may_be_a_name_alone(self):
        assert parse_dependency("b", "a") == DependencySpec("a")

    def test_is_written_as_it_is_read(self):
        spec = DependencySpec("a", Match.LATEST, OnFailure.WAIT, 3600, 60)
        assert parse_dependency("b", spec.as_json()) == spec
        assert parse_dependency("b", spec) == spec

    @pytest.mark.parametrize(
        ("spec", "field", "allowed"),
        [
            (7, "upstream", "a job's name"),
            ({}, "upstream", "the name of a job"),
            ({"upstream": "b"}, "upstream", "another job than itself"),
            ({"upstream": "a", "rule": "x"}, "rule", "fields match, max_age"),
            ({"upstream": "a", "match": "never"}, "match", "same_slot, latest"),
            ({"upstream": "a", "on_failure": None}, "on_failure", "skip, wait, run"),
            ({"upstream": "a", "max_wait_seconds": 0}, "max_wait_seconds", "whole number"),
            ({"upstream": "a", "max_wait_seconds": True}, "max_wait_seconds", "whole number"),
            ({"upstream": "a", "max_age_seconds": 9}, "max_age_seconds", "match is 'latest'"),
        ],
    )
    def test_that_cannot_be_is_refused_by_its_field(self, spec, field, allowed):
        with pytest.raises(InvalidDependency) as refused:
            parse_dependency("b", spec)
        assert refused.value.field == field
        assert "Dependency of job 'b'" in str(refused.value)
        assert allowed in str(refused.value)


class TestACycle:
    def test_is_named_in_the_order_of_its_runs_from_the_job_itself(self):
        assert list(find_cycle("c", {"b": {"a"}, "c": {"b"}, "a": {"c"}})) == ["c", "a", "b", "c"]

    def test_is_none_where_ways_only_meet(self):
        assert find_cycle("d", {"b": {"a"}, "c": {"a"}, "d": {"b", "c"}}) == ()

    @given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30))
    def test_is_found_or_there_is_an_order(self, pairs):
        edges = {}
        for low, high in pairs:
            if low < high:
                edges.setdefault(str(high), set()).add(str(low))
        assert find_cycle("0", edges) == ()
        names = {name for job, of in edges.items() for name in (job, *of)}
        order = in_order(names, edges)
        assert sorted(order) == sorted(names)
        for job, upstreams in edges.items():
            assert all(order.index(each) < order.index(job) for each in upstreams)
