"""What ``SCHEDULER_NOTIFY_ROUTES`` says: who hears of what, when, how often. Pure."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from scheduler.plugin_api.settings import Unusable
from scheduler_notify.hours import Hours
from scheduler_notify.messages import Channel, Severity

LONGEST_TEXT = 20_000
ROUTES_AT_MOST = 100

GroupField = Literal["job", "kind", "severity"]


def _listed(value: object) -> object:
    """One name stands for a list of one."""
    return (value,) if isinstance(value, str) else value


class Limit(BaseModel):
    """At most so many notices in so many seconds, for each channel of the route."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notices: int = Field(ge=1, le=10_000)
    seconds: int = Field(ge=1, le=86_400)


class Route(BaseModel):
    """Which messages go where. ``jobs`` are globs of job names; ``*`` alone takes what concerns no
    job, too. Empty ``channels`` are all that are configured. Messages with the same values of the
    ``group_by`` fields that come within ``group_seconds`` go as one notice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=100)
    channels: Annotated[tuple[Channel, ...], BeforeValidator(_listed)] = ()
    jobs: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(("*",), min_length=1)
    severities: Annotated[frozenset[Severity], BeforeValidator(_listed)] = Field(
        frozenset({Severity.WARNING, Severity.ERROR}), min_length=1
    )
    recoveries: bool = True
    hours: Hours | None = None
    group_by: Annotated[tuple[GroupField, ...], BeforeValidator(_listed)] = ("job", "kind")
    group_seconds: float = Field(15.0, ge=0, le=3600)
    limit: Limit = Limit(notices=20, seconds=600)


DEFAULT_ROUTES = (Route.model_validate({"name": "default"}),)
_LIST = TypeAdapter(Annotated[list[Route], Field(min_length=1, max_length=ROUTES_AT_MOST)])


@lru_cache(maxsize=8)
def parse_routes(text: str) -> tuple[Route, ...]:
    """The routes in their order, each with a name (``route-2`` for the second without one); empty
    text: DEFAULT_ROUTES. Raises Unusable, whose words name the place."""
    if not text.strip():
        return DEFAULT_ROUTES
    try:
        found = _LIST.validate_python(_loaded(text))
    except ValidationError as error:
        raise Unusable(_place_and_words(error)) from None
    named = tuple(
        one if one.name else one.model_copy(update={"name": f"route-{number}"})
        for number, one in enumerate(found, start=1)
    )
    _refuse_namesakes(one.name for one in named)
    return named


def checked_routes(text: str) -> str:
    """The text itself when it can be read. Raises Unusable."""
    parse_routes(text)
    return text


def _loaded(text: str) -> Any:
    if len(text) > LONGEST_TEXT:
        raise Unusable(f"at most {LONGEST_TEXT:,} characters of YAML or JSON")
    # Where no routes are set, no process has to load it: forks copy what is loaded.
    import yaml

    try:
        # Every scalar stays text: YAML would take 18:00 for the number 1080.
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes only text
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        place = f"line {where.line + 1}, column {where.column + 1}: " if where else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise Unusable(f"a list of routes in YAML or JSON; {place}{problem}") from None
    except RecursionError:
        raise Unusable("a list of routes in YAML or JSON; this one is nested too deeply") from None


def _place_and_words(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    words = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"a list of routes; {words}"
    place = f"route {int(first['loc'][0]) + 1}" + _inner(first["loc"][1:])
    return f"a list of routes (docs/notifications.md); {place}: {words}"


def _inner(parts: Sequence[int | str]) -> str:
    names = [f"item {part + 1}" if isinstance(part, int) else part for part in parts]
    return f", {'.'.join(names)}" if names else ""


def _refuse_namesakes(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Unusable(f"routes of different names; two are called {name!r}")
        seen.add(name)
