"""What the core itself brings through the hooks: its settings and the executor of commands."""

from collections.abc import Sequence

from scheduler.domain.errors import SchedulerError, UnknownCommand
from scheduler.domain.launching import CALL_COMMAND, command_arguments, command_line
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.values import Executor, JobSketch, LaunchSite, LaunchSpec, StartOrder

MANAGEMENT_COMMAND = "management_command"


class ManagementCommand:
    """Runs the management command that the job names."""

    name = MANAGEMENT_COMMAND

    def validate_job(self, job: JobSketch) -> str | None:
        try:
            self._refuse_unknown(job.command)
            if job.command != CALL_COMMAND:
                command_arguments(job.name, job.args)
        except SchedulerError as error:
            return str(error)
        return None

    def launch(self, order: StartOrder, site: LaunchSite) -> LaunchSpec:
        return LaunchSpec(order.run_id, command_line(order), {}, site.log_path)

    def _refuse_unknown(self, command: str) -> None:
        from django.core.management import get_commands

        known = get_commands()
        if command not in known:
            raise UnknownCommand(command, known)


class CorePlugin(Plugin):
    """The core, seen as the first of the plugins."""

    name = "core"
    settings_model = CoreSettings

    @hookimpl
    def scheduler_executors(self) -> Sequence[Executor]:
        return (ManagementCommand(),)
