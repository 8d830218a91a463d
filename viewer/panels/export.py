"""The path as a video or as pictures: size, rate, format, part of the path; progress; and the same as a shell command."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from imgui_bundle import icons_fontawesome_4 as icons
from imgui_bundle import imgui

from im4d_core.export_settings import SUFFIXES, Chroma, ExportSettings, Format
from im4d_core.types import RenderMode
from viewer import bindings
from viewer.events import AskedFor, ChooseFile, CopyText, Event, SetExport, SetTaken
from viewer.export_command import export_command
from viewer.exporting import export_problem, is_queued
from viewer.panels import export_queue
from viewer.panels.scene import progress
from viewer.panels.widgets import action, button, choice, em, fact, icon, muted, note, plural, row, seconds, section, tooltip
from viewer.request import goal_camera
from viewer.state import Taken, ViewerState, scene_timing
from viewer.stats import Stats
from viewer.theme import palette

_SIZES = ((1280, 720), (1920, 1080), (3840, 2160), (720, 1280), (1080, 1080))
_MODES: tuple[RenderMode, ...] = ("fast", "exact", "full")
_FORMATS: tuple[tuple[Format, str, str], ...] = (
    ("h264", "H.264 video", "Plays everywhere"),
    ("hevc", "HEVC video", "Smaller files, slower to make"),
    ("h264_nvenc", "H.264 video by the GPU", "Encoded by an NVIDIA GPU"),
    ("prores", "ProRes 4444 video", "For editing: large, ten bits, can be transparent"),
    ("png", "PNG pictures", "A folder of lossless pictures"),
)
_CHROMAS: tuple[Chroma, ...] = ("420", "444")
_SIDES = (16, 8192)


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    settings = state.export.settings
    changed = _part(_what(_how(_size(settings), state)), state)
    taken = _from_the_window(state)
    events: list[Event] = [] if changed == settings else [SetExport(settings=changed)]
    events += [] if taken == state.export.taken else [SetTaken(taken=taken)]
    events += _output_file(settings)
    _view(state)
    events += _start(state)
    events += export_queue.draw(state)
    events += _stills(state)
    return events + _command(state)


def _stills(state: ViewerState) -> list[Event]:
    """One picture of the view; and the screen itself."""
    section("Without the path")
    events, settings = [], state.export.settings
    half = (imgui.get_content_region_avail().x - imgui.get_style().item_spacing.x) / 2
    if state.picture_job is not None:
        progress(state.picture_job, state.now_s, counts=False)
        events += action("Cancel##picture_cancel", "picture_cancel", width=half, why="Stop; no file is left behind")
    else:
        why = f"Render the view at {settings.width} x {settings.height} with the renderer chosen above and save it as PNG"
        events += action("Picture of this size##picture_save", "picture_save", width=half, enabled=state.scene is not None, why=why)
    imgui.same_line()
    live = state.live_since_s is not None
    label = "Record the screen" if state.live_since_s is None else f"Stop, {seconds(state.now_s - state.live_since_s)}"
    why = bindings.keyed("Record what the picture area shows as a video, figures and notices over it included, until the same button ends it", "live")
    return events + action(f"{label}###live", "live", width=half, on=live, enabled=state.scene is not None, why=why)


def _view(state: ViewerState) -> None:
    """How much of the view the pictures will show."""
    settings = state.export.settings
    camera = goal_camera(state, state.width, state.height)
    high = math.tan(0.5 * math.radians(camera.fov_y_deg))
    across = math.degrees(2.0 * math.atan(high * settings.width / settings.height))
    wider = settings.width * state.height > settings.height * state.width
    fact("Sees", f"{across:.0f} x {camera.fov_y_deg:.0f} degrees" + (", more to both sides than the window" if wider else ""))
    tooltip("Of the view as it is: a key made now keeps its field of view from top to bottom. A frame in the picture shows what is cut off")


def _size(settings: ExportSettings) -> ExportSettings:
    row("Size")
    labels = [f"{width} x {height}" for width, height in _SIZES]
    own = (settings.width, settings.height) not in _SIZES
    changed, at = imgui.combo("##export_preset", len(_SIZES) if own else _SIZES.index((settings.width, settings.height)), [*labels, *["of its own"] * own])
    if changed and at < len(_SIZES):
        settings = replace(settings, width=_SIZES[at][0], height=_SIZES[at][1])
    row("")
    changed, (width, height) = imgui.input_int2("##export_size", [settings.width, settings.height])
    tooltip("Width and height in pixels; odd sizes work")
    if changed:
        settings = replace(settings, width=_side(width), height=_side(height))
    row("Rate")
    changed, fps = imgui.drag_float("##export_fps", settings.fps, 0.1, 1.0, 120.0, "%.4g fps")
    if changed:
        settings = replace(settings, fps=min(max(fps, 1.0), 120.0))
    return settings


def _how(settings: ExportSettings, state: ViewerState) -> ExportSettings:
    before = state.export.settings
    row("Format")
    _, label, why = next(known for known in _FORMATS if known[0] == settings.format)
    opened = imgui.begin_combo("##export_format", label)
    if not opened:
        tooltip(why)
    else:
        settings = _chosen_format(settings, state)
        imgui.end_combo()
    if SUFFIXES[before.format] == ".mp4":
        row("Quality")
        changed, quality = imgui.slider_int("##export_quality", settings.quality, 0, 40, _quality_text(settings.quality))
        tooltip("Constant rate factor: smaller is better and larger; 18 looks lossless")
        if changed:
            settings = replace(settings, quality=min(max(quality, 0), 51))
    if before.format in ("h264", "h264_nvenc"):
        row("Colour")
        labels = ("4:2:0", "4:4:4")
        whys = ("Half the resolution of colour: plays everywhere", "Keeps thin coloured lines; some players refuse it")
        clicked = choice("export_chroma", _CHROMAS, settings.chroma, labels, whys)
        for chroma in _CHROMAS:
            if chroma == clicked:
                settings = replace(settings, chroma=chroma)
    return settings


def _chosen_format(settings: ExportSettings, state: ViewerState) -> ExportSettings:
    """The entries of the list; what this machine is known not to encode cannot be chosen, and says why."""
    problems = {report.format: report.problem for report in state.export.encoders if report.problem and report.chroma == "420"}
    for i, (format, label, why) in enumerate(_FORMATS):
        problem = problems.get(format, "")
        imgui.push_id(i)
        imgui.begin_disabled(bool(problem))
        clicked, _ = imgui.selectable(f"{label} (not here)" if problem else label, format == settings.format)
        imgui.end_disabled()
        tooltip(problem or why)
        imgui.pop_id()
        if clicked:
            settings = with_format(settings, format)
    return settings


def with_format(settings: ExportSettings, wanted: Format) -> ExportSettings:
    """Settings with another format: the file gets its suffix, and what the format cannot do is off."""
    file = Path(settings.file)
    file = file.with_suffix(SUFFIXES[wanted]) if file.suffix in SUFFIXES.values() else Path(f"{file}{SUFFIXES[wanted]}")
    return replace(
        settings,
        format=wanted,
        file=str(file),
        chroma=settings.chroma if wanted in ("h264", "h264_nvenc") else "420",
        transparent=settings.transparent and wanted in ("png", "prores"),
        depth=settings.depth and wanted == "png",
    )


def _what(settings: ExportSettings) -> ExportSettings:
    row("Renderer")
    clicked = choice(
        "export_mode", _MODES, settings.mode, ("Fast", "Exact", "Full"), ("As in the window", "The field at every sample", "The reference: slower")
    )
    for mode in _MODES:
        if mode == clicked:
            settings = replace(settings, mode=mode)
    if settings.format in ("png", "prores"):
        row("Behind")
        changed, transparent = imgui.checkbox("transparent##export_transparent", settings.transparent)
        tooltip("No background: opacity becomes the alpha channel")
        if changed:
            settings = replace(settings, transparent=transparent)
    if settings.format == "png":
        row("Depth")
        changed, depth = imgui.checkbox("OpenEXR files##export_depth", settings.depth)
        tooltip("Depth along the optical axis as 32-bit numbers in the folder depth, 0 where there is nothing")
        if changed:
            settings = replace(settings, depth=depth)
    return settings


def _from_the_window(state: ViewerState) -> Taken:
    """What the pictures have in common with those of the window."""
    taken = state.export.taken
    row("As in window")
    imgui.begin_disabled(state.export.settings.transparent)
    changed, on = imgui.checkbox("background##export_background", taken.background)
    tooltip("The colour chosen in the Display panel; otherwise the one the scene was trained on")
    imgui.end_disabled()
    if changed:
        taken = replace(taken, background=on)
    row("")
    changed, on = imgui.checkbox("crop box, near and far##export_cut", taken.cut)
    tooltip("What the Display and Camera panels cut away is left out; otherwise the whole scene is rendered")
    if changed:
        taken = replace(taken, cut=on)
    row("")
    changed, on = imgui.checkbox("samples and passes##export_quality", taken.quality)
    tooltip("Those of the Render panel, as for a still picture: more passes take longer. Otherwise those of the run, and one pass")
    return replace(taken, quality=on) if changed else taken


def _quality_text(quality: int) -> str:
    words = "lossless, huge" if quality == 0 else "excellent" if quality <= 18 else "good" if quality <= 26 else "small, visible loss"
    return f"%d ({words})"


def _output_file(settings: ExportSettings) -> list[Event]:
    events: list[Event] = []
    row("File" if SUFFIXES[settings.format] else "Folder")
    browse = em(2.4)
    imgui.set_next_item_width(imgui.get_content_region_avail().x - browse - imgui.get_style().item_spacing.x)
    changed, file = imgui.input_text("##export_file", settings.file)
    if changed:
        events.append(SetExport(settings=replace(settings, file=file)))
    imgui.same_line()
    if button(f"{icon(icons.ICON_FA_FOLDER_OPEN, '...')}###export_browse", width=browse, why="Choose where it goes"):
        events.append(AskedFor(effect=ChooseFile(purpose="export", suggested=settings.file)))
    return events


def _part(settings: ExportSettings, state: ViewerState) -> ExportSettings:
    path = state.path_editor.path
    end_s = path.start_s + path.duration_s
    row("Part")
    is_whole = settings.start_s is None and settings.stop_s is None
    changed, whole = imgui.checkbox("whole path##export_whole", is_whole)
    if changed:
        return replace(settings, start_s=None if whole else path.start_s, stop_s=None if whole else end_s)
    if not is_whole:
        row("")
        low, high = settings.start_s or path.start_s, end_s if settings.stop_s is None else settings.stop_s
        changed, low, high = imgui.drag_float_range2("##export_range", low, high, 0.02, path.start_s, end_s, "from %.2f s", "to %.2f s")
        if changed:
            return replace(settings, start_s=low, stop_s=high)
    return settings


def _start(state: ViewerState) -> list[Event]:
    imgui.dummy(imgui.ImVec2(0.0, em(0.2)))
    settings, path = state.export.settings, state.path_editor.path
    problem = export_problem(state)
    if not problem:
        pictures = len(path.video_times(scene_timing(state), settings.fps, settings.start_s, settings.stop_s))
        muted(
            f"{plural(pictures, 'picture')}, {seconds(pictures / settings.fps)}" + (", moments between frames interpolated" if state.transport.between else "")
        )
    label, why = "Export video" if SUFFIXES[settings.format] else "Export pictures", "Made beside the window"
    if state.export.job is not None:
        label, why = f"{label} next", "Made as things are set up now, after those that wait"
    events = action(f"{label}###export_start", "export_start", width=-1.0, enabled=not problem, on=not problem, why=problem or why)
    if problem:
        note(problem[:1].upper() + problem[1:], None if is_queued(state) else palette().warning)
    return events


def _command(state: ViewerState) -> list[Event]:
    section("The same from a shell")
    command = export_command(state)
    note(command)
    events: list[Event] = []
    if imgui.small_button("Copy##export_command"):
        events.append(AskedFor(effect=CopyText(text=command)))
    if state.path_editor.unsaved and state.path_editor.path.keys:
        imgui.same_line()
        note("save the path first", palette().warning)
    return events


def _side(pixels: int) -> int:
    return min(max(pixels, _SIDES[0]), _SIDES[1])
