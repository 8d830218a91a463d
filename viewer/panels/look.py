"""Exposure, colours and range of what is shown. A part of the Render panel."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import imgui

from viewer.events import Event, SetLook
from viewer.look import COLORMAPS, EXPOSURES
from viewer.panels import near_far
from viewer.panels.widgets import row, tooltip
from viewer.state import ViewerState
from viewer.stats import Stats


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    """The settings that matter for what is shown."""
    before = state.picture.look
    after = before
    output = state.picture.output
    if output == "colour":
        row("Exposure")
        changed, stops = imgui.slider_float("##exposure", before.exposure, *EXPOSURES, "%+.1f stops")
        tooltip("Doubles the light with every stop; Ctrl + click to type")
        if changed:
            after = replace(after, exposure=0.0 if abs(stops) < 0.05 else stops)
    elif output in ("depth", "opacity"):
        row("Colours")
        changed, index = imgui.combo("##colormap", COLORMAPS.index(before.colormap), [name.capitalize() for name in COLORMAPS])
        if changed:
            after = replace(after, colormap=COLORMAPS[index])
        row("Inverted")
        changed, inverted = imgui.checkbox("##inverted", before.inverted)
        if changed:
            after = replace(after, inverted=inverted)
    if output == "depth":
        after = replace(after, depths=_range(state, stats))
    return [SetLook(look=after)] if after != before else []


def _range(state: ViewerState, stats: Stats) -> tuple[float, float] | None:
    """The depths that the colours span."""
    depths = state.picture.look.depths
    row("Range")
    changed, automatic = imgui.checkbox("of the box##depth_range", depths is None)
    tooltip("Colours span the depths of the frame's box; otherwise those below")
    if changed:
        depths = None if automatic else near_far.of_the_box(state, stats)
    return None if depths is None else near_far.numbers("depths", depths)
