"""Two depths to be dragged or typed, in the Camera and Render panels."""

from __future__ import annotations

from imgui_bundle import imgui

from im4d_core.geometry import box_depth_range
from viewer.near_far import LEAST, NearFar
from viewer.panels.widgets import row
from viewer.state import ViewerState
from viewer.stats import Stats


def of_the_box(state: ViewerState, stats: Stats) -> NearFar:
    """The depths of the box of the frame that is shown."""
    if state.scene is None or stats.displayed is None or stats.displayed.frame not in state.scene.frames:
        return 0.0, 1.0
    near, far = box_depth_range(stats.displayed.camera, state.scene.box(stats.displayed.frame))
    return max(near, 0.0), max(far, LEAST)


def numbers(name: str, depths: NearFar) -> NearFar:
    """Both, as they are now.

    Args:
        name: of the widget.
    """
    row("Near, far")
    changed, values = imgui.drag_float2(f"##{name}", list(depths), 0.01, 0.0, 1e4, "%.2f")
    return (values[0], values[1]) if changed else depths
