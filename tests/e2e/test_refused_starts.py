"""What keeps a worker or a command from starting is one sentence and exit code 2."""

import datetime
import subprocess
from pathlib import Path

import pytest
import trustme

from tests.e2e.cluster import Cluster, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]


@pytest.fixture(scope="module")
def services(folder):
    """PostgreSQL and Valkey with the tables, certificates and one job, but no worker."""
    with Cluster(folder / "services", [job("tick", "noop", None)], workers=0) as cluster:
        yield cluster


def start_worker(services: Cluster, **changes: str) -> subprocess.CompletedProcess[str]:
    """Start a worker in the changed environment, and wait for its end."""
    return services.manage("scheduler_worker", "--grpc-port", "0", check=False, env=changes)


def assert_refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2; on stderr one sentence with these parts, no traceback; nothing on stdout."""
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    for part in parts:
        assert part in last
    assert "Traceback" not in done.stderr


def write_certificate(folder: Path, **options) -> dict[str, str]:
    """A certificate of a CA of its own; returns the settings that name the files."""
    folder.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("scheduler-grpc", **options)
    certificate.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    return {
        "SCHEDULER_TLS_CERT_FILE": str(folder / "tls.crt"),
        "SCHEDULER_TLS_KEY_FILE": str(folder / "tls.key"),
        "SCHEDULER_TLS_CA_FILE": str(folder / "ca.crt"),
    }


def test_a_missing_certificate_names_the_file_and_the_remedy(services):
    done = start_worker(services, SCHEDULER_TLS_CERT_FILE="/nowhere/tls.crt")
    assert_refused(done, "/nowhere/tls.crt", "scheduler_dev_certs")


def test_an_expired_certificate_is_refused(services, tmp_path):
    ended = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    files = write_certificate(
        tmp_path / "old", not_before=ended - datetime.timedelta(days=9), not_after=ended
    )
    assert_refused(start_worker(services, **files), "tls.crt", "expired")


def test_a_certificate_of_another_ca_is_refused(services, tmp_path):
    mine, other = write_certificate(tmp_path / "mine"), write_certificate(tmp_path / "other")
    mixed = {**mine, "SCHEDULER_TLS_CA_FILE": other["SCHEDULER_TLS_CA_FILE"]}
    assert_refused(start_worker(services, **mixed), "tls.crt", "CA")


def test_a_key_that_does_not_fit_is_refused(services, tmp_path):
    mine, other = write_certificate(tmp_path / "a"), write_certificate(tmp_path / "b")
    mixed = {**mine, "SCHEDULER_TLS_KEY_FILE": other["SCHEDULER_TLS_KEY_FILE"]}
    assert_refused(start_worker(services, **mixed), "tls.key")


def test_a_database_that_is_down_is_named_without_its_password(services):
    url = "postgres://someone:hush@127.0.0.1:1/scheduler"
    done = start_worker(services, DATABASE_URL=url)
    assert_refused(done, "127.0.0.1:1", "DATABASE_URL")
    assert "hush" not in done.stderr


def test_a_database_without_the_tables_says_migrate(services, tmp_path):
    done = start_worker(services, DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    assert_refused(done, "migrate")


def test_a_redis_that_is_down_is_named_without_its_password(services):
    done = start_worker(services, SCHEDULER_REDIS_URL="redis://:hush@127.0.0.1:1/0")
    assert_refused(done, "127.0.0.1:1", "SCHEDULER_REDIS_URL")
    assert "hush" not in done.stderr


def test_a_setting_out_of_bounds_names_the_variable_the_value_and_the_range(services):
    done = start_worker(services, SCHEDULER_MAX_JOBS_PER_WORKER="0")
    assert_refused(done, "SCHEDULER_MAX_JOBS_PER_WORKER", "'0'", "1")


def test_an_unknown_plugin_is_named(services):
    assert_refused(start_worker(services, SCHEDULER_PLUGINS="no_such_plugin"), "no_such_plugin")


def test_an_unknown_job_is_answered_with_the_nearest(services):
    done = services.manage("scheduler_run", "tock", check=False)
    assert_refused(done, "'tock'", "did you mean 'tick'")


def test_args_that_are_no_json_are_refused(services):
    done = services.manage("scheduler_run", "tick", "--args", "{not json", check=False)
    assert_refused(done, "--args")


def test_a_broken_cron_text_is_refused_and_nothing_is_made(services):
    bad = job("bad", "noop", {"kind": "cron", "expression": "61 * * * *"})
    path = services.layout.root / "bad.json"
    services.write_definitions(path, [bad])
    done = services.manage("sample_load", "--file", str(path), check=False)
    assert_refused(done, "minute", "61")
    assert "bad" not in {definition.name for definition in services.ledger.definitions()}


def test_nothing_of_a_refused_start_joined_the_cluster(services):
    assert services.ledger.leases() == []
