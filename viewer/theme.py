"""The look of the window: its theme, roundings, and sizes by the density of the screen."""

from __future__ import annotations

from imgui_bundle import imgui

from viewer.palette import DARK, LIGHT, RGBA, Palette
from viewer.preferences import Theme

Sizes = dict[str, float | tuple[float, float]]
"""Of widgets, by their names in ImGui's style."""
_NOTHING = (0.0, 0.0, 0.0, 0.0)


def palette() -> Palette:
    """The colours of the theme that the current ImGui style has."""
    return LIGHT if imgui.get_style().color_(imgui.Col_.window_bg).x > 0.5 else DARK


def set_shape() -> None:
    """Roundings and borders of the current ImGui style, which are the same in every theme."""
    style = imgui.get_style()
    style.window_rounding = style.frame_rounding = style.grab_rounding = style.popup_rounding = style.tab_rounding = 4.0
    style.grab_min_size = 5.0  # a mark beside the number that stands over it
    style.window_border_size = 0.0
    style.frame_border_size = 0.0


def set_theme(theme: Theme) -> None:
    """Give the current ImGui style the colours of a theme."""
    if theme == "light":
        imgui.style_colors_light()
    else:
        imgui.style_colors_dark()
    p = LIGHT if theme == "light" else DARK
    colours = {
        imgui.Col_.window_bg: p.window,
        imgui.Col_.child_bg: _NOTHING,
        imgui.Col_.popup_bg: p.popup,
        imgui.Col_.title_bg: p.title,
        imgui.Col_.title_bg_active: p.title,
        imgui.Col_.title_bg_collapsed: p.title,
        imgui.Col_.menu_bar_bg: p.title,
        imgui.Col_.frame_bg: p.field,
        imgui.Col_.frame_bg_hovered: p.field_hovered,
        imgui.Col_.frame_bg_active: p.field_active,
        imgui.Col_.button: p.button,
        imgui.Col_.button_hovered: p.button_hovered,
        imgui.Col_.button_active: p.accent,
        imgui.Col_.header: p.button,
        imgui.Col_.header_hovered: p.button_hovered,
        imgui.Col_.header_active: _faint(p.accent, 0.9),
        imgui.Col_.slider_grab: _faint(p.accent, 0.45),  # numbers stand over it
        imgui.Col_.slider_grab_active: _faint(p.accent, 0.5),
        imgui.Col_.check_mark: p.check,
        imgui.Col_.tab: p.tab,
        imgui.Col_.tab_hovered: _faint(p.accent, 0.8),
        imgui.Col_.tab_selected: p.button,
        imgui.Col_.tab_selected_overline: p.accent,
        imgui.Col_.tab_dimmed: p.tab,
        imgui.Col_.tab_dimmed_selected: p.button,
        imgui.Col_.tab_dimmed_selected_overline: _faint(p.accent, 0.5),
        imgui.Col_.scrollbar_bg: _NOTHING,
        imgui.Col_.scrollbar_grab: p.grip,
        imgui.Col_.scrollbar_grab_hovered: p.muted,
        imgui.Col_.scrollbar_grab_active: p.accent,
        imgui.Col_.resize_grip: _NOTHING,
        imgui.Col_.resize_grip_hovered: _faint(p.accent, 0.7),
        imgui.Col_.resize_grip_active: p.accent,
        imgui.Col_.table_header_bg: p.field,
        imgui.Col_.table_border_strong: p.border,
        imgui.Col_.table_border_light: p.border,
        imgui.Col_.docking_preview: _faint(p.accent, 0.5),
        imgui.Col_.border: p.border,
        imgui.Col_.separator: p.border,
        imgui.Col_.separator_hovered: _faint(p.accent, 0.7),
        imgui.Col_.separator_active: p.accent,
        imgui.Col_.nav_cursor: _NOTHING,  # keys act on the scene, not on widgets
        imgui.Col_.text_selected_bg: _faint(p.accent, 0.45),
        imgui.Col_.plot_histogram: p.accent,
        imgui.Col_.text: p.text,
        imgui.Col_.text_disabled: p.disabled,
        imgui.Col_.docking_empty_bg: _NOTHING,
        imgui.Col_.modal_window_dim_bg: p.dim,
    }
    style = imgui.get_style()
    for name, colour in colours.items():
        style.set_color_(name, imgui.ImVec4(*colour))


def _faint(colour: RGBA, opacity: float) -> RGBA:
    return (*colour[:3], opacity)


def sizes() -> Sizes:
    """Those of the current style."""
    style = imgui.get_style()
    values = {name: getattr(style, name) for name in dir(style) if not name.startswith(("__", "font_", "_next_"))}
    found: Sizes = {name: (value.x, value.y) for name, value in values.items() if isinstance(value, imgui.ImVec2)}
    return found | {name: value for name, value in values.items() if isinstance(value, float)}


def set_sizes(usual: Sizes, density: float, ui_scale: float) -> None:
    """Make text and widgets so many times as large as on a screen of usual density, and again by what the user asks for. Begins from there each time: sizes
    are rounded, and would drift."""
    style = imgui.get_style()
    for name, value in usual.items():
        setattr(style, name, value)
    style.scale_all_sizes(density * ui_scale)
    style.font_scale_dpi, style.font_scale_main = density, ui_scale
