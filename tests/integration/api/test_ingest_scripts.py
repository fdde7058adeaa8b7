"""scripts/ingest_event.sh and .py against the real site: what they post, say, and end with."""

import http.server
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from scheduler import requests
from scheduler.models import Event
from scheduler.requests.tokens import create_token

SCRIPTS = Path(__file__).parents[3] / "scripts"
COMMANDS = {
    "sh": ["bash", str(SCRIPTS / "ingest_event.sh")],
    "py": [sys.executable, str(SCRIPTS / "ingest_event.py")],
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=sorted(COMMANDS))
def run(request: pytest.FixtureRequest) -> Run:
    """Run the script with arguments; ``url`` and ``token`` go into its environment."""

    def run(*arguments: str, url="", token="", stdin="") -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if "SCHEDULER" not in name}
        given = {"SCHEDULER_URL": url, "SCHEDULER_EVENTS_API_TOKEN": token}
        return subprocess.run(
            [*COMMANDS[request.param], *arguments],
            env={**clean, **{name: value for name, value in given.items() if value}},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture
def secret(site: str) -> str:
    requests.save_definition("ship", by="ann", command_name="noop")
    requests.set_triggers("ship", [{"event_type": "order.*"}], by="ann")
    return create_token("shop", ["events:write"], by="ann").secret


def test_an_event_is_posted_and_the_answer_printed(run: Run, site: str, secret: str):
    payload = {"名前": 'a "quoted" \\ text', "total": 1.5}
    done = run(
        "order.created",
        *("--payload", json.dumps(payload)),
        *("--source", "/shop", "--subject", 'say "42" \\', "--dedupe-key", "k"),
        *("--occurred-at", "2026-11-25T09:00:00+09:00"),
        url=f"{site}/",
        token=secret,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["runs"][0]["job"]) == ("accepted", "ship")
    event = Event.objects.get()
    assert (event.type, event.source, event.subject) == ("order.created", "/shop", 'say "42" \\')
    assert (event.dedupe_key, event.payload) == ("k", payload)
    assert event.occurred_at is not None


def test_the_same_key_again_is_well_and_makes_nothing(run: Run, site: str, secret: str):
    for status in ("accepted", "repeated"):
        done = run("order.created", "--dedupe-key", "k", url=site, token=secret)
        assert (done.returncode, json.loads(done.stdout)["status"]) == (0, status)
    assert Event.objects.count() == 1


def test_each_event_has_a_key_of_its_own_unless_one_is_given(run: Run, site: str, secret: str):
    for _ in range(2):
        assert run("order.created", url=site, token=secret).returncode == 0
    assert Event.objects.exclude(dedupe_key=None).values("dedupe_key").distinct().count() == 2


def test_a_payload_may_come_from_a_pipe(run: Run, site: str, secret: str):
    done = run("a", "--payload-file", "-", url=site, token=secret, stdin='{"a": [1]}')
    assert done.returncode == 0, done.stderr
    assert Event.objects.get().payload == {"a": [1]}


def test_whole_events_may_come_from_a_file(run: Run, site: str, secret: str, tmp_path: Path):
    path = tmp_path / "events.json"
    path.write_text(json.dumps([{"type": "a", "dedupe_key": key} for key in "xyx"]))
    done = run("--file", str(path), url=site, token=secret)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["events"]) == 3
    assert Event.objects.count() == 2


def test_a_refusal_is_one_sentence_and_exit_code_1(run: Run, site: str, secret: str):
    done = run("order.created", "--occurred-at", "noon", url=site, token=secret)
    assert (done.returncode, done.stdout) == (1, "")
    assert "field 'occurred_at'" in done.stderr
    done = run("order.created", url=site, token="sesame")
    assert done.returncode == 1
    assert "The token is unknown" in done.stderr
    assert "sesame" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "type"),
        (["a", "--file", "b"], "not both"),
        (["a", "--payload", "1", "--payload-file", "-"], "not both"),
        (["--file", "/nowhere"], "nowhere"),
        (["--no-such-option", "x"], "--no-such-option"),
    ],
)
def test_bad_arguments_are_one_sentence_and_exit_code_2(run: Run, arguments, sentence):
    done = run(*arguments, token="x")
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_token_nothing_is_posted(run: Run):
    done = run("order.created")
    assert done.returncode == 2
    assert "SCHEDULER_EVENTS_API_TOKEN is not set" in done.stderr


def test_a_scheduler_that_is_away_is_exit_code_3(run: Run):
    done = run("order.created", "--tries", "2", url="http://127.0.0.1:9", token="x")
    assert done.returncode == 3
    assert "again in 1 s" in done.stderr
    assert "did not answer" in done.stderr


@pytest.fixture
def odd_site() -> Iterator[tuple[str, list[str]]]:
    """A server that fails once, then redirects; the tokens that it saw."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers["X-Scheduler-Token"])
            self.send_response(503 if len(seen) == 1 else 302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_failure_is_tried_again_and_a_redirect_is_not_followed(run: Run, odd_site):
    url, seen = odd_site
    token = r'odd "token" \ text'
    done = run("a", "--tries", "3", url=url, token=token)
    assert done.returncode == 1
    assert seen == [token, token]
    assert "503" in done.stderr
    assert "302" in done.stderr
    assert token not in done.stderr


def test_help_says_what_there_is(run: Run):
    done = run("--help")
    assert done.returncode == 0
    for word in ("SCHEDULER_URL", "SCHEDULER_EVENTS_API_TOKEN", "--dedupe-key", "exit codes"):
        assert word in done.stdout


def test_the_secret_is_on_no_command_line():
    for name in ("ingest_event.sh", "ingest_event.py"):
        text = (SCRIPTS / name).read_text()
        assert "--token" not in text
    assert "X-Scheduler-Token" not in (SCRIPTS / "ingest_event.sh").read_text().replace(
        'header = "X-Scheduler-Token: %s"', ""
    )
