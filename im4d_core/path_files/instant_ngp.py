"""instant-ngp's camera paths (base_cam.json by habit), read and written.

Its world is not ours: positions are scaled and shifted, and its axes are ours turned by one place. Scale and shift are settings of the scene there,
which the path file does not say; the defaults are the program's. Rotations are quaternions x, y, z, w; a key's timestamp is the end of the segment
that begins there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from im4d_core import curves
from im4d_core.calibration.transforms import applied_by_nerfstudio
from im4d_core.camera_path import CameraPath, Keyframe
from im4d_core.json_fields import LARGEST, field, found, json_file, number, number_within
from im4d_core.path_files.foreign import ForeignKey, ForeignPath, PathView
from im4d_core.pose_curve import INTERPOLATIONS, Interpolation

_TO_NGP = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""Axes of the world: its x is our y, and so on."""
_ORDERS: dict[Interpolation, int] = {"hold": 0, "linear": 1}
_MOST_KEYS = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class NgpWorld:
    """Where instant-ngp's unit cube is: its position = scale · (motion · ours) + offset, before the axes are turned."""

    scale: float = 0.33
    offset: tuple[float, float, float] = (0.5, 0.5, 0.5)
    motion: Float64[np.ndarray, "4 4"] | None = None
    """What nerfstudio did to the world before instant-ngp read its transforms.json; None for nothing. Rigid."""

    def to_ngp(self, T_world_camera: Float64[np.ndarray, "4 4"]) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3"]]:
        """Rotation and position there."""
        pose = T_world_camera if self.motion is None else self.motion @ T_world_camera
        return _TO_NGP @ pose[:3, :3], _TO_NGP @ (pose[:3, 3] * self.scale + np.array(self.offset))

    def from_ngp(self, R: Float64[np.ndarray, "3 3"], position: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4 4"]:
        """The pose here."""
        T_world_camera = np.eye(4)
        T_world_camera[:3, :3] = _TO_NGP.T @ R
        T_world_camera[:3, 3] = (_TO_NGP.T @ position - np.array(self.offset)) / self.scale
        return T_world_camera if self.motion is None else np.linalg.inv(self.motion) @ T_world_camera


def read_ngp_world(file: Path) -> NgpWorld:
    """Where instant-ngp has the scene of a transforms.json: as `scale` and `offset` say there, or so that `aabb` fills its unit cube.

    Raises:
        FileNotFoundError: no such file.
        ValueError: naming file and field.
    """
    content = json_file(file, str(file))
    if not isinstance(content, Mapping):
        raise ValueError(f"{file}: expected a JSON object, found {found(content)}")
    motion, applied = applied_by_nerfstudio(content, file)
    if "aabb" in content:
        corners = content["aabb"]
        if not isinstance(corners, list) or len(corners) != 2:
            raise ValueError(f"{file}: aabb: expected two corners, found {found(corners)}")
        low, high = (_vector(corner, 3, f"{file}: aabb[{i}]") for i, corner in enumerate(corners))
        scale = 1.0 / max(float(np.abs(high - low).max()), 1e-6)
        x, y, z = (0.5 - 0.5 * scale * (low + high)).tolist()
        return NgpWorld(scale=applied * scale, offset=(x, y, z), motion=motion)
    default = NgpWorld()
    offset = content.get("offset", list(default.offset))
    x, y, z = _vector(offset if isinstance(offset, list) else [offset] * 3, 3, f"{file}: offset").tolist()
    scale = number_within(content.get("scale", default.scale), 1e-9, LARGEST, f"{file}: scale")
    return NgpWorld(scale=applied * scale, offset=(x, y, z), motion=motion)


def is_instant_ngp(content: Mapping[str, Any]) -> bool:
    keys = content.get("path")
    return isinstance(keys, list) and bool(keys) and isinstance(keys[0], Mapping) and {"R", "T"} <= keys[0].keys()


def instant_ngp_path(content: Mapping[str, Any], file: str, world: NgpWorld) -> ForeignPath:
    """The keys of a path file. Of a B-spline, which passes its keys by, the places where it passes them.

    Raises:
        ValueError: naming file, key and field.
    """
    items = content["path"]
    loop = bool(content.get("loop", False))
    order = number(content.get("spline_order", 3), f"{file}: spline_order")
    poses = [_pose(item, f"{file}: path[{i}]", world) for i, item in enumerate(items)]
    fovs = [number(field(item, "fov", f"{file}: path[{i}]"), f"{file}: path[{i}].fov") for i, item in enumerate(items)]
    times, loop_s = _times(content, items, loop, file)
    if order >= 2:
        poses = _on_spline(poses, 1 / 6 if order >= 3 else 1 / 8, loop)
    keys = tuple(
        ForeignKey(where=f"path[{i}]", time_s=time_s, T_world_camera=pose, fov_y_deg=fov, scene_time=None)
        for i, (pose, fov, time_s) in enumerate(zip(poses, fovs, times))
    )
    return ForeignPath(keys=keys, loop=loop, loop_s=loop_s, interpolation="hold" if order == 0 else "linear" if order == 1 else INTERPOLATIONS[0])


def instant_ngp_json(path: CameraPath, view: PathView, world: NgpWorld) -> dict[str, Any]:
    """A path for instant-ngp. A smooth one becomes many keys with straight ways between, since splines there pass their keys by."""
    path = path if path.interpolation in _ORDERS and not path.constant_speed and not _eases(path) else _dense(path, view.fps)
    ends = [*(key.time_s for key in path.keys[1:]), path.start_s + path.duration_s if path.closed else path.keys[-1].time_s + 1.0]
    keys = []
    for key, end_s in zip(path.keys, ends):
        R, position = world.to_ngp(key.T_world_camera)
        w, x, y, z = curves.quaternion(R).tolist()
        pose: dict[str, Any] = {"R": [x, y, z, w], "T": position.tolist(), "fov": key.fov_y_deg, "timestamp": end_s - path.start_s}
        keys.append({**pose, "slice": 0.0, "scale": 1.0, "aperture_size": 0.0})
    return {
        "loop": path.closed,
        "time": 0.0,
        "duration_seconds": path.duration_s,
        "spline_order": _ORDERS.get(path.interpolation, 1),
        "path": keys,
    }


def _eases(path: CameraPath) -> bool:
    return path.interpolation != "hold" and any(key.ease_in or key.ease_out for key in path.keys)


def _dense(path: CameraPath, fps: float) -> CameraPath:
    """Samples of a path as keys with straight ways between."""
    count = int(np.clip(round(path.duration_s * fps), 2, _MOST_KEYS)) if len(path.keys) > 1 else 1
    times = path.sample_times(count)
    keys = []
    for i, time_s in enumerate(times.tolist()):
        at = path.sample(time_s)
        x, y, z = at.T_world_camera[:3, 3].tolist()
        a, b, c, d = curves.quaternion(at.T_world_camera[:3, :3]).tolist()
        keys.append(Keyframe(id=i + 1, time_s=time_s, position=(x, y, z), rotation=(a, b, c, d), fov_y_deg=at.fov_y_deg))
    loop_s = path.start_s + path.duration_s - keys[-1].time_s if path.closed else path.loop_s
    return replace(path, keys=tuple(keys), interpolation="linear", loop_s=loop_s, constant_speed=False)


def _pose(item: Any, where: str, world: NgpWorld) -> Float64[np.ndarray, "4 4"]:
    R, T = (_vector(field(item, name, where), count, f"{where}.{name}") for name, count in (("R", 4), ("T", 3)))
    length = float(np.linalg.norm(R))
    if abs(length - 1.0) > 1e-2:  # files carry six digits or more; anything else is no rotation
        raise ValueError(f"{where}.R: expected a unit quaternion x, y, z, w, found one of length {length:.3g}")
    return world.from_ngp(curves.rotation(np.roll(R, 1)), T)


def _vector(value: Any, count: int, where: str) -> Float64[np.ndarray, "n"]:
    if not isinstance(value, list) or len(value) != count:
        raise ValueError(f"{where}: expected {count} numbers, found {found(value)}")
    return np.array([number(part, where) for part in value])


def _times(content: Mapping[str, Any], items: list[Any], loop: bool, file: str) -> tuple[list[float], float]:
    """When each key is met, and how long the way back takes. Older files say no times: keys are spread evenly then."""
    ends = [item.get("timestamp") for item in items]
    if any(end is None for end in ends) or len(items) == 1:
        ends = [float(i + 1) for i in range(len(items))]
    else:
        ends = [number(end, f"{file}: path[{i}].timestamp") for i, end in enumerate(ends)]
    whole = ends[-1] if loop else ends[-2] if len(ends) > 1 else 1.0
    said_s = number(content.get("duration_seconds", 0.0), f"{file}: duration_seconds")
    stretch = (said_s if said_s > 0.0 else float(len(items) - (0 if loop else 1))) / whole if whole > 0.0 else 1.0
    return [0.0, *(end * stretch for end in ends[:-1])], max((ends[-1] - (ends[-2] if len(ends) > 1 else 0.0)) * stretch, 1e-3)


def _on_spline(poses: list[Float64[np.ndarray, "4 4"]], share: float, loop: bool) -> list[Float64[np.ndarray, "4 4"]]:
    """Where a uniform B-spline passes each key: the key and a share of each neighbour; at open ends the key itself stands for the missing one."""
    n = len(poses)
    quaternions = [curves.quaternion(pose[:3, :3]) for pose in poses]
    moved = []
    for i in range(n):
        before, after = ((i - 1) % n, (i + 1) % n) if loop else (max(i - 1, 0), min(i + 1, n - 1))
        near = [q if q @ quaternions[i] >= 0.0 else -q for q in (quaternions[before], quaternions[after])]
        pose = np.eye(4)
        mean = (1.0 - 2.0 * share) * quaternions[i] + share * (near[0] + near[1])
        pose[:3, :3] = curves.rotation(mean / np.linalg.norm(mean))
        pose[:3, 3] = (1.0 - 2.0 * share) * poses[i][:3, 3] + share * (poses[before][:3, 3] + poses[after][:3, 3])
        moved.append(pose)
    return moved
