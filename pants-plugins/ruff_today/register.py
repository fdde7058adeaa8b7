"""Drives today's ruff from Pants 2.17, whose own backend calls it as releases before 0.5 were.

Adds ``ruff check`` and ``ruff format --check`` to lint, ``ruff check --fix`` to fix, and ``ruff
format`` to fmt. The version comes from the lock file, the rules from pyproject.toml.
"""

from dataclasses import dataclass
from typing import Any

from pants.backend.python.lint.ruff import skip_field, subsystem
from pants.backend.python.lint.ruff.subsystem import Ruff, RuffFieldSet
from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.goals.fix import FixResult, FixTargetsRequest
from pants.core.goals.fmt import FmtResult, FmtTargetsRequest
from pants.core.goals.lint import LintResult, LintTargetsRequest
from pants.core.util_rules.config_files import ConfigFiles, ConfigFilesRequest
from pants.core.util_rules.partitions import PartitionerType
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import Digest, MergeDigests, Snapshot
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel
from pants.util.meta import classproperty
from pants.util.strutil import pluralize


class RuffCheckRequest(LintTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(cls) -> str:
        return "ruff check"


class RuffFixRequest(FixTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(cls) -> str:
        return "ruff check --fix"


class RuffFormatRequest(FmtTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(cls) -> str:
        return "ruff format"


@dataclass(frozen=True)
class RuffRun:
    """One call of ruff: its sub-command with options, and the files it reads and may write."""

    command: tuple[str, ...]
    snapshot: Snapshot


@rule(level=LogLevel.DEBUG)
async def run_ruff(request: RuffRun, ruff: Ruff) -> FallibleProcessResult:
    ruff_pex, config = await MultiGet(
        Get(VenvPex, PexRequest, ruff.to_pex_request()),
        Get(ConfigFiles, ConfigFilesRequest, ruff.config_request(request.snapshot.dirs)),
    )
    digest = await Get(Digest, MergeDigests((request.snapshot.digest, config.snapshot.digest)))
    files = request.snapshot.files
    return await Get(
        FallibleProcessResult,
        VenvPexProcess(
            ruff_pex,
            # Pants names the files; --force-exclude keeps pyproject.toml's exclusions in force.
            argv=(*request.command, "--no-cache", "--force-exclude", *ruff.args, *files),
            input_digest=digest,
            output_files=files,
            description=f"Run ruff {request.command[0]} on {pluralize(len(files), 'file')}.",
            level=LogLevel.DEBUG,
        ),
    )


@rule(desc="Lint with ruff", level=LogLevel.DEBUG)
async def ruff_check(request: RuffCheckRequest.Batch[RuffFieldSet, Any]) -> LintResult:
    sources = await Get(SourceFiles, SourceFilesRequest(item.source for item in request.elements))
    result = await Get(FallibleProcessResult, RuffRun(("check",), sources.snapshot))
    return LintResult.create(request, result, strip_chroot_path=True)


@rule(desc="Fix with ruff", level=LogLevel.DEBUG)
async def ruff_fix(request: RuffFixRequest.Batch) -> FixResult:
    # What cannot be fixed is lint's to report.
    run = RuffRun(("check", "--fix", "--exit-zero"), request.snapshot)
    result = await Get(FallibleProcessResult, RuffRun, run)
    return await FixResult.create(request, result, strip_chroot_path=True)


@rule(desc="Format with ruff", level=LogLevel.DEBUG)
async def ruff_format(request: RuffFormatRequest.Batch) -> FmtResult:
    result = await Get(FallibleProcessResult, RuffRun(("format",), request.snapshot))
    return await FmtResult.create(request, result, strip_chroot_path=True)


def rules() -> tuple[Any, ...]:
    return (
        *collect_rules(),
        *RuffCheckRequest.rules(),
        *RuffFixRequest.rules(),
        *RuffFormatRequest.rules(),
        *skip_field.rules(),
        *subsystem.rules(),
        *pex.rules(),
    )
