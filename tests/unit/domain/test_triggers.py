"""Triggers: which events start a job, and with which arguments."""

from typing import Any

import pytest

from scheduler.domain.triggers import (
    Condition,
    InvalidTrigger,
    Trigger,
    first_matching,
    holds,
    mapped_args,
    matches,
    parse_trigger,
    parse_triggers,
    patterns_for,
)

EVENT: dict[str, Any] = {
    "id": "e-1",
    "type": "order.created.v2",
    "source": "/shop",
    "subject": "42",
    "dedupe_key": "k",
    "occurred_at": None,
    "payload": {
        "total": 1200,
        "paid": True,
        "name": "tokyo",
        "none": None,
        "items": [{"sku": "a"}, {"sku": "b"}],
        "tags": ["x", 1],
        "nested": {"a": [1, {"b": 2}]},
    },
    "attributes": {"traceparent": "00-1"},
}


def trigger(**fields) -> Trigger:
    return parse_trigger({"event_type": "order.*", **fields})


def condition(path, op, value):
    return holds(Condition(path, op, value), EVENT)


class TestTheType:
    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("order.created.v2", True),
            ("order.created.*", True),
            ("order.*", True),
            ("order.created", False),
            ("order.created.v2.*", False),
            ("orde.*", False),
            ("Order.*", False),
        ],
    )
    def test_matches_exactly_or_by_prefix(self, pattern, expected):
        assert matches(Trigger(pattern), EVENT) is expected
        assert (pattern in patterns_for(EVENT["type"])) is expected

    def test_a_prefix_does_not_match_the_bare_word(self):
        assert not matches(Trigger("order.*"), {**EVENT, "type": "order"})
        assert not matches(Trigger("order.*"), {**EVENT, "type": "orders.new"})

    def test_a_prefix_matches_a_type_that_ends_with_the_dot(self):
        assert matches(Trigger("order.*"), {**EVENT, "type": "order."})
        assert "order.*" in patterns_for("order.")


class TestSourceAndSubject:
    def test_count_only_where_they_are_named(self):
        assert matches(trigger(source="/shop", subject="42"), EVENT)
        assert not matches(trigger(source="/shop2"), EVENT)
        assert not matches(trigger(subject="4"), EVENT)


class TestConditions:
    @pytest.mark.parametrize(
        ("path", "op", "value", "expected"),
        [
            ("payload.total", "eq", 1200, True),
            ("payload.total", "eq", 1200.0, True),
            ("payload.total", "eq", "1200", False),
            ("payload.paid", "eq", True, True),
            ("payload.paid", "eq", 1, False),
            ("payload.nested", "eq", {"a": [1, {"b": 2.0}]}, True),
            ("payload.nested", "eq", {"a": [True, {"b": 2}]}, False),
            ("payload.none", "eq", None, True),
            ("payload.total", "ne", 1, True),
            ("payload.total", "ne", 1200, False),
            ("payload.total", "gt", 1000, True),
            ("payload.total", "gt", 1200, False),
            ("payload.total", "ge", 1200, True),
            ("payload.total", "lt", 1200.5, True),
            ("payload.total", "le", 1199, False),
            ("payload.total", "gt", "1000", False),
            ("payload.paid", "gt", 0, False),
            ("payload.name", "lt", "zürich", True),
            ("payload.name", "in", ["osaka", "tokyo"], True),
            ("payload.paid", "in", [1], False),
            ("payload.name", "not_in", ["osaka"], True),
            ("payload.name", "contains", "oky", True),
            ("payload.name", "contains", 5, False),
            ("payload.tags", "contains", 1, True),
            ("payload.tags", "contains", True, False),
            ("payload.total", "contains", 1, False),
            ("payload.name", "starts_with", "to", True),
            ("payload.name", "ends_with", "to", False),
            ("payload.total", "starts_with", "1", False),
            ("payload.none", "exists", True, True),
            ("payload.nothing", "exists", True, False),
            ("payload.nothing", "exists", False, True),
            ("payload.items.1.sku", "eq", "b", True),
            ("payload.items.2.sku", "exists", True, False),
            ("payload.items.-1.sku", "exists", True, False),
            ("payload.items.99999999999999999999", "exists", True, False),
            ("payload.name.0", "exists", True, False),
            ("attributes.traceparent", "eq", "00-1", True),
            ("subject", "eq", "42", True),
        ],
    )
    def test_look_at_one_value(self, path, op, value, expected):
        assert condition(path, op, value) is expected

    @pytest.mark.parametrize(
        ("op", "value"), [("eq", None), ("ne", 1), ("lt", 1), ("not_in", []), ("contains", "")]
    )
    def test_a_path_that_leads_nowhere_holds_of_nothing(self, op, value):
        assert not condition("payload.nothing.at.all", op, value)

    def test_all_must_hold(self):
        one = {"path": "payload.total", "op": "gt", "value": 1000}
        other = {"path": "payload.paid", "op": "eq", "value": False}
        assert matches(trigger(conditions=[one]), EVENT)
        assert not matches(trigger(conditions=[one, other]), EVENT)

    def test_an_event_without_attributes_has_none(self):
        bare = {name: value for name, value in EVENT.items() if name != "attributes"}
        assert not holds(Condition("attributes.traceparent", "exists", True), bare)


class TestArguments:
    def mapped(self, args, default=None):
        return mapped_args("ship", trigger(args=args), EVENT, default)

    def test_without_a_mapping_the_jobs_own_count(self):
        assert self.mapped({}) is None
        assert self.mapped({"order": "payload.nothing"}) is None

    def test_go_over_the_jobs_own_options_by_name(self):
        assert self.mapped({"total": "payload.total"}, {"total": 1, "days": 3}) == {
            "total": 1200,
            "days": 3,
        }

    def test_are_added_to_the_jobs_own_list(self):
        assert self.mapped({"order_id": "subject", "paid": "payload.paid"}, ["tokyo"]) == [
            "tokyo",
            "--order-id=42",
            "--paid",
        ]

    def test_null_and_nowhere_leave_an_option_as_it_was(self):
        found = self.mapped({"days": "payload.none", "order": "subject"}, {"days": 3})
        assert found == {"days": 3, "order": "42"}

    def test_what_is_no_word_becomes_json(self):
        assert self.mapped({"nested": "payload.nested", "tags": "payload.tags"}) == {
            "nested": '{"a":[1,{"b":2}]}',
            "tags": ["x", 1],
        }
        assert self.mapped({"items": "payload.items"}) == {"items": '[{"sku":"a"},{"sku":"b"}]'}


def test_of_several_triggers_of_a_job_the_first_counts():
    triggers = [(1, Trigger("order.*", subject="no")), (1, Trigger("order.*")), (2, Trigger("x"))]
    triggers.append((1, Trigger("order.created.v2")))
    assert first_matching(triggers, EVENT) == {1: Trigger("order.*")}


def test_a_trigger_is_written_as_it_is_read():
    given = {
        "event_type": "order.*",
        "subject": "42",
        "conditions": [{"path": "payload.total", "op": "gt", "value": 5}],
        "args": {"order": "subject"},
    }
    assert parse_trigger(given).as_json() == given
    assert parse_trigger({"event_type": "a"}).as_json() == {"event_type": "a"}


def test_the_operator_is_eq_unless_it_is_named():
    given = {"event_type": "a", "conditions": [{"path": "subject", "value": "x"}]}
    assert parse_trigger(given).conditions == (Condition("subject", "eq", "x"),)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "triggers"),
        ("order.*", "triggers"),
        ([{"event_type": "a"}] * 51, "triggers"),
        (["a"], "triggers[0]"),
        ([{}], "triggers[0].event_type"),
        ([{"event_type": ""}], "triggers[0].event_type"),
        ([{"event_type": "*"}], "triggers[0].event_type"),
        ([{"event_type": ".*"}], "triggers[0].event_type"),
        ([{"event_type": "a*"}], "triggers[0].event_type"),
        ([{"event_type": "a.*.b"}], "triggers[0].event_type"),
        ([{"event_type": " a"}], "triggers[0].event_type"),
        ([{"event_type": "a\0"}], "triggers[0].event_type"),
        ([{"event_type": "x" * 201}], "triggers[0].event_type"),
        ([{"event_type": "a", "typo": 1}], "triggers[0].typo"),
        ([{"event_type": "a", "source": 5}], "triggers[0].source"),
        ([{"event_type": "a", "subject": "\0"}], "triggers[0].subject"),
        ([{"event_type": "a", "conditions": {}}, {}], "triggers[1].event_type"),
        ([{"event_type": "a", "conditions": 5}], "triggers[0].conditions"),
        ([{"event_type": "a", "conditions": [5]}], "triggers[0].conditions[0]"),
        ([{"event_type": "a", "conditions": [{}]}], "triggers[0].conditions[0].path"),
        ([{"event_type": "a", "args": ["x"]}], "triggers[0].args"),
        ([{"event_type": "a", "args": {"-x": "subject"}}], "triggers[0].args.-x"),
        ([{"event_type": "a", "args": {"x": "order"}}], "triggers[0].args.x"),
    ],
)
def test_what_cannot_be_understood_is_named(given, field):
    with pytest.raises(InvalidTrigger) as caught:
        parse_triggers(given)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")
    assert "allowed: " in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        ({"path": "payload..a", "value": 1}, "path"),
        ({"path": "total", "value": 1}, "path"),
        ({"path": "subject.a", "value": 1}, "path"),
        ({"path": 5, "value": 1}, "path"),
        ({"path": "payload.a", "op": "matches", "value": 1}, "op"),
        ({"path": "payload.a", "op": ["eq"], "value": 1}, "op"),
        ({"path": "payload.a"}, "value"),
        ({"path": "payload.a", "op": "gt", "value": True}, "value"),
        ({"path": "payload.a", "op": "in", "value": "abc"}, "value"),
        ({"path": "payload.a", "op": "exists", "value": 1}, "value"),
        ({"path": "payload.a", "op": "ends_with", "value": 1}, "value"),
        ({"path": "payload.a", "op": "eq", "value": ["\0"]}, "value"),
        ({"path": "payload.a", "op": "eq", "value": float("nan")}, "value"),
        ({"path": "payload.a", "value": 1, "not": True}, "not"),
    ],
)
def test_a_condition_that_cannot_be_understood_is_named(condition, part):
    with pytest.raises(InvalidTrigger) as caught:
        parse_trigger({"event_type": "a", "conditions": [condition]})
    assert caught.value.field == f"trigger.conditions[0].{part}"
