"""What the pages on dependencies and on why show is run as it stands there."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import call_command

from scheduler import requests
from scheduler.domain.dependency_graph import DependencySpec, OnFailure
from scheduler.domain.values import Reason, RunState
from scheduler.models import JobDefinition
from scheduler.queries.dependencies import dependencies_of
from scheduler.queries.why_words import WORDS
from scheduler.store.connections import database_from_url
from tests.contract.store.chains import slot_key_of
from tests.contract.store.world import T0, World, new_run, result

DOCS = Path(__file__).resolve().parents[3] / "docs"
BLOCK = re.compile(r"^```(python|text|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?: [+-]\d{4}|Z)")
RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def blocks(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [body for found, body in BLOCK.findall(text) if found == kind]


@pytest.fixture
def world(django_sqlite) -> Iterator[World]:
    """Led by w-1; w-2 takes runs of the queue default."""
    world = World(database_from_url(django_sqlite.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.worker("w-2", capabilities=("executor:management_command",))
    world.elect("w-1")
    yield world
    world.close()


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["dependencies.md", "dependencies.ja.md"])
def test_the_example_of_dependencies_runs_and_is_refused_as_shown(page, capsys):
    namespace: dict[str, object] = {}
    for example in blocks(page, "python"):
        exec(compile(example, page, "exec"), namespace)
    assert dependencies_of("load") == [DependencySpec("extract")]
    assert dependencies_of("report") == [
        DependencySpec("load", on_failure=OnFailure.WAIT, max_wait_seconds=7200)
    ]
    assert capsys.readouterr().out == "".join(blocks(page, "text"))


def told(*argv: str) -> str:
    out = StringIO()
    call_command("scheduler_why", *argv, stdout=out)
    return RUN.sub("<run>", TIME.sub("<time>", out.getvalue()))


def shown(page: str, number: int) -> str:
    """The output that a console block shows."""
    return blocks(page, "console")[number].partition("\n")[2]


def a_job_held_twice() -> None:
    requests.save_definition(
        "report",
        by="ann",
        command_name="noop",
        schedule={"kind": "hourly", "minute": 5},
        queue="heavy",
    )
    JobDefinition.objects.update(edited_at=None)
    requests.pause(by="ann")


def slot(world: World, name: str, index: int) -> UUID:
    definition = JobDefinition.objects.get(name=name).pk
    run = new_run(definition, index, slot_key=slot_key_of(T0 + timedelta(seconds=index)))
    world.leader.record_requests(world.fence, [(world.request(definition), run)])
    return run.run_id


def two_slots(world: World) -> tuple[UUID, UUID]:
    """A run that waits for a retry of its upstream, and one that was skipped."""
    for name in ("extract", "load"):
        requests.save_definition(name, by="ann", command_name="noop")
    requests.set_dependencies("load", ["extract"], by="ann")
    upstream, waits, skipped = (
        slot(world, "extract", 0),
        slot(world, "load", 0),
        slot(world, "load", 1),
    )
    failed = result(upstream, world.start([upstream], "w-2")[upstream], RunState.FAILED)
    world.workers.finish("w-2", [replace(failed, retry_delay_seconds=600.0)])
    detail = f"upstream 'extract', slot 2026-11-23T06:00:01Z: FAILED (run {upstream})"
    world.leader.skip(world.fence, [(skipped, Reason.UPSTREAM_FAILED, detail)])
    return waits, skipped


def test_the_job_of_the_page_on_why_says_what_is_shown(world: World):
    a_job_held_twice()
    assert told("report") == shown("why.md", 0)
    assert told("report", "--lang", "ja") == shown("why.ja.md", 0)
    (example,) = blocks("why.md", "python")
    exec(compile(example, "why.md", "exec"), {})


def test_the_runs_of_the_page_on_why_say_what_is_shown(world: World):
    waits, skipped = two_slots(world)
    assert told(str(waits)) == shown("why.md", 1)
    assert told(str(waits), "--lang", "ja") == shown("why.md", 2)
    assert told(str(skipped)) == shown("why.md", 3)


@pytest.mark.parametrize("page", ["why.md", "why.ja.md"])
def test_each_reason_to_wait_is_on_the_page(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    waits = [code for code in WORDS if code.startswith("WAIT_")]
    assert [code for code in waits if f"`{code}`" not in text] == []
