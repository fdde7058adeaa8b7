"""/metrics of the web process: the cluster's figures."""

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.logs import get_logger
from scheduler.queries.cluster import cluster_status
from scheduler.queries.guard import quarantined_jobs
from scheduler.queries.open_runs import job_names, open_runs
from scheduler_monitoring.access import may_read
from scheduler_monitoring.certificates import read_notes
from scheduler_monitoring.cluster_page import ClusterCollector, ClusterFacts
from scheduler_monitoring.exposition import CONTENT_TYPE, page
from scheduler_monitoring.in_force import enabled_host
from scheduler_monitoring.settings import MonitoringSettings
from scheduler_monitoring.tallies import read_tallies

log = get_logger("scheduler.monitoring")


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format; 401 without the token, 503 while the database does not answer."""
    try:
        host = enabled_host()
        token = host.resolved(MonitoringSettings).settings.metrics_token
        if not may_read(token.get_secret_value(), _headers(request)):
            return _told(401, "The metrics token is wrong or missing.")
        body = page(ClusterCollector(lambda: read_facts(host)))
    except (DatabaseError, SchedulerError) as error:
        log.warning("metrics_not_readable", error=str(error))
        return _told(503, "The cluster's figures cannot be read now; see the log.")
    return HttpResponse(body, content_type=CONTENT_TYPE)


def read_facts(host: PluginHost) -> ClusterFacts:
    """All of the page, read now; a handful of statements, each by an index."""
    settings = host.resolved(MonitoringSettings).settings
    return ClusterFacts(
        status=cluster_status(),
        open_runs=open_runs(),
        quarantined=len(quarantined_jobs()),
        tallied=read_tallies(),
        jobs=job_names(settings.metrics_max_jobs),
        certificates=read_notes(),
        core=host.resolved(CoreSettings).settings,
        monitoring=settings,
    )


def _headers(request: HttpRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _told(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
