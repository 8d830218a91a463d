"""How events about the camera path change the state. Pure; a part of `viewer.reduce`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from viewer import events as e
from viewer import path_editor, path_shelf
from viewer.changes import notified
from viewer.edited_path import PathEditor
from viewer.state import ViewerState


def _select_key(editor: PathEditor, event: e.SelectKey) -> PathEditor:
    editor = path_editor.select(editor, event.key_id)
    if event.go_there and editor.selected_key is not None:
        editor = path_editor.scrub(editor, editor.selected_key.time_s)
    return editor


EDITS: dict[type, Callable[[PathEditor, Any], PathEditor]] = {
    e.SelectKey: _select_key,
    e.SetKeyTime: lambda editor, event: path_editor.set_key_time(editor, event.key_id, event.time_s),
    e.CopyKey: lambda editor, event: path_editor.copy_key(editor, event.key_id, event.time_s),
    e.SetKeyFrame: lambda editor, event: path_editor.set_key_frame(editor, event.key_id, event.scene_frame),
    e.SetKeyFov: lambda editor, event: path_editor.set_key_fov(editor, event.key_id, event.fov_y_deg),
    e.SetKeyEase: lambda editor, event: path_editor.set_key_ease(editor, event.key_id, event.ease_in, event.ease_out),
    e.SetKeyPose: lambda editor, event: path_editor.set_key_pose(editor, event.key_id, event.T_world_camera),
    e.SetPathLoop: lambda editor, event: path_editor.set_loop(editor, event.loop, event.loop_s),
    e.SetInterpolation: lambda editor, event: path_editor.set_interpolation(editor, event.interpolation),
    e.SetTension: lambda editor, event: path_editor.set_tension(editor, event.tension),
    e.SetConstantSpeed: lambda editor, event: path_editor.set_constant_speed(editor, event.on),
    e.SetPathTime: lambda editor, event: path_editor.scrub(editor, event.time_s),
    e.SetRecordsSceneTime: lambda editor, event: replace(editor, records_scene_time=event.on),
    e.ReplacePath: lambda editor, event: path_editor.replace_path(editor, event.path),
    e.SetOrbit: lambda editor, event: replace(editor, orbit=event.settings),
    e.SetPathFile: lambda editor, event: replace(editor, file=event.file),
    e.SetPathForm: lambda editor, event: replace(editor, form=event.form),
    e.ChoosePath: lambda editor, event: path_shelf.chosen(editor, event.name),
    e.RenamePath: lambda editor, event: path_shelf.renamed(editor, event.name),
}
"""Events that concern the path editor alone."""


def _loaded(state: ViewerState, event: e.PathLoaded) -> ViewerState:
    editor = path_editor.replace_path(path_editor.stop(state.path_editor), event.path, shelf=event.others)
    editor = replace(editor, saved=event.path, saved_shelf=event.others, file=editor.file if event.of_scene else str(event.file))
    count = len(event.path.keys)
    text = ". ".join((f"Loaded {count} key{'' if count == 1 else 's'} from {event.file}", *event.notes))
    return notified(replace(state, path_editor=editor), "info", text)


def _saved(state: ViewerState, event: e.PathSaved) -> ViewerState:
    editor = replace(state.path_editor, saved=event.path, saved_shelf=event.others, file=str(event.file))
    return notified(replace(state, path_editor=editor), "info", f"Saved {event.file}", event.file)


def _recorded(state: ViewerState, event: e.MotionRecorded) -> ViewerState:
    editor = path_shelf.added(path_editor.stop(state.path_editor), event.path)
    return notified(replace(state, path_editor=editor), "info", f"Recorded {event.path.duration_s:.1f} s as {len(event.path.keys)} keys")


def _edit(change: Callable[[PathEditor, Any], PathEditor]) -> Callable[[ViewerState, Any], ViewerState]:
    return lambda state, event: replace(state, path_editor=change(state.path_editor, event))


REDUCERS: dict[type, Callable[[ViewerState, Any], ViewerState]] = {
    **{kind: _edit(change) for kind, change in EDITS.items()},
    e.PathLoaded: _loaded,
    e.PathSaved: _saved,
    e.MotionRecorded: _recorded,
}
