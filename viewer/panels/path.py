"""The camera path: its keys, how it goes between them, preview, generators, file."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import icons_fontawesome_4 as icons
from imgui_bundle import imgui

from im4d_core.camera_path import FOV_RANGE_DEG, MAX_TIME_S, Keyframe
from im4d_core.pose_curve import INTERPOLATIONS
from viewer.events import (
    AskedFor,
    ChooseFile,
    Event,
    SelectKey,
    SetInterpolation,
    SetKeyFov,
    SetKeyFrame,
    SetKeyTime,
    SetOrbit,
    SetPathFile,
    SetPathLoop,
    SetPathTime,
    SetRecordsSceneTime,
)
from viewer.panels.widgets import ACCENT, action, button, choice, colour, em, gesture, icon, muted, note, row, seconds, section, tooltip
from viewer.state import ViewerState, shown_index
from viewer.stats import Stats

_INTERPOLATION_WHY = ("A smooth curve through every key", "Straight from key to key", "Stay at a key until the next: cuts")


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events = _edit_buttons(state)
    events += _keys(state)
    events += _preview(state)
    events += _shape(state)
    events += _generators(state)
    return events + _file(state)


def _widths(count: int) -> float:
    return (imgui.get_content_region_avail().x - (count - 1) * imgui.get_style().item_spacing.x) / count


def _edit_buttons(state: ViewerState) -> list[Event]:
    editor, events = state.path_editor, []
    selected = editor.selected_key is not None
    rows = (
        (("Add", "key_add", state.scene is not None), ("Overwrite", "key_overwrite", selected), ("Duplicate", "key_duplicate", selected)),
        (("Delete", "key_delete", selected), ("Undo", "undo", bool(editor.undo)), ("Redo", "redo", bool(editor.redo))),
    )
    for buttons in rows:
        width = _widths(len(buttons))
        for i, (label, name, enabled) in enumerate(buttons):
            if i:
                imgui.same_line()
            events += action(f"{label}##{name}", name, width=width, enabled=enabled)
    return events


def _keys(state: ViewerState) -> list[Event]:
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
    return events


def _key_row(state: ViewerState, number: int, key: Keyframe) -> list[Event]:
    events: list[Event] = []
    imgui.table_next_column()
    if key.id == state.path_editor.selected:
        imgui.table_set_bg_color(imgui.TableBgTarget_.row_bg1, colour(ACCENT, 0.35))
    imgui.align_text_to_frame_padding()
    clicked, _ = imgui.selectable(f"{number}##key", False)
    tooltip("Select and show")
    if clicked:
        events.append(SelectKey(key_id=key.id, go_there=True))
    imgui.table_next_column()
    imgui.set_next_item_width(-1.0)
    changed, time_s = imgui.drag_float("##time", key.time_s, 0.02, 0.0, MAX_TIME_S, "%.2f s")
    if changed:
        events.append(SetKeyTime(key_id=key.id, time_s=time_s, gesture=gesture()))
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
            events.append(SetKeyFrame(key_id=key.id, scene_frame=frame, gesture=gesture()))
    imgui.table_next_column()
    imgui.set_next_item_width(-1.0)
    changed, fov = imgui.drag_float("##key_fov", key.fov_y_deg, 0.1, *FOV_RANGE_DEG, "%.0f deg")
    if changed:
        events.append(SetKeyFov(key_id=key.id, fov_y_deg=fov, gesture=gesture()))
    return events


def _preview(state: ViewerState) -> list[Event]:
    editor, path = state.path_editor, state.path_editor.path
    if not path.keys:
        return []
    label = icon(icons.ICON_FA_PAUSE, "Pause") if editor.playing else icon(icons.ICON_FA_PLAY, "Play")
    events = action(f"{label}###path_play", "path_play", width=em(3.4), on=editor.playing)
    imgui.same_line()
    events += action("Stop##preview_stop", "preview_stop", width=em(3.4), enabled=editor.previewing, why="Back to your own camera (Escape)")
    imgui.same_line()
    imgui.set_next_item_width(-1.0)
    end_s = path.start_s + path.duration_s
    changed, time_s = imgui.slider_float("##path_time_slider", editor.time_s, path.start_s, max(end_s, path.start_s + 1e-3), f"%.2f of {end_s:.2f} s")
    tooltip("Look along the path")
    if changed:
        events.append(SetPathTime(time_s=time_s))
    if editor.previewing and state.scene is not None:
        muted(f"the window shows the path, frame {state.scene.frames[shown_index(state)]}")
    return events


def _shape(state: ViewerState) -> list[Event]:
    path, events = state.path_editor.path, []
    section("Shape")
    row("Between keys")
    clicked = choice("interpolation", INTERPOLATIONS, path.interpolation, [name.capitalize() for name in INTERPOLATIONS], _INTERPOLATION_WHY)
    events += [SetInterpolation(interpolation=name) for name in INTERPOLATIONS if name == clicked]
    row("Loop")
    changed, loop = imgui.checkbox("##path_loop", path.loop)
    tooltip("From the last key back to the first without a pinch (L)")
    if changed:
        events.append(SetPathLoop(loop=loop))
    if path.loop:
        imgui.same_line()
        imgui.set_next_item_width(-1.0)
        changed, loop_s = imgui.drag_float("##loop_s", path.loop_s, 0.02, 0.05, 3600.0, "back in %.2f s")
        if changed:
            events.append(SetPathLoop(loop=path.loop, loop_s=loop_s))
    row("New keys")
    changed, on = imgui.checkbox("fix the frame shown##records_scene_time", state.path_editor.records_scene_time)
    tooltip("Keys added from now on keep the frame of the scene; otherwise the scene plays along")
    if changed:
        events.append(SetRecordsSceneTime(on=on))
    return events


def _generators(state: ViewerState) -> list[Event]:
    section("Make a path")
    settings, events, ready = state.path_editor.orbit, [], state.scene is not None
    row("Turns")
    changed, turns = imgui.drag_float("##orbit_turns", settings.turns, 0.05, -10.0, 10.0, "%.2f")
    tooltip("About the pivot, from where the camera is; negative turns the other way, whole turns loop")
    if changed:
        events.append(SetOrbit(settings=replace(settings, turns=turns)))
    row("Takes")
    changed, duration = imgui.drag_float("##orbit_duration", settings.duration_s, 0.1, 0.5, 600.0, "%.1f s")
    if changed:
        events.append(SetOrbit(settings=replace(settings, duration_s=duration)))
    width = _widths(2)
    events += action(
        "Orbit from here##path_orbit", "path_orbit", width=width, enabled=ready, why="Replace the path by a circle about the pivot; undo brings it back"
    )
    imgui.same_line()
    events += action(
        "Through cameras##path_cameras", "path_cameras", width=width, enabled=ready, why="Replace the path by one through the cameras of the capture"
    )
    return events


def _file(state: ViewerState) -> list[Event]:
    editor, events = state.path_editor, []
    section("File")
    browse = em(2.4)
    imgui.set_next_item_width(imgui.get_content_region_avail().x - browse - imgui.get_style().item_spacing.x)
    changed, file = imgui.input_text("##path_file", editor.file)
    tooltip("Own JSON; nerfstudio's camera_path.json is read as well")
    if changed:
        events.append(SetPathFile(file=file))
    imgui.same_line()
    if button(f"{icon(icons.ICON_FA_FOLDER_OPEN, '...')}###path_browse", width=browse, why="Choose a path to load"):
        events.append(AskedFor(effect=ChooseFile(purpose="open_path", suggested=editor.file)))
    width = _widths(3)
    events += action("Save##path_save", "path_save", width=width, on=editor.unsaved and bool(editor.path.keys), enabled=bool(editor.path.keys))
    imgui.same_line()
    events += action("Load##path_load", "path_load", width=width, why="Load the file named above; undo brings the present path back")
    imgui.same_line()
    events += action("Clear##path_clear", "path_clear", width=width, enabled=bool(editor.path.keys), why="Delete all keys; undo brings them back")
    if editor.path.keys:
        state_text = "unsaved changes" if editor.unsaved else "saved"
        muted(f"{len(editor.path.keys)} keys, {seconds(editor.path.duration_s)}, {state_text}")
    return events
