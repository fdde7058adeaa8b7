"""The errors of the core: typed, one sentence each."""

import pytest

from scheduler.domain import errors

EXAMPLES = [
    (
        errors.InvalidSchedule("minute", 61, "a whole number from 0 to 59"),
        "Schedule field 'minute' is 61; allowed: a whole number from 0 to 59.",
    ),
    (
        errors.InvalidArgs("nightly", "'days' is text", "a whole number"),
        "Arguments of job 'nightly': 'days' is text; allowed: a whole number.",
    ),
    (
        errors.InvalidSetting("SCHEDULER_X", 0, "1 or more"),
        "Setting SCHEDULER_X is 0; allowed: 1 or more.",
    ),
    (
        errors.StaleEpoch(41, 42, "w-7"),
        "StaleEpoch: 41 is behind 42 (leader w-7); stepping down",
    ),
    (
        errors.StaleEpoch(41, 42, None),
        "StaleEpoch: 41 is behind 42 (leader unknown); stepping down",
    ),
    (
        errors.DatabaseUnavailable("db:5432", "refused"),
        "The database at db:5432 is not available (refused); check DATABASE_URL.",
    ),
    (
        errors.TimelineChanged("db:5432", 1, 2),
        "The database at db:5432 is not available"
        " (it failed over from timeline 1 to 2); check DATABASE_URL.",
    ),
    (
        errors.RedisUnavailable("redis:6379", "refused"),
        "Redis at redis:6379 is not available (refused); check SCHEDULER_REDIS_URL.",
    ),
    (
        errors.PeerUnreachable("h:50051", refused=True),
        "The worker at h:50051 refused the connection; check that it runs.",
    ),
    (
        errors.PeerUnreachable("h:50051", refused=False, why="2 s"),
        "The worker at h:50051 did not answer (2 s); check that it runs.",
    ),
    (
        errors.CertificateProblem("/tls.crt", "is missing", "set SCHEDULER_TLS_CERT_FILE"),
        "Certificate file /tls.crt is missing; set SCHEDULER_TLS_CERT_FILE.",
    ),
    (
        errors.UnknownCommand("reprot", ["report", "noop"]),
        "Management command 'reprot' does not exist; did you mean 'report'?",
    ),
    (
        errors.UnknownCommand("zzz", ["report"]),
        "Management command 'zzz' does not exist; check INSTALLED_APPS.",
    ),
    (
        errors.UnknownExecutor("http", ["task", "management_command"]),
        "Executor 'http' does not exist; available: management_command, task.",
    ),
    (
        errors.PluginProblem("acme", "is not installed", "install it"),
        "Plugin 'acme' is not installed; install it.",
    ),
    (
        errors.JobNotFound("nightyl", ["nightly"]),
        "There is no job 'nightyl'; did you mean 'nightly'?",
    ),
    (errors.JobNotFound("x"), "There is no job 'x'; check its name."),
    (
        errors.InvalidCalendar("days", "soon", "a date such as 2026-12-29"),
        "Calendar field 'days' is 'soon'; allowed: a date such as 2026-12-29.",
    ),
    (
        errors.CalendarNotFound("jpn", ["jp", "acme"]),
        "There is no calendar 'jpn'; there are: acme, jp.",
    ),
    (
        errors.CalendarInUse("acme", ["payroll"]),
        "Calendar 'acme' is used by payroll; give these jobs another calendar, or none, first.",
    ),
    (
        errors.RunNotFound("0198"),
        "There is no run 0198; it may have been purged by retention.",
    ),
    (
        errors.WorkerNotFound("w-9"),
        "There is no worker 'w-9'; scheduler_status lists those that exist.",
    ),
    (
        errors.NoFreePort("0.0.0.0", 50051, 50150),
        "No free port on 0.0.0.0 in 50051-50150; widen SCHEDULER_GRPC_PORT_RANGE_START/END.",
    ),
]


@pytest.mark.parametrize(("error", "sentence"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_an_error_is_one_clear_sentence(error, sentence):
    assert str(error) == sentence
    assert isinstance(error, errors.SchedulerError)


def test_numbers_are_attributes_too():
    stale = errors.StaleEpoch(41, 42, "w-7")
    assert (stale.mine, stale.current, stale.leader_worker_id) == (41, 42, "w-7")
    refused = errors.PeerUnreachable("h:1", refused=True)
    assert (refused.address, refused.refused) == ("h:1", True)


def test_the_value_of_a_secret_setting_is_not_shown():
    error = errors.InvalidSetting("SCHEDULER_EVENTS_API_TOKEN", None, "16 characters or more")
    assert str(error) == (
        "Setting SCHEDULER_EVENTS_API_TOKEN has a bad value; allowed: 16 characters or more."
    )
