"""How a process's end becomes a run's result: pure, but for the values it is given."""

from uuid import UUID

from scheduler.domain import retries
from scheduler.domain.values import (
    ProcessExited,
    Reason,
    ResourceUse,
    RunResult,
    RunState,
    StartOrder,
)


def exited(
    order: StartOrder, claim_token: UUID, event: ProcessExited, unit_random: float, log_ref: str
) -> RunResult:
    """The result of a run whose whole process group is reaped.

    Exit code 0 is SUCCEEDED whatever was asked meanwhile: a cancel or a timeout came too late.
    """
    if event.exit_code == 0:
        return RunResult(
            order.run_id,
            claim_token,
            RunState.SUCCEEDED,
            exit_code=0,
            use=event.use,
            log_ref=log_ref,
        )
    if event.lease_lost:
        return orphaned(order, claim_token, Reason.LEASE_LOST, event.use, log_ref)
    if event.canceled:
        return RunResult(
            order.run_id,
            claim_token,
            RunState.CANCELED,
            Reason.CANCELED_BY_REQUEST,
            event.exit_code,
            _how(event),
            use=event.use,
            log_ref=log_ref,
        )
    state, reason = (
        (RunState.TIMED_OUT, Reason.TIMEOUT)
        if event.timed_out
        else (
            RunState.FAILED,
            Reason.EXIT_CODE if event.signal is None else Reason.KILLED_BY_SIGNAL,
        )
    )
    return RunResult(
        order.run_id,
        claim_token,
        state,
        reason,
        event.exit_code,
        _how(event),
        _retry_delay(order, unit_random),
        event.use,
        log_ref,
    )


def not_started(
    order: StartOrder, claim_token: UUID, reason: Reason, error: str, unit_random: float
) -> RunResult:
    """The result of a claimed run that has no process and never had one."""
    delay = _retry_delay(order, unit_random)
    return RunResult(
        order.run_id, claim_token, RunState.FAILED, reason, error=error, retry_delay_seconds=delay
    )


def never_started(run_id: UUID, claim_token: UUID, error: str) -> RunResult:
    """The result of a claimed run that was not even tried. It did nothing, so it is tried again
    at once, whatever its policy says of failures."""
    return RunResult(
        run_id,
        claim_token,
        RunState.FAILED,
        Reason.NEVER_STARTED,
        error=error,
        retry_delay_seconds=0.0,
    )


def orphaned(
    order: StartOrder,
    claim_token: UUID,
    reason: Reason,
    use: ResourceUse | None = None,
    log_ref: str = "",
) -> RunResult:
    """The result of a run that lost its worker or fork server through no fault of its own."""
    verdict = retries.after_orphan(order.retry, order.orphan_count + 1)
    return RunResult(
        order.run_id,
        claim_token,
        RunState.ORPHANED,
        reason,
        retry_delay_seconds=verdict.retry_delay_seconds,
        use=use or ResourceUse(),
        log_ref=log_ref,
        quarantine=verdict.quarantine,
    )


def _retry_delay(order: StartOrder, unit_random: float) -> float | None:
    return retries.next_delay(
        order.retry, order.attempt, unit_random, orphan_count=order.orphan_count
    )


def _how(event: ProcessExited) -> str:
    if event.signal is not None:
        return f"killed by signal {event.signal}"
    return f"exit code {event.exit_code}"
