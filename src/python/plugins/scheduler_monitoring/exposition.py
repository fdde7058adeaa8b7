"""Figures in Prometheus' text format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.registry import Collector

from scheduler.plugin_api.metrics import Metric, MetricKind
from scheduler_monitoring.figures import Figure, Kind

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

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
    made = _family(figure.name, figure.kind is Kind.COUNTER, figure.help, figure.labels)
    for values, value in samples.items():
        made.add_metric(values, value)
    return made


def plugin_families(metrics: Iterable[Metric], taken: frozenset[str]) -> Iterator[Family]:
    """What other plugins bring. Of two of one name the first is shown, and none that is ours."""
    seen = set(taken)
    for metric in metrics:
        if metric.name in seen or not metric.samples:
            continue
        seen.add(metric.name)
        labels = tuple(sorted({label for sample in metric.samples for label in sample.labels}))
        made = _family(metric.name, metric.kind is MetricKind.COUNTER, metric.help, labels)
        for sample in metric.samples:
            made.add_metric([sample.labels.get(label, "") for label in labels], sample.value)
        yield made


def page(registry: CollectorRegistry) -> bytes:
    """All that is registered, as a scrape wants it."""
    return generate_latest(_WithoutBirths(registry))


def page_of(collector: Collector) -> bytes:
    """What this collector alone has to tell."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return page(registry)


class _WithoutBirths:
    """Without the series that tell when each other one was born: they double the number of series,
    and Prometheus does not need them."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterator[MetricFamily]:
        for one in self._collector.collect():
            one.samples = [each for each in one.samples if not each.name.endswith("_created")]
            yield one


def _family(name: str, counts: bool, help: str, labels: Sequence[str]) -> Family:
    if counts:
        return CounterMetricFamily(_base(name), help, labels=labels)
    return GaugeMetricFamily(name, help, labels=labels)


def _base(name: str) -> str:
    """prometheus-client puts ``_total`` to a counter's name itself."""
    return name.removesuffix("_total")
