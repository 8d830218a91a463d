"""The look of the window: colours, roundings, and sizes by the density of the screen."""

from __future__ import annotations

from imgui_bundle import imgui

Sizes = dict[str, float | tuple[float, float]]
"""Of widgets, by their names in ImGui's style."""


def set_style() -> None:
    """Change the current ImGui style; its theme is darcula's darker one underneath."""
    style = imgui.get_style()
    style.window_rounding = style.frame_rounding = style.grab_rounding = style.popup_rounding = style.tab_rounding = 4.0
    style.window_border_size = 0.0
    style.frame_border_size = 0.0
    accent = (0.25, 0.62, 0.58)
    colours = {
        imgui.Col_.window_bg: (0.105, 0.112, 0.125, 1.0),
        imgui.Col_.popup_bg: (0.13, 0.14, 0.155, 0.98),
        imgui.Col_.title_bg: (0.085, 0.09, 0.10, 1.0),
        imgui.Col_.title_bg_active: (0.085, 0.09, 0.10, 1.0),
        imgui.Col_.frame_bg: (0.175, 0.187, 0.205, 1.0),
        imgui.Col_.frame_bg_hovered: (0.215, 0.23, 0.25, 1.0),
        imgui.Col_.frame_bg_active: (0.24, 0.26, 0.285, 1.0),
        imgui.Col_.button: (0.20, 0.214, 0.235, 1.0),
        imgui.Col_.button_hovered: (0.27, 0.29, 0.315, 1.0),
        imgui.Col_.button_active: (*accent, 1.0),
        imgui.Col_.header: (0.20, 0.214, 0.235, 1.0),
        imgui.Col_.header_hovered: (0.26, 0.28, 0.305, 1.0),
        imgui.Col_.header_active: (*accent, 0.9),
        imgui.Col_.slider_grab: (*accent, 0.6),  # numbers stand over it
        imgui.Col_.slider_grab_active: (*accent, 1.0),
        imgui.Col_.check_mark: (0.40, 0.80, 0.75, 1.0),
        imgui.Col_.tab: (0.12, 0.128, 0.142, 1.0),
        imgui.Col_.tab_hovered: (*accent, 0.8),
        imgui.Col_.tab_selected: (0.20, 0.214, 0.235, 1.0),
        imgui.Col_.tab_selected_overline: (*accent, 1.0),
        imgui.Col_.tab_dimmed: (0.12, 0.128, 0.142, 1.0),
        imgui.Col_.tab_dimmed_selected: (0.20, 0.214, 0.235, 1.0),
        imgui.Col_.tab_dimmed_selected_overline: (*accent, 0.5),
        imgui.Col_.border: (0.23, 0.245, 0.27, 1.0),
        imgui.Col_.separator_hovered: (*accent, 0.7),
        imgui.Col_.separator_active: (*accent, 1.0),
        imgui.Col_.nav_cursor: (0.0, 0.0, 0.0, 0.0),  # keys act on the scene, not on widgets
        imgui.Col_.text_selected_bg: (*accent, 0.45),
        imgui.Col_.plot_histogram: (*accent, 1.0),
        imgui.Col_.separator: (0.23, 0.245, 0.27, 1.0),
        imgui.Col_.text: (0.90, 0.91, 0.92, 1.0),
        imgui.Col_.text_disabled: (0.55, 0.58, 0.61, 1.0),
        imgui.Col_.docking_empty_bg: (0.0, 0.0, 0.0, 0.0),
    }
    for name, colour in colours.items():
        style.set_color_(name, imgui.ImVec4(*colour))


def sizes() -> Sizes:
    """Those of the current style."""
    style = imgui.get_style()
    values = {name: getattr(style, name) for name in dir(style) if not name.startswith(("__", "font_", "_next_"))}
    found: Sizes = {name: (value.x, value.y) for name, value in values.items() if isinstance(value, imgui.ImVec2)}
    return found | {name: value for name, value in values.items() if isinstance(value, float)}


def set_sizes(usual: Sizes, density: float) -> None:
    """Make text and widgets so many times as large as on a screen of usual density. Begins from there each time: sizes are rounded, and would drift."""
    style = imgui.get_style()
    for name, value in usual.items():
        setattr(style, name, value)
    style.scale_all_sizes(density)
    style.font_scale_dpi = density
