"""What an export will show of the picture, the rest dimmed: of a path that is previewed, and of the view while keys are made for one."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.panels.widgets import colour
from viewer.state import ViewerState
from viewer.stats import Stats

_DIM, _FAINT = (0.0, 0.0, 0.0, 0.55), (0.0, 0.0, 0.0, 0.3)
_EDGE = (0.92, 0.94, 0.95, 0.5)
_COMPOSING = frozenset(("Path", "Export"))


def draw(state: ViewerState, stats: Stats, area: tuple[float, float, float, float]) -> None:
    """Draw it.

    Args:
        area: x, y, width and height of the picture on the screen.
    """
    settings, previewing = state.export.settings, state.path_editor.previewing and bool(state.path_editor.path.keys)
    if not (state.overlays.frame and state.scene is not None and (previewing or stats.front & _COMPOSING)) or stats.compared == "split":
        return
    x, y, width, height = area
    if previewing:
        left, top, wide, high = frame(area, settings.width, settings.height)
    else:
        left, top, wide, high = composed(area, settings.width / settings.height)
        if wide > width + 1.0:
            return  # the export shows more than the window
    right, bottom = left + wide, top + high
    draw_list, dim = imgui.get_background_draw_list(), colour(_DIM if previewing else _FAINT)
    for x0, y0, x1, y1 in ((x, y, x + width, top), (x, bottom, x + width, y + height), (x, top, left, bottom), (right, top, x + width, bottom)):
        if x1 - x0 >= 1.0 and y1 - y0 >= 1.0:
            draw_list.add_rect_filled(ImVec2(x0, y0), ImVec2(x1, y1), dim)
    draw_list.add_rect(ImVec2(left, top), ImVec2(right, bottom), colour(_EDGE))


def frame(area: tuple[float, float, float, float], width: int, height: int) -> tuple[float, float, float, float]:
    """The largest part of an area with the shape of a picture, in its middle: a path that is previewed is fitted into the window."""
    x, y, wide, high = area
    scale = min(wide / width, high / height)
    return x + 0.5 * (wide - scale * width), y + 0.5 * (high - scale * height), scale * width, scale * height


def composed(area: tuple[float, float, float, float], aspect: float) -> tuple[float, float, float, float]:
    """What the picture of a key shows that is made of a view: the same from top to bottom, since keys keep the vertical field of view and the principal
    point, and less or more to both sides.

    Args:
        aspect: width of the key's picture over its height.
    """
    x, y, wide, high = area
    return x + 0.5 * (wide - high * aspect), y, high * aspect, high
