"""What the user prefers about the window, whatever scene is open. Remembered between starts by `viewer.settings`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

Preset = Literal["default", "easyvolcap", "web"]
PRESETS: tuple[Preset, ...] = ("default", "easyvolcap", "web")
Theme = Literal["dark", "light"]
THEMES: tuple[Theme, ...] = ("dark", "light")
FPS_RANGE = (10.0, 240.0)
UI_RANGE = (0.6, 3.0)
_RECENT = 8


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """Valid as `clamped` returns them."""

    vsync: bool = True
    max_fps: float = 60.0
    """Frames of the window per second at most."""
    ui_scale: float = 1.0
    """Size of text and widgets over the one that the screen asks for."""
    theme: Theme = "dark"
    """Colours of the window; the picture and what lies over it stay as they are."""
    animated: bool = True
    """Jumps of the camera take a moment."""
    wheel_to_mouse: bool = True
    """In orbit the wheel moves towards what is under the mouse; otherwise towards the pivot."""
    keys_fly: bool = False
    """The keys that move make the mouse look around, too: the mode becomes fly."""
    interop: bool = True
    """Pictures stay on the GPU where that works."""
    preset: Preset = "default"
    """Which buttons of the mouse do what."""
    chords: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Keys of actions that the user changed: action, chords."""
    output: str = ""
    """Folder of what is saved under a relative name; empty for one among the user's pictures."""
    recent: tuple[str, ...] = ()
    """Folders that were opened last, the newest first."""


def clamped(preferences: Preferences) -> Preferences:
    """The nearest preferences that make sense."""
    return replace(
        preferences,
        max_fps=_within(preferences.max_fps, FPS_RANGE, Preferences.max_fps),
        ui_scale=_within(preferences.ui_scale, UI_RANGE, Preferences.ui_scale),
        recent=preferences.recent[:_RECENT],
    )


def with_recent(preferences: Preferences, source: Path) -> Preferences:
    """A folder was opened."""
    name = str(source.absolute())
    return clamped(replace(preferences, recent=(name, *(other for other in preferences.recent if other != name))))


def _within(value: float, limits: tuple[float, float], otherwise: float) -> float:
    return min(max(value, limits[0]), limits[1]) if math.isfinite(value) else otherwise
