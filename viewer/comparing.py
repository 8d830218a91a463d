"""How comparisons change the state. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from viewer import bindings
from viewer.changes import notified
from viewer.compare import LAYOUTS, Comparison, Pair
from viewer.state import ViewerState


def needs_camera() -> str:
    """What to do where a captured picture is to be shown and there is none."""
    return bindings.keyed("Look through a camera of the capture first, from the list in the Camera panel", "camera_previous", "camera_next")


_OF_EXACT: dict[Pair, Pair] = {"fast | full": "exact | full", "fast | captured": "exact | captured"}


def compared(state: ViewerState, comparison: Comparison) -> ViewerState:
    """Compare in another way."""
    wipe = min(max(comparison.wipe, 0.0), 1.0) if math.isfinite(comparison.wipe) else 0.5
    return replace(state, comparison=replace(comparison, wipe=wipe, holds_captured=state.comparison.holds_captured))


def compare_next(state: ViewerState) -> ViewerState:
    """The next layout; a notice where it has nothing to show yet."""
    layout = LAYOUTS[(LAYOUTS.index(state.comparison.layout) + 1) % len(LAYOUTS)]
    pair = state.comparison.pair
    if state.comparison.layout == "off" and state.picture.mode == "exact":  # what is chosen is what is compared
        pair = _OF_EXACT.get(pair, pair)
    state = compared(state, replace(state.comparison, layout=layout, pair=pair))
    waits = state.scene is not None and state.dataset_camera is None and state.comparison.needs_captured
    return notified(state, "info", needs_camera()) if waits else state


def holding_captured(state: ViewerState, held: bool) -> ViewerState:
    """The key that shows the captured picture went down or up."""
    if held == state.comparison.holds_captured:
        return state
    state = replace(state, comparison=replace(state.comparison, holds_captured=held))
    return notified(state, "info", needs_camera()) if held and state.scene is not None and state.dataset_camera is None else state
