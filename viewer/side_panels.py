"""The panels beside the picture, docked: each is a tab, and together they keep their share of the window."""

from __future__ import annotations

from collections.abc import Callable

from imgui_bundle import hello_imgui, imgui

from viewer.side import SHARE, share_of, side_width

_DOCK, _PLACE = "MainDockSpace", "Side"


class SidePanels:
    """Fits the panels to the window.

    Args:
        docking: of the window that they are in.
    """

    def __init__(self, docking: hello_imgui.DockingParams) -> None:
        self._docking = docking
        self._beside: float | None = None
        """Width of the window that they were fitted to; None before that."""
        self._share, self._fitted = SHARE, 0.0
        """What they are to have of it, and the width that they got."""

    def forget(self) -> None:
        """They are arranged anew."""
        self._beside = None

    def fit(self) -> None:
        """They keep their share of the window when its width changes; who drags their border chooses another share."""
        docking, builder, window = self._docking, imgui.internal, imgui.get_io().display_size.x
        space, panels = docking.dock_space_id_from_name(_DOCK), docking.dock_space_id_from_name(_PLACE)
        side = builder.dock_builder_get_node(panels) if panels is not None else None
        picture = builder.dock_builder_get_central_node(space) if space is not None else None
        if side is None or picture is None or window == self._beside:
            return
        parents, gap, font = (side.parent_node, picture.parent_node), imgui.get_style().docking_separator_size, imgui.get_font_size()
        neighbours = all(parent is not None and parent.id_ == space for parent in parents)
        if self._beside is None and neighbours:
            self._beside = side.size_ref.x + gap + picture.size_ref.x  # of the last start, kept with the arrangement
        if side.size_ref.x != self._fitted:
            self._share = share_of(side.size_ref.x, self._beside or window, font)
        self._beside, self._fitted = window, float(round(side_width(self._share, window, font)))
        builder.dock_builder_set_node_size(side.id_, (self._fitted, side.size_ref.y))
        if neighbours:
            builder.dock_builder_set_node_size(picture.id_, (window - gap - self._fitted, picture.size_ref.y))


def first_split() -> hello_imgui.DockingSplit:
    """Where they are at the first start."""
    return hello_imgui.DockingSplit(_DOCK, _PLACE, imgui.Dir.right, SHARE)


def docked(label: str, draw: Callable[[], None]) -> hello_imgui.DockableWindow:
    """A panel among them."""
    panel = hello_imgui.DockableWindow(label, _PLACE, draw, True, False)
    panel.remember_is_visible = False
    panel.imgui_window_flags = imgui.WindowFlags_.no_focus_on_appearing  # else the last one comes to the front whenever all appear
    return panel
