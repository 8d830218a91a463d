"""Changes of the state that events and actions share: the view, notices, what the window is asked to do. Pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from im4d_core.export_settings import ExportSettings
from im4d_core.geometry import look_at
from im4d_core.types import Scene
from viewer import controls, path_editor, playback
from viewer.events import Effect, ProbeEncoder
from viewer.overlays import frustum_depth
from viewer.request import view_camera
from viewer.state import Level, Notice, Vector, ViewerState, shown_index, shown_onward

_ABOUT_FRUSTUM = 2.0  # frusta are so many times smaller than half of what is framed with them


def n_frames(state: ViewerState) -> int:
    return 0 if state.scene is None else len(state.scene.frames)


def vector(values: np.ndarray) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


def asked(state: ViewerState, effect: Effect) -> ViewerState:
    """The window is to do something."""
    return replace(state, effects=(*state.effects, effect))


def notified(state: ViewerState, level: Level, text: str, path: Path | None = None) -> ViewerState:
    """A notice more; one that is already shown is counted instead."""
    for i, notice in enumerate(state.notices):
        if (notice.level, notice.text, notice.path) == (level, text, path):
            again = replace(notice, count=notice.count + 1, raised_s=state.now_s)
            return replace(state, notices=(*state.notices[:i], *state.notices[i + 1 :], again))
    made = Notice(id=state.next_notice, level=level, text=text, path=path, raised_s=state.now_s)
    return replace(state, notices=(*state.notices, made), next_notice=state.next_notice + 1)


def exporting_as(state: ViewerState, settings: ExportSettings) -> ViewerState:
    """Exports are to be made like this. Another encoder is tried as soon as it is chosen, not after everything has been rendered."""
    before = state.export.settings
    changed = replace(state, export=replace(state.export, settings=settings))
    known = any((report.format, report.chroma) == (settings.format, settings.chroma) for report in state.export.encoders)
    if known or (settings.format, settings.chroma) == (before.format, before.chroma):
        return changed
    return asked(changed, ProbeEncoder(format=settings.format, chroma=settings.chroma))


# ---- the view -----------------------------------------------------------------------------------------------------------------------------------


def middle(state: ViewerState) -> np.ndarray:
    """The middle of the box of the frame that is shown."""
    return np.zeros(3) if state.scene is None else state.scene.boxes[shown_index(state)].mean(axis=0)


def taken_over(state: ViewerState) -> ViewerState:
    """The user's camera and transport take the place of a preview or of a camera of the capture, without a jump."""
    if not state.path_editor.previewing and state.dataset_camera is None and state.flight is None:
        return state
    camera = view_camera(state, state.width, state.height)
    pivot = state.navigation.pivot
    transport = state.transport
    if state.path_editor.previewing:
        pivot = vector(controls.through(camera, middle(state))[1])
        transport = playback.seek(transport, n_frames(state), shown_index(state), state.now_s, shown_onward(state))
    fov = float(np.clip(camera.fov_y_deg, *controls.FOV_RANGE_DEG))
    navigation = replace(state.navigation, T_camera_world=camera.T_camera_world, pivot=pivot, fov_y_deg=fov, principal_point=camera.principal_point)
    editor = path_editor.stop(state.path_editor)
    return replace(state, navigation=navigation, transport=transport, path_editor=editor, dataset_camera=None, flight=None)


def navigated(state: ViewerState, T_camera_world: np.ndarray, pivot: np.ndarray) -> ViewerState:
    return replace(state, navigation=replace(state.navigation, T_camera_world=T_camera_world, pivot=vector(pivot)))


def looking_through(state: ViewerState, view: int) -> ViewerState:
    """Look through a camera of the capture; clamped."""
    if state.scene is None:
        return state
    view = min(max(view, 0), len(state.scene.cameras) - 1)
    camera = state.scene.cameras[view]
    pose, pivot = controls.through(camera, middle(state))
    fov = float(np.clip(camera.fov_y_deg, *controls.FOV_RANGE_DEG))
    lens = replace(state.navigation, fov_y_deg=fov, principal_point=camera.principal_point)
    navigation = replace(lens, T_camera_world=pose, pivot=vector(pivot), velocity=(0.0, 0.0, 0.0))
    editor = path_editor.stop(state.path_editor)
    return replace(state, navigation=navigation, dataset_camera=view, last_camera=view, path_editor=editor)


def first_view(state: ViewerState) -> ViewerState:
    """The view a scene opens with: through its first view, or framing the box from the side of its first camera."""
    if state.scene is None:
        return state
    if state.first_view is not None:
        return looking_through(state, state.first_view)
    stopped = replace(state, path_editor=path_editor.stop(state.path_editor), dataset_camera=None)
    up, target = np.array(state.navigation.up), middle(stopped)
    start = state.scene.cameras[0].centre if state.scene.cameras else target + controls.horizontal_axes(up)[0]
    if np.linalg.norm(start - target) < 1e-6:
        start = target + controls.horizontal_axes(up)[0]
    navigation = replace(state.navigation, T_camera_world=look_at(start, target, up), velocity=(0.0, 0.0, 0.0))
    return frame_scene(replace(stopped, navigation=navigation))


def frame_scene(state: ViewerState) -> ViewerState:
    """Fit the box of the frame into the window, in the present viewing direction."""
    return state if state.scene is None else _framing(state, state.scene.boxes[shown_index(state)])


def frame_selected(state: ViewerState) -> ViewerState:
    """Likewise the selected camera of the capture, or key of the path, with what is about it; where none is seen to be selected, the scene."""
    if state.scene is not None and state.selected_camera is not None and state.overlays.cameras:
        return _framing(state, _about(state.scene, state.scene.cameras[state.selected_camera].centre))
    key = state.path_editor.selected_key
    if state.scene is None or key is None or state.path_editor.previewing or not state.overlays.path:
        return frame_scene(state)
    return _framing(state, _about(state.scene, key.T_world_camera[:3, 3]))


def _about(scene: Scene, centre: np.ndarray) -> np.ndarray:
    """A box about a frustum."""
    about = _ABOUT_FRUSTUM * frustum_depth(scene)
    return centre + np.array([[-about], [about]])


def _framing(state: ViewerState, box: np.ndarray) -> ViewerState:
    state = taken_over(state)
    aspect, nav = state.width / max(state.height, 1), state.navigation
    return navigated(state, *controls.framed(nav.T_camera_world, box, nav.fov_y_deg, aspect, nav.principal_point))
