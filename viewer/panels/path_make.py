"""Where paths come from: by rule about the pivot or through the cameras, recorded from the user's motion; and several of them side by side."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import icons_fontawesome_4 as icons
from imgui_bundle import imgui

from viewer import bindings
from viewer.edited_path import OrbitSettings
from viewer.events import ChoosePath, Event, RenamePath, SetOrbit
from viewer.panels.widgets import action, em, icon, muted, row, seconds, section, tooltip
from viewer.path_shelf import title, titles
from viewer.state import ViewerState


def draw_shelf(state: ViewerState) -> list[Event]:
    """The named paths: choose, rename, new, copy, remove."""
    editor, events = state.path_editor, []
    small, gap = em(1.9), imgui.get_style().item_inner_spacing.x
    room = imgui.get_content_region_avail().x - 3 * (small + gap)
    names, current = titles(editor), title(editor.path)
    imgui.set_next_item_width(max(0.36 * room, em(4)))
    changed, at = imgui.combo("##path_choice", names.index(current), list(names))
    tooltip("The path under edit; the others are kept")
    if changed:
        events.append(ChoosePath(name=names[at]))
    imgui.same_line(0.0, gap)
    imgui.set_next_item_width(room - max(0.36 * room, em(4)) - gap)
    changed, name = imgui.input_text("##path_name", current, imgui.InputTextFlags_.enter_returns_true)
    tooltip("Its name: type another one and press Enter")
    if changed:
        events.append(RenamePath(name=name))
    rows = (
        (icon(icons.ICON_FA_PLUS, "+"), "path_new", bool(editor.path.keys), "A new, empty path; this one is kept"),
        (icon(icons.ICON_FA_COPY, "c"), "path_copy", bool(editor.path.keys), "A copy of this path, to try something"),
        (icon(icons.ICON_FA_TRASH, "x"), "path_remove", not editor.empty, "Remove this path; undo brings it back"),
    )
    for label, name, enabled, why in rows:
        imgui.same_line(0.0, gap)
        events += action(f"{label}###{name}", name, width=small, enabled=enabled, why=why)
    return events


def draw(state: ViewerState) -> list[Event]:
    section("Make a path")
    settings, ready = state.path_editor.orbit, state.scene is not None
    changed = _settings(settings)
    events: list[Event] = [] if changed == settings else [SetOrbit(settings=changed)]
    spacing = imgui.get_style().item_spacing.x
    third = (imgui.get_content_region_avail().x - 2 * spacing) / 3
    rows = (
        ("Orbit", "path_orbit", "Replace the path by a circle about the pivot, from where the camera is; undo brings it back"),
        ("Arc", "path_arc", "Replace the path by an arc about the pivot, there and back"),
        ("Spiral", "path_spiral", "Replace the path by a spiral about the pivot"),
    )
    for i, (label, name, why) in enumerate(rows):
        if i:
            imgui.same_line()
        events += action(f"{label}##{name}", name, width=third, enabled=ready, why=why)
    half = (imgui.get_content_region_avail().x - spacing) / 2
    events += action(
        "Through cameras##path_cameras", "path_cameras", width=half, enabled=ready, why="From camera to camera of the capture, as they are numbered"
    )
    imgui.same_line()
    events += action("Round cameras##path_round", "path_round", width=half, enabled=ready, why="Around the cameras as they stand, evenly, as a loop")
    return events + _record(state)


def _settings(settings: OrbitSettings) -> OrbitSettings:
    row("Turns")
    changed, turns = imgui.drag_float("##orbit_turns", settings.turns, 0.05, -10.0, 10.0, "%.2f")
    tooltip("Of orbit and spiral; negative turns the other way, whole turns of an orbit loop")
    if changed:
        settings = replace(settings, turns=turns)
    row("Sweep")
    changed, sweep = imgui.drag_float("##orbit_sweep", settings.sweep_deg, 0.5, -360.0, 360.0, "%.0f deg")
    tooltip("Of the arc: how far it goes before it comes back")
    if changed:
        settings = replace(settings, sweep_deg=sweep)
    row("Spiral ends")
    changed, (nearer, rise) = imgui.drag_float2("##orbit_spiral", [settings.end_radius, settings.rise_deg], 0.01, -90.0, 90.0, "%.2f")
    tooltip("The last distance over the first one, and how many degrees higher it ends")
    if changed:
        settings = replace(settings, end_radius=min(max(nearer, 0.05), 20.0), rise_deg=rise)
    row("Takes")
    changed, duration = imgui.drag_float("##orbit_duration", settings.duration_s, 0.1, 0.5, 600.0, "%.1f s")
    return replace(settings, duration_s=duration) if changed else settings


def _record(state: ViewerState) -> list[Event]:
    """Live motion as a path."""
    recording = state.recording
    label = icon(icons.ICON_FA_STOP, "Stop") if recording is not None else icon(icons.ICON_FA_CIRCLE, "Record")
    what = "Stop recording" if recording is not None else "Record my motion"
    why = bindings.keyed("Record how you move as a path of few keys, beside this one; the same button ends it", "path_record")
    events = action(f"{label}  {what}###path_record", "path_record", width=-1.0, on=recording is not None, enabled=state.scene is not None, why=why)
    if recording is not None:
        muted(f"recording, {seconds(state.now_s - recording.began_s)}")
    return events
