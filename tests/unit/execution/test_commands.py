"""Which parsers may be built ahead: those that are the same at every run."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management.base import BaseCommand
from django.core.management.commands.migrate import Command as Migrate

from scheduler.domain.errors import UnknownCommand
from scheduler.execution.commands import CommandCatalog, has_constant_parser

KINDS = ("daily", "weekly")


class Plain(BaseCommand):
    def add_arguments(self, parser):
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--days", type=int, default=3, help="How many.")
        group.add_argument("--kind", choices=KINDS, type=lambda text: text.lower())
        parser.add_argument("--to", type=Path, default=Path("out"))


class Dated(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--day", default=datetime.now(tz=UTC).date())


class Seeded(BaseCommand):
    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument("--seed", default=random.random())


class DatedChild(Dated):
    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument("--more")


class Helped(BaseCommand):
    def add_arguments(self, parser):
        self.add_ours(parser)

    def add_ours(self, parser):
        parser.add_argument("--day", default=datetime.now(tz=UTC))


class Bare(BaseCommand):
    pass


class Odd(BaseCommand):
    def create_parser(self, prog_name, subcommand, **kwargs):
        return super().create_parser(prog_name, subcommand, **kwargs)


@pytest.mark.parametrize("kind", [Plain, Bare])
def test_constant_arguments_are_built_ahead(kind):
    assert has_constant_parser(kind)


@pytest.mark.parametrize("kind", [Dated, Seeded, DatedChild, Helped, Odd])
def test_arguments_that_may_change_are_not(kind):
    assert not has_constant_parser(kind)


def test_a_command_of_djangos_own_is_understood():
    assert isinstance(has_constant_parser(Migrate), bool)


def test_catalog_names_the_nearest_of_an_unknown_command():
    with pytest.raises(UnknownCommand, match="did you mean 'migrate'"):
        CommandCatalog().resolve("migrat")


def test_catalog_loads_a_command_once():
    catalog = CommandCatalog()
    assert catalog.resolve("check") is catalog.resolve("check")
