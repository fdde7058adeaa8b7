"""From texts to settings: the RDB's rows over the environment over the defaults.

Pure: the rows and the environment are arguments. A bad environment value raises
``InvalidSetting`` (it stops the start); a bad row of the RDB falls back to the environment or the
default and is told in ``Resolved.problems`` (it stops nobody, its reader logs it).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, SecretStr, TypeAdapter, ValidationError

from scheduler.domain.errors import InvalidSetting, SchedulerError
from scheduler.plugin_api.masking import HIDDEN, URL_PASSWORD, mask_text
from scheduler.plugin_api.reserved import KNOWN_NAMES
from scheduler.plugin_api.settings import (
    Rule,
    Scope,
    SettingsModel,
    SettingSpec,
    Unusable,
    all_rules,
    specs,
)
from scheduler.plugin_api.wording import expected

PREFIX = "SCHEDULER_"
SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)(_\w+)?$")


class SettingsConflict(SchedulerError):
    """Values that are allowed one by one are not allowed together. ``keys`` names them."""

    code = "SETTINGS_CONFLICT"

    def __init__(self, sentence: str, keys: tuple[str, ...]) -> None:
        self.keys = keys
        super().__init__(sentence)


class UnknownSettings(SchedulerError):
    """``SCHEDULER_*`` variables that no setting has, where they are held for errors."""

    code = "UNKNOWN_SETTINGS"

    def __init__(self, sentences: tuple[str, ...]) -> None:
        self.sentences = sentences
        super().__init__(" ".join(sentences))


class Source(StrEnum):
    """Where a value in force came from."""

    RDB = "rdb"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of the RDB that could not be used; ``sentence`` holds no secret."""

    key: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Resolved[M: SettingsModel]:
    """The settings in force, where each came from (by key), and the rows that fell back."""

    settings: M
    sources: Mapping[str, Source]
    problems: tuple[Problem, ...] = ()


def resolve[M: SettingsModel](
    model: type[M], *, rows: Mapping[str, str], environ: Mapping[str, str]
) -> Resolved[M]:
    """Resolve every setting of ``model``.

    Raises InvalidSetting for a bad environment value and SettingsConflict for environment values
    that do not fit together.
    """
    found = specs(model)
    usable, problems = _usable_rows(found, rows)
    while True:
        values, sources = _pick(found, usable, environ)
        broken = _broken(model, values)
        if not broken:
            try:
                return Resolved(model(**values), sources, tuple(problems))
            # A plugin's validator of the whole model: it may raise anything.
            except Exception as error:
                broken = [_refusal(error, model, found, sources)]
        problems += _give_up_rows(broken[0], found, values, sources, usable)


def parse(spec: SettingSpec, text: Any) -> Any:
    """``text``, or a value that is to be checked, as the setting's value. Raises InvalidSetting,
    which never quotes a secret."""
    typed = Annotated[spec.info.annotation, spec.info]  # type: ignore[name-defined]
    try:
        adapter = TypeAdapter[Any](typed, config=ConfigDict(hide_input_in_errors=True))
        return adapter.validate_python(text)
    # Not only what pydantic makes of it: a plugin's validator may raise anything.
    except Exception as error:
        shown = None if spec.help.secret else mask_text(as_text(text))
        raise InvalidSetting(spec.key, shown, _own_words(error) or expected(spec).en) from None


def _own_words(error: Exception) -> str:
    """What a validator of the setting itself says is allowed; empty where none does."""
    if not isinstance(error, ValidationError):
        return ""
    causes = (one.get("ctx", {}).get("error") for one in error.errors(include_input=False))
    return next((str(cause) for cause in causes if isinstance(cause, Unusable)), "")


def refuse_bad_changes(
    model: type[SettingsModel],
    *,
    rows: Mapping[str, str],
    changed_keys: Collection[str],
    environ: Mapping[str, str],
) -> None:
    """What a form asks before it saves ``rows``: raise InvalidSetting or SettingsConflict for the
    first thing wrong with the ``changed_keys``. Rows that were bad before are no obstacle."""
    found = specs(model)
    for spec in found:
        if spec.key in changed_keys and spec.key in rows:
            _refuse_process_scope(spec)
            parse(spec, rows[spec.key])
    usable, _ = _usable_rows(found, rows)
    values, _ = _pick(found, usable, environ)
    for rule in _broken(model, values):
        keys = _keys(rule, found)
        if not set(keys).isdisjoint(changed_keys):
            raise SettingsConflict(f"{_told(rule, found, values)}.", keys)


def check_unknown(
    models: Iterable[type[SettingsModel]], environ: Mapping[str, str], *, strict: bool = False
) -> tuple[str, ...]:
    """A sentence for each ``SCHEDULER_*`` variable that no setting of ``models`` has.

    Under ``strict`` they are raised as UnknownSettings.
    """
    known = KNOWN_NAMES.union(spec.key for spec in specs(*models))
    strangers = sorted(n for n in environ if n.startswith(PREFIX) and n not in known)
    sentences = tuple(_stranger(name, environ[name], known) for name in strangers)
    if strict and sentences:
        raise UnknownSettings(sentences)
    return sentences


def _stranger(name: str, value: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(name, known, n=1, cutoff=0.85)
    if SERVICE_LINK.search(name) or value.startswith("tcp://"):
        advice = "Kubernetes service links inject such names (set enableServiceLinks: false)."
    else:
        advice = f"did you mean {nearest[0]}?" if nearest else "no setting has a similar name."
    return f"Environment variable {name} is not a setting and does nothing; {advice}"


def shown(spec: SettingSpec, value: Any) -> str:
    """A value as a page or a log may show it: a secret is hidden, of a URL only its password; but
    a web address that is a secret is hidden whole, for its path is what must not be known."""
    if isinstance(value, SecretStr):
        return _shown_secret(value.get_secret_value())
    return as_text(value)


def as_text(value: Any) -> str:
    """A value as it is written in the environment and the RDB: the reverse of ``parse``."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, dict):
        return ",".join(f"{key}={inner}" for key, inner in value.items())
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def changed(old: Resolved[Any], new: Resolved[Any]) -> tuple[SettingSpec, ...]:
    """The settings whose value differs between two resolutions of one model."""
    return tuple(
        spec
        for spec in specs(type(new.settings))
        if getattr(old.settings, spec.field) != getattr(new.settings, spec.field)
    )


def after_reload[M: SettingsModel](old: Resolved[M], new: Resolved[M]) -> Resolved[M]:
    """``new``, with the old value of each setting that needs a restart: what a worker that goes
    on running works with."""
    kept = [spec for spec in changed(old, new) if spec.help.restart_needed]
    values = {spec.field: getattr(new.settings, spec.field) for spec in specs(type(new.settings))}
    sources = dict(new.sources)
    for spec in kept:
        values[spec.field] = getattr(old.settings, spec.field)
        sources[spec.key] = old.sources[spec.key]
    try:
        return Resolved(type(new.settings)(**values), sources, new.problems)
    except Exception:
        return old


def secret_values(resolved: Iterable[Resolved[Any]]) -> tuple[str, ...]:
    """Every secret in force, for the log's masking. Of a URL that is its password alone, but a web
    address is one as a whole."""
    texts = (
        value.get_secret_value()
        for one in resolved
        for value in one.settings.__dict__.values()
        if isinstance(value, SecretStr)
    )
    return tuple(text for text in texts if text and ("://" not in text or _is_web_address(text)))


def _usable_rows(
    found: Iterable[SettingSpec], rows: Mapping[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    usable: dict[str, str] = {}
    problems: list[Problem] = []
    for spec in found:
        if spec.key in rows:
            try:
                _refuse_process_scope(spec)
                parse(spec, rows[spec.key])
                usable[spec.key] = rows[spec.key]
            except InvalidSetting as error:
                problems.append(Problem(spec.key, f"{error} The RDB's value is ignored."))
    return usable, problems


def _refuse_process_scope(spec: SettingSpec) -> None:
    if spec.help.scope is Scope.PROCESS:
        raise InvalidSetting(
            spec.key, None, "only in the environment of each process, never in the RDB"
        )


def _pick(
    found: Iterable[SettingSpec], rows: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Source]]:
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for spec in found:
        values[spec.field], sources[spec.key] = spec.default, Source.DEFAULT
        # Read even where a row wins: that a variable is bad must not wait until the row is gone.
        if text := environ.get(spec.key):
            values[spec.field], sources[spec.key] = parse(spec, text), Source.ENVIRONMENT
        if spec.key in rows:
            values[spec.field], sources[spec.key] = parse(spec, rows[spec.key]), Source.RDB
    return values, sources


def _broken(model: type[SettingsModel], values: Mapping[str, Any]) -> list[Rule]:
    tried = model.model_construct(**values)
    return [rule for rule in all_rules(model) if not rule.is_kept_by(tried)]


def _refusal(
    error: Exception,
    model: type[SettingsModel],
    found: Iterable[SettingSpec],
    sources: Mapping[str, Source],
) -> Rule:
    """What the model as a whole says of values that are each fine, as a rule that they break."""
    if isinstance(error, ValidationError):
        said = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
    else:
        said = f"its validator raised {type(error).__name__}"
    given = tuple(spec.field for spec in found if sources[spec.key] is not Source.DEFAULT)
    sentence = f"{model.__name__} does not take these values: {mask_text(said).rstrip('.')}"
    return Rule(given, lambda _: False, sentence)


def _give_up_rows(
    rule: Rule,
    found: tuple[SettingSpec, ...],
    values: Mapping[str, Any],
    sources: Mapping[str, Source],
    usable: dict[str, str],
) -> list[Problem]:
    """Take the rows that break ``rule`` out of ``usable``; raise where no row is to blame."""
    sentence, keys = _told(rule, found, values), _keys(rule, found)
    blamed = [key for key in keys if sources[key] is Source.RDB]
    if not blamed:
        raise SettingsConflict(f"{sentence}; correct the environment.", keys)
    for key in blamed:
        del usable[key]
    return [Problem(key, f"{sentence}. The RDB's value of {key} is ignored.") for key in blamed]


def _told(rule: Rule, found: Iterable[SettingSpec], values: Mapping[str, Any]) -> str:
    by_field = {spec.field: spec for spec in found}
    told = (f"{by_field[f].key} is {shown(by_field[f], values[f])}" for f in rule.fields)
    return f"{rule.sentence} ({', '.join(told)})"


def _keys(rule: Rule, found: Iterable[SettingSpec]) -> tuple[str, ...]:
    return tuple(spec.key for spec in found if spec.field in rule.fields)


def _shown_secret(text: str) -> str:
    if "://" in text and "?" not in text and not _is_web_address(text):
        return URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return HIDDEN if text else ""


def _is_web_address(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))
