"""What can go wrong with Prometheus and Alertmanager, each with one sentence."""

from scheduler.plugin_api.errors import SchedulerError


class MonitoringNotEnabled(SchedulerError):
    """The app is installed, but the plugin is not listed."""

    code = "MONITORING_NOT_ENABLED"

    def __init__(self) -> None:
        super().__init__("The plugin monitoring is not enabled; add it to SCHEDULER_PLUGINS.")


class RemoteError(SchedulerError):
    """The root of these errors. ``server`` is ``Prometheus`` or ``Alertmanager``."""

    code = "MONITORING_REMOTE"

    def __init__(self, server: str, problem: str, next_step: str) -> None:
        self.server, self.problem, self.next_step = server, problem, next_step
        super().__init__(f"{server} {problem}; {next_step}.")


class RemoteNotConfigured(RemoteError):
    """The address of the server is not set."""

    code = "MONITORING_NOT_CONFIGURED"

    def __init__(self, server: str, setting: str) -> None:
        self.setting = setting
        super().__init__(server, "has no address", f"set {setting}")


class RemoteUnavailable(RemoteError):
    """The server did not answer, or not in time."""

    code = "MONITORING_UNAVAILABLE"

    def __init__(self, server: str, address: str, why: str) -> None:
        self.address, self.why = address, why
        super().__init__(server, f"at {address} does not answer ({why})", "check that it runs")


class RemoteRefused(RemoteError):
    """The server answered with an error. ``status`` is HTTP's."""

    code = "MONITORING_REFUSED"

    def __init__(self, server: str, status: int, why: str) -> None:
        self.status, self.why = status, why
        super().__init__(server, f"refused with {status} ({why})", "correct the request or token")


class RemoteRedirected(RemoteError):
    """The server sent us elsewhere; we do not go."""

    code = "MONITORING_REDIRECTED"

    def __init__(self, server: str, address: str, setting: str) -> None:
        self.address = address
        super().__init__(
            server,
            f"at {address} redirects elsewhere, which is not followed",
            f"set {setting} to where it really is",
        )


class RemoteMalformed(RemoteError):
    """The answer is not what the server's API promises, or too large."""

    code = "MONITORING_MALFORMED"

    def __init__(self, server: str, why: str) -> None:
        self.why = why
        super().__init__(server, f"gave an answer that cannot be read ({why})", "check its address")


class InvalidSilence(SchedulerError):
    """A silence cannot be made as asked. ``field`` says what is wrong."""

    code = "INVALID_SILENCE"

    def __init__(self, field: str, problem: str, allowed: str) -> None:
        self.field, self.problem, self.allowed = field, problem, allowed
        super().__init__(f"Silence field {field!r}: {problem}; allowed: {allowed}.")
