"""What the export will show of a path that is previewed: the rest of the picture is dimmed."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.panels.widgets import colour
from viewer.state import ViewerState
from viewer.stats import Stats

_DIM = (0.0, 0.0, 0.0, 0.55)
_EDGE = (0.92, 0.94, 0.95, 0.5)


def draw(state: ViewerState, stats: Stats, area: tuple[float, float, float, float]) -> None:
    """Draw it.

    Args:
        area: x, y, width and height of the picture on the screen.
    """
    if not (state.overlays.frame and state.path_editor.previewing and state.path_editor.path.keys) or stats.compared == "split":
        return
    x, y, width, height = area
    left, top, wide, high = frame(area, state.export.settings.width, state.export.settings.height)
    right, bottom = left + wide, top + high
    draw_list, dim = imgui.get_background_draw_list(), colour(_DIM)
    for x0, y0, x1, y1 in ((x, y, x + width, top), (x, bottom, x + width, y + height), (x, top, left, bottom), (right, top, x + width, bottom)):
        if x1 - x0 >= 1.0 and y1 - y0 >= 1.0:
            draw_list.add_rect_filled(ImVec2(x0, y0), ImVec2(x1, y1), dim)
    draw_list.add_rect(ImVec2(left, top), ImVec2(right, bottom), colour(_EDGE))


def frame(area: tuple[float, float, float, float], width: int, height: int) -> tuple[float, float, float, float]:
    """The largest part of an area with the shape of a picture, in its middle."""
    x, y, wide, high = area
    scale = min(wide / width, high / height)
    return x + 0.5 * (wide - scale * width), y + 0.5 * (high - scale * height), scale * width, scale * height
