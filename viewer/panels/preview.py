"""What says that the picture is the path's, and how to leave that: the view of the user is another one meanwhile."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer import bindings
from viewer.panels.widgets import SHADE, em
from viewer.state import ViewerState


def draw(state: ViewerState, flags: int, area: tuple[float, float, float, float], figures: tuple[float, float]) -> None:
    """Draw it in the middle of the upper edge; below the figures where the picture is narrow.

    Args:
        flags: of windows that float over the picture.
        area: x, y, width and height of the picture on the screen.
        figures: where they end to the right and below.
    """
    text = told(state)
    if not text:
        return
    x, y, width, _ = area
    middle, half = x + 0.5 * width, 0.5 * imgui.calc_text_size(text).x + em(1.0)
    top = y + em(0.7) if middle - half > figures[0] else figures[1] + em(0.4)
    imgui.set_next_window_pos(ImVec2(middle, top), imgui.Cond_.always, ImVec2(0.5, 0.0))
    imgui.set_next_window_bg_alpha(SHADE)
    imgui.begin("##preview", None, flags | imgui.WindowFlags_.no_inputs)
    imgui.text_unformatted(text)
    imgui.end()


def told(state: ViewerState) -> str:
    """What it says; nothing where the user's own view is shown."""
    if not (state.path_editor.previewing and state.path_editor.path.keys):
        return ""
    leaves = bindings.hint("cancel")
    return "Preview of the path" + (f" · {leaves}: back to your view" if leaves else "")
