"""poses_bounds.npy of LLFF, as captures such as Neural 3D Video have it: one row a camera, in the string order of the cameras' names.

A row is a matrix of 3 × 5 and two depths. Its columns: the camera's axes down, right and back in the world, its position, and height, width and focal length
in pixels. The principal point is the middle of the picture; there is no distortion.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from im4d_core.calibration.camera import CalibratedCamera, nearest_rotation
from im4d_core.calibration.rig import CameraFolders

FILE = "poses_bounds.npy"
_ROTATION_TOLERANCE = 1e-3  # single precision passes, anything but a rotation does not


def llff_cameras(file: Path, folders: CameraFolders) -> tuple[CalibratedCamera, ...]:
    """The cameras of the folders.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not such an array, another number of cameras than folders, or a row that is no camera.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    try:
        rows = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{file}: cannot be read as a .npy array ({error}); expected one of 17 numbers for each camera") from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != 17 or rows.dtype.kind not in "fiu":
        found = f"{rows.shape} of {rows.dtype}" if isinstance(rows, np.ndarray) else "several arrays"
        raise ValueError(f"{file}: expected an array of shape (cameras, 17), found {found}")
    if len(rows) != len(folders.names):
        raise ValueError(
            f"{file}: its {len(rows)} rows are cameras in the order of their names, but {folders.parent} has {len(folders.names)} camera folders: "
            f"{', '.join(folders.names) or 'none'}; add the missing ones, or remove the row with the folder"
        )
    return tuple(_camera(name, row.astype(np.float64), f"{file}: row {i}, camera {name!r}") for i, (name, row) in enumerate(zip(folders.names, rows)))


def _camera(name: str, row: np.ndarray, where: str) -> CalibratedCamera:
    down, right, back, position, (height, width, focal) = row[:15].reshape(3, 5).T
    R = np.stack([right, down, -back])  # world → camera, OpenCV's axes
    if not np.isfinite(row[:15]).all() or np.abs(R @ R.T - np.eye(3)).max() > _ROTATION_TOLERANCE or np.linalg.det(R) < 0:
        raise ValueError(f"{where}: expected the axes down, right and back as a rotation and a finite position, found {row[:15].tolist()}")
    if not (min(height, width) >= 1.0 and focal > 0.0):
        raise ValueError(f"{where}: height, width and focal length must be positive, found {height:g}, {width:g} and {focal:g}")
    T_camera_world = np.eye(4)
    T_camera_world[:3, :3] = nearest_rotation(R)
    T_camera_world[:3, 3] = -T_camera_world[:3, :3] @ position
    return CalibratedCamera(
        name=name,
        K=np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]),
        distortion=np.zeros(5),
        T_camera_world=T_camera_world,
        size=(round(float(width)), round(float(height))),
    )
