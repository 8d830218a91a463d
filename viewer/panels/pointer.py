"""The values under the mouse, in a line at the foot of the picture."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.panels.widgets import colour, em, muted, steady
from viewer.stats import Stats
from viewer.theme import palette
from viewer.values import Pointed

_SEPARATOR = "  ·  "


def draw(stats: Stats, flags: int, area: tuple[float, float, float, float]) -> None:
    """Draw it.

    Args:
        flags: of windows that float over the picture.
        area: x, y, width and height of the picture on the screen.
    """
    if stats.pointed is None:
        return
    x, y, width, height = area
    imgui.set_next_window_pos(ImVec2(x + 0.5 * width, y + height - em(0.3)), imgui.Cond_.always, ImVec2(0.5, 1.0))
    words = described(stats.pointed)
    swatches = em(1.5) + (em(1.05) if stats.pointed.other is not None else 0.0)
    room = width - em(2.7) - swatches
    while len(words) > 2 and imgui.calc_text_size(_SEPARATOR.join(words)).x > room:
        words.pop()  # what comes last is what a narrow picture leaves out
    steady(imgui.calc_text_size(_SEPARATOR.join(words)).x + swatches, width - em(0.6))
    imgui.begin("##pointer", None, flags | imgui.WindowFlags_.no_inputs)
    _swatch(stats.pointed.colour)
    if stats.pointed.other is not None:
        imgui.same_line(0.0, em(0.15))
        _swatch(stats.pointed.other)
    imgui.same_line()
    muted(_SEPARATOR.join(words))
    imgui.end()


def described(pointed: Pointed) -> list[str]:
    """The values in words, as wide for every pixel as can be."""
    words = ["rgb " + " ".join(f"{value:3d}" for value in pointed.colour)]
    if pointed.other is not None:
        words[0] += "  |  " + " ".join(f"{value:3d}" for value in pointed.other)
    if pointed.depth is not None and pointed.point is not None:
        words += [f"depth {pointed.depth:.3f}", "at " + " ".join(f"{value:.3f}" for value in pointed.point)]
    return [f"{pointed.column}, {pointed.row}", *words]


def _swatch(rgb: tuple[int, int, int]) -> None:
    size, corner = em(0.9), imgui.get_cursor_screen_pos()
    red, green, blue = (value / 255.0 for value in rgb)
    draw_list, opposite = imgui.get_window_draw_list(), ImVec2(corner.x + size, corner.y + size)
    draw_list.add_rect_filled(corner, opposite, colour((red, green, blue, 1.0)))
    draw_list.add_rect(corner, opposite, colour(palette().border))
    imgui.dummy(ImVec2(size, size))
