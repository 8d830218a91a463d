"""States of the window to begin tests with, on the stand-in scene, and events to change them by."""

from __future__ import annotations

from pathlib import Path

from stand_in import stand_in_scene

from viewer import events as e
from viewer.reduce import reduce
from viewer.state import ViewerState


def opened(frames: int = 8) -> ViewerState:
    """A scene is open; the clock stands at 100 s."""
    state = reduce(ViewerState(), e.Tick(now_s=100.0))
    return reduce(state, e.SceneOpened(scene=stand_in_scene(frames=frames), source=Path("RUN")))


def after(state: ViewerState, *happened: e.Event) -> ViewerState:
    for event in happened:
        state = reduce(state, event)
    return state


def press(state: ViewerState, *actions: str) -> ViewerState:
    return after(state, *(e.Triggered(action=action) for action in actions))


def with_path(state: ViewerState) -> ViewerState:
    """Keys 1, 2 and 3 at 0, 2 and 4 s from three cameras; the second shows frame 15."""
    for view in range(3):
        state = after(state, e.JumpToCamera(view=view), e.Triggered(action="key_add"))
    return after(state, e.SetKeyFrame(key_id=2, scene_frame=15.0))


def dragging(gesture: int) -> e.Tick:
    """The mouse holds a widget from now on; 0: it lets go."""
    return e.Tick(now_s=100.0, gesture=gesture)
