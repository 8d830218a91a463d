"""The camera path: its keys, how it goes between them, preview, generators, file."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_4 as icons
from imgui_bundle import imgui

from im4d_core.path_files import PathForm
from im4d_core.pose_curve import INTERPOLATIONS
from viewer import bindings
from viewer.events import (
    AskedFor,
    ChooseFile,
    Event,
    SetConstantSpeed,
    SetInterpolation,
    SetPathFile,
    SetPathForm,
    SetPathLoop,
    SetPathTime,
    SetRecordsSceneTime,
    SetTension,
)
from viewer.panels import path_keys, path_make, undo
from viewer.panels.widgets import action, button, choice, em, icon, muted, note, row, seconds, section, tooltip
from viewer.state import ViewerState, shown_index
from viewer.stats import Stats

_FORMS: tuple[tuple[PathForm, str], ...] = (
    ("nerfstudio", "nerfstudio"),
    ("easymocap-keys", "EasyMocap, keys"),
    ("easymocap-pictures", "EasyMocap, every picture"),
    ("instant-ngp", "instant-ngp"),
)
_WORLDS: dict[PathForm, str] = {
    "nerfstudio": "in the capture's coordinates, or nerfstudio's where its dataparser_transforms.json lies beside",
    "instant-ngp": "at scale 0.33 and offset 0.5, or as transforms.json of its scene says where that lies beside",
}
"""Where the program has the scene, which its path files do not say; the same where they are read."""
_INTERPOLATION_WHY = ("A smooth curve through every key", "Straight from key to key", "Stay at a key until the next: cuts")


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events = path_make.draw_shelf(state)
    events += _edit_buttons(state)
    events += path_keys.draw(state)
    events += _preview(state)
    events += _shape(state)
    events += path_make.draw(state)
    return events + _file(state)


def _widths(count: int) -> float:
    return (imgui.get_content_region_avail().x - (count - 1) * imgui.get_style().item_spacing.x) / count


def _edit_buttons(state: ViewerState) -> list[Event]:
    editor, events = state.path_editor, []
    selected = editor.selected_key is not None
    rows = (
        (("Add", "key_add", state.scene is not None), ("Overwrite", "key_overwrite", selected), ("Duplicate", "key_duplicate", selected)),
        (("Delete", "key_delete", selected),),
    )
    width = _widths(3)
    for buttons in rows:
        for i, (label, name, enabled) in enumerate(buttons):
            if i:
                imgui.same_line()
            events += action(f"{label}##{name}", name, width=width, enabled=enabled)
    imgui.same_line()
    events += undo.draw_undo(state, "Undo##undo", width)
    imgui.same_line()
    return events + undo.draw_redo(state, "Redo##redo", width)


def _preview(state: ViewerState) -> list[Event]:
    editor, path = state.path_editor, state.path_editor.path
    if not path.keys:
        return []
    label = icon(icons.ICON_FA_PAUSE, "Pause") if editor.playing else icon(icons.ICON_FA_PLAY, "Play")
    events = action(f"{label}###path_play", "path_play", width=em(3.4), on=editor.playing)
    imgui.same_line()
    events += action("Stop##preview_stop", "preview_stop", width=em(3.4), enabled=editor.previewing, why=bindings.keyed("Back to your own camera", "cancel"))
    imgui.same_line()
    imgui.set_next_item_width(-1.0)
    end_s = path.start_s + path.duration_s
    shown = f", frame {state.scene.frames[shown_index(state)]}" if editor.previewing and state.scene is not None else ""
    changed, time_s = imgui.slider_float("##path_time_slider", editor.time_s, path.start_s, max(end_s, path.start_s + 1e-3), f"%.2f of {end_s:.2f} s{shown}")
    tooltip("Look along the path")
    if changed:
        events.append(SetPathTime(time_s=time_s))
    return events


def _shape(state: ViewerState) -> list[Event]:
    path, events = state.path_editor.path, []
    section("Shape")
    row("Between keys")
    clicked = choice("interpolation", INTERPOLATIONS, path.interpolation, [name.capitalize() for name in INTERPOLATIONS], _INTERPOLATION_WHY)
    events += [SetInterpolation(interpolation=name) for name in INTERPOLATIONS if name == clicked]
    if path.interpolation == "smooth":
        row("Tension")
        changed, tension = imgui.slider_float("##tension", path.tension, 0.0, 1.0, "%.2f")
        tooltip("0: the roundest curve; 1: straight from key to key")
        if changed:
            events.append(SetTension(tension=tension))
    row("Speed")
    changed, on = imgui.checkbox("the same everywhere##constant_speed", path.constant_speed)
    tooltip("Constant speed along the path: the times of the keys between the ends follow from where they are")
    if changed:
        events.append(SetConstantSpeed(on=on))
    row("Loop")
    changed, loop = imgui.checkbox("##path_loop", path.loop)
    tooltip(bindings.keyed("From the last key back to the first without a pinch", "path_loop"))
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


def _file(state: ViewerState) -> list[Event]:
    editor, events = state.path_editor, []
    section("File")
    browse = em(2.4)
    imgui.set_next_item_width(imgui.get_content_region_avail().x - browse - imgui.get_style().item_spacing.x)
    changed, file = imgui.input_text("##path_file", editor.file)
    tooltip("Own JSON; those of nerfstudio and instant-ngp, and folders of EasyMocap, COLMAP and Bundler cameras, are read as well")
    if changed:
        events.append(SetPathFile(file=file))
    imgui.same_line()
    if button(f"{icon(icons.ICON_FA_FOLDER_OPEN, '...')}###path_browse", width=browse, why="Choose a path to load"):
        events.append(AskedFor(effect=ChooseFile(purpose="open_path", suggested=editor.file)))
    width = _widths(3)
    events += action("Save##path_save", "path_save", width=width, on=editor.unsaved and not editor.empty, enabled=not editor.empty)
    imgui.same_line()
    events += action("Load##path_load", "path_load", width=width, why="Load the file named above; undo brings the present path back")
    imgui.same_line()
    events += action("Clear##path_clear", "path_clear", width=width, enabled=bool(editor.path.keys), why="Delete all keys; undo brings them back")
    row("Export for")
    labels = [label for _, label in _FORMS]
    at = [form for form, _ in _FORMS].index(editor.form)
    imgui.set_next_item_width(imgui.get_content_region_avail().x - em(5) - imgui.get_style().item_spacing.x)
    changed, at = imgui.combo("##path_form", at, labels)
    tooltip("Beside the file above, at the size and rate of the Export panel")
    if changed:
        events.append(SetPathForm(form=_FORMS[at][0]))
    imgui.same_line()
    events += action("Export##path_export", "path_export", width=em(5), enabled=bool(editor.path.keys), why="Write the path for this program")
    if editor.form in _WORLDS:
        note(_WORLDS[editor.form])
    if editor.path.keys:
        state_text = "unsaved changes" if editor.unsaved else "saved"
        muted(f"{len(editor.path.keys)} keys, {seconds(editor.path.duration_s)}, {state_text}")
    return events
