"""nerfstudio's camera_path.json, read and written.

Poses are in nerfstudio's normalised space, whose transform the file does not say: it is in dataparser_transforms.json, which training writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from im4d_core.camera_path import CameraPath
from im4d_core.json_fields import LARGEST, field, found, json_file, json_value, number, number_within, rigid_pose
from im4d_core.path_files.foreign import ForeignKey, ForeignPath, PathView

TRANSFORMS_FILE = "dataparser_transforms.json"
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL camera axes ↔ OpenCV's


@dataclass(frozen=True, kw_only=True, eq=False)
class NerfstudioWorld:
    """nerfstudio's space: its pose = `transform` · the capture's, the position then times `scale`."""

    transform: Float64[np.ndarray, "4 4"]
    """Rigid."""
    scale: float

    def to_nerfstudio(self, T_world_camera: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
        """The pose there."""
        pose = self.transform @ T_world_camera
        pose[:3, 3] *= self.scale
        return pose

    def from_nerfstudio(self, pose: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
        """The pose here."""
        unscaled = pose.copy()
        unscaled[:3, 3] /= self.scale
        return np.linalg.inv(self.transform) @ unscaled


SAME_WORLD = NerfstudioWorld(transform=np.eye(4), scale=1.0)


def read_nerfstudio_world(file: Path) -> NerfstudioWorld:
    """The space that a dataparser_transforms.json describes.

    Raises:
        FileNotFoundError: no such file.
        ValueError: naming file and field.
    """
    content = json_file(file, str(file))
    rows = field(content, "transform", str(file))
    whole = [*rows, [0.0, 0.0, 0.0, 1.0]] if isinstance(rows, list) and len(rows) == 3 else rows
    scale = number_within(field(content, "scale", str(file)), 1e-9, LARGEST, f"{file}: scale")
    return NerfstudioWorld(transform=rigid_pose(whole, f"{file}: transform, of 3 x 4 numbers,"), scale=scale)


def is_nerfstudio(content: Mapping[str, Any]) -> bool:
    return "camera_path" in content or "keyframes" in content


def nerfstudio_path(content: Mapping[str, Any], file: str, world: NerfstudioWorld) -> ForeignPath:
    """The path of a nerfstudio camera_path.json: its key frames where it keeps them, else its pictures.

    Raises:
        ValueError: naming file, item and field.
    """
    if content.get("camera_type", "perspective") != "perspective":
        raise ValueError(f"{file}: camera_type must be 'perspective', found {content['camera_type']!r}; other lenses are not supported")
    keyframes = content.get("keyframes")
    if keyframes:
        if not isinstance(keyframes, list):
            raise ValueError(f"{file}: keyframes must be a list, found {found(keyframes)}")
        return _from_keyframes(content, keyframes, file, world)
    frames = content.get("camera_path")
    if not isinstance(frames, list) or not frames:
        raise ValueError(f"{file}: it has neither keyframes nor a camera_path with frames")
    fps = number(content.get("fps", 24.0), f"{file}: fps")
    if not fps > 0.0:
        raise ValueError(f"{file}: fps must be positive, found {fps:g}")
    keys = tuple(
        ForeignKey(
            where=f"camera_path[{i}]",
            time_s=i / fps,
            T_world_camera=_pose(field(item, "camera_to_world", f"{file}: camera_path[{i}]"), f"{file}: camera_path[{i}].camera_to_world", world),
            fov_y_deg=number(field(item, "fov", f"{file}: camera_path[{i}]"), f"{file}: camera_path[{i}].fov"),
            scene_time=None if item.get("render_time") is None else number(item["render_time"], f"{file}: camera_path[{i}].render_time"),
        )
        for i, item in enumerate(frames)
    )
    return ForeignPath(keys=keys, loop=bool(content.get("is_cycle", False)), loop_s=1.0 / fps, pictures=True)


def _from_keyframes(content: Mapping[str, Any], keyframes: list[Any], file: str, world: NerfstudioWorld) -> ForeignPath:
    seconds = number(content.get("seconds", max(len(keyframes) - 1, 1)), f"{file}: seconds")
    loop = bool(content.get("is_cycle", False))
    default_s = number(content.get("default_transition_sec", seconds / max(len(keyframes) - (0 if loop else 1), 1)), f"{file}: default_transition_sec")
    # The web editor's TIME runs from 0 to 1 between the first and the last key; a cycle takes one more even share of `seconds` to return.
    share_s = seconds / len(keyframes) if loop else 0.0
    keys, time_s = [], 0.0
    for i, item in enumerate(keyframes):
        where = f"{file}: keyframes[{i}]"
        matrix = _pose(field(item, "matrix", where), f"{where}.matrix", world)
        if i:
            time_s += _transition(item, default_s, where)
        properties = _properties(item, where)
        at = number(properties["TIME"], f"{where}.TIME") * (seconds - share_s) if "TIME" in properties else time_s
        keys.append(
            ForeignKey(
                where=f"keyframes[{i}]",
                time_s=at,
                T_world_camera=matrix,
                fov_y_deg=number(field(item, "fov", where), f"{where}.fov"),
                scene_time=None if item.get("render_time") is None else number(item["render_time"], f"{where}.render_time"),
            )
        )
    loop_s = seconds - keys[-1].time_s
    return ForeignPath(keys=tuple(keys), loop=loop, loop_s=loop_s if loop_s > 0 else _transition(keyframes[0], default_s, f"{file}: keyframes[0]"))


def _transition(item: Mapping[str, Any], default_s: float, where: str) -> float:
    """Seconds from the key before to this one."""
    if item.get("override_transition_enabled") and item.get("override_transition_sec") is not None:
        return number(item["override_transition_sec"], f"{where}.override_transition_sec")
    return default_s


def _properties(item: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The web editor's properties: a JSON text of name and value pairs."""
    pairs = item.get("properties", [])
    if isinstance(pairs, str):
        pairs = json_value(pairs, f"{where}.properties")
    try:
        return dict(pairs)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}.properties: expected a JSON list of pairs, found {found(pairs)}") from error


def _pose(value: Any, where: str, world: NerfstudioWorld) -> Float64[np.ndarray, "4 4"]:
    return world.from_nerfstudio(_matrix(value, where)) @ _FLIP


def _matrix(value: Any, where: str) -> Float64[np.ndarray, "4 4"]:
    """16 numbers: the web editor wrote three.js's column-major JSON text, later versions a row-major list; a translation in the other place tells."""
    by_column = isinstance(value, str)
    if isinstance(value, str):
        value = json_value(value, where)
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where}: expected 16 numbers, found {found(value)}") from error
    if matrix.size != 16:
        raise ValueError(f"{where}: expected 16 numbers, found {matrix.size}")
    if not (np.abs(matrix) <= LARGEST).all():
        raise ValueError(f"{where}: expected finite numbers of at most {LARGEST:g}, found {found(value)}")
    matrix = matrix.reshape(4, 4)
    if np.any(matrix[3, :3] != 0.0) != np.any(matrix[:3, 3] != 0.0):
        by_column = bool(np.any(matrix[3, :3] != 0.0))
    return matrix.T if by_column else matrix


def nerfstudio_json(path: CameraPath, view: PathView, world: NerfstudioWorld) -> dict[str, Any]:
    """What nerfstudio's viewer and its offline renderer read: the keys for the one, every picture for the other.

    Its spline is another one than ours; the pictures are exact.
    """
    aspect, moves = view.width / view.height, len(view.timing.frames) > 1
    keyframes = []
    before_s = path.start_s - (path.loop_s if path.closed else 0.0)
    for key in path.keys:
        item: dict[str, Any] = {
            "matrix": _row_major(world.to_nerfstudio(key.T_world_camera)),
            "fov": key.fov_y_deg,
            "aspect": aspect,
            "override_transition_enabled": True,
            "override_transition_sec": key.time_s - before_s,
        }
        if key.scene_frame is not None:
            item |= {"render_time": view.scene_time(key.scene_frame), "override_time_enabled": True}
        keyframes.append(item)
        before_s = key.time_s
    frames = []
    for shot in view.shots(path):
        pose = world.to_nerfstudio(shot.sample.T_world_camera)
        frame: dict[str, Any] = {"camera_to_world": _row_major(pose), "fov": shot.sample.fov_y_deg, "aspect": aspect}
        frames.append({**frame, "render_time": view.scene_time(shot.frame)} if moves else frame)
    return {
        "camera_type": "perspective",
        "render_height": view.height,
        "render_width": view.width,
        "fps": view.fps,
        "seconds": path.duration_s,
        "is_cycle": path.closed,
        "smoothness_value": 0.5,
        "default_fov": path.keys[0].fov_y_deg,
        "default_transition_sec": path.duration_s / max(len(path.keys) - (0 if path.closed else 1), 1),
        "keyframes": keyframes,
        "camera_path": frames,
        "crop": None,
    }


def _row_major(pose: Float64[np.ndarray, "4 4"]) -> list[float]:
    return (pose @ _FLIP).ravel().tolist()
