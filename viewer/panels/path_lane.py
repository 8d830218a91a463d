"""The path in its own time: keys to drag and to copy, and the playhead of the preview."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from im4d_core.camera_path import CameraPath, Keyframe
from viewer import bindings
from viewer.events import CopyKey, Event, SelectKey, SetKeyTime, SetPathTime
from viewer.panels.lane import Lane, diamond, nice_step
from viewer.panels.widgets import colour, em, tooltip
from viewer.state import ViewerState
from viewer.theme import palette

_SELECTED = -1
"""Held instead of a key's id: the copy that is dragged, which is selected and whose id the state chose."""


def at_time(lane: Lane, path: CameraPath, time_s: float) -> float:
    """Where a moment of the path is on screen."""
    return lane.left + em(0.6) + time_s * _scale(lane, path)


def draw(lane: Lane, state: ViewerState) -> list[Event]:
    editor, draw = state.path_editor, imgui.get_window_draw_list()
    path, middle = editor.path, lane.top + em(0.48)
    if not path.keys:
        draw.add_text(ImVec2(lane.left + em(0.6), lane.top + em(0.35)), colour(palette().muted, 0.8), f"Camera path: {bindings.press('key_add')} to add a key")
        return []
    end_s = path.start_s + path.duration_s
    _seconds(lane, path)
    last = ImVec2(at_time(lane, path, path.keys[-1].time_s), middle)
    draw.add_line(ImVec2(at_time(lane, path, path.start_s), middle), last, colour(palette().accent, 0.9), 2.0)
    if path.closed:
        draw.add_line(last, ImVec2(at_time(lane, path, end_s), middle), colour(palette().accent, 0.4), 2.0)
    for key in path.keys:
        diamond(at_time(lane, path, key.time_s), middle, em(0.38), selected=key.id == editor.selected, timed=key.scene_frame is not None)
    x = at_time(lane, path, editor.time_s)
    draw.add_line(ImVec2(x, lane.top), ImVec2(x, lane.bottom), colour(palette().text, 1.0 if editor.previewing else 0.45), 1.5)
    mouse = imgui.get_io().mouse_pos.x
    near = min(path.keys, key=lambda key: abs(at_time(lane, path, key.time_s) - mouse))
    on_key = abs(at_time(lane, path, near.time_s) - mouse) <= em(0.5)
    if lane.hovered and not lane.active:
        tooltip(f"key at {near.time_s:.2f} s: drag to move it in time, with Shift to copy it" if on_key else "path: drag to look along it")
    return _drag(lane, state, near if on_key else None, (mouse - lane.left - em(0.6)) / _scale(lane, path))


def _scale(lane: Lane, path: CameraPath) -> float:
    """Pixels per second."""
    return (lane.width - 2 * em(0.6)) / nice_step(max((path.start_s + path.duration_s) * 1.02, 1.0))


def _seconds(lane: Lane, path: CameraPath) -> None:
    draw, scale = imgui.get_window_draw_list(), _scale(lane, path)
    step = nice_step(em(5.0) / scale)
    for i in range(int((lane.width - 2 * em(0.6)) / scale / step) + 1):
        x = at_time(lane, path, i * step)
        draw.add_line(ImVec2(x, lane.top + em(0.95)), ImVec2(x, lane.bottom), colour(palette().muted, 0.35))
        label = f"{i * step:g} s"
        if x + em(0.25) + imgui.calc_text_size(label).x < lane.left + lane.width:
            draw.add_text(ImVec2(x + em(0.25), lane.top + em(0.82)), colour(palette().muted, 0.75), label)


def _drag(lane: Lane, state: ViewerState, pressed: Keyframe | None, time_s: float) -> list[Event]:
    """A press on a key selects it and a drag from there moves it, or with Shift a copy of it; a press elsewhere looks along the path."""
    editor, io, scale = state.path_editor, imgui.get_io(), _scale(lane, state.path_editor.path)
    if not lane.active:
        lane.hold(0)
        return []
    if imgui.is_mouse_clicked(0) and pressed is not None:
        lane.hold(pressed.id)
        return [SelectKey(key_id=pressed.id, go_there=True)]
    held = editor.selected_key if lane.held == _SELECTED else next((key for key in editor.path.keys if key.id == lane.held), None)
    if held is None:
        return [SetPathTime(time_s=time_s)] if abs(time_s - editor.time_s) * scale >= 0.5 or not editor.previewing else []
    if not (io.mouse_delta.x and imgui.is_mouse_dragging(0)):
        return []
    moved = held.time_s + io.mouse_delta.x / scale  # by difference, because the scale may change under the drag
    if io.key_shift and lane.held != _SELECTED:
        lane.hold(_SELECTED)
        return [CopyKey(key_id=held.id, time_s=moved)]
    return [SetKeyTime(key_id=held.id, time_s=moved)]
