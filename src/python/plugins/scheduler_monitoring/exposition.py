"""Figures in Prometheus' text format."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.registry import Collector

from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.metrics import Metric, MetricKind
from scheduler_monitoring.figures import Figure, Kind

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

log = get_logger("scheduler.monitoring")

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")

type Family = GaugeMetricFamily | CounterMetricFamily
type Samples = Mapping[tuple[str, ...], float]
"""Values by those of the figure's labels, in their order."""


def counter(figure: Figure, registry: CollectorRegistry) -> Counter:
    """A counter that lives as long as the process."""
    return Counter(_base(figure.name), figure.help, figure.labels, registry=registry)


def histogram(figure: Figure, registry: CollectorRegistry) -> Histogram:
    """A histogram that lives as long as the process."""
    return Histogram(
        figure.name, figure.help, figure.labels, registry=registry, buckets=figure.buckets
    )


def single(figure: Figure, value: float) -> Family:
    """A figure without labels as it is now."""
    return family(figure, {(): value})


def family(figure: Figure, samples: Samples) -> Family:
    """A figure as it is now."""
    counts = figure.kind is Kind.COUNTER
    return _filled(_family(figure.name, counts, figure.help, figure.labels), samples)


def plugin_families(metrics: Iterable[Metric], taken: frozenset[str]) -> Iterator[Family]:
    """What other plugins bring. Of two of one name the first is shown, and none that is ours; one
    that would spoil the page for the rest (a name or label that Prometheus does not take, a value
    that is no number) is left out."""
    seen = set(taken)
    for metric in metrics:
        if metric.name in seen or not metric.samples:
            continue
        seen.add(metric.name)
        try:
            made = _brought(metric)
        except (TypeError, ValueError) as error:
            log.warning("metric_left_out", metric=str(metric.name), reason=str(error))
        else:
            yield made


def page(*collectors: Collector) -> bytes:
    """What these have to tell, one after the other, as a scrape wants it."""
    return generate_latest(_Page(collectors))


class _Page:
    """Without the series that tell when each other one was born: they double the number of series,
    and Prometheus does not need them."""

    def __init__(self, collectors: Sequence[Collector]) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[MetricFamily]:
        for one in (one for collector in self._collectors for one in collector.collect()):
            one.samples = [each for each in one.samples if not each.name.endswith("_created")]
            yield one


def _brought(metric: Metric) -> Family:
    """Raises ValueError or TypeError for what Prometheus would not take."""
    labels = tuple(sorted({label for sample in metric.samples for label in sample.labels}))
    if not _NAME.fullmatch(metric.name) or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("its name or a label's is none for Prometheus")
    values = {
        tuple(str(sample.labels.get(label, "")) for label in labels): float(sample.value)
        for sample in metric.samples
    }
    made = _family(metric.name, metric.kind is MetricKind.COUNTER, str(metric.help), labels)
    return _filled(made, values)


def _filled(made: Family, samples: Samples) -> Family:
    for values, value in samples.items():
        made.add_metric(values, value)
    return made


def _family(name: str, counts: bool, help: str, labels: Sequence[str]) -> Family:
    if counts:
        return CounterMetricFamily(_base(name), help, labels=labels)
    return GaugeMetricFamily(name, help, labels=labels)


def _base(name: str) -> str:
    """prometheus-client puts ``_total`` to a counter's name itself."""
    return name.removesuffix("_total")
