"""The panels: each draws from state and stats and returns what the user did as events; it changes nothing itself.

`PANELS` are the tabs on the side, `transport.draw` the bar at the bottom, `floating.draw` what floats over the picture.
"""

from __future__ import annotations

from collections.abc import Callable

from viewer.events import Event
from viewer.panels import camera, compare, display, export, floating, keys, path, render, scene, transport
from viewer.state import ViewerState
from viewer.stats import Stats

Draw = Callable[[ViewerState, Stats], list[Event]]

PANELS: tuple[tuple[str, Draw], ...] = (
    ("Scene", scene.draw),
    ("Camera", camera.draw),
    ("Render", render.draw),
    ("Compare", compare.draw),
    ("Path", path.draw),
    ("Export", export.draw),
    ("Display", display.draw),
    ("Keys", keys.draw),
)

__all__ = ["PANELS", "Draw", "floating", "transport"]
