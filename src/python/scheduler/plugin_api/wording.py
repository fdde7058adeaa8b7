"""What a setting takes, in words and both languages: for errors, forms, the help, the docs."""

from scheduler.plugin_api.settings import Names, Pairs, SettingSpec, Words

_NAMES = Names.__origin__  # type: ignore[attr-defined]
_PAIRS = Pairs.__origin__  # type: ignore[attr-defined]


def expected(spec: SettingSpec) -> Words:
    """The allowed values of a setting."""
    if spec.help.expects:
        return spec.help.expects
    if spec.choices:
        return Words(f"one of {', '.join(spec.choices)}", f"{'、'.join(spec.choices)} のいずれか")
    if spec.type_ is bool:
        return Words(
            "1 or 0 (also true, false, yes, no, on, off)", "1 または 0(true、false なども可)"
        )
    if spec.type_ in (int, float):
        return _number(spec)
    if spec.type_ == _NAMES:
        return Words("names separated by commas", "コンマ区切りの名前")
    if spec.type_ == _PAIRS:
        return Words("key=value pairs separated by commas", "コンマ区切りの key=value")
    return Words("text", "文字列")


def number_text(value: float | None) -> str:
    """A bound without needless decimals; empty for none."""
    return "" if value is None else f"{value:.10g}"


def _number(spec: SettingSpec) -> Words:
    kind = Words("a whole number", "整数") if spec.type_ is int else Words("a number", "数値")
    low, high = number_text(spec.minimum), number_text(spec.maximum)
    unit = spec.help.unit or Words("", "")
    en = kind.en + (f" from {low}" if low else "") + (f" to {high}" if high else "")
    ja = (f"{low} 以上" if low else "") + (f" {high} 以下" if high else "")
    ja_unit = f"(単位: {unit.ja})" if unit.ja else ""
    return Words(f"{en} ({unit.en})" if unit.en else en, f"{ja}の{kind.ja}{ja_unit}".strip())
