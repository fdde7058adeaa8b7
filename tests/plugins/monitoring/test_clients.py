"""Answers of Prometheus and Alertmanager that are not as promised; silences that may not be."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from scheduler_monitoring.alertmanager import Alertmanager
from scheduler_monitoring.errors import InvalidSilence, RemoteMalformed, RemoteRefused
from scheduler_monitoring.prometheus import Point, Prometheus, Series
from scheduler_monitoring.remote import Remote
from scheduler_monitoring.silences import Matcher, NewSilence, parse_duration
from tests.plugins.http_server import local_server, send

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def server():
    with local_server() as told:
        yield told


@pytest.fixture
def prometheus(server) -> Prometheus:
    return Prometheus(Remote("Prometheus", "SCHEDULER_PROMETHEUS_URL", server.address))


@pytest.fixture
def alertmanager(server) -> Alertmanager:
    return Alertmanager(Remote("Alertmanager", "SCHEDULER_ALERTMANAGER_URL", server.address))


def saying(server, document) -> None:
    server.answer = lambda h: send(h, 200, json.dumps(document).encode())


def vector(*result) -> dict:
    return {"status": "success", "data": {"resultType": "vector", "result": list(result)}}


BAD_PROMETHEUS = [
    [],
    "text",
    None,
    {},
    {"status": "success"},
    {"status": "error", "data": {"resultType": "vector", "result": []}},
    {"status": "success", "data": {"resultType": "vector"}},
    {"status": "success", "data": {"resultType": "matrix", "result": []}},
    {"status": "success", "data": {"resultType": "vector", "result": {}}},
    vector("text"),
    vector({}),
    vector({"metric": {"a": 1}, "value": [1, "2"]}),
    vector({"metric": {}, "value": [1]}),
    vector({"metric": {}, "value": ["x", "2"]}),
    vector({"metric": {}, "value": [1, "two"]}),
    vector({"metric": {}, "value": [1e30, "2"]}),
]


@pytest.mark.parametrize("document", BAD_PROMETHEUS)
def test_a_malformed_answer_of_prometheus_is_a_typed_error(server, prometheus, document):
    saying(server, document)
    with pytest.raises(RemoteMalformed):
        prometheus.instant("up")


def test_an_instant_query_gives_series_with_one_point(server, prometheus):
    saying(server, vector({"metric": {"job_name": "a"}, "value": [NOON.timestamp(), "2.5"]}))
    assert prometheus.instant("x", NOON) == [Series({"job_name": "a"}, (Point(NOON, 2.5),))]
    (asked,) = server.asked
    assert asked.path == "/api/v1/query"
    assert b"query=x" in asked.body and f"time={NOON.timestamp():.3f}".encode() in asked.body


def test_a_scalar_is_a_series_without_labels(server, prometheus):
    result = {"resultType": "scalar", "result": [NOON.timestamp(), "NaN"]}
    saying(server, {"status": "success", "data": result})
    ((point,),) = [series.points for series in prometheus.instant("1")]
    assert point.at == NOON and point.value != point.value


def test_a_range_with_more_points_than_prometheus_gives_is_refused_before_it_is_asked(
    server, prometheus
):
    with pytest.raises(RemoteRefused, match="longer step"):
        prometheus.range("x", NOON, NOON + timedelta(days=30), timedelta(seconds=1))
    assert server.asked == []


BAD_ALERTS = [
    {},
    None,
    ["text"],
    [{}],
    [{"labels": {}, "status": {}, "startsAt": "2026-01-02T00:00:00Z", "fingerprint": "f"}],
    [{"labels": {}, "status": {"state": "active"}, "startsAt": "soon", "fingerprint": "f"}],
    [{"labels": [], "status": {"state": "active"}, "startsAt": "2026-01-02T00:00:00Z"}],
]


@pytest.mark.parametrize("document", BAD_ALERTS)
def test_a_malformed_answer_of_alertmanager_is_a_typed_error(server, alertmanager, document):
    saying(server, document)
    with pytest.raises(RemoteMalformed):
        alertmanager.alerts()
    with pytest.raises(RemoteMalformed):
        alertmanager.create_silence(silence())


def silence(matchers=("alertname=SchedulerHighLoad",), duration="2h", author="me", comment="why"):
    parsed = [Matcher.parse(text) for text in matchers]
    return NewSilence.of(parsed, parse_duration(duration), author=author, comment=comment, now=NOON)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", Matcher("a", "b")),
        ('a="b c"', Matcher("a", "b c")),
        (r'a="say \"hi\""', Matcher("a", 'say "hi"')),
        ("a!=b", Matcher("a", "b", equal=False)),
        ("a=~b.*", Matcher("a", "b.*", regex=True)),
        ("a!~b", Matcher("a", "b", regex=True, equal=False)),
        ("a==b", Matcher("a", "=b")),
    ],
)
def test_matchers_are_read_as_alertmanager_writes_them(text, expected):
    assert Matcher.parse(text) == expected
    assert Matcher.parse(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "a", "=b", "1a=b", "a b=c", "日本=x", 'a"=b'])
def test_what_is_no_matcher_is_refused(text):
    with pytest.raises(InvalidSilence, match="matcher"):
        silence([text])


@pytest.mark.parametrize(
    "matchers", [[], ["a!=b"], ["a=~.*"], ["a="], ["a!~b+"], ["a!=b", "c=~x?"], ["alertname=~.+"]]
)
def test_a_silence_of_everything_is_refused(matchers):
    with pytest.raises(InvalidSilence, match="would silence every alert"):
        silence(matchers)


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(InvalidSilence, match="no pattern"):
        silence(["a=~("])


@pytest.mark.parametrize("duration", ["0m", "8d", "169h", "999999d"])
def test_a_silence_lasts_from_a_minute_to_seven_days(duration):
    with pytest.raises(InvalidSilence, match="from 1 minute to 7 days"):
        silence(duration=duration)
    assert silence(duration="7d").ends_at == NOON + timedelta(days=7)


@pytest.mark.parametrize("duration", ["", "7", "d", "-1d", "1w", "1.5h", "1h30m"])
def test_what_is_no_duration_is_refused(duration):
    with pytest.raises(InvalidSilence, match="cannot be read"):
        silence(duration=duration)


@pytest.mark.parametrize("missing", [{"author": " "}, {"comment": ""}, {"comment": "x" * 1001}])
def test_a_silence_has_an_author_and_a_comment(missing):
    (field,) = missing
    with pytest.raises(InvalidSilence, match=field):
        silence(**missing)
