"""Pieces that the panels share: rows with labels, buttons bound to actions, choices. Sizes are in font heights, so they follow the screen's scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from imgui_bundle import ImVec2, imgui

from viewer import bindings
from viewer.events import Event, Triggered
from viewer.palette import RGBA
from viewer.theme import palette

LABEL_EM = 6.2
SHADE = 0.82
"""Opacity of the ground of what floats over the picture: it is read over lines and bright subjects, too."""
_STEP_EM = 4.0
_HELP = {key.action: key.help for key in bindings.KEYS}


def em(count: float) -> float:
    """Font heights in pixels."""
    return imgui.get_font_size() * count


def colour(rgba: RGBA, alpha: float = 1.0) -> int:
    """For draw lists."""
    red, green, blue, opacity = rgba
    return imgui.color_convert_float4_to_u32(imgui.ImVec4(red, green, blue, opacity * alpha))


def steady(text_width: float, most: float) -> None:
    """The next window, whose text changes all the time, is as wide as its text at once, and in steps: it keeps its size while digits come and go."""
    wanted = text_width + 2.0 * imgui.get_style().window_padding.x
    imgui.set_next_window_size_constraints(ImVec2(min(math.ceil(wanted / em(_STEP_EM)) * em(_STEP_EM), most), 0.0), ImVec2(most, 1e6))
    imgui.set_next_window_bg_alpha(SHADE)


def icon(glyph: str, text: str) -> str:
    """An icon where the font has it, else words."""
    return glyph if imgui.get_font().is_glyph_in_font(ord(glyph)) else text


def muted(text: str) -> None:
    imgui.text_colored(imgui.ImVec4(*palette().muted), text)


def note(text: str, rgba: RGBA | None = None) -> None:
    """Wrapped text in a colour; muted where none is named."""
    imgui.push_style_color(imgui.Col_.text, imgui.ImVec4(*(palette().muted if rgba is None else rgba)))
    imgui.push_text_wrap_pos(0.0)
    imgui.text_unformatted(text)
    imgui.pop_text_wrap_pos()
    imgui.pop_style_color()


def section(text: str) -> None:
    """A heading with room above it."""
    imgui.dummy(ImVec2(0.0, em(0.15)))
    imgui.separator_text(text)


def row(label: str) -> None:
    """A label on the left; the next widget fills the rest of the line."""
    imgui.align_text_to_frame_padding()
    muted(label)
    imgui.same_line(em(LABEL_EM))
    imgui.set_next_item_width(-1.0)


def fact(label: str, value: str) -> None:
    """A label and a value that wraps."""
    muted(label)
    imgui.same_line(em(LABEL_EM))
    imgui.push_text_wrap_pos(0.0)
    imgui.text_unformatted(value)
    imgui.pop_text_wrap_pos()


def tooltip(text: str) -> None:
    """Of the last widget, and of the label of its row."""
    if _is_hovered() or _label_is_hovered():
        _tell(text)


def _is_hovered() -> bool:
    return imgui.is_item_hovered(imgui.HoveredFlags_.for_tooltip | imgui.HoveredFlags_.allow_when_disabled)


def _label_is_hovered() -> bool:
    """Whether the mouse rests on the label that `row` put before the last widget."""
    least, most, window = imgui.get_item_rect_min(), imgui.get_item_rect_max(), imgui.get_window_pos()
    after_label = abs(least.x - (window.x - imgui.get_scroll_x() + em(LABEL_EM))) < 1.0
    label = ImVec2(window.x, least.y), ImVec2(least.x, most.y)
    return after_label and imgui.is_mouse_hovering_rect(*label) and imgui.is_window_hovered(imgui.HoveredFlags_.for_tooltip)


def _tell(text: str) -> None:
    imgui.begin_tooltip()
    imgui.push_text_wrap_pos(em(24))
    imgui.text_unformatted(text)
    imgui.pop_text_wrap_pos()
    imgui.end_tooltip()


def explained(action: str) -> str:
    """What an action does and its key, for tooltips."""
    hint, text = bindings.hint(action), _HELP.get(action, "")
    text = text[:1].upper() + text[1:]
    return f"{text} ({hint})" if hint and text else text or hint


def button(label: str, *, width: float = 0.0, on: bool = False, enabled: bool = True, why: str = "") -> bool:
    """A button; `on` shows it pressed. `why` is its tooltip."""
    imgui.begin_disabled(not enabled)
    if on:
        imgui.push_style_color(imgui.Col_.button, imgui.ImVec4(*palette().accent))
        imgui.push_style_color(imgui.Col_.button_hovered, imgui.ImVec4(*palette().accent))
    clicked = imgui.button(label, ImVec2(width, 0.0))
    if on:
        imgui.pop_style_color(2)
    imgui.end_disabled()
    if why and _is_hovered():
        _tell(why)
    return clicked


def action(label: str, name: str, *, width: float = 0.0, on: bool = False, enabled: bool = True, why: str = "") -> list[Event]:
    """A button for an action of the table; its tooltip says what it does and its key."""
    return [Triggered(action=name)] if button(label, width=width, on=on, enabled=enabled, why=why or explained(name)) else []


def choice(name: str, options: Sequence[str], current: str, labels: Sequence[str] | None = None, whys: Sequence[str] = ()) -> str | None:
    """Buttons side by side over the rest of the line, one of them on. The option clicked, if it is another one."""
    spacing = imgui.get_style().item_inner_spacing.x
    width = (imgui.get_content_region_avail().x - spacing * (len(options) - 1)) / len(options)
    clicked = None
    for i, option in enumerate(options):
        if i:
            imgui.same_line(0.0, spacing)
        label = labels[i] if labels is not None else option
        if button(f"{label}##{name}_{option}", width=width, on=option == current, why=whys[i] if i < len(whys) else "") and option != current:
            clicked = option
    return clicked


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def megabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 10 * 2**30 else f"{count / 2**20:.0f} MB"


def seconds(duration_s: float) -> str:
    """A duration to be read: 7.5 s, 2:05, 1:02:03."""
    if duration_s < 60:
        return f"{duration_s:.1f} s"
    whole = round(duration_s)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
