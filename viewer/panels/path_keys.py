"""The keys of the path as a table, and what only the selected one shows."""

from __future__ import annotations

from imgui_bundle import imgui

from im4d_core.camera_path import FOV_RANGE_DEG, MAX_TIME_S, Keyframe
from viewer.events import Event, SelectKey, SetKeyEase, SetKeyFov, SetKeyFrame, SetKeyTime
from viewer.panels.widgets import colour, em, muted, note, row, tooltip
from viewer.state import ViewerState
from viewer.theme import palette


def draw(state: ViewerState) -> list[Event]:
    editor, events = state.path_editor, []
    if not editor.path.keys:
        note("No keys yet. Fly to a place and add one; two make a path. Keys can fix the frame of the scene, or let it play.")
        return []
    flags = imgui.TableFlags_.row_bg | imgui.TableFlags_.scroll_y | imgui.TableFlags_.borders_inner_h | imgui.TableFlags_.sizing_stretch_prop
    rows = min(len(editor.path.keys), 7) + 1.3
    if imgui.begin_table("##keys", 4, flags, imgui.ImVec2(0.0, rows * imgui.get_frame_height_with_spacing())):
        imgui.table_setup_scroll_freeze(0, 1)
        imgui.table_setup_column("Key", imgui.TableColumnFlags_.width_fixed, em(2.4))
        for name, weight in (("Time", 1.0), ("Scene frame", 1.5), ("View", 1.0)):
            imgui.table_setup_column(name, 0, weight)
        imgui.table_headers_row()
        for number, key in enumerate(editor.path.keys, start=1):
            imgui.table_next_row()
            imgui.push_id(key.id)
            events += _key_row(state, number, key)
            imgui.pop_id()
        imgui.end_table()
    return events + _ease(editor.selected_key)


def _key_row(state: ViewerState, number: int, key: Keyframe) -> list[Event]:
    events: list[Event] = []
    imgui.table_next_column()
    if key.id == state.path_editor.selected:
        imgui.table_set_bg_color(imgui.TableBgTarget_.row_bg1, colour(palette().accent, 0.35))
    imgui.align_text_to_frame_padding()
    clicked, _ = imgui.selectable(f"{number}##key", False)
    tooltip("Select and show")
    if clicked:
        events.append(SelectKey(key_id=key.id, go_there=True))
    imgui.table_next_column()
    imgui.set_next_item_width(-1.0)
    changed, time_s = imgui.drag_float("##time", key.time_s, 0.02, 0.0, MAX_TIME_S, "%.2f s")
    if changed:
        events.append(SetKeyTime(key_id=key.id, time_s=time_s))
    imgui.table_next_column()
    changed, fixed = imgui.checkbox("##fixed", key.scene_frame is not None)
    tooltip("Fix the frame of the scene at this key; otherwise the scene plays")
    if changed:
        events.append(SetKeyFrame(key_id=key.id, scene_frame=float(state.frame) if fixed else None))
    imgui.same_line()
    if key.scene_frame is None:
        imgui.align_text_to_frame_padding()
        muted("plays")
    else:
        imgui.set_next_item_width(-1.0)
        first, last = (state.scene.frames[0], state.scene.frames[-1]) if state.scene is not None else (0, 0)
        changed, frame = imgui.drag_float("##frame", key.scene_frame, 0.1, float(first), float(last), "%.1f")
        if changed:
            events.append(SetKeyFrame(key_id=key.id, scene_frame=frame))
    imgui.table_next_column()
    imgui.set_next_item_width(-1.0)
    changed, fov = imgui.drag_float("##key_fov", key.fov_y_deg, 0.1, *FOV_RANGE_DEG, "%.0f deg")
    if changed:
        events.append(SetKeyFov(key_id=key.id, fov_y_deg=fov))
    return events


def _ease(key: Keyframe | None) -> list[Event]:
    """How the camera comes to the selected key and goes on."""
    if key is None:
        return []
    events: list[Event] = []
    for label, name, value in (("Arrives", "ease_in", key.ease_in), ("Leaves", "ease_out", key.ease_out)):
        row(label)
        changed, eased = imgui.slider_int(f"##{name}", round(100 * value), 0, 100, "in full motion" if value == 0.0 else "%d %% gently")
        tooltip("How gently the camera comes to the selected key" if name == "ease_in" else "How gently the camera leaves the selected key")
        if changed:
            ease_in, ease_out = (eased / 100, key.ease_out) if name == "ease_in" else (key.ease_in, eased / 100)
            events.append(SetKeyEase(key_id=key.id, ease_in=ease_in, ease_out=ease_out))
    return events
