"""Keys of the path over the picture: a press selects one; the selected one is moved by its middle and its axes, aimed by the point it looks at, and rolled
along a ring.

A drag with Shift moves a copy.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from imgui_bundle import ImVec2, imgui
from jaxtyping import Float64

from im4d_core.geometry import project
from im4d_core.types import Camera
from viewer.events import CopyKey, Event, SelectKey, SetKeyPose
from viewer.key_gizmo import KeyHandle, dragged, handles, ring
from viewer.palette import DARK
from viewer.panels.knob import AXES, knob
from viewer.panels.widgets import colour
from viewer.state import ViewerState
from viewer.stats import Stats

_WHITE = (0.92, 0.93, 0.94, 1.0)
_ROLL = (0.78, 0.58, 0.95, 1.0)
_MOST = 64  # more keys, of a long recording, would cover the picture
_NEAREST = 0.03  # of the scene's diagonal: a key that is where the user is has no handles


def draw(state: ViewerState, stats: Stats, flags: int, area: tuple[float, float, float, float]) -> list[Event]:
    """Handles where the shown picture has the keys.

    Args:
        flags: of windows that float over the picture.
        area: x, y, width and height of the picture on the screen.
    """
    editor = state.path_editor
    hidden = not state.overlays.path or editor.previewing or state.live_since_s is not None
    if hidden or state.scene is None or stats.displayed is None or stats.compared == "split":
        return []
    camera = stats.displayed.camera
    nearest = _NEAREST * float(np.linalg.norm(state.scene.bounds[1] - state.scene.bounds[0]))
    events: list[Event] = []
    for key in editor.path.keys if len(editor.path.keys) <= _MOST else ():
        place = _on_screen(key.position, camera, area, nearest)
        if place is None or key.id == editor.selected:
            continue
        _, pressed = knob(f"key_{key.id}", *place, DARK.accent, "Click to select this key of the path", flags)
        if pressed:
            events.append(SelectKey(key_id=key.id))
    key = editor.selected_key
    if key is None:
        return events
    found = [(handle, _on_screen(handle.point, camera, area, nearest)) for handle in handles(key, camera, nearest)]
    if found and found[0][1] is not None:
        _arms([place for _, place in found], found[0][1])
    _ring(ring(key, camera, nearest), camera, area)
    for handle, place in found:
        if place is None:
            continue
        held, _ = knob(f"key_{handle.kind}{handle.axis}", *place, _rgba(handle), _explained(handle), flags)
        if held and imgui.get_io().key_shift and handle.kind in ("centre", "axis") and not state.drag_edited:
            events.append(CopyKey(key_id=key.id))  # from the next frame on the drag moves the copy
        elif held:
            mouse, scale = imgui.get_mouse_pos(), (area[2] / camera.width, area[3] / camera.height)
            pose = dragged(key, handle, camera, (mouse.x - area[0]) / scale[0], (mouse.y - area[1]) / scale[1], np.array(state.navigation.up))
            if not np.allclose(pose, key.T_world_camera, atol=1e-9):
                events.append(SetKeyPose(key_id=key.id, T_world_camera=pose))
    return events


def _on_screen(point: tuple[float, float, float], camera: Camera, area: tuple[float, float, float, float], nearest: float) -> tuple[float, float] | None:
    (uv,), (depth,) = project(camera, np.array([point]))
    u, v = float(uv[0]) * area[2] / camera.width, float(uv[1]) * area[3] / camera.height
    return (area[0] + u, area[1] + v) if depth > nearest and 0 <= u < area[2] and 0 <= v < area[3] else None


def _arms(places: list[tuple[float, float] | None], middle: tuple[float, float]) -> None:
    """Lines from the key to the ends of its handles."""
    draw = imgui.get_background_draw_list()
    for place, rgba in zip(places[1:], (*AXES, DARK.warning)):
        if place is not None:
            draw.add_line(ImVec2(*middle), ImVec2(*place), colour(rgba, 0.8), 2.0)


def _ring(points: Float64[np.ndarray, "n 3"], camera: Camera, area: tuple[float, float, float, float]) -> None:
    """The way of the handle that rolls."""
    uv, depths = project(camera, points)
    if len(points) and (depths > 0.0).all():
        scale = np.array([area[2] / camera.width, area[3] / camera.height])
        line, draw = [ImVec2(area[0] + u, area[1] + v) for u, v in (uv * scale).tolist()], imgui.get_background_draw_list()
        for start, stop in pairwise(line):
            draw.add_line(start, stop, colour(_ROLL, 0.7), 1.5)


def _rgba(handle: KeyHandle) -> tuple[float, float, float, float]:
    return AXES[handle.axis] if handle.kind == "axis" else {"centre": _WHITE, "aim": DARK.warning, "roll": _ROLL}[handle.kind]


def _explained(handle: KeyHandle) -> str:
    match handle.kind:
        case "centre":
            return "Drag to move the key, with Shift a copy of it"
        case "axis":
            return f"Drag to move the key along {'xyz'[handle.axis]}, with Shift a copy of it"
        case "aim":
            return "Drag to aim the key"
        case "roll":
            return "Drag to roll the key about its viewing direction"
