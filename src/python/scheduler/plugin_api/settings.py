"""How a setting is declared: once, with all that is to be known about it.

A group of settings is a subclass of :class:`SettingsModel`; each field is written with
:func:`setting`. From the declaration come the parsing of the environment and of the RDB's rows
(``plugin_api.resolution``), the Ops form's validation, the help fixture and docs/settings.md.

``MySettings()`` reads the process environment, as every pydantic-settings model does; a running
worker uses ``resolution.resolve`` instead, which puts the RDB's rows first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from pydantic_settings import SettingsConfigDict as SettingsConfigDict


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages of the product."""

    en: str
    ja: str


class Scope(StrEnum):
    """Where a setting may be given.

    CLUSTER: in the RDB (for all workers alike) or in the environment. PROCESS: in the environment
    only, since it differs by process or is needed before the RDB can be asked.
    """

    CLUSTER = "cluster"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class SettingHelp:
    """What a declaration says beside type, bounds and default."""

    title: Words
    meaning: Words
    impact: Words
    example: str
    unit: Words | None
    expects: Words | None
    secret: bool
    restart_needed: bool
    scope: Scope


def setting(
    default: Any,
    *,
    title: tuple[str, str],
    meaning: tuple[str, str],
    impact: tuple[str, str],
    example: str = "",
    ge: float | None = None,
    le: float | None = None,
    unit: tuple[str, str] | None = None,
    expects: tuple[str, str] | None = None,
    secret: bool = False,
    restart_needed: bool = False,
    scope: Scope = Scope.CLUSTER,
) -> Any:
    """Declare one setting. Pairs of texts are (English, Japanese).

    ``ge`` and ``le`` are inclusive bounds in the setting's unit. ``expects`` says in words what a
    value must look like, where type and bounds do not say it. A secret is declared with the type
    ``SecretStr``; it is never shown, logged or exported. ``restart_needed`` means that a running
    worker goes on with its old value until it is started again.
    """
    declared = SettingHelp(
        title=Words(*title),
        meaning=Words(*meaning),
        impact=Words(*impact),
        example=example,
        unit=Words(*unit) if unit else None,
        expects=Words(*expects) if expects else None,
        secret=secret,
        restart_needed=restart_needed,
        scope=scope,
    )
    extra: dict[str, Any] = {"setting": declared}
    finite = False if isinstance(default, float) else None
    return Field(default, ge=ge, le=le, allow_inf_nan=finite, json_schema_extra=extra)


SECONDS = ("seconds", "秒")


class Unusable(ValueError):
    """Raised by a setting's validator: its words say what is allowed and where the value is not
    so, in place of ``expects``. They quote no secret."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over several settings: ``holds(model)``, else ``sentence`` says what to do.

    ``fields`` are the names of the fields it compares. A rule that raises does not hold.
    """

    fields: tuple[str, ...]
    holds: Callable[[Any], bool]
    sentence: str

    def is_kept_by(self, model: Any) -> bool:
        try:
            return bool(self.holds(model))
        # A plugin's own code: it may raise anything.
        except Exception:
            return False


class SettingsModel(BaseSettings):
    """Base of every group of settings, the core's and a plugin's.

    Subclasses may set ``model_config = SettingsConfigDict(env_prefix="SCHEDULER_MINE_")``; the
    prefix must begin with ``SCHEDULER_``. ``group`` is the heading on the settings page.
    ``rules`` are checked after all fields are valid by themselves.
    """

    model_config = SettingsConfigDict(
        env_prefix="SCHEDULER_",
        env_ignore_empty=True,
        enable_decoding=False,
        extra="ignore",
        frozen=True,
        validate_default=True,
        case_sensitive=False,
        hide_input_in_errors=True,
    )
    group: ClassVar[Words] = Words("Plugin", "プラグイン")
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        broken = next(self.broken_rules(), None)
        if broken:
            raise ValueError(broken.sentence)
        return self

    def broken_rules(self) -> Iterator[Rule]:
        """The rules, of this class and its bases, that the present values break."""
        return (rule for rule in all_rules(type(self)) if not rule.is_kept_by(self))


def all_rules(model: type[SettingsModel]) -> tuple[Rule, ...]:
    """The rules of a model and of the models it is built from, each once."""
    classes = (cls for cls in reversed(model.__mro__) if "rules" in vars(cls))
    return tuple(dict.fromkeys(rule for cls in classes for rule in vars(cls)["rules"]))


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One setting as read from its declaration. ``key`` is the name in environment and RDB."""

    key: str
    field: str
    model: type[SettingsModel]
    info: FieldInfo
    help: SettingHelp
    group: Words

    @property
    def default(self) -> Any:
        return self.info.get_default(call_default_factory=True, validated_data={})

    @property
    def minimum(self) -> float | None:
        """The least value allowed, itself included; None without a bound."""
        return self._bound("ge")

    @property
    def maximum(self) -> float | None:
        """The greatest value allowed, itself included; None without a bound."""
        return self._bound("le")

    def _bound(self, side: str) -> float | None:
        bounds = (getattr(mark, side, None) for mark in self.info.metadata)
        return next((float(bound) for bound in bounds if bound is not None), None)

    @property
    def type_(self) -> Any:
        """The value's type with ``| None`` taken off."""
        annotation = self.info.annotation
        if get_origin(annotation) not in (Union, UnionType):
            return annotation
        return next(part for part in get_args(annotation) if part is not type(None))

    @property
    def choices(self) -> tuple[str, ...]:
        return get_args(self.type_) if get_origin(self.type_) is Literal else ()


def specs(*models: type[SettingsModel]) -> tuple[SettingSpec, ...]:
    """Every setting of ``models``, in the order of declaration."""
    return tuple(
        SettingSpec(
            key=f"{model.model_config['env_prefix']}{name}".upper(),
            field=name,
            model=model,
            info=info,
            help=declared_help(model, name, info),
            group=declaring_class(model, name).group,
        )
        for model in models
        for name, info in model.model_fields.items()
    )


def declared_help(model: type[SettingsModel], name: str, info: FieldInfo) -> SettingHelp:
    """The help of one field; TypeError names a field that was not written with ``setting``."""
    extra = info.json_schema_extra
    found: object = extra.get("setting") if isinstance(extra, dict) else None
    if not isinstance(found, SettingHelp):
        raise TypeError(f"{model.__name__}.{name} must be declared with setting(...)")
    return found


def declaring_class(model: type[SettingsModel], name: str) -> type[SettingsModel]:
    """The class in ``model``'s bases that wrote the field."""
    return next(cls for cls in model.__mro__ if name in vars(cls).get("__annotations__", {}))


def split_names(value: Any) -> Any:
    """``"a, b"`` -> ``("a", "b")``; anything but a string is left as it is."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def split_pairs(value: Any) -> Any:
    """``"zone=a, disk=ssd"`` -> ``{"zone": "a", "disk": "ssd"}``; ValueError without ``=``."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in split_names(value)]
    bad = next((left for left, equals, _ in pairs if not equals or not left.strip()), None)
    if bad is not None:
        raise ValueError(f'"{bad}" is not of the form key=value')
    return {left.strip(): right.strip() for left, _, right in pairs}


Names = Annotated[tuple[str, ...], BeforeValidator(split_names)]
"""A tuple of names, written ``a,b,c`` in environment and RDB."""

Pairs = Annotated[dict[str, str], BeforeValidator(split_pairs)]
"""A mapping, written ``key=value,key2=value2`` in environment and RDB."""

Secret = SecretStr
"""A value that is never shown: read it with ``.get_secret_value()``."""
