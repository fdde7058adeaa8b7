"""Process hosts on real processes, one for each kill strength that this machine permits."""

import pytest

from scheduler.execution import strength
from scheduler.execution.strength import KillStrength, StrengthNotPermitted
from tests.integration.execution.jobs import Jobs

SETTINGS = "tests.integration.execution_app.settings"


@pytest.fixture(autouse=True)
def project(monkeypatch):
    """The project that fork servers load."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", SETTINGS)


@pytest.fixture
def make_jobs(tmp_path):
    made = []

    def make(kill_strength=KillStrength.PROCESS_GROUP, **options):
        jobs = Jobs(tmp_path / "logs", kill_strength, **options)
        made.append(jobs)
        return jobs

    yield make
    for jobs in made:
        jobs.host.stop(0)
        assert jobs.processes() == set()


@pytest.fixture
def jobs(make_jobs):
    return make_jobs()


@pytest.fixture(params=list(KillStrength))
def permitted(request):
    try:
        return strength.choose(request.param)
    except StrengthNotPermitted as error:
        pytest.skip(str(error))


@pytest.fixture
def strong_jobs(make_jobs, permitted):
    """Jobs under each kill strength in turn."""
    return make_jobs(permitted)
