"""Where the user is in a scene, and back to there when it is opened again. Pure; `viewer.memory` keeps it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from im4d_core.camera_path import CameraPath, keyframe
from im4d_core.types import Scene
from viewer import controls, path_editor, playback
from viewer.actions import SPEED_RANGE
from viewer.changes import exporting_as, looking_through, n_frames, taken_over, vector
from viewer.crop import limited as limited_box
from viewer.memory import Manner, Place, Shown
from viewer.near_far import limited as limited_depths
from viewer.state import SCALES, TARGETS, ViewerState


def place_of(state: ViewerState) -> Place | None:
    """Where the user is; None without a scene. A preview of the path does not count: it ends where the user's camera is."""
    scene, navigation, editor = state.scene, state.navigation, state.path_editor
    if scene is None:
        return None
    frame = float(scene.frames[state.transport.index])
    key = keyframe(1, 0.0, np.linalg.inv(navigation.T_camera_world), navigation.fov_y_deg, frame, navigation.principal_point)
    manner = Manner(
        pivot=navigation.pivot,
        up=navigation.up,
        navigation=navigation.mode,
        speed=navigation.speed,
        dataset_camera="" if state.dataset_camera is None else scene.cameras[state.dataset_camera].name,
        mode=state.picture.mode,
        output=state.picture.output,
        loop=state.transport.loop,
        path_file=editor.file,
        path_saved=not editor.unsaved,
        fps=None if state.transport.fps == playback.within_range(scene.fps) else state.transport.fps,
        scene_speed=state.transport.speed,
    )
    picture, transport = state.picture, state.transport
    shown = Shown(
        overlays=state.overlays,
        look=picture.look,
        quality=picture.quality,
        background=picture.background,
        automatic_scale=picture.automatic_scale,
        scale=1.0 if picture.automatic_scale else picture.scale,  # what it was during the last motion is of no use
        target_fps=picture.target_fps,
        crop=state.crop,
        clip=state.clip,
        first=transport.first,
        last=transport.last,
        every_frame=transport.every_frame,
        between=transport.between,
        figures=state.layout.stats,
        comparison=replace(state.comparison, holds_captured=False),
        export=state.export.settings,
        taken=state.export.taken,
    )
    return Place(manner=manner, shown=shown, camera=CameraPath(keys=(key,)), path=editor.path, shelf=editor.shelf)


def restored(state: ViewerState, place: Place, *, view: bool) -> ViewerState:
    """Back to a place of the scene that is open.

    Args:
        view: whether the camera too; else the scene's first view stays.
    """
    scene, manner = state.scene, place.manner
    if scene is None:
        return state
    editor = replace(path_editor.replace_path(state.path_editor, place.path, shelf=place.shelf), file=manner.path_file)
    if manner.path_saved:
        editor = replace(editor, saved=place.path, saved_shelf=place.shelf)
    key = place.camera.keys[0]
    index = int(np.argmin(np.abs(np.asarray(scene.frames) - (key.scene_frame or 0.0))))
    n, now_s, transport = n_frames(state), state.now_s, replace(state.transport, loop=manner.loop)
    transport = playback.set_rate(transport, n, now_s, transport.fps if manner.fps is None else manner.fps, manner.scene_speed)
    transport = playback.seek(transport, n, index, now_s)
    state = replace(state, path_editor=editor, transport=transport, picture=replace(state.picture, mode=manner.mode, output=manner.output))
    if place.shown is not None:
        state = _shown_as(state, place.shown, scene)
    if not view:
        return state
    navigation = replace(
        state.navigation,
        T_camera_world=np.linalg.inv(key.T_world_camera),
        pivot=manner.pivot,
        up=vector(np.array(manner.up) / np.linalg.norm(manner.up)),
        fov_y_deg=float(np.clip(key.fov_y_deg, *controls.FOV_RANGE_DEG)),
        principal_point=key.principal_point,
        mode=manner.navigation,
        speed=float(np.clip(manner.speed, *SPEED_RANGE)),
    )
    state = replace(taken_over(state), navigation=navigation, dataset_camera=None)
    named = next((view for view, camera in enumerate(scene.cameras) if camera.name == manner.dataset_camera), None)
    return state if named is None else looking_through(state, named)


def _shown_as(state: ViewerState, shown: Shown, scene: Scene) -> ViewerState:
    """Shown in the way it was; what the scene no longer has room for is brought within."""
    picture = replace(
        state.picture,
        look=shown.look.limited,
        quality=shown.quality.limited,
        background=shown.background,
        automatic_scale=shown.automatic_scale,
        scale=min(max(shown.scale, SCALES[0]), SCALES[1]),
        target_fps=min(max(shown.target_fps, TARGETS[0]), TARGETS[1]),
    )
    n, now_s = len(scene.frames), state.now_s
    transport = playback.set_range(state.transport, n, now_s, shown.first, shown.last)
    transport = playback.set_between(playback.set_every_frame(transport, n, now_s, shown.every_frame), n, now_s, shown.between)
    crop, clip = limited_box(shown.crop, scene.bounds), limited_depths(shown.clip)
    layout, export = replace(state.layout, stats=shown.figures), replace(state.export, taken=shown.taken)
    state = replace(state, picture=picture, overlays=shown.overlays, crop=crop, clip=clip, transport=transport, layout=layout, export=export)
    state = replace(state, comparison=shown.comparison)
    return state if shown.export is None or shown.export.problem() else exporting_as(state, shown.export)
