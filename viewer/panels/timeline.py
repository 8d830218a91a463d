"""The ruler of scene time with the playhead and the cached frames, and below it the path with its keys."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui

from viewer.events import Event, SelectKey, SetFrame, SetKeyTime, SetPathTime
from viewer.panels.widgets import ACCENT, MUTED, colour, em, gesture, tooltip
from viewer.state import ViewerState, shown_index
from viewer.stats import Cached, Stats

_BACK = (0.085, 0.09, 0.10, 1.0)
_TEXT = (0.90, 0.91, 0.92, 1.0)
_CACHED = {
    Cached.MISSING: (0.42, 0.20, 0.20, 1.0),
    Cached.DISK: (0.26, 0.28, 0.31, 1.0),
    Cached.HOST: (0.20, 0.40, 0.52, 1.0),
    Cached.DEVICE: (0.25, 0.62, 0.58, 1.0),
}
_CACHED_TEXT = {
    Cached.MISSING: "no occupancy yet: fast mode needs it",
    Cached.DISK: "on disk",
    Cached.HOST: "in host memory",
    Cached.DEVICE: "ready to render",
}


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 ... that is at least this large; also below 1."""
    if least <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1.0 - 1e-9))


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    """Both lanes, over the width that is left."""
    return [*_scene_lane(state, stats), *_path_lane(state)]


def _lane(name: str, height: float) -> tuple[float, float, float, bool, bool]:
    """Room for a lane: left, top, width of it; whether it is held and hovered."""
    width = max(imgui.get_content_region_avail().x, em(4))
    corner = imgui.get_cursor_screen_pos()
    imgui.invisible_button(name, ImVec2(width, height))
    active, hovered = imgui.is_item_active(), imgui.is_item_hovered()
    imgui.get_window_draw_list().add_rect_filled(corner, ImVec2(corner.x + width, corner.y + height), colour(_BACK), em(0.2))
    return corner.x, corner.y, width, active, hovered


def _scene_lane(state: ViewerState, stats: Stats) -> list[Event]:
    height, ruler = em(1.9), em(1.35)
    left, top, width, active, hovered = _lane("##scene_time", height)
    if state.scene is None:
        return []
    frames, index = state.scene.frames, shown_index(state)
    pitch = width / len(frames)
    draw = imgui.get_window_draw_list()

    def centre(i: int) -> float:
        return left + (i + 0.5) * pitch

    step = max(round(nice_step(em(3.2) / pitch)), 1)
    minor = max(step // 5 if step % 5 == 0 else step // 2, 1)
    for i in range(0, len(frames), minor if pitch * minor >= em(0.35) else step):
        major = i % step == 0
        draw.add_line(ImVec2(centre(i), top + ruler - em(0.5 if major else 0.22)), ImVec2(centre(i), top + ruler), colour(MUTED, 0.9 if major else 0.45))
        label = str(frames[i])
        if major and centre(i) + em(0.25) + imgui.calc_text_size(label).x < left + width:
            draw.add_text(ImVec2(centre(i) + em(0.25), top + em(0.08)), colour(MUTED), label)
    _cache_bar(stats, left, top + ruler + em(0.08), width, em(0.3), len(frames))
    x = centre(index)
    half = max(min(0.5 * pitch, em(0.3)), 1.0)
    draw.add_rect_filled(ImVec2(x - half, top), ImVec2(x + half, top + height), colour(ACCENT, 0.35))
    draw.add_line(ImVec2(x, top), ImVec2(x, top + height), colour(_TEXT), 1.5)
    under = min(max(int((imgui.get_io().mouse_pos.x - left) / pitch), 0), len(frames) - 1)
    if hovered and not active:
        cached = stats.cache[under] if under < len(stats.cache) else None
        tooltip(f"frame {frames[under]}" + (f", {_CACHED_TEXT[cached]}" if cached is not None else ""))
    return [SetFrame(index=under)] if active and under != index else []


def _cache_bar(stats: Stats, left: float, top: float, width: float, height: float, n_frames: int) -> None:
    """Runs of frames that are cached alike, as bars."""
    draw, cache = imgui.get_window_draw_list(), stats.cache[:n_frames]
    start = 0
    for i in range(1, len(cache) + 1):
        if i == len(cache) or cache[i] != cache[start]:
            x0, x1 = left + width * start / n_frames, left + width * i / n_frames
            draw.add_rect_filled(ImVec2(x0, top), ImVec2(max(x1, x0 + 1.0), top + height), colour(_CACHED[cache[start]]))
            start = i


def _path_lane(state: ViewerState) -> list[Event]:
    height = em(1.75)
    left, top, width, active, hovered = _lane("##path_time", height)
    editor, draw = state.path_editor, imgui.get_window_draw_list()
    path, inset, middle = editor.path, em(0.6), top + em(0.48)
    if not path.keys:
        draw.add_text(ImVec2(left + inset, top + em(0.35)), colour(MUTED, 0.8), "Camera path: press K to add a key")
        return []
    end_s = path.start_s + path.duration_s
    span_s = nice_step(max(end_s * 1.02, 1.0))
    scale = (width - 2 * inset) / span_s

    def at(time_s: float) -> float:
        return left + inset + time_s * scale

    step = nice_step(em(5.0) / scale)
    for i in range(int(span_s / step) + 1):
        x = at(i * step)
        draw.add_line(ImVec2(x, top + em(0.95)), ImVec2(x, top + height), colour(MUTED, 0.35))
        label = f"{i * step:g} s"
        if x + em(0.25) + imgui.calc_text_size(label).x < left + width:
            draw.add_text(ImVec2(x + em(0.25), top + em(0.82)), colour(MUTED, 0.75), label)
    draw.add_line(ImVec2(at(path.start_s), middle), ImVec2(at(path.keys[-1].time_s), middle), colour(ACCENT, 0.9), 2.0)
    if path.closed:
        draw.add_line(ImVec2(at(path.keys[-1].time_s), middle), ImVec2(at(end_s), middle), colour(ACCENT, 0.4), 2.0)
    for key in path.keys:
        _diamond(at(key.time_s), middle, em(0.38), selected=key.id == editor.selected, timed=key.scene_frame is not None)
    x = at(editor.time_s)
    draw.add_line(ImVec2(x, top), ImVec2(x, top + height), colour(_TEXT, 1.0 if editor.previewing else 0.45), 1.5)
    mouse = imgui.get_io().mouse_pos.x
    near = min(path.keys, key=lambda key: abs(at(key.time_s) - mouse))
    on_key = abs(at(near.time_s) - mouse) <= em(0.5)
    if hovered and not active:
        tooltip(f"key at {near.time_s:.2f} s: drag to move it in time" if on_key else "path: drag to look along it")
    return _path_lane_events(state, active, near.id if on_key else None, (mouse - left - inset) / scale, scale)


def _path_lane_events(state: ViewerState, active: bool, key_id: int | None, time_s: float, scale: float) -> list[Event]:
    """A press on a key selects it and a drag from there moves it; a press elsewhere looks along the path."""
    editor, io = state.path_editor, imgui.get_io()
    storage, dragging = imgui.get_state_storage(), imgui.get_id("##dragged_key")
    if not active:
        storage.set_int(dragging, 0)
        return []
    if imgui.is_mouse_clicked(0) and key_id is not None:
        storage.set_int(dragging, key_id)
        return [SelectKey(key_id=key_id, go_there=True)]
    held = next((key for key in editor.path.keys if key.id == storage.get_int(dragging)), None)
    if held is None:
        return [SetPathTime(time_s=time_s)] if abs(time_s - editor.time_s) * scale >= 0.5 or not editor.previewing else []
    if io.mouse_delta.x and imgui.is_mouse_dragging(0):
        moved = held.time_s + io.mouse_delta.x / scale  # by difference, because the scale may change under the drag
        return [SetKeyTime(key_id=held.id, time_s=moved, gesture=gesture())]
    return []


def _diamond(x: float, y: float, size: float, *, selected: bool, timed: bool) -> None:
    """A key: bright when selected, with a dot when it fixes the frame of the scene."""
    draw = imgui.get_window_draw_list()
    corners = (ImVec2(x, y - size), ImVec2(x + size, y), ImVec2(x, y + size), ImVec2(x - size, y))
    draw.add_quad_filled(*corners, colour(_TEXT if selected else ACCENT))
    draw.add_quad(*corners, colour(_BACK), 1.0)
    if timed:
        draw.add_circle_filled(ImVec2(x, y), 0.35 * size, colour(_BACK))
