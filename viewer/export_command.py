"""The export that is set up in the window as a shell command that makes the same pictures, byte by byte."""

from __future__ import annotations

import shlex
from dataclasses import fields

from im4d_core.export_settings import SUFFIXES, ExportSettings
from viewer.exporting import export_settings
from viewer.state import ViewerState, placed, scene_timing


def export_command(state: ViewerState) -> str:
    """What to type in the folder of the program. It reads the path's file, so the path has to be saved."""
    settings, timing = export_settings(state), scene_timing(state)
    words = ["python", "-m", "im4d_core", "render", str(state.source or "RUN")]
    words += ["--path", str(placed(state, state.path_editor.file)), "--output", str(placed(state, settings.file))]
    words += ["--size", f"{settings.width}x{settings.height}", "--fps", repr(settings.fps), "--mode", settings.mode, *_made_as(settings), *_rendered(settings)]
    if settings.start_s is not None:
        words += ["--start", repr(settings.start_s)]
    if settings.stop_s is not None:
        words += ["--stop", repr(settings.stop_s)]
    if state.scene is not None and timing.fps != state.scene.fps:
        words += ["--scene-fps", repr(timing.fps)]
    if timing.playing:
        words += ["--frames", f"{timing.playing[0]}:{timing.playing[-1] + 1}"]
    if timing.between:
        words.append("--between")
    if state.device:
        words += ["--device", state.device]  # another one computes in another order, and makes other bits
    return shlex.join(words)


def _made_as(settings: ExportSettings) -> list[str]:
    words = ["--format", settings.format]
    if SUFFIXES[settings.format] == ".mp4":
        words += ["--crf", str(settings.quality)]
    if settings.chroma != "420":
        words += ["--chroma", settings.chroma]
    if settings.transparent:
        words.append("--transparent")
    elif settings.background is not None:
        words += ["--background", *map(repr, settings.background)]
    if settings.depth:
        words.append("--depth")
    return words


def _rendered(settings: ExportSettings) -> list[str]:
    """What is cut away, and whatever differs from the run's samples."""
    words = [] if settings.crop is None else ["--crop", *map(repr, settings.crop)]
    words += [] if settings.clip is None else ["--clip", *map(repr, settings.clip)]
    for field in fields(settings.rendering):
        value = getattr(settings.rendering, field.name)
        if value != field.default:
            words += [f"--{field.name.replace('_', '-')}", repr(value)]
    return words
