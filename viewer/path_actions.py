"""What the actions on the camera path do to the state: keys, preview, generators, several paths, recording, file. Pure; a part of `viewer.actions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from im4d_core.camera_path import CameraPath
from im4d_core.path_files import PathView
from im4d_core.path_generators import Point, arc, orbit, round_cameras, spiral, through_cameras
from im4d_core.types import PrincipalPoint
from viewer import bindings, controls, path_editor, path_recording, path_shelf, playback
from viewer.changes import asked, notified, vector
from viewer.edited_path import PathEditor
from viewer.events import ExportPath, LoadPath, SavePath
from viewer.request import goal_camera
from viewer.state import ViewerState, placed, scene_timing

Handler = Callable[[ViewerState], ViewerState]


def on_editor(change: Callable[[PathEditor], PathEditor]) -> Handler:
    """An action on the path editor alone."""
    return lambda state: replace(state, path_editor=change(state.path_editor))


def _keyed(change: Callable[[PathEditor, np.ndarray, float, float | None, PrincipalPoint], PathEditor]) -> Handler:
    """An action that writes the present camera into a key."""

    def handler(state: ViewerState) -> ViewerState:
        camera = goal_camera(state, state.width, state.height)
        frame = float(state.frame) if state.path_editor.records_scene_time and state.scene is not None else None
        pose = np.linalg.inv(camera.T_camera_world)
        return replace(state, path_editor=change(state.path_editor, pose, camera.fov_y_deg, frame, camera.principal_point))

    return handler


def _needs_key(handler: Handler) -> Handler:
    def checked(state: ViewerState) -> ViewerState:
        if state.path_editor.selected_key is None:
            return notified(state, "info", "Select a key of the path first")
        return handler(state)

    return checked


def _path_play(state: ViewerState) -> ViewerState:
    editor = state.path_editor
    if not editor.path.keys:
        return notified(state, "info", f"The path has no keys yet: {bindings.press('key_add')} to add one")
    if editor.playing:
        return replace(state, path_editor=path_editor.pause(editor))
    return replace(state, path_editor=path_editor.play(editor, state.now_s), transport=playback.pause(state.transport))


# ---- paths by rule ------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Around:
    """Where the user's camera is about its pivot."""

    centre: Point
    up: Point
    radius: float
    pitch_deg: float
    start_deg: float
    fov_y_deg: float


def _generated(make: Callable[[ViewerState, _Around], CameraPath]) -> Handler:
    """An action that replaces the path by one about the pivot, which begins where the camera is."""

    def handler(state: ViewerState) -> ViewerState:
        if state.scene is None:
            return state
        camera = goal_camera(state, state.width, state.height)
        up, pivot = np.array(state.navigation.up), np.array(state.navigation.pivot)
        outwards = camera.centre - pivot
        radius = float(np.linalg.norm(outwards))
        if radius < 1e-6:
            return notified(state, "warning", "The camera stands on its pivot: move away first")
        east, north = controls.horizontal_axes(up)
        limit = controls.MAX_PITCH_DEG
        pitch = float(np.clip(np.degrees(np.arcsin(np.clip(outwards @ up / radius, -1.0, 1.0))), -limit, limit))
        start = float(np.degrees(np.arctan2(outwards @ north, outwards @ east)))
        about = _Around(centre=vector(pivot), up=vector(up), radius=radius, pitch_deg=pitch, start_deg=start, fov_y_deg=camera.fov_y_deg)
        try:
            made = make(state, about)
        except ValueError as error:
            return notified(state, "warning", str(error))
        return replace(state, path_editor=path_editor.replace_path(state.path_editor, made))

    return handler


def _orbit(state: ViewerState, at: _Around) -> CameraPath:
    settings = state.path_editor.orbit
    return orbit(
        centre=at.centre,
        radius=at.radius,
        up=at.up,
        pitch_deg=at.pitch_deg,
        start_deg=at.start_deg,
        turns=settings.turns,
        duration_s=settings.duration_s,
        fov_y_deg=at.fov_y_deg,
    )


def _arc(state: ViewerState, at: _Around) -> CameraPath:
    settings = state.path_editor.orbit
    return arc(
        centre=at.centre,
        radius=at.radius,
        up=at.up,
        pitch_deg=at.pitch_deg,
        start_deg=at.start_deg,
        sweep_deg=settings.sweep_deg,
        duration_s=settings.duration_s,
        fov_y_deg=at.fov_y_deg,
    )


def _spiral(state: ViewerState, at: _Around) -> CameraPath:
    settings, limit = state.path_editor.orbit, controls.MAX_PITCH_DEG
    return spiral(
        centre=at.centre,
        radius=at.radius,
        end_radius=at.radius * settings.end_radius,
        up=at.up,
        pitch_deg=at.pitch_deg,
        end_pitch_deg=float(np.clip(at.pitch_deg + settings.rise_deg, -limit, limit)),
        start_deg=at.start_deg,
        turns=settings.turns,
        duration_s=settings.duration_s,
        fov_y_deg=at.fov_y_deg,
    )


def _through(state: ViewerState) -> ViewerState:
    """Through the cameras of the capture, in their order."""
    if state.scene is None:
        return state
    return replace(state, path_editor=path_editor.replace_path(state.path_editor, through_cameras(state.scene.cameras)))


def _round(state: ViewerState) -> ViewerState:
    """Around the cameras of the capture, as they stand."""
    if state.scene is None:
        return state
    made = round_cameras(state.scene.cameras, vector(np.array(state.navigation.up)))
    return replace(state, path_editor=path_editor.replace_path(state.path_editor, made))


# ---- files and several paths --------------------------------------------------------------------------------------------------------------------


def _path_save(state: ViewerState) -> ViewerState:
    editor = state.path_editor
    if editor.empty:
        return notified(state, "info", "There is nothing to save: the path has no keys")
    return asked(state, path_saving(state))


def path_saving(state: ViewerState) -> SavePath:
    """All paths as they are now, to the file that the Path panel names."""
    editor = state.path_editor
    return SavePath(path=editor.path, others=editor.shelf, file=placed(state, editor.file))


def _path_load(state: ViewerState) -> ViewerState:
    return asked(state, LoadPath(file=placed(state, state.path_editor.file)))


_ENDINGS = {"im4d": "", "nerfstudio": "_nerfstudio.json", "instant-ngp": "_ngp.json", "easymocap-keys": "_keys", "easymocap-pictures": "_pictures"}
"""What follows the name of the path's own file: other programs' files never take its place."""


def _path_export(state: ViewerState) -> ViewerState:
    editor, settings = state.path_editor, state.export.settings
    if not editor.path.keys or state.scene is None:
        return notified(state, "info", "There is nothing to export: the path has no keys")
    file = placed(state, editor.file)
    target = file.with_suffix(".json") if editor.form == "im4d" else file.with_name(file.stem + _ENDINGS[editor.form])
    view = PathView(width=settings.width, height=settings.height, fps=settings.fps, timing=scene_timing(state), bounds=state.scene.bounds)
    return asked(state, ExportPath(path=editor.path, target=target, form=editor.form, view=view))


HANDLERS: dict[str, Handler] = {
    "path_play": _path_play,
    "key_add": _keyed(path_editor.add_key),
    "key_overwrite": _needs_key(_keyed(path_editor.overwrite_key)),
    "key_duplicate": _needs_key(on_editor(path_editor.duplicate_key)),
    "key_delete": _needs_key(on_editor(path_editor.delete_key)),
    "key_previous": on_editor(lambda editor: path_editor.select_neighbour(editor, -1)),
    "key_next": on_editor(lambda editor: path_editor.select_neighbour(editor, 1)),
    "path_loop": on_editor(lambda editor: path_editor.set_loop(editor, not editor.path.loop)),
    "path_clear": on_editor(path_editor.clear),
    "path_orbit": _generated(_orbit),
    "path_arc": _generated(_arc),
    "path_spiral": _generated(_spiral),
    "path_cameras": _through,
    "path_round": _round,
    "path_new": on_editor(lambda editor: path_shelf.added(editor, CameraPath())),
    "path_copy": on_editor(path_shelf.copied),
    "path_remove": on_editor(path_shelf.removed),
    "path_record": path_recording.toggled,
    "path_save": _path_save,
    "path_export": _path_export,
    "path_load": _path_load,
    "preview_stop": on_editor(path_editor.stop),
}
