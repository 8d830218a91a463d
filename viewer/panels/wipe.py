"""What a comparison draws over the picture: the border that is dragged, which side is which, and how like they are."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import ImVec2, imgui

from im4d_core.types import RenderMode
from viewer.compare import GAIN
from viewer.events import Event, SetComparison
from viewer.panels.compare import decibels
from viewer.panels.widgets import colour, em
from viewer.request import RenderRequest
from viewer.state import ViewerState
from viewer.stats import Stats

_LINE = (1.0, 1.0, 1.0, 0.85)
_SHADE = (0.06, 0.07, 0.08, 0.7)
_TEXT = (0.92, 0.94, 0.95, 1.0)


def draw(state: ViewerState, stats: Stats, flags: int, area: tuple[float, float, float, float]) -> list[Event]:
    """Draw it.

    Args:
        flags: of windows that float over the picture.
        area: x, y, width and height of the picture on the screen.
    """
    if stats.compared in ("off", "other") or stats.displayed is None or stats.displayed.against is None:
        return []
    x, y, width, height = area
    left, right = sides((stats.below or stats.displayed).mode, stats.displayed)
    more = "refining" if not stats.other_complete else "" if stats.psnr_db is None else decibels(stats.psnr_db)
    events: list[Event] = []
    middle = x + width * (state.comparison.wipe if stats.compared == "wipe" else 0.5)
    bottom = y + height - em(4.6)
    if stats.compared == "difference":
        _label(f"{left} - {right} (x {GAIN:.0f})" + (f" · {more}" if more else ""), middle, bottom, 0.5)
        return events
    imgui.get_background_draw_list().add_line(ImVec2(middle, y), ImVec2(middle, y + height), colour(_LINE), max(em(0.08), 1.0))
    _label(left, middle - em(0.5), bottom, 1.0)
    _label(right + (f" · {more}" if more else ""), middle + em(0.5), bottom, 0.0)
    if stats.compared == "wipe":
        events += _grip(state, flags, (x, y, width, height), middle)
    return events


def sides(seen: RenderMode, request: RenderRequest) -> tuple[str, str]:
    """What stands on the left and on the right: renderers, the capture, or outputs of one picture.

    Args:
        seen: what made most of the left one so far.
    """
    if request.against == "same":
        return request.output.capitalize(), request.other_output.capitalize()
    return seen.capitalize(), (request.against or "").capitalize()


def _grip(state: ViewerState, flags: int, area: tuple[float, float, float, float], middle: float) -> list[Event]:
    """A strip over the border that takes the mouse."""
    x, y, width, height = area
    imgui.set_next_window_pos(ImVec2(middle - em(0.5), y))
    imgui.set_next_window_size(ImVec2(em(1.0), height))
    imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(0.0, 0.0))
    imgui.push_style_var(imgui.StyleVar_.window_min_size, ImVec2(1.0, 1.0))
    imgui.push_style_var(imgui.StyleVar_.window_border_size, 0.0)
    imgui.begin("##wipe", None, (flags & ~imgui.WindowFlags_.always_auto_resize) | imgui.WindowFlags_.no_background)
    imgui.invisible_button("##border", ImVec2(em(1.0), height))
    dragged = imgui.is_item_active()
    if imgui.is_item_hovered() or dragged:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
    here = imgui.get_window_pos().x + em(0.5)
    centre = ImVec2(here, y + 0.5 * height)
    imgui.get_window_draw_list().add_circle_filled(centre, em(0.42), colour(_LINE))
    imgui.get_window_draw_list().add_circle_filled(centre, em(0.2), colour(_SHADE))
    imgui.end()
    imgui.pop_style_var(3)
    if not (dragged and imgui.is_mouse_dragging(0, 0.0)):
        return []
    wipe = min(max((imgui.get_mouse_pos().x - x) / width, 0.0), 1.0)
    return [SetComparison(comparison=replace(state.comparison, wipe=wipe))] if wipe != state.comparison.wipe else []


def _label(text: str, x: float, y: float, pivot: float) -> None:
    """Text on a dark ground, behind all windows; `pivot` is 0 where it begins at x, 1 where it ends there."""
    size, pad, draw_list = imgui.calc_text_size(text), em(0.4), imgui.get_background_draw_list()
    left = x - pivot * (size.x + 2 * pad)
    draw_list.add_rect_filled(ImVec2(left, y), ImVec2(left + size.x + 2 * pad, y + size.y + pad), colour(_SHADE), em(0.25))
    draw_list.add_text(ImVec2(left + pad, y + 0.5 * pad), colour(_TEXT), text)
