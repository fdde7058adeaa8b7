"""Writes a new plugin from the template that the core brings."""

import keyword
import re
import shutil
import tempfile
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from scheduler.domain.errors import SchedulerError
from scheduler.plugin_api.core_plugin import CorePlugin
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.loading import installed_plugins
from scheduler.plugin_api.reserved import KNOWN_NAMES, SHIPPED_PLUGIN_NAMES
from scheduler.plugin_api.settings import specs

TEMPLATE = "plugin_template"
SUFFIX = ".tmpl"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40
TESTS = "tests"
"""The folder of the new plugin's tests stands beside its package."""


class PluginNotWritten(SchedulerError):
    """A new plugin cannot be written as asked; nothing was."""

    code: ClassVar[str] = "PLUGIN_NOT_WRITTEN"

    def __init__(self, what: str, problem: str, next_step: str) -> None:
        self.what, self.problem, self.next_step = what, problem, next_step
        super().__init__(f"{what} {problem}; {next_step}.")


@dataclass(frozen=True, slots=True)
class NewPlugin:
    """What a plugin is called in its various places, all from one name."""

    package: str

    @property
    def name(self) -> str:
        return self.package.removeprefix("scheduler_")

    @property
    def prefix(self) -> str:
        """What the names of its settings begin with."""
        return f"SCHEDULER_{self.name.upper()}_"

    @property
    def words(self) -> dict[str, str]:
        """What stands for each mark of the template."""
        return {
            "@PACKAGE@": self.package,
            "@NAME@": self.name,
            "@CLASS@": "".join(part.title() for part in self.name.split("_")),
            "@TITLE@": self.name.replace("_", " ").capitalize(),
            "@PREFIX@": self.prefix,
            "@DISTRIBUTION@": self.package.replace("_", "-"),
        }

    def filled(self, text: str) -> str:
        for mark, word in self.words.items():
            text = text.replace(mark, word)
        return text


def new_plugin(name: str) -> NewPlugin:
    """Raises PluginNotWritten for a name that no new package can have."""
    shown, plugin = f"The name {name!r}", NewPlugin(name)
    if not NAME.fullmatch(plugin.name) or len(name) > LONGEST or name == "scheduler":
        step = f"write a letter, then lower-case letters, digits and _, at most {LONGEST}"
        raise PluginNotWritten(shown, "is no name for a plugin's package", step)
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise PluginNotWritten(shown, "is a word of Python", "choose another name")
    if name == TESTS or find_spec(name) is not None:
        raise PluginNotWritten(shown, "is that of a package that is here already", "choose another")
    if plugin.name in (CorePlugin.name, *SHIPPED_PLUGIN_NAMES, *installed_plugins()):
        raise PluginNotWritten(shown, "is that of a plugin that is there already", "choose another")
    known = sorted(KNOWN_NAMES.union(spec.key for spec in specs(CoreSettings)))
    if alike := next((key for key in known if key.startswith(plugin.prefix)), None):
        problem = f"would give its settings names like {alike}, which is another's"
        raise PluginNotWritten(shown, problem, "choose another")
    return plugin


def write_plugin(plugin: NewPlugin, directory: Path) -> Path:
    """Write it below ``directory``, whole or not at all; returns its folder.

    Raises PluginNotWritten where the folder is there already or cannot be written.
    """
    target = directory / plugin.package
    if not directory.is_dir():
        raise PluginNotWritten(f"The folder {directory}", "is not there", "make it first")
    if target.exists() or target.is_symlink():
        step = "choose another name or --directory"
        raise PluginNotWritten(f"{target}", "is there already", step)
    try:
        _write(plugin, target)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        step = "make room, or choose another --directory"
        raise PluginNotWritten(f"{target}", f"cannot be written ({why})", step) from error
    return target


def _write(plugin: NewPlugin, target: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _fill(plugin, resources.files("scheduler").joinpath(TEMPLATE), draft)
        draft.chmod(0o755)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _fill(plugin: NewPlugin, source: Traversable, folder: Path) -> None:
    for entry in source.iterdir():
        name = plugin.package if entry.name == "package" else entry.name
        if entry.is_dir():
            (folder / name).mkdir()
            _fill(plugin, entry, folder / name)
        elif name.endswith(SUFFIX):
            text = plugin.filled(entry.read_text(encoding="utf-8"))
            (folder / name.removesuffix(SUFFIX)).write_text(text, encoding="utf-8")
