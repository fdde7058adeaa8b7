"""The settings in force in this process: the RDB's rows over the environment over the defaults."""

from collections.abc import Mapping
from threading import Lock

import structlog
from django.db import connection

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.logs import hide_secrets, set_level
from scheduler.plugin_api.resolution import check_unknown, resolve, secret_values
from scheduler.runtime.config import RuntimeConfig
from scheduler.store.settings import read_setting_rows

log = structlog.get_logger(__name__)


class SettingsInForce:
    """Holds the plugins and the resolved settings; ``reload`` reads the RDB again.

    Safe for threads: readers see the whole old or the whole new settings.
    """

    def __init__(self, environ: Mapping[str, str], *, strict: bool = False) -> None:
        """From the environment alone. Raises InvalidSetting, SettingsConflict, PluginProblem,
        and under ``strict`` UnknownSettings."""
        self._lock = Lock()
        self._environ = dict(environ)
        core = resolve(CoreSettings, rows={}, environ=self._environ).settings
        self.plugins = PluginHost.load(core.plugins)
        self.plugins.configure(rows={}, environ=self._environ)
        self.warnings = check_unknown(self.plugins.settings_models, self._environ, strict=strict)
        self._config = runtime_config(self.core)

    @property
    def core(self) -> CoreSettings:
        return self.plugins.resolved(CoreSettings).settings

    def config(self) -> RuntimeConfig:
        """The runtime's numbers in force."""
        return self._config

    def read_rdb(self) -> None:
        """Take the RDB's rows in, at the start: also those that need a restart.

        Raises DatabaseUnavailable.
        """
        with self._lock:
            for one in self.plugins.configure(rows=_rows(), environ=self._environ):
                for problem in one.problems:
                    log.error("setting_in_rdb_unusable", key=problem.key, reason=problem.sentence)
            self._take_up()

    def reload(self) -> None:
        """Read the RDB again; settings that need a restart keep their value.

        Raises DatabaseUnavailable.
        """
        with self._lock:
            told = self.plugins.reload(rows=_rows(), environ=self._environ)
            for problem in told.problems:
                log.error("setting_in_rdb_unusable", key=problem.key, reason=problem.sentence)
            for key in told.applied:
                log.info("setting_changed", key=key)
            for key in told.waiting:
                log.warning("setting_waits_for_restart", key=key)
            self._take_up()

    def _take_up(self) -> None:
        self._config = runtime_config(self.core)
        set_level(self.core.log_level)
        models = self.plugins.settings_models
        hide_secrets(secret_values(self.plugins.resolved(model) for model in models))


def runtime_config(settings: CoreSettings) -> RuntimeConfig:
    """The runtime's numbers, from the settings."""
    return RuntimeConfig(
        lease_seconds=settings.run_lease_seconds,
        margin_seconds=settings.run_lease_margin_seconds,
        kill_grace_seconds=settings.kill_grace_seconds,
        lease_renew_seconds=settings.lease_renew_interval_seconds,
        heartbeat_seconds=settings.heartbeat_interval_seconds,
        lock_ttl_seconds=settings.leader_lock_ttl_seconds,
        leader_stale_seconds=settings.leader_stale_seconds,
        trust_seconds=settings.leader_trust_seconds,
        ping_batch_size=settings.leader_ping_batch_size,
        assign_ahead_seconds=settings.assign_ahead_seconds,
        reassign_assigned_after_seconds=settings.reassign_assigned_after_seconds,
        continuation_confirm_seconds=settings.continuation_confirm_seconds,
        skip_late_runs_after_seconds=settings.skip_late_runs_after_seconds,
        start_cap_per_minute=settings.start_cap_per_minute,
    )


def _rows() -> dict[str, str]:
    try:
        return read_setting_rows()
    finally:
        connection.close()
