"""Recording how the user moves, to make a path of it. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from im4d_core.camera_path import keyframe
from viewer.changes import asked, notified
from viewer.edited_path import PathRecording
from viewer.events import SimplifyRecording
from viewer.request import view_camera
from viewer.state import ViewerState

EVERY_S = 1 / 30
"""Time between two poses."""
LONGEST_S = 300.0
TOLERANCE = 0.004
"""How far off the path may be from the motion, over the distance to the pivot: a pixel or two."""


def toggled(state: ViewerState) -> ViewerState:
    """Begin, or end and ask for the path."""
    if state.recording is not None:
        return ended(state)
    if state.scene is None:
        return state
    begun = replace(state, recording=PathRecording(began_s=state.now_s))
    return notified(noted(begun), "info", "Recording your motion: move around; the same key ends it")


def noted(state: ViewerState) -> ViewerState:
    """The pose of this moment, where it is time for one."""
    recording = state.recording
    if recording is None:
        return state
    time_s = state.now_s - recording.began_s
    if time_s > LONGEST_S:
        return ended(state)
    if recording.poses and time_s - recording.poses[-1].time_s < EVERY_S - 1e-3:  # 1 ms: clocks are not exact
        return state
    camera = view_camera(state, state.width, state.height)
    frame = float(state.frame) if state.transport.playing or state.path_editor.records_scene_time else None
    pose = keyframe(len(recording.poses) + 1, time_s, np.linalg.inv(camera.T_camera_world), camera.fov_y_deg, frame, camera.principal_point)
    return replace(state, recording=replace(recording, poses=(*recording.poses, pose)))


def ended(state: ViewerState) -> ViewerState:
    """Stop; what was recorded becomes a path as soon as its keys are chosen."""
    recording = state.recording
    if recording is None:
        return state
    state = replace(state, recording=None)
    if len(recording.poses) < 2:
        return notified(state, "info", "Nothing was recorded")
    camera = view_camera(state, state.width, state.height)
    distance = float(np.linalg.norm(camera.centre - np.array(state.navigation.pivot)))
    return asked(state, SimplifyRecording(poses=recording.poses, distance=max(TOLERANCE * distance, 1e-6)))
