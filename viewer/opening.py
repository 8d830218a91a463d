"""What a state becomes when a scene is opened: another scene starts over with a path of its own, the same one read again stays as it is. Pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from im4d_core.export_settings import SUFFIXES
from im4d_core.types import Scene
from viewer import playback
from viewer.changes import first_view, vector
from viewer.crop import limited, whole
from viewer.edited_path import PathEditor
from viewer.events import SceneOpened
from viewer.history import History
from viewer.preferences import with_recent
from viewer.state import Export, Navigation, ViewerState
from viewer.transport import Transport


def is_open(state: ViewerState, source: Path) -> bool:
    """Whether a folder is the scene that is open."""
    return state.source is not None and state.source.absolute() == source.absolute()


def scene_opened(state: ViewerState, event: SceneOpened) -> ViewerState:
    opened = replace(
        state,
        scene=event.scene,
        source=event.source,
        device=event.device,
        opened_s=state.now_s if state.opened_s is None else state.opened_s,
        preferences=with_recent(state.preferences, event.source),
        picture=replace(state.picture, recent_ms=()),
        flight=None,
        before_drag=None,
        occupancy_job=None,
        picture_job=None,
        displayed_frame=None,
    )
    if state.scene is not None and is_open(state, event.source):
        return _read_again(opened, state.scene, event.scene)
    return _begun(opened, event.scene, event.first_view)


def _begun(state: ViewerState, scene: Scene, view: int | None) -> ViewerState:
    """Another scene: camera, time, crop and path start over."""
    diagonal = float(np.linalg.norm(scene.bounds[1] - scene.bounds[0]))
    up = scene.up / np.linalg.norm(scene.up)
    before, editor = state.transport, state.path_editor
    fresh = replace(
        state,
        first_view=view,
        navigation=Navigation(T_camera_world=np.eye(4), up=vector(up), speed=float(max(0.3 * diagonal, 1e-3)), mode=state.navigation.mode),
        crop=whole(scene.bounds),
        clip=None,
        transport=Transport(fps=playback.within_range(scene.fps), loop=before.loop, every_frame=before.every_frame, between=before.between),
        path_editor=PathEditor(file=f"{scene.name}_path.json", orbit=editor.orbit, form=editor.form, records_scene_time=editor.records_scene_time),
        export=_made_for(state.export, scene),
        recording=None,
        dataset_camera=None,
        last_camera=0,
        selected_camera=None,
    )
    return first_view(fresh)


def _read_again(state: ViewerState, before: Scene, scene: Scene) -> ViewerState:
    """The same scene as it is on disk now: everything stays, within what there is now."""
    frame = before.frames[state.transport.index]
    index = int(np.argmin(np.abs(np.asarray(scene.frames) - frame)))
    untouched = state.crop == whole(before.bounds)
    return replace(
        state,
        transport=playback.seek(state.transport, len(scene.frames), index, state.now_s),
        crop=whole(scene.bounds) if untouched else limited(state.crop, scene.bounds),
        history=state.history if len(before.cameras) == len(scene.cameras) else History(),  # its steps may lead to cameras that are gone
        dataset_camera=state.dataset_camera if (state.dataset_camera or 0) < len(scene.cameras) else None,
        selected_camera=state.selected_camera if (state.selected_camera or 0) < len(scene.cameras) else None,
    )


def _made_for(export: Export, scene: Scene) -> Export:
    """The result goes where it went before, under the name of the scene, and is as fast as the scene."""
    settings = export.settings
    file = Path(settings.file).with_name(f"{scene.name}{SUFFIXES[settings.format]}")
    return replace(export, settings=replace(settings, file=str(file), fps=playback.within_range(scene.fps)))
