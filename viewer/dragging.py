"""What there was when a drag began, and back to it: dragging over the picture, of handles, on the timeline and of a panel's sliders alike. Pure."""

from __future__ import annotations

from dataclasses import replace

from viewer import path_editor
from viewer.edits import taken_back
from viewer.state import ViewerState


def held(state: ViewerState, gesture: int) -> ViewerState:
    """The state with the press of the mouse that holds something now.

    Args:
        gesture: its number; 0 where nothing is held.
    """
    if gesture == state.gesture:
        return state
    return replace(state, gesture=gesture, before_drag=replace(state, before_drag=None) if gesture else None)


def abandoned(state: ViewerState) -> ViewerState:
    """The state without what the drag under way did: its edits, the way the camera went, where time stands. Steps of undo that keys made meanwhile stay."""
    before = state.before_drag
    if before is None:
        return state
    state = taken_back(state, before.history)
    time = before.transport
    clock = replace(state.transport, index=time.index, onward=time.onward, playing=time.playing, direction=time.direction)
    return replace(
        state,
        navigation=replace(before.navigation, velocity=(0.0, 0.0, 0.0)),
        dataset_camera=before.dataset_camera,
        last_camera=before.last_camera,
        flight=before.flight,
        transport=replace(clock, anchor_index=time.anchor_index, anchor_s=time.anchor_s),  # what played plays on as if nothing had been
        path_editor=path_editor.rewound(state.path_editor, before.path_editor),
        preferences=before.preferences,
        before_drag=None,
    )
