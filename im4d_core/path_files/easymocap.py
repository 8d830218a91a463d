"""Paths as EasyMocap cameras: a folder with intri.yml and extri.yml, one camera a key or a picture, as EasyVolcap's viewer keeps its paths.

Poses are world-to-camera with OpenCV's axes, and principal points count pixel centres at whole numbers. Times in seconds are a field of our own, which
other readers pass over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from im4d_core import curves
from im4d_core.calibration.easymocap import FILES, easymocap_cameras, read_numbers
from im4d_core.camera_path import CameraPath
from im4d_core.geometry import box_depth_range, intrinsics
from im4d_core.path_files.foreign import ForeignKey, ForeignPath, PathView
from im4d_core.types import Camera, PrincipalPoint


def easymocap_path(folder: Path) -> ForeignPath:
    """The cameras of a folder as a path, in the order of their names; a second from key to key where the files say no times.

    Raises:
        FileNotFoundError, ValueError: as `easymocap_cameras`.
    """
    times, seconds = (read_numbers(folder / "extri.yml", field) for field in ("t", "seconds"))
    keys = []
    for i, camera in enumerate(easymocap_cameras(folder)):
        middle = camera.K[:2, 2] + 0.5  # pixel centres at whole numbers
        width, height = camera.size if camera.size is not None else 2.0 * middle
        right, down = ((middle - np.array([width, height]) / 2.0) / height).tolist()
        keys.append(
            ForeignKey(
                where=f"camera {camera.name}",
                time_s=seconds.get(camera.name, float(i)),
                T_world_camera=np.linalg.inv(camera.T_camera_world),
                fov_y_deg=float(np.degrees(2.0 * np.arctan(0.5 * height / camera.K[1, 1]))),
                scene_time=times.get(camera.name),
                principal_point=(right, down),
            )
        )
    return ForeignPath(keys=tuple(keys))


@dataclass(frozen=True, kw_only=True)
class Pose:
    """One camera of the files."""

    T_world_camera: Float64[np.ndarray, "4 4"]
    fov_y_deg: float
    principal_point: PrincipalPoint
    time_s: float
    scene_time: float | None


def key_poses(path: CameraPath, view: PathView) -> tuple[Pose, ...]:
    """The keys of a path."""
    return tuple(
        Pose(
            T_world_camera=key.T_world_camera,
            fov_y_deg=key.fov_y_deg,
            principal_point=key.principal_point,
            time_s=key.time_s,
            scene_time=None if key.scene_frame is None else view.scene_time(key.scene_frame),
        )
        for key in path.keys
    )


def picture_poses(path: CameraPath, view: PathView) -> tuple[Pose, ...]:
    """Every picture of a video along a path."""
    return tuple(
        Pose(
            T_world_camera=shot.sample.T_world_camera,
            fov_y_deg=shot.sample.fov_y_deg,
            principal_point=shot.sample.principal_point,
            time_s=shot.time_s,
            scene_time=view.scene_time(shot.frame),
        )
        for shot in view.shots(path)
    )


def easymocap_texts(poses: Sequence[Pose], view: PathView) -> dict[str, str]:
    """The two files by name."""
    names = [f"{i:06d}" for i in range(len(poses))]
    head = "%YAML:1.0\n---\nnames:\n" + "".join(f'   - "{name}"\n' for name in names)
    intri, extri = head, head
    for name, pose in zip(names, poses):
        K = intrinsics(view.width, view.height, pose.fov_y_deg, pose.principal_point)
        T_camera_world = np.linalg.inv(pose.T_world_camera)
        R = T_camera_world[:3, :3]
        near, far = box_depth_range(Camera(name=name, K=K, T_camera_world=T_camera_world, width=view.width, height=view.height), view.bounds)
        K[:2, 2] -= 0.5  # pixel centres at whole numbers
        intri += _matrix(f"K_{name}", K) + _number(f"H_{name}", view.height) + _number(f"W_{name}", view.width) + _matrix(f"D_{name}", np.zeros((5, 1)))
        extri += _matrix(f"R_{name}", curves.logarithm(curves.quaternion(R))[:, None]) + _matrix(f"Rot_{name}", R)
        extri += _matrix(f"T_{name}", T_camera_world[:3, 3:])
        if pose.scene_time is not None:
            extri += _number(f"t_{name}", pose.scene_time)
        extri += _number(f"n_{name}", max(near, 1e-3)) + _number(f"f_{name}", max(far, 1e-2)) + _matrix(f"bounds_{name}", view.bounds)
        extri += _number(f"seconds_{name}", pose.time_s)
    return dict(zip(FILES, (intri, extri)))


def _matrix(name: str, values: np.ndarray) -> str:
    rows, columns = values.shape
    numbers = ", ".join(repr(float(value)) for value in values.ravel())
    return f"{name}: !!opencv-matrix\n   rows: {rows}\n   cols: {columns}\n   dt: d\n   data: [ {numbers} ]\n"


def _number(name: str, value: float | int) -> str:
    return f"{name}: {float(value)!r}\n"
