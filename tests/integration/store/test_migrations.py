"""The migrations, as they stand, give the tables that the models describe."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from scheduler.models import Cluster, JobDefinition, JobRun

DATABASES = ["django_sqlite", pytest.param("django_postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=DATABASES)
def migrated(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(request.param)


def test_no_change_of_a_model_lacks_its_migration(migrated):
    call_command("makemigrations", "scheduler", check=True, dry_run=True, stdout=StringIO())


def test_all_are_applied_and_the_cluster_has_its_row(migrated):
    assert Cluster.objects.get().pk == 1


def test_a_definition_needs_only_its_name_and_command(migrated):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO scheduler_job_definition (name, command_name) VALUES ('a', 'noop')"
        )
    definition = JobDefinition.objects.get()
    assert definition.next_fire_at is not None
    assert (definition.required_labels, definition.queue) == ({}, "default")
    assert definition.edited_at is not None
    definition.full_clean()


def test_two_definitions_may_share_a_name_once_one_is_deleted(migrated):
    first = JobDefinition.objects.create(name="a", command_name="noop")
    JobDefinition.objects.filter(pk=first.pk).update(deleted_at=first.created_at)
    JobDefinition.objects.create(name="a", command_name="noop")
    assert JobDefinition.objects.count() == 2


def test_ids_of_runs_rise_with_time(migrated):
    definition = JobDefinition.objects.create(name="a", command_name="noop")
    ids = [
        JobRun.objects.create(
            definition=definition,
            slot_key=f"t:{number}",
            scheduled_for=definition.planned_until,
            due_at=definition.planned_until,
        ).pk
        for number in range(5)
    ]
    assert ids == sorted(ids)
