"""What an export makes now: as it is set up, with what it takes along from the window. Pure."""

from __future__ import annotations

from dataclasses import replace

from im4d_core.export_settings import ExportSettings
from viewer import bindings
from viewer.export_queue import pending
from viewer.state import ViewerState, encoder_problem, placed


def export_settings(state: ViewerState) -> ExportSettings:
    """Settings of the export that would start now; the shell command is made from them too."""
    settings, taken = state.export.settings, state.export.taken
    if taken.background:
        settings = replace(settings, background=state.picture.background)
    if taken.cut:
        settings = replace(settings, crop=(*state.crop.low, *state.crop.high) if state.crop.on else None, clip=state.clip)
    if taken.quality:
        settings = replace(settings, rendering=state.picture.quality)
    return settings


def is_queued(state: ViewerState) -> bool:
    """Whether the file that the next export would write is that of one that waits or runs."""
    file = placed(state, state.export.settings.file)
    return any(export.file == file for export in pending(state.export.queue))


def export_problem(state: ViewerState) -> str:
    """Why no export can be asked for now; empty when one can."""
    if state.scene is None:
        return "no scene is open."
    if not state.path_editor.path.keys:
        return f"the path has no keys: {bindings.press('key_add')} to add one, or make one in the Path panel."
    if is_queued(state):
        return f"the queue has {placed(state, state.export.settings.file).name} already: choose another name for the next one."
    return state.export.settings.problem() or encoder_problem(state)
