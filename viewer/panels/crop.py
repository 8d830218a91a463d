"""The crop box: a part of the Display panel, and its handles over the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from imgui_bundle import imgui

from im4d_core.geometry import project
from viewer.crop import Crop, dragged, handles, whole
from viewer.events import Event, SetCrop
from viewer.panels.knob import AXES, knob
from viewer.panels.widgets import button, note, row, section
from viewer.state import ViewerState
from viewer.stats import Stats


def draw(state: ViewerState) -> list[Event]:
    """Switch and numbers."""
    section("Crop")
    crop = after = state.crop
    row("Only a box")
    changed, on = imgui.checkbox("##crop", crop.on)
    if changed:
        after = replace(after, on=on)
    if crop.on:
        after = _numbers(after)
        note("Drag the handles over the picture. Exports take the box along, unless the Export panel says otherwise.")
        if state.scene is not None and button("Whole scene##crop_whole", width=-1.0):
            after = replace(whole(state.scene.bounds), on=True)
    return [SetCrop(crop=after)] if after != crop else []


def draw_handles(state: ViewerState, stats: Stats, flags: int, area: tuple[float, float, float, float]) -> list[Event]:
    """A handle on each side of the box, where the shown picture has it.

    Args:
        flags: of windows that float over the picture.
        area: x, y, width and height of the picture on the screen.
    """
    events: list[Event] = []
    if not state.crop.on or stats.displayed is None or stats.compared == "split":
        return events
    x, y, width, height = area
    camera = stats.displayed.camera
    scale = np.array([width / camera.width, height / camera.height])
    for handle in handles(state.crop):
        (uv,), (depth,) = project(camera, np.array([handle.point]))
        u, v = uv * scale
        if depth <= 0 or not (0 <= u < width and 0 <= v < height):
            continue
        name = f"crop_{'xyz'[handle.axis]}{int(handle.above)}"
        held, _ = knob(name, x + float(u), y + float(v), AXES[handle.axis], "Drag to move this side of the crop box", flags)
        if held:
            mouse = imgui.get_mouse_pos()
            after = dragged(state.crop, handle, camera, (mouse.x - x) / scale[0], (mouse.y - y) / scale[1])
            if after != state.crop:
                events.append(SetCrop(crop=after))
    return events


def _numbers(crop: Crop) -> Crop:
    row("From")
    changed, values = imgui.drag_float3("##crop_low", list(crop.low), 0.005, 0.0, 0.0, "%.3f")
    if changed:
        crop = replace(crop, low=(values[0], values[1], values[2]))
    row("To")
    changed, values = imgui.drag_float3("##crop_high", list(crop.high), 0.005, 0.0, 0.0, "%.3f")
    return replace(crop, high=(values[0], values[1], values[2])) if changed else crop
