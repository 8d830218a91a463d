"""Keeps what must survive the session: settings, and where each scene was left, its camera path included. Writes when something changed, not too often."""

from __future__ import annotations

import time
from pathlib import Path

from im4d_core.camera_path import CameraPath
from viewer.memory import Place, load_place, save_place
from viewer.request import is_moving
from viewer.restoring import place_of
from viewer.settings import Settings, Tell, load_settings, save_settings
from viewer.state import ViewerState

_EVERY_S = 5.0  # an accident costs no more than this ...
_PATHS_EVERY_S = 1.0  # ... and of the paths, which are work, no more than this


class Keeper:
    """Files of the settings folder.

    Args:
        folder: None keeps nothing.
        tell: takes what the user should know of files that cannot be used.
    """

    def __init__(self, folder: Path | None, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self._kept: Place | None = None
        self._source: Path | None = None
        self._paths: tuple[CameraPath, tuple[CameraPath, ...]] | None = None
        self._kept_s = time.monotonic()
        self._settings: Settings | None = None

    def settings(self) -> Settings:
        """What the user prefers."""
        return Settings() if self._folder is None else load_settings(self._folder, self._tell)

    def place(self, source: Path) -> Place | None:
        """Where a scene was left."""
        return None if self._folder is None else load_place(self._folder, source, self._tell)

    def keep_settings(self, settings: Settings) -> None:
        """These are to be written soon."""
        self._settings = settings

    def keep(self, state: ViewerState, now_s: float) -> None:
        """Called in every frame; writes now and then while nothing moves, and what was done to the paths in any case: a loop plays without end."""
        editor = state.path_editor
        edited = (editor.path, editor.shelf) != self._paths
        if now_s - self._kept_s >= (_PATHS_EVERY_S if edited else _EVERY_S) and (edited or not is_moving(state)):
            self.write(state)
            self._kept_s, self._paths = now_s, (editor.path, editor.shelf)

    def write(self, state: ViewerState) -> None:
        """What changed, now: the window closes, or another scene takes the place of this one."""
        if self._folder is None:
            return
        if self._settings is not None:
            save_settings(self._settings, self._folder)
            self._settings = None
        place = place_of(state)
        if place is None or state.source is None or (place == self._kept and state.source == self._source):
            return
        save_place(place, self._folder, state.source)
        self._kept, self._source = place, state.source
