"""The path as a video: size, rate, quality, file, part of the path; progress; and the same as a shell command."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Literal

from imgui_bundle import icons_fontawesome_4 as icons
from imgui_bundle import imgui

from viewer.events import AskedFor, ChooseFile, CopyText, Event, SetExport, ShowInFolder
from viewer.panels.scene import progress
from viewer.panels.widgets import ERROR, WARNING, action, button, choice, em, icon, muted, note, plural, row, seconds, section, tooltip
from viewer.state import ExportSettings, ViewerState
from viewer.stats import Stats

_SIZES = ((1280, 720), (1920, 1080), (3840, 2160), (720, 1280), (1080, 1080))
_MODES: tuple[Literal["fast", "full"], ...] = ("fast", "full")
_SIDES = (16, 8192)


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    running = state.export.job is not None
    imgui.begin_disabled(running)
    events = [*_settings(state.export.settings), *_part(state)]
    imgui.end_disabled()
    events += _start(state, stats)
    return events + _command(state)


def export_command(state: ViewerState) -> str:
    """The shell command that makes the same video of the whole path."""
    settings = state.export.settings
    words = ["python", "-m", "im4d_core", "render", str(state.source or "RUN"), "--path", state.path_editor.file, "--output", settings.file]
    words += ["--size", f"{settings.width}x{settings.height}", "--fps", f"{settings.fps:g}", "--mode", settings.mode, "--crf", str(settings.quality)]
    return shlex.join(words)


def _settings(settings: ExportSettings) -> list[Event]:
    changed_settings = settings
    row("Size")
    labels = [f"{width} x {height}" for width, height in _SIZES]
    at = _SIZES.index((settings.width, settings.height)) if (settings.width, settings.height) in _SIZES else -1
    changed, at = imgui.combo("##export_preset", at, labels)
    if changed:
        changed_settings = replace(changed_settings, width=_SIZES[at][0], height=_SIZES[at][1])
    row("")
    changed, (width, height) = imgui.input_int2("##export_size", [settings.width, settings.height])
    tooltip("Width and height in pixels; odd sizes work")
    if changed:
        changed_settings = replace(changed_settings, width=_side(width), height=_side(height))
    row("Rate")
    changed, fps = imgui.drag_float("##export_fps", settings.fps, 0.1, 1.0, 120.0, "%.4g fps")
    if changed:
        changed_settings = replace(changed_settings, fps=min(max(fps, 1.0), 120.0))
    row("Quality")
    changed, quality = imgui.slider_int("##export_quality", settings.quality, 0, 40, _quality_text(settings.quality))
    tooltip("x264's constant rate factor: smaller is better and larger; 18 looks lossless")
    if changed:
        changed_settings = replace(changed_settings, quality=min(max(quality, 0), 51))
    row("Renderer")
    clicked = choice("export_mode", _MODES, settings.mode, ("Fast", "Full"), ("As in the window", "The reference: slower"))
    for mode in _MODES:
        if mode == clicked:
            changed_settings = replace(changed_settings, mode=mode)
    events: list[Event] = [] if changed_settings == settings else [SetExport(settings=changed_settings)]
    return events + _output_file(settings)


def _quality_text(quality: int) -> str:
    words = "lossless, huge" if quality == 0 else "excellent" if quality <= 18 else "good" if quality <= 26 else "small, visible loss"
    return f"%d ({words})"


def _output_file(settings: ExportSettings) -> list[Event]:
    events: list[Event] = []
    row("File")
    browse = em(2.4)
    imgui.set_next_item_width(imgui.get_content_region_avail().x - browse - imgui.get_style().item_spacing.x)
    changed, file = imgui.input_text("##export_file", settings.file)
    if changed:
        events.append(SetExport(settings=replace(settings, file=file)))
    imgui.same_line()
    if button(f"{icon(icons.ICON_FA_FOLDER_OPEN, '...')}###export_browse", width=browse, why="Choose where the video goes"):
        events.append(AskedFor(effect=ChooseFile(purpose="export", suggested=settings.file)))
    return events


def _part(state: ViewerState) -> list[Event]:
    path, settings = state.path_editor.path, state.export.settings
    end_s = path.start_s + path.duration_s
    events: list[Event] = []
    row("Part")
    changed, whole = imgui.checkbox("whole path##export_whole", _is_whole(state))
    if changed:
        events.append(SetExport(settings=replace(settings, start_s=path.start_s, stop_s=None if whole else end_s)))
    if settings.stop_s is not None:
        row("")
        changed, low, high = imgui.drag_float_range2("##export_range", settings.start_s, settings.stop_s, 0.02, path.start_s, end_s, "from %.2f s", "to %.2f s")
        if changed:
            events.append(SetExport(settings=replace(settings, start_s=low, stop_s=high)))
    return events


def _is_whole(state: ViewerState) -> bool:
    return state.export.settings.stop_s is None


def _start(state: ViewerState, stats: Stats) -> list[Event]:
    imgui.dummy(imgui.ImVec2(0.0, em(0.2)))
    export, path, events = state.export, state.path_editor.path, []
    if export.job is not None:
        progress(export.job, state.now_s)
        return action("Cancel##export_cancel", "export_cancel", width=-1.0, why="Stop; no file is left behind")
    problem = _problem(state, stats)
    if not problem and state.scene is not None:
        settings, scene = export.settings, state.scene
        start = None if settings.start_s <= path.start_s else settings.start_s
        pictures = len(path.video_times(len(scene.frames), scene.fps, settings.fps, start, settings.stop_s))
        muted(f"{plural(pictures, 'picture')}, {seconds(pictures / settings.fps)} of video")
    events += action(
        "Export video##export_start", "export_start", width=-1.0, enabled=not problem, on=not problem, why=problem or "Render and encode beside the window"
    )
    if problem:
        note(problem, ERROR if stats.encoder else WARNING)
    if export.finished is not None:
        muted(f"last: {export.finished.name}")
        imgui.same_line()
        if imgui.small_button("Show in folder##export_folder"):
            events.append(AskedFor(effect=ShowInFolder(path=export.finished)))
    return events


def _problem(state: ViewerState, stats: Stats) -> str:
    """Why no export can start now; empty when one can."""
    if state.scene is None:
        return "No scene is open."
    if not state.path_editor.path.keys:
        return "The path has no keys: press K to add one, or make one in the Path panel."
    if not state.export.settings.file.strip():
        return "Name a file."
    return stats.encoder


def _command(state: ViewerState) -> list[Event]:
    section("The same from a shell")
    command = export_command(state)
    note(command)
    events: list[Event] = []
    if imgui.small_button("Copy##export_command"):
        events.append(AskedFor(effect=CopyText(text=command)))
    if state.path_editor.unsaved and state.path_editor.path.keys:
        imgui.same_line()
        note("save the path first", WARNING)
    if not _is_whole(state):
        note("The command renders the whole path.")
    return events


def _side(pixels: int) -> int:
    return min(max(pixels, _SIDES[0]), _SIDES[1])
