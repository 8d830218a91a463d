"""What readers of other programs' files have in common: plain poses in our convention (camera-to-world, OpenCV axes), checked and made a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from im4d_core.camera_path import FOV_RANGE_DEG, MAX_TIME_S, PRINCIPAL_RANGE, CameraPath, SceneTiming, Shot, keyframe
from im4d_core.json_fields import LARGEST, number_within, rigid_pose
from im4d_core.path_simplify import simplified
from im4d_core.pose_curve import Interpolation
from im4d_core.types import MIDDLE, PrincipalPoint

_TOLERANCE = 0.002


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """One pose of a foreign path."""

    where: str
    """The item's name in its file, for errors."""
    time_s: float
    T_world_camera: Float64[np.ndarray, "4 4"]
    fov_y_deg: float
    scene_time: float | None
    """In [0, 1] over the scene, where the file says it."""
    principal_point: PrincipalPoint = MIDDLE


@dataclass(frozen=True, kw_only=True)
class ForeignPath:
    keys: tuple[ForeignKey, ...]
    loop: bool = False
    loop_s: float = 1.0
    interpolation: Interpolation = "smooth"
    pictures: bool = False
    """Its keys are all the pictures of a video: far more than anybody can edit."""


@dataclass(frozen=True, kw_only=True)
class PathView:
    """What other programs want to know besides the path: the pictures that are to be made, and the scene."""

    width: int
    height: int
    fps: float
    timing: SceneTiming
    bounds: Float64[np.ndarray, "2 3"]
    """A box around the scene."""

    def shots(self, path: CameraPath) -> tuple[Shot, ...]:
        """The pictures of a video along a path."""
        return path.shots(self.timing, self.fps)

    def scene_time(self, frame: float | int) -> float:
        """A frame as a share of the scene, 0 to 1."""
        first, last = self.timing.frames[0], self.timing.frames[-1]
        return (frame - first) / (last - first) if last > first else 0.0


def as_camera_path(path: ForeignPath, frames: Sequence[int] | None, where: str) -> CameraPath:
    """A foreign path as ours, under the same checks."""
    keys = []
    for i, key in enumerate(path.keys):
        item = f"{where}: {key.where}"
        scene_frame = None
        if key.scene_time is not None and frames is not None:
            scene_frame = number_within(frames[0] + key.scene_time * (frames[-1] - frames[0]), -LARGEST, LARGEST, f"{item}: frame of the scene")
        time_s = number_within(key.time_s, -MAX_TIME_S, MAX_TIME_S, f"{item}: time")
        fov = number_within(key.fov_y_deg, *FOV_RANGE_DEG, f"{item}: fov")
        right, down = (number_within(part, *PRINCIPAL_RANGE, f"{item}: principal point, in heights of the picture,") for part in key.principal_point)
        keys.append(keyframe(i + 1, time_s, rigid_pose(key.T_world_camera, item), fov, scene_frame, (right, down)))
    loop_s = number_within(max(path.loop_s, 1e-3), 1e-3, MAX_TIME_S, f"{where}: time from the last key to the first")
    try:
        return CameraPath(keys=tuple(keys), loop=path.loop, loop_s=loop_s, interpolation=path.interpolation)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def few_keys(path: CameraPath) -> CameraPath:
    """A path that has a key for each picture, with as few of them as meet all: within a fifth of a percent of how far it reaches, half a degree of
    direction and of field of view, and half a frame of the scene."""
    reach = float(np.linalg.norm(np.ptp([key.position for key in path.keys], axis=0)))
    return simplified(path.keys, through=path, distance=max(_TOLERANCE * reach, 1e-6), frames=0.5)
