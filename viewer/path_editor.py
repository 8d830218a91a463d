"""Edits of the camera path, and the preview's clock. Pure functions of `PathEditor`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from im4d_core.camera_path import FOV_RANGE_DEG, MAX_TIME_S, CameraPath, Interpolation, Keyframe, evened, keyframe
from im4d_core.types import MIDDLE, PrincipalPoint
from viewer.edited_path import PathEditor

SPACING_S = 2.0
"""Time of a key added after the last one."""
MIN_GAP_S = 0.01
"""Least time between two keys."""


def edited(editor: PathEditor, path: CameraPath, selected: int | None, *, shelf: tuple[CameraPath, ...] | None = None) -> PathEditor:
    """The editor with another path, and other paths on the shelf where they are given. Keys of a path at constant speed find their times by themselves."""
    shelf = editor.shelf if shelf is None else shelf
    path = evened(path) if path.constant_speed else path
    if (path, shelf) == (editor.path, editor.shelf):
        return replace(editor, selected=selected)
    return _within(replace(editor, path=path, shelf=shelf, selected=selected))


def returned(editor: PathEditor, path: CameraPath, shelf: tuple[CameraPath, ...], selected: int | None) -> PathEditor:
    """The editor with the paths that it had before."""
    return _within(replace(editor, path=path, shelf=shelf, selected=selected))


def add_key(
    editor: PathEditor, T_world_camera: Float64[np.ndarray, "4 4"], fov_y_deg: float, scene_frame: float | None, principal_point: PrincipalPoint = MIDDLE
) -> PathEditor:
    """A key at the playhead, or, where the playhead stands on a key, some time after the last one. The playhead follows."""
    keys = editor.path.keys
    time_s = editor.time_s if keys else 0.0
    if any(abs(key.time_s - time_s) < MIN_GAP_S for key in keys):
        time_s = keys[-1].time_s + SPACING_S
    made = keyframe(_next_id(editor.path), time_s, T_world_camera, _fov(fov_y_deg), scene_frame, principal_point)
    return replace(edited(editor, _with_keys(editor.path, (*keys, made)), made.id), time_s=time_s)


def overwrite_key(
    editor: PathEditor, T_world_camera: Float64[np.ndarray, "4 4"], fov_y_deg: float, scene_frame: float | None, principal_point: PrincipalPoint = MIDDLE
) -> PathEditor:
    """The selected key takes another camera and keeps its time; a frame of the scene only where one is given."""
    key = editor.selected_key
    if key is None:
        return editor
    frame = key.scene_frame if scene_frame is None else scene_frame
    made = keyframe(key.id, key.time_s, T_world_camera, _fov(fov_y_deg), frame, principal_point)
    made = replace(made, ease_in=key.ease_in, ease_out=key.ease_out, extra=key.extra)
    return edited(editor, _with_key(editor.path, made), key.id)


def duplicate_key(editor: PathEditor) -> PathEditor:
    """A copy of the selected key halfway to the next one, or after the last; it becomes selected."""
    key = editor.selected_key
    if key is None:
        return editor
    return copy_key(editor, key.id, None)


def copy_key(editor: PathEditor, key_id: int, time_s: float | None) -> PathEditor:
    """A copy of a key at another time, or halfway to the next one; it becomes selected. Where keys stand, it stands just beside them."""
    key = _find(editor, key_id)
    if key is None or (time_s is not None and not np.isfinite(time_s)):
        return editor
    if time_s is None:
        later = [other.time_s for other in editor.path.keys if other.time_s > key.time_s]
        time_s = 0.5 * (key.time_s + later[0]) if later and later[0] - key.time_s > 2 * MIN_GAP_S else editor.path.keys[-1].time_s + SPACING_S
    made = replace(key, id=_next_id(editor.path), time_s=_free_time(editor.path.keys, time_s))
    return edited(editor, _with_keys(editor.path, (*editor.path.keys, made)), made.id)


def delete_key(editor: PathEditor) -> PathEditor:
    """Without the selected key; its neighbour becomes selected."""
    key = editor.selected_key
    if key is None:
        return editor
    at = editor.path.keys.index(key)
    keys = editor.path.keys[:at] + editor.path.keys[at + 1 :]
    return edited(editor, replace(editor.path, keys=keys), keys[min(at, len(keys) - 1)].id if keys else None)


def set_key_time(editor: PathEditor, key_id: int, time_s: float) -> PathEditor:
    """Move a key in time; it may pass others, but not stand on one: it stops just short of it."""
    key = _find(editor, key_id)
    if key is None or not np.isfinite(time_s):
        return editor
    made = replace(key, time_s=_free_time([other for other in editor.path.keys if other.id != key_id], time_s))
    keys = tuple(made if other.id == key_id else other for other in editor.path.keys)
    return edited(editor, _with_keys(editor.path, keys), key_id)


def set_key_frame(editor: PathEditor, key_id: int, scene_frame: float | None) -> PathEditor:
    key = _find(editor, key_id)
    if key is None or (scene_frame is not None and not np.isfinite(scene_frame)):
        return editor
    return edited(editor, _with_key(editor.path, replace(key, scene_frame=scene_frame)), key_id)


def set_key_fov(editor: PathEditor, key_id: int, fov_y_deg: float) -> PathEditor:
    key = _find(editor, key_id)
    if key is None or not np.isfinite(fov_y_deg):
        return editor
    return edited(editor, _with_key(editor.path, replace(key, fov_y_deg=_fov(fov_y_deg))), key_id)


def set_key_ease(editor: PathEditor, key_id: int, ease_in: float, ease_out: float) -> PathEditor:
    key = _find(editor, key_id)
    if key is None or not (np.isfinite(ease_in) and np.isfinite(ease_out)):
        return editor
    made = replace(key, ease_in=min(max(ease_in, 0.0), 1.0), ease_out=min(max(ease_out, 0.0), 1.0))
    return edited(editor, _with_key(editor.path, made), key_id)


def set_key_pose(editor: PathEditor, key_id: int, T_world_camera: Float64[np.ndarray, "4 4"]) -> PathEditor:
    """Another place and direction of a key."""
    key = _find(editor, key_id)
    if key is None or not np.isfinite(T_world_camera).all():
        return editor
    moved = keyframe(key.id, key.time_s, T_world_camera, key.fov_y_deg, key.scene_frame)
    return edited(editor, _with_key(editor.path, replace(key, position=moved.position, rotation=moved.rotation)), key_id)


def set_tension(editor: PathEditor, tension: float) -> PathEditor:
    if not np.isfinite(tension):
        return editor
    return edited(editor, replace(editor.path, tension=min(max(tension, 0.0), 1.0)), editor.selected)


def set_constant_speed(editor: PathEditor, on: bool) -> PathEditor:
    return edited(editor, replace(editor.path, constant_speed=on), editor.selected)


def set_loop(editor: PathEditor, loop: bool, loop_s: float | None = None) -> PathEditor:
    back_s = editor.path.loop_s if loop_s is None or not np.isfinite(loop_s) else min(max(loop_s, MIN_GAP_S), MAX_TIME_S)
    return edited(editor, replace(editor.path, loop=loop, loop_s=back_s), editor.selected)


def set_interpolation(editor: PathEditor, interpolation: Interpolation) -> PathEditor:
    return edited(editor, replace(editor.path, interpolation=interpolation), editor.selected)


def clear(editor: PathEditor) -> PathEditor:
    return edited(editor, replace(editor.path, keys=()), None)


def replace_path(editor: PathEditor, path: CameraPath, *, shelf: tuple[CameraPath, ...] | None = None) -> PathEditor:
    """Another whole path: a generated one under the present name, or a loaded one with the others of its file."""
    named = replace(path, name=editor.path.name) if shelf is None else path
    return replace(edited(editor, named, path.keys[0].id if path.keys else None, shelf=shelf), time_s=path.start_s)


def select(editor: PathEditor, key_id: int | None) -> PathEditor:
    key = _find(editor, key_id)
    return replace(editor, selected=None if key is None else key.id)


def select_neighbour(editor: PathEditor, by: int) -> PathEditor:
    """Select the next (by = 1) or previous (by = -1) key after the playhead and show it; ends hold."""
    keys = editor.path.keys
    if not keys:
        return editor
    if by > 0:
        key = next((key for key in keys if key.time_s > editor.time_s + 1e-6), keys[-1])
    else:
        key = next((key for key in reversed(keys) if key.time_s < editor.time_s - 1e-6), keys[0])
    return scrub(select(editor, key.id), key.time_s)


def scrub(editor: PathEditor, time_s: float) -> PathEditor:
    """Show the path at a time, standing still; clamped."""
    if not editor.path.keys or not np.isfinite(time_s):
        return editor
    return _within(replace(editor, time_s=time_s, previewing=True, playing=False))


def play(editor: PathEditor, now_s: float) -> PathEditor:
    """Play from the playhead, or from the start where an open path rests at its end."""
    if not editor.path.keys:
        return editor
    end_s = editor.path.start_s + editor.path.duration_s
    time_s = editor.path.start_s if editor.time_s >= end_s - 1e-6 else max(editor.time_s, editor.path.start_s)
    return replace(editor, previewing=True, playing=True, time_s=time_s, anchor_time_s=time_s, anchor_s=now_s)


def pause(editor: PathEditor) -> PathEditor:
    return replace(editor, playing=False)


def stop(editor: PathEditor) -> PathEditor:
    """Leave the preview: the window shows the user's camera again."""
    return replace(editor, previewing=False, playing=False)


def rewound(editor: PathEditor, before: PathEditor) -> PathEditor:
    """The editor with selection, preview and settings as they were before; the paths stay as they are."""
    preview = replace(editor, previewing=before.previewing, playing=before.playing, time_s=before.time_s, orbit=before.orbit)
    return _within(select(replace(preview, anchor_time_s=before.anchor_time_s, anchor_s=before.anchor_s), before.selected))


def tick(editor: PathEditor, now_s: float) -> PathEditor:
    """Where the preview's clock is now; an open path stops at its end."""
    if not editor.playing:
        return editor
    path = editor.path
    time_s = editor.anchor_time_s + now_s - editor.anchor_s
    if path.closed:
        return replace(editor, time_s=path.start_s + (time_s - path.start_s) % path.duration_s)
    end_s = path.start_s + path.duration_s
    return replace(editor, time_s=min(time_s, end_s), playing=time_s < end_s)


def _within(editor: PathEditor) -> PathEditor:
    """Playhead inside the path; no selection or preview of what is gone."""
    path = editor.path
    if not path.keys:
        return replace(editor, time_s=0.0, previewing=False, playing=False, selected=None)
    time_s = min(max(editor.time_s, path.start_s), path.start_s + path.duration_s)
    return editor if time_s == editor.time_s else replace(editor, time_s=time_s, anchor_time_s=time_s)


def _with_keys(path: CameraPath, keys: tuple[Keyframe, ...]) -> CameraPath:
    return replace(path, keys=tuple(sorted(keys, key=lambda key: key.time_s)))


def _with_key(path: CameraPath, made: Keyframe) -> CameraPath:
    return replace(path, keys=tuple(made if key.id == made.id else key for key in path.keys))


def _free_time(keys: Iterable[Keyframe], time_s: float) -> float:
    """A time at or just after the one wanted, at which no key stands."""
    time_s = min(max(float(time_s), 0.0), MAX_TIME_S)
    for other in sorted(key.time_s for key in keys):  # in order, so that being pushed off one key and onto the next is seen
        if abs(other - time_s) < MIN_GAP_S:
            time_s = other + MIN_GAP_S
    return time_s


def _find(editor: PathEditor, key_id: int | None) -> Keyframe | None:
    return next((key for key in editor.path.keys if key.id == key_id), None)


def _next_id(path: CameraPath) -> int:
    return max((key.id for key in path.keys), default=0) + 1


def _fov(fov_y_deg: float) -> float:
    return float(min(max(fov_y_deg, FOV_RANGE_DEG[0]), FOV_RANGE_DEG[1]))
