"""What is made of the declarations for readers: help rows, the fixture, the reference page."""

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Literal

from scheduler.plugin_api.resolution import shown
from scheduler.plugin_api.settings import Scope, SettingsModel, SettingSpec, Words, specs
from scheduler.plugin_api.wording import expected

type Language = Literal["en", "ja"]

HELP_MODEL = "scheduler.schedulersettinghelp"


def help_row(spec: SettingSpec) -> dict[str, Any]:
    """The fields of a setting's SchedulerSettingHelp, without its key."""
    limits, told = expected(spec), spec.help
    return {
        "title_en": told.title.en,
        "title_ja": told.title.ja,
        "meaning_en": told.meaning.en,
        "meaning_ja": told.meaning.ja,
        "impact_en": told.impact.en,
        "impact_ja": told.impact.ja,
        "limits_en": limits.en,
        "limits_ja": limits.ja,
        "min_value": spec.minimum,
        "max_value": spec.maximum,
        "example": told.example,
        "secret": told.secret,
        "restart_needed": told.restart_needed,
    }


def fixture(models: Iterable[type[SettingsModel]]) -> str:
    """The text of the fixture ``scheduler_setting_help``; its keys are fixed: load it again."""
    rows = [
        {"model": HELP_MODEL, "pk": spec.key, "fields": help_row(spec)} for spec in specs(*models)
    ]
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


HEADS: dict[Language, str] = {
    "en": """# Settings

<!-- Generated from the declarations: python scripts/generate_settings.py -->

Each setting has one name. A value is looked for in the RDB (table `scheduler_setting`), then in the
environment variable of that name, then the default holds. An empty variable counts as not set.

- A bad value in the environment stops the start, with a sentence that names the variable, the value
  and what is allowed. A bad value in the RDB is ignored, loudly in the log; it stops nobody.
- `manage.py scheduler_settings` shows all values in force and where each comes from;
  `--set NAME=VALUE` and `--unset NAME` change them in the RDB: all workers read them again and
  acknowledge.
- A variable `SCHEDULER_*` that no setting has is a warning with the nearest name.
- *Restart*: a running worker keeps its old value until it is started again. All others are taken
  up while running.
- *Process*: given by the environment of each process only, never by the RDB.
- *Secret*: never shown, logged or exported. In the RDB it stands as it is: guard the table.

Beside these, `DATABASE_URL` names the database: `postgres://user:password@host:5432/name`
(recommended) or `sqlite:////path/to/file`.
""",
    "ja": """# 設定一覧

<!-- 宣言から生成: python scripts/generate_settings.py -->

設定の名前はどこでも同じです。値は RDB(テーブル `scheduler_setting`)、同名の環境変数、既定値の順に
探します。空の環境変数は未設定とみなします。

- 環境変数の値が不正なときは、変数名、値、許される範囲を示して起動を中止します。RDB の値が
  不正なときは、ログに警告を出してその値を無視し、動作は止めません。
- `manage.py scheduler_settings` で、有効な値とその出どころを確認できます。`--set 名前=値` と
  `--unset 名前` で RDB の値を変更すると、すべてのワーカーが読み直して応答します。
- どの設定にもない `SCHEDULER_*` という環境変数には、最も近い名前を添えて警告します。
- **再起動**: 実行中のワーカーは、再起動するまで古い値で動き続けます。それ以外は実行中に反映
  されます。
- **プロセス**: プロセスごとの環境変数だけで指定します。RDB では指定できません。
- **秘密**: 画面、ログ、エクスポートのいずれにも出ません。RDB にはそのまま入るため、テーブルの
  閲覧権限に注意してください。

このほか、データベースは `DATABASE_URL` で指定します。`postgres://user:password@host:5432/name`
(推奨)または `sqlite:////path/to/file` の形で書きます。
""",
}
MARKS: dict[str, Words] = {
    "process": Words("process", "プロセス"),
    "restart": Words("restart", "再起動"),
    "secret": Words("secret", "秘密"),
}
COMMA = Words(", ", "、")
LABELS: dict[str, Words] = {
    "allowed": Words("Allowed", "指定できる値"),
    "default": Words("Default", "既定値"),
    "example": Words("Example", "例"),
    "empty": Words("empty", "空"),
}


def reference_page(models: Iterable[type[SettingsModel]], language: Language) -> str:
    """The reference of all settings in Markdown."""
    parts = [HEADS[language]]
    for group, found in groupby(specs(*models), key=lambda spec: spec.group):
        parts.append(f"## {getattr(group, language)}\n")
        parts += [_entry(spec, language) for spec in found]
    return "\n".join(parts)


def _entry(spec: SettingSpec, language: Language) -> str:
    def word(words: Words) -> str:
        text: str = getattr(words, language)
        return text

    default = shown(spec, spec.default)
    marks = [word(MARKS[mark]) for mark in _marks(spec)]
    told, comma = spec.help, word(COMMA)
    lines = [
        f"### {spec.key}\n",
        f"**{word(told.title)}**" + (f" ({comma.join(marks)})" if marks else "") + "\n",
        word(told.meaning) + "\n",
        word(told.impact) + "\n",
        f"- {word(LABELS['allowed'])}: {word(expected(spec))}",
        f"- {word(LABELS['default'])}: " + (f"`{default}`" if default else word(LABELS["empty"])),
        f"- {word(LABELS['example'])}: `{told.example}`",
    ]
    return "\n".join(lines) + "\n"


def _marks(spec: SettingSpec) -> list[str]:
    found = {
        "process": spec.help.scope is Scope.PROCESS,
        "restart": spec.help.restart_needed,
        "secret": spec.help.secret,
    }
    return [mark for mark, holds in found.items() if holds]
