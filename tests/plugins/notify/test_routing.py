"""Who hears of what: the first route that leads to a channel decides."""

from typing import Any

from scheduler_notify.messages import Kind, Severity
from scheduler_notify.routes import Route
from scheduler_notify.routing import destinations, group_key
from tests.plugins.notify.builders import message


def route(**fields: Any) -> Route:
    return Route.model_validate({"name": "r", **fields})


def found(one, *routes, configured=("slack", "mail"), applies=lambda route: True):
    where = destinations(one, routes, configured, applies)
    return {channel: route.name for channel, route in where.items()}


def test_what_no_route_takes_goes_nowhere():
    assert found(message(severity=Severity.INFO), route()) == {}
    assert found(message(job="hourly"), route(jobs="nightly*")) == {}


def test_a_channel_that_is_not_set_up_gets_nothing():
    assert found(message(), route(channels=["teams", "mail"])) == {"mail": "r"}


def test_a_route_without_channels_leads_to_all_that_are_set_up():
    assert found(message(), route()) == {"slack": "r", "mail": "r"}


def test_the_first_route_to_a_channel_decides():
    first, second = route(name="a", channels="slack"), route(name="b")
    assert found(message(), first, second) == {"slack": "a", "mail": "b"}


def test_a_route_that_does_not_apply_now_lets_a_later_one_go_first():
    day, night = route(name="day"), route(name="night", channels="mail")
    where = found(message(), day, night, applies=lambda one: one.name != "day")
    assert where == {"mail": "night"}


def test_globs_name_jobs_and_only_a_star_takes_what_has_no_job():
    of_cluster = message(job="", subject="CLUSTER_PAUSED", kind=Kind.ALERT)
    assert found(of_cluster, route(jobs=["?*"])) == {}
    assert found(of_cluster, route(jobs="*")) != {}
    assert found(message(job="Nightly"), route(jobs="nightly")) == {}


def test_the_end_goes_where_the_trouble_went_unless_the_route_wants_no_ends():
    over = message(kind=Kind.JOB_RECOVERED, resolved=True)
    assert found(over, route(severities="error")) != {}
    assert found(over, route(recoveries=False)) == {}


def test_the_group_is_what_the_route_names():
    one = message()
    assert group_key(route(), one) == "job=nightly|kind=run_failed"
    assert group_key(route(group_by=["severity"]), one) == "severity=error"
    assert group_key(route(group_by=[]), one) == ""


def test_the_end_of_a_trouble_is_no_part_of_its_group():
    firing = message(kind=Kind.PROMETHEUS)
    resolved = message(kind=Kind.PROMETHEUS, resolved=True)
    assert group_key(route(), firing) != group_key(route(), resolved)
