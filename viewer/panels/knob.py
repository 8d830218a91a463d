"""A round handle over the picture."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.panels.widgets import colour, em, tooltip

AXES = ((0.95, 0.35, 0.35, 1.0), (0.45, 0.85, 0.4, 1.0), (0.4, 0.6, 1.0, 1.0))
_SHADE = (0.06, 0.07, 0.08, 0.8)


def knob(name: str, x: float, y: float, rgba: tuple[float, float, float, float], why: str, flags: int) -> tuple[bool, bool]:
    """A handle that takes the mouse: whether it is being dragged, and whether it was pressed just now.

    Args:
        why: what it does, for its tooltip.
        flags: of windows that float over the picture.
    """
    size = em(1.3)
    imgui.set_next_window_pos(ImVec2(x - 0.5 * size, y - 0.5 * size))
    imgui.set_next_window_size(ImVec2(size, size))
    imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(0.0, 0.0))
    imgui.push_style_var(imgui.StyleVar_.window_min_size, ImVec2(1.0, 1.0))
    imgui.push_style_var(imgui.StyleVar_.window_border_size, 0.0)
    imgui.begin(f"##{name}", None, (flags & ~imgui.WindowFlags_.always_auto_resize) | imgui.WindowFlags_.no_background)
    imgui.invisible_button("##knob", ImVec2(size, size))
    active, hovered, pressed = imgui.is_item_active(), imgui.is_item_hovered(), imgui.is_item_activated()
    if not active:
        tooltip(why)
    draw_list = imgui.get_window_draw_list()
    draw_list.add_circle_filled(ImVec2(x, y), em(0.5), colour(_SHADE))
    draw_list.add_circle_filled(ImVec2(x, y), em(0.42 if hovered or active else 0.34), colour(rgba))
    imgui.end()
    imgui.pop_style_var(3)
    return active and imgui.is_mouse_dragging(0, 0.0), pressed
