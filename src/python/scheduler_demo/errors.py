"""What can be wrong with a demo, each in one sentence for the person who started it."""

from typing import ClassVar

from scheduler.domain.errors import SchedulerError


class DemoProblem(SchedulerError):
    """The demo cannot start or go on; the message says what, which and what to do next."""

    code: ClassVar[str] = "DEMO_PROBLEM"


class ServiceProblem(DemoProblem):
    """An embedded server cannot be found, started or reached. ``service`` names it."""

    code: ClassVar[str] = "SERVICE_PROBLEM"

    def __init__(self, service: str, problem: str, next_step: str) -> None:
        self.service, self.problem, self.next_step = service, problem, next_step
        super().__init__(f"{service} {problem}; {next_step}.")
