"""The ruler of scene time: playhead, cached frames, the range that plays, and the frames that keys of the path fix."""

from __future__ import annotations

from collections.abc import Sequence

from imgui_bundle import ImVec2, imgui

from im4d_core.camera_path import Keyframe
from viewer import bindings
from viewer.events import Event, SelectKey, SetFrame, SetKeyFrame, SetRange
from viewer.panels.lane import Lane, diamond, nice_step
from viewer.panels.widgets import action, colour, em, tooltip
from viewer.state import ViewerState, shown_index, shown_onward
from viewer.stats import Cached, Stats
from viewer.theme import palette
from viewer.transport import played_range

_CACHED_TEXT = {
    Cached.DISK: "on disk",
    Cached.HOST: "in host memory",
    Cached.DEVICE: "ready to render",
}
_PLAYHEAD, _IN, _OUT = 1, 2, 3
_KEYS = 10  # a drag of a key holds this plus its id


def at_frame(lane: Lane, frames: Sequence[int], frame: float) -> float:
    """Where a frame of the scene, or a moment between two, is on screen."""
    after = next((i for i, known in enumerate(frames) if known >= frame), len(frames) - 1)
    before = max(after - 1, 0) if frames[after] > frame else after
    gap = frames[after] - frames[before]
    place = before + ((frame - frames[before]) / gap if gap else 0.0)
    return lane.left + (min(max(place, 0.0), len(frames) - 1.0) + 0.5) * lane.width / len(frames)


def draw(lane: Lane, state: ViewerState, stats: Stats) -> list[Event]:
    if state.scene is None:
        return []
    frames = state.scene.frames
    pitch, ruler = lane.width / len(frames), lane.top + em(1.35)
    _ticks(lane, frames, pitch, ruler)
    _cache_bar(stats, lane, ruler + em(0.06), em(0.3), len(frames))
    _range(lane, state, pitch)
    _playhead(lane, state, stats, pitch)
    keys = [key for key in state.path_editor.path.keys if key.scene_frame is not None]
    for key in keys:
        diamond(at_frame(lane, frames, key.scene_frame or 0.0), _key_row(lane), em(0.3), selected=key.id == state.path_editor.selected)
    events = _menu(lane, state)
    under = min(max(int((imgui.get_io().mouse_pos.x - lane.left) / pitch), 0), len(frames) - 1)
    what = _under_mouse(lane, state, pitch, keys)
    if lane.hovered and not lane.active:
        tooltip(_explained(what, frames[under], stats, under))
    return events + _drag(lane, state, what, under)


def _key_row(lane: Lane) -> float:
    return lane.bottom - em(0.33)


def _edges(lane: Lane, state: ViewerState, pitch: float) -> tuple[float, float]:
    """Where the range begins and ends on screen."""
    low, high = played_range(state.transport, 0 if state.scene is None else len(state.scene.frames))
    return lane.left + low * pitch, lane.left + (high + 1) * pitch


def _is_part(state: ViewerState) -> bool:
    return state.transport.first > 0 or state.transport.last is not None


def _under_mouse(lane: Lane, state: ViewerState, pitch: float, keys: Sequence[Keyframe]) -> int:
    """What a press would take hold of."""
    mouse = imgui.get_io().mouse_pos
    frames = () if state.scene is None else state.scene.frames
    if mouse.y > _key_row(lane) - em(0.35):
        near = min(keys, key=lambda key: abs(at_frame(lane, frames, key.scene_frame or 0.0) - mouse.x), default=None)
        if near is not None and abs(at_frame(lane, frames, near.scene_frame or 0.0) - mouse.x) <= em(0.45):
            return _KEYS + near.id
    if _is_part(state):
        start, stop = _edges(lane, state, pitch)
        for what, x in ((_IN, start), (_OUT, stop)):
            if abs(mouse.x - x) <= em(0.3):
                return what
    return _PLAYHEAD


def _explained(what: int, frame: int, stats: Stats, under: int) -> str:
    if what == _IN:
        return bindings.keyed("the range begins here: drag, or set it to the frame shown", "range_in")
    if what == _OUT:
        return bindings.keyed("the range ends here: drag, or set it to the frame shown", "range_out")
    if what >= _KEYS:
        return "a key of the path shows this frame: drag to choose another"
    where = f", {_CACHED_TEXT[stats.cache[under]]}" if under < len(stats.cache) else ""
    return f"frame {frame}{where}" + ("; no occupancy yet: fast mode needs it" if not all(stats.occupied[under : under + 1]) else "")


def _drag(lane: Lane, state: ViewerState, what: int, under: int) -> list[Event]:
    """A press takes hold of the playhead, an end of the range or a key; a drag moves it."""
    if not lane.active:
        lane.hold(0)
        return []
    if imgui.is_mouse_clicked(0):
        lane.hold(what)
        if what >= _KEYS:
            return [SelectKey(key_id=what - _KEYS)]
    low, high = played_range(state.transport, 0 if state.scene is None else len(state.scene.frames))
    held = lane.held
    if held == _IN:
        return [SetRange(first=min(under, high), last=state.transport.last)] if min(under, high) != low else []
    if held == _OUT:
        return [SetRange(first=state.transport.first, last=max(under, low))] if max(under, low) != high else []
    if held >= _KEYS:
        key = next((key for key in state.path_editor.path.keys if key.id == held - _KEYS), None)
        frame = float(state.scene.frames[under]) if state.scene is not None else 0.0
        moved = imgui.is_mouse_dragging(0) and key is not None and key.scene_frame != frame
        return [SetKeyFrame(key_id=held - _KEYS, scene_frame=frame)] if moved else []
    return [SetFrame(index=under)] if under != shown_index(state) else []


def _menu(lane: Lane, state: ViewerState) -> list[Event]:
    """What the right mouse button offers."""
    events: list[Event] = []
    if lane.hovered and imgui.is_mouse_released(imgui.MouseButton_.right):
        imgui.open_popup("##range_menu")
    if imgui.begin_popup("##range_menu"):
        events += action("Range begins at the frame shown##range_in", "range_in", width=em(15))
        events += action("Range ends at the frame shown##range_out", "range_out", width=em(15))
        events += action("Play everything##range_clear", "range_clear", width=em(15), enabled=_is_part(state), why="Without in and out point")
        if events:
            imgui.close_current_popup()
        imgui.end_popup()
    return events


def _ticks(lane: Lane, frames: Sequence[int], pitch: float, ruler: float) -> None:
    draw = imgui.get_window_draw_list()
    step = max(round(nice_step(em(3.2) / pitch)), 1)
    minor = max(step // 5 if step % 5 == 0 else step // 2, 1)
    for i in range(0, len(frames), minor if pitch * minor >= em(0.35) else step):
        x, major = lane.left + (i + 0.5) * pitch, i % step == 0
        draw.add_line(ImVec2(x, ruler - em(0.5 if major else 0.22)), ImVec2(x, ruler), colour(palette().muted, 0.9 if major else 0.45))
        label = str(frames[i])
        if major and x + em(0.25) + imgui.calc_text_size(label).x < lane.left + lane.width:
            draw.add_text(ImVec2(x + em(0.25), lane.top + em(0.08)), colour(palette().muted), label)


def _cache_bar(stats: Stats, lane: Lane, top: float, height: float, n_frames: int) -> None:
    """Runs of frames that are cached alike, as bars; where the fast renderer has nothing to begin with, they stand on a line."""
    draw = imgui.get_window_draw_list()
    frames, tones = list(zip(stats.cache[:n_frames], stats.occupied)), palette()
    where = {Cached.DISK: tones.on_disk, Cached.HOST: tones.in_host, Cached.DEVICE: tones.accent}
    start = 0
    for i in range(1, len(frames) + 1):
        if i == len(frames) or frames[i] != frames[start]:
            x0, x1 = lane.left + lane.width * start / n_frames, lane.left + lane.width * i / n_frames
            cached, occupied = frames[start]
            draw.add_rect_filled(ImVec2(x0, top), ImVec2(max(x1, x0 + 1.0), top + height), colour(where[cached]))
            if not occupied:
                draw.add_rect_filled(ImVec2(x0, top + 0.6 * height), ImVec2(max(x1, x0 + 1.0), top + height), colour(tones.unoccupied))
            start = i


def _range(lane: Lane, state: ViewerState, pitch: float) -> None:
    """What does not play is dim; the ends are handles."""
    if not _is_part(state):
        return
    draw, (start, stop) = imgui.get_window_draw_list(), _edges(lane, state, pitch)
    for x0, x1 in ((lane.left, start), (stop, lane.left + lane.width)):
        draw.add_rect_filled(ImVec2(x0, lane.top), ImVec2(x1, lane.bottom), colour(palette().ground, 0.72))
    for x, inwards in ((start, 1.0), (stop, -1.0)):
        draw.add_line(ImVec2(x, lane.top), ImVec2(x, lane.bottom), colour(palette().warning), 2.0)
        corners = (ImVec2(x, lane.top), ImVec2(x + inwards * em(0.4), lane.top), ImVec2(x, lane.top + em(0.4)))
        draw.add_triangle_filled(*corners, colour(palette().warning))


def _playhead(lane: Lane, state: ViewerState, stats: Stats, pitch: float) -> None:
    """Where scene time is; hollow while the picture on the screen is still of another frame, which a thin line tells. A bar from a frame to the next
    one tells that what is shown lies between them."""
    draw = imgui.get_window_draw_list()
    index, onward = shown_index(state), shown_onward(state)
    x = lane.left + (index + onward + 0.5) * pitch
    if onward > 0.0:
        start, stop, row = lane.left + (index + 0.5) * pitch, lane.left + (index + 1.5) * pitch, lane.top + em(1.35)
        draw.add_line(ImVec2(start, row), ImVec2(stop, row), colour(palette().warning), em(0.16))
    half = max(min(0.5 * pitch, em(0.3)), 1.0)
    low, high = ImVec2(x - half, lane.top), ImVec2(x + half, lane.bottom)
    displayed = None if stats.displayed is None else stats.displayed.frame
    assert state.scene is not None
    if displayed is not None and displayed != state.frame and displayed in state.scene.frames:
        draw.add_rect(low, high, colour(palette().accent, 0.9))
        seen = lane.left + (state.scene.frames.index(displayed) + 0.5) * pitch
        draw.add_line(ImVec2(seen, lane.top), ImVec2(seen, lane.bottom), colour(palette().text, 0.4))
    else:
        draw.add_rect_filled(low, high, colour(palette().accent, 0.35))
    draw.add_line(ImVec2(x, lane.top), ImVec2(x, lane.bottom), colour(palette().text), 1.5)
