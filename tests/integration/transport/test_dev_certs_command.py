"""``manage.py scheduler_dev_certs`` as a user meets it."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography import x509
from django.core.management import CommandError, call_command

from scheduler.transport.tls import CertificateWatch, TlsFiles, load
from tests.integration.transport.conftest import COMMAND


def make(folder: Path, *options: str) -> str:
    out = StringIO()
    call_command("scheduler_dev_certs", "--dir", str(folder), *options, stdout=out)
    return out.getvalue()


def files_in(folder: Path) -> TlsFiles:
    return TlsFiles(folder / "tls.crt", folder / "tls.key")


def certificate_in(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "tls.crt").read_bytes())


def names_in(folder: Path) -> list[str]:
    names = certificate_in(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in names.value]


def test_what_it_made_serves_both_sides(tmp_path, serve, lead):
    make(tmp_path / "certs")
    tls = CertificateWatch(files_in(tmp_path / "certs"))
    assert lead(tls).ping(serve(tls), COMMAND, 0).worker_id == "w-1"


def test_it_prints_the_two_lines_for_the_shell_and_nothing_else(tmp_path):
    folder = tmp_path / "a folder"
    lines = make(folder).splitlines()
    assert lines == [
        f"export SCHEDULER_TLS_CERT_FILE='{folder}/tls.crt'",
        f"export SCHEDULER_TLS_KEY_FILE='{folder}/tls.key'",
    ]


def test_only_its_owner_reads_the_key(tmp_path):
    make(tmp_path)
    assert stat.S_IMODE((tmp_path / "tls.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tls.crt", "tls.key"]


def test_it_is_valid_for_ten_years_or_the_days_asked(tmp_path):
    make(tmp_path / "default")
    make(tmp_path / "short", "--days", "2")
    for folder, days in (("default", 3650), ("short", 2)):
        left = certificate_in(tmp_path / folder).not_valid_after_utc - datetime.now(UTC)
        assert timedelta(days=days, minutes=-5) < left <= timedelta(days=days)


def test_it_names_the_service_this_machine_and_the_hosts_given(tmp_path):
    make(tmp_path, "--host", "node-a.example.com", "--host", "10.0.0.7", "--host", "localhost")
    names = ["scheduler-grpc", "localhost", "127.0.0.1", "node-a.example.com", "10.0.0.7"]
    assert names_in(tmp_path) == names


@pytest.mark.parametrize("left", ["tls.crt", "tls.key"])
def test_it_replaces_nothing_that_exists(tmp_path, left):
    (tmp_path / left).write_text("precious")
    with pytest.raises(CommandError, match="exists already; --force replaces it") as caught:
        make(tmp_path)
    assert caught.value.returncode == 2
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_with_force_it_replaces_both(tmp_path):
    make(tmp_path)
    before = (tmp_path / "tls.crt").read_bytes()
    make(tmp_path, "--force")
    assert (tmp_path / "tls.crt").read_bytes() != before
    load(files_in(tmp_path), datetime.now(UTC))


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", "36501"])
def test_a_bad_number_of_days_is_refused_before_anything_is_written(tmp_path, days):
    with pytest.raises(CommandError, match="is not a number of days from 1 to 36500"):
        make(tmp_path / "certs", "--days", days)
    assert not (tmp_path / "certs").exists()


@pytest.mark.parametrize("host", ["", "a b", "-a", "ホスト", "a..b", "*"])
def test_a_bad_host_is_refused(tmp_path, host):
    with pytest.raises(CommandError, match="neither a host name nor an IP address"):
        make(tmp_path / "certs", f"--host={host}")
    assert not (tmp_path / "certs").exists()


def test_a_folder_that_cannot_be_made_is_said_to_be_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match=r"cannot be written \(not a directory\)") as caught:
        make(tmp_path / "file" / "certs")
    assert caught.value.returncode == 2


def test_from_the_shell_a_refusal_is_one_sentence_and_exit_code_2(tmp_path):
    (tmp_path / "tls.key").write_text("precious")
    command = [sys.executable, "-m", "django", "scheduler_dev_certs", "--dir", str(tmp_path)]
    paths = os.pathsep.join(part for part in sys.path if part)
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": paths,
            "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
        },
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert "tls.key exists already; --force replaces it." in sentence
