"""The ruler of scene time above the path with its keys; lines between the two tell which frame a key shows, so that frozen time is seen."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.events import Event
from viewer.panels import path_lane, scene_lane
from viewer.panels.lane import Lane, nice_step
from viewer.panels.widgets import colour, em
from viewer.state import ViewerState
from viewer.stats import Stats
from viewer.theme import palette

__all__ = ["draw", "nice_step"]


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    """Both lanes, over the width that is left."""
    scene = Lane.place("##scene_time", em(2.35))
    path = Lane.place("##path_time", em(1.75))
    events = scene_lane.draw(scene, state, stats) + path_lane.draw(path, state)
    _links(scene, path, state)
    return events


def _links(scene: Lane, path: Lane, state: ViewerState) -> None:
    """From each key that fixes a frame to that frame: two lines to one frame are bullet time."""
    if state.scene is None:
        return
    draw = imgui.get_window_draw_list()
    for key in state.path_editor.path.keys:
        if key.scene_frame is None:
            continue
        above = ImVec2(scene_lane.at_frame(scene, state.scene.frames, key.scene_frame), scene.bottom)
        below = ImVec2(path_lane.at_time(path, state.path_editor.path, key.time_s), path.top)
        draw.add_line(above, below, colour(palette().muted, 0.9 if key.id == state.path_editor.selected else 0.45))
