"""A strip of the timeline: its place on screen, whether the mouse holds it, and what is dragged in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from imgui_bundle import ImVec2, imgui

from viewer.panels.widgets import colour, em
from viewer.theme import palette


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 ... that is at least this large; also below 1."""
    if least <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1.0 - 1e-9))


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Where a strip is and what the mouse does with it."""

    name: str
    left: float
    top: float
    width: float
    height: float
    active: bool
    hovered: bool

    @classmethod
    def place(cls, name: str, height: float) -> Lane:
        """A strip over the width that is left, with its background."""
        width = max(imgui.get_content_region_avail().x, em(4))
        corner = imgui.get_cursor_screen_pos()
        imgui.invisible_button(name, ImVec2(width, height))
        active, hovered = imgui.is_item_active(), imgui.is_item_hovered()
        imgui.get_window_draw_list().add_rect_filled(corner, ImVec2(corner.x + width, corner.y + height), colour(palette().ground), em(0.2))
        return cls(name=name, left=corner.x, top=corner.y, width=width, height=height, active=active, hovered=hovered)

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def held(self) -> int:
        """What the present drag began on: a number of the lane's own, 0 for its empty part."""
        return imgui.get_state_storage().get_int(imgui.get_id(f"{self.name}_held"))

    def hold(self, what: int) -> None:
        """Remember what a drag is about; 0 when it ends."""
        imgui.get_state_storage().set_int(imgui.get_id(f"{self.name}_held"), what)


def diamond(x: float, y: float, size: float, *, selected: bool, timed: bool = False) -> None:
    """A key: bright when selected, with a dot when it fixes the frame of the scene."""
    draw = imgui.get_window_draw_list()
    corners = (ImVec2(x, y - size), ImVec2(x + size, y), ImVec2(x, y + size), ImVec2(x - size, y))
    draw.add_quad_filled(*corners, colour(palette().text if selected else palette().accent))
    draw.add_quad(*corners, colour(palette().ground), 1.0)
    if timed:
        draw.add_circle_filled(ImVec2(x, y), 0.35 * size, colour(palette().ground))
