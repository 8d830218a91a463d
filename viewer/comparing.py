"""How comparisons change the state. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from viewer.changes import notified
from viewer.compare import LAYOUTS, Comparison
from viewer.state import ViewerState

NEEDS_CAMERA = "Look through a camera of the capture first: [ and ], or the list in the Camera panel"


def compared(state: ViewerState, comparison: Comparison) -> ViewerState:
    """Compare in another way."""
    wipe = min(max(comparison.wipe, 0.0), 1.0) if math.isfinite(comparison.wipe) else 0.5
    return replace(state, comparison=replace(comparison, wipe=wipe, holds_captured=state.comparison.holds_captured))


def compare_next(state: ViewerState) -> ViewerState:
    """The next layout; a notice where it has nothing to show yet."""
    layout = LAYOUTS[(LAYOUTS.index(state.comparison.layout) + 1) % len(LAYOUTS)]
    state = compared(state, replace(state.comparison, layout=layout))
    waits = state.scene is not None and state.dataset_camera is None and state.comparison.needs_captured
    return notified(state, "info", NEEDS_CAMERA) if waits else state


def holding_captured(state: ViewerState, held: bool) -> ViewerState:
    """The key that shows the captured picture went down or up."""
    if held == state.comparison.holds_captured:
        return state
    state = replace(state, comparison=replace(state.comparison, holds_captured=held))
    return notified(state, "info", NEEDS_CAMERA) if held and state.scene is not None and state.dataset_camera is None else state
