"""From settings to a running worker."""

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from uuid import UUID, uuid4

import structlog
from django.conf import settings as django_settings
from uuid_utils.compat import uuid7

import scheduler
from scheduler.bootstrap.checks import require_certificates, require_database, require_redis
from scheduler.bootstrap.feeds import plugin_feeds
from scheduler.bootstrap.runlogs import RunLogs
from scheduler.bootstrap.salvage import JournalSalvager, Salvage, Salvager
from scheduler.bootstrap.settings import SettingsInForce
from scheduler.bootstrap.worker_plugins import WorkerPlugins
from scheduler.bootstrap.worker_view import WorkerSight
from scheduler.coordination.bell import RedisBell
from scheduler.coordination.locks import RedisLeaderLock
from scheduler.coordination.presence import RedisPresence
from scheduler.domain.errors import SchedulerError
from scheduler.domain.placement import capability_of
from scheduler.domain.values import StartOrder, WorkerFacts
from scheduler.execution.host import ProcessHost
from scheduler.execution.journal import RunJournal
from scheduler.execution.spool import Spool
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.values import LaunchSite
from scheduler.runtime.bells import FallbackBell
from scheduler.runtime.clock import SystemClock
from scheduler.runtime.fanout import ThreadFanout
from scheduler.runtime.parts import Adapters, Parts
from scheduler.runtime.starter import Preparation, Prepare, Prepared
from scheduler.runtime.supervisor import Loop
from scheduler.runtime.worker import Worker
from scheduler.store.cluster import SqlClusterStore
from scheduler.store.connections import database_from_settings
from scheduler.store.leader import SqlLeaderStore
from scheduler.store.leases import SqlLeaseStore
from scheduler.store.notify import bell_for
from scheduler.store.worker import SqlWorkerStore
from scheduler.transport.client import GrpcWorkerLink
from scheduler.transport.codec import PROTOCOL_VERSION
from scheduler.transport.server import WorkerServer

log = structlog.get_logger(__name__)

ANY_HOST = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not listened on
DISPATCH_THREADS = 16
STOP_GRACE_SECONDS = 5.0
JOURNALS = "journals"
"""The folder of journals, in that of spools."""


def new_worker_id() -> str:
    """``w-`` and 12 hex digits: new at every start and every rejoin."""
    return f"w-{uuid4().hex[:12]}"


def new_uuid() -> UUID:
    """UUIDv7: sorts by time of making."""
    return uuid7()


class WorkerProcess:
    """One ``scheduler_worker``. Make it, then ``run`` it; ``request_stop`` from signal handlers.

    Making it raises a SchedulerError, in one sentence, for anything that keeps it from
    starting; nothing is left running then.
    """

    def __init__(self, settings: SettingsInForce, *, grpc_port: int | None = None) -> None:
        with ExitStack() as undo:
            self._worker = self._build(settings, grpc_port, undo)
            self._closing = undo.pop_all()

    def run(self) -> None:
        """Returns after a stop was requested and carried out."""
        with self._closing:
            self._worker.run()

    def request_stop(self) -> None:
        self._worker.request_stop()

    def _build(self, settings: SettingsInForce, grpc_port: int | None, undo: ExitStack) -> Worker:
        require_database()
        settings.read_rdb()
        core = settings.core
        redis = require_redis(core)
        undo.callback(redis.close)
        tls = require_certificates(core)
        # Before any thread: the launcher is forked from this process.
        host = ProcessHost.start()
        undo.callback(host.stop, STOP_GRACE_SECONDS)
        host.wait_ready(60.0)
        facts = self._facts(core, settings)
        clock, logs = SystemClock(), RunLogs(Path(core.log_dir))
        database = database_from_settings(
            django_settings.DATABASES["default"], worker_id=facts.worker_id
        )
        told = settings.plugins.declared_transitions()
        plugins = WorkerPlugins(settings.plugins)
        journals = Path(core.spool_dir) / JOURNALS
        link = GrpcWorkerLink(tls)
        undo.callback(link.close)
        adapters = Adapters(
            clock=clock,
            cluster=undo.enter_context(SqlClusterStore(database)),
            leader=undo.enter_context(SqlLeaderStore(database, declared_transitions=told)),
            leader_leases=undo.enter_context(SqlLeaseStore(database, purpose="leader")),
            leases=undo.enter_context(SqlLeaseStore(database)),
            config_leases=undo.enter_context(SqlLeaseStore(database)),
            runs=undo.enter_context(SqlWorkerStore(database, declared_transitions=told)),
            lock=RedisLeaderLock(redis),
            presence=RedisPresence(redis),
            bell=FallbackBell(RedisBell(redis), bell_for(database)),
            link=link,
            host=host,
            spool=Spool(Path(core.spool_dir), facts.worker_id),
            journal=RunJournal(journals, facts.worker_id),
            ping_fanout=ThreadFanout("ping", core.leader_ping_batch_size),
            dispatch_fanout=ThreadFanout("dispatch", DISPATCH_THREADS),
            new_uuid=new_uuid,
            new_worker_id=new_worker_id,
            random=SystemRandom(),
            prepare=_preparing(settings, logs),
            reload=settings.reload,
            read_log=logs.read,
            term_changed=plugins.term_changed,
            runs_finished=plugins.runs_finished,
        )
        parts = Parts(facts, adapters, settings.config)
        server = WorkerServer(parts.service, tls)
        port = server.start(core.grpc_host, _ports(core, grpc_port))
        undo.callback(server.stop, 1.0)
        parts.member.listens_on(_address(core.grpc_host, port))
        sight = WorkerSight(
            parts, database, redis, tls, Path(core.log_dir).absolute(), settings.plugins.metrics
        )
        plugins.attach(parts, sight, core, undo)
        salvage_store = undo.enter_context(SqlWorkerStore(database, declared_transitions=told))
        salvage = Salvage(
            JournalSalvager(salvage_store, journals, facts.worker_id),
            Salvager(salvage_store, Path(core.spool_dir), facts.worker_id),
            lambda: parts.member.timeline if parts.member.joined else None,
        )
        loops = [
            Loop("salvage", salvage.tick, clock),
            *plugin_feeds(settings.plugins, parts, database, undo),
        ]
        worker = Worker(parts, lambda _: loops, plugins.started, plugins.stopping)
        sight.sees_loops(worker.pulses)
        return worker

    def _facts(self, core: CoreSettings, settings: SettingsInForce) -> WorkerFacts:
        hostname = socket.gethostname()
        return WorkerFacts(
            worker_id=new_worker_id(),
            node_id=core.node_id or hostname,
            hostname=hostname,
            pid=os.getpid(),
            grpc_address="",
            queues=tuple(core.queues),
            labels=dict(core.labels),
            capacity=core.max_jobs_per_worker,
            lease_seconds=core.run_lease_seconds,
            margin_seconds=core.run_lease_margin_seconds,
            protocol_version=PROTOCOL_VERSION,
            capabilities=tuple(map(capability_of, settings.plugins.executors)),
            software_version=scheduler.__version__,
        )


def _preparing(settings: SettingsInForce, logs: RunLogs) -> Prepare:
    def begin(orders: Sequence[StartOrder], worker_id: str) -> Preparation:
        environments = settings.plugins.environments(orders)

        def prepare(claimed: Sequence[StartOrder]) -> dict[UUID, Prepared]:
            added = environments()
            return {one.run_id: prepare_one(one, worker_id, added[one.run_id]) for one in claimed}

        return prepare

    def prepare_one(order: StartOrder, worker_id: str, added: Mapping[str, str]) -> Prepared:
        path = logs.new_path(datetime.now(UTC).date(), order.job_name, order.run_id)
        try:
            return settings.plugins.prepare(order, LaunchSite(worker_id, str(path)), added)
        except SchedulerError as error:
            return error

    return begin


def _ports(core: CoreSettings, grpc_port: int | None) -> Sequence[int]:
    if grpc_port is not None:
        return (grpc_port,)
    return range(core.grpc_port_range_start, core.grpc_port_range_end + 1)


def _address(host: str, port: int) -> str:
    if host in ANY_HOST:
        host = socket.gethostbyname(socket.gethostname())
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
