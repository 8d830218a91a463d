"""Panels of the user's own: Python files that offer a `title` and a `draw(state, stats)`, which returns events, as every panel does.

Only files that the user named, or put into the folder `plugins` of their configuration, are loaded. A file is a program with all rights of the user.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from viewer import panels
from viewer.events import Event
from viewer.panels.widgets import note
from viewer.reduce import reduce
from viewer.state import ViewerState
from viewer.stats import Stats
from viewer.theme import palette

_log = logging.getLogger(__name__)
_FAILURES = (Exception, SystemExit)  # a file that calls sys.exit must not take the window with it


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A file that offers no panel."""

    text: str
    details: str
    """The traceback."""


class Plugin:
    """A panel of the user's, which is switched off at its first mistake.

    Args:
        name: of its file, for messages.
    """

    def __init__(self, name: str, title: str, draw: panels.Draw) -> None:
        self.title = title
        self._name = name
        self._draw = draw
        self._problem = ""

    def draw(self, state: ViewerState, stats: Stats) -> list[Event]:
        """What the user did in it.

        Raises:
            RuntimeError: it failed, or returned what is no event, or an event that the state cannot take.
        """
        if self._problem:
            note(f"Switched off until the next start: {self._problem}", palette().warning)
            return []
        try:
            events = list(self._draw(state, stats))
            for event in events:
                if not isinstance(event, Event):
                    raise TypeError(f"draw returned {event!r}, which is no event of viewer.events")
                reduce(state, event)  # pure: an event that cannot be reduced is found here, before it is in the way of others
        except _FAILURES as error:
            self._problem = f"{type(error).__name__}: {error}"
            raise RuntimeError(f"the plug-in {self._name} failed and is switched off ({self._problem})") from error
        return events


def in_folder(settings: Path) -> tuple[Path, ...]:
    """The plug-ins of the user's configuration, by name."""
    return tuple(sorted((settings / "plugins").glob("*.py")))


def load(files: Iterable[Path]) -> tuple[tuple[Plugin, ...], tuple[Rejected, ...]]:
    """Run the files; the panels that they offer, and what is wrong with the others."""
    loaded: list[Plugin] = []
    rejected: list[Rejected] = []
    for file in files:
        try:
            plugin = _loaded(file, f"im4d_plugin_{len(loaded) + len(rejected)}_{file.stem}")
            if plugin.title in {*(title for title, _ in panels.PANELS), *(other.title for other in loaded)}:
                raise ValueError(f"its title {plugin.title!r} is that of another panel; choose another one")
            loaded.append(plugin)
        except _FAILURES as error:
            _log.warning("the plug-in %s is left out", file, exc_info=True)
            rejected.append(Rejected(text=f"the plug-in {file} is left out: {error}", details=traceback.format_exc()))
    return tuple(loaded), tuple(rejected)


def _loaded(file: Path, module_name: str) -> Plugin:
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise ValueError("it is not a Python file; its name must end with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    title, draw = getattr(module, "title", None), getattr(module, "draw", None)
    if not isinstance(title, str) or not title or not callable(draw):
        raise ValueError(f"expected a text `title` and a function `draw(state, stats)`, found {title!r} and {draw!r}")
    return Plugin(file.name, title, cast("panels.Draw", draw))
