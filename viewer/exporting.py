"""What an export makes now: as it is set up, with what it takes along from the window. Pure."""

from __future__ import annotations

from dataclasses import replace

from im4d_core.export_settings import ExportSettings
from viewer.state import ViewerState


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
