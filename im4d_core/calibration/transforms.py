"""transforms.json of nerfstudio and instant-ngp: pictures with poses camera-to-world in OpenGL's axes (x right, y up, z back).

Both programs shoot the ray of a pixel through its middle at +0.5 and measure principal points from the corner of the first pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from im4d_core.calibration.rig import CalibratedPicture, CameraFolders
from im4d_core.json_fields import LARGEST, field, found, json_file, number, number_within, rigid_pose

FILE = "transforms.json"
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL camera axes ↔ OpenCV's
_PINHOLES = ("PERSPECTIVE", "SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV")
_OTHER_LENSES = ("is_fisheye", "ftheta_p0", "latlong", "equirectangular", "orthographic")
_HINT = "undistort the pictures to a pinhole camera first"


def read_transforms(file: Path, folders: CameraFolders) -> tuple[CalibratedPicture, ...]:
    """The pictures of a file.

    Values for all pictures may be overruled by those of one. Poses are in the world before nerfstudio's `applied_transform` and `applied_scale`: the one of
    the COLMAP model that the file was made of, which nerfstudio's camera paths lead back to as well.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: naming file, picture and field.
    """
    content = json_file(file, str(file))
    items = field(content, "frames", str(file))
    if not isinstance(items, list) or not items:
        raise ValueError(f"{file}: frames must be a list of pictures, found {found(items)}")
    shared = {name: value for name, value in content.items() if name != "frames"}
    motion, scale = applied_by_nerfstudio(shared, file)
    return tuple(_picture(item, shared, np.linalg.inv(motion), scale, folders, f"{file}: frames[{i}]") for i, item in enumerate(items))


def applied_by_nerfstudio(content: Mapping[str, Any], file: Path) -> tuple[Float64[np.ndarray, "4 4"], float]:
    """What nerfstudio did to the world before it wrote a file: a rigid motion, then positions times a number; nothing where the file says nothing.

    Raises:
        ValueError: naming file and field.
    """
    rows = content.get("applied_transform", np.eye(4)[:3].tolist())
    whole = [*rows, [0.0, 0.0, 0.0, 1.0]] if isinstance(rows, list) and len(rows) == 3 else rows
    scale = number_within(content.get("applied_scale", 1.0), 1e-9, LARGEST, f"{file}: applied_scale")
    return rigid_pose(whole, f"{file}: applied_transform, of 3 x 4 numbers,"), scale


def _picture(item: Any, shared: Mapping[str, Any], world: Float64[np.ndarray, "4 4"], scale: float, folders: CameraFolders, where: str) -> CalibratedPicture:
    path = field(item, "file_path", where)
    if not isinstance(path, str):
        raise ValueError(f"{where}: file_path must be a text, found {found(path)}")
    values = {**shared, **item}
    _require_pinhole(values, where)
    T_world_camera = _pose(field(item, "transform_matrix", where), f"{where}: transform_matrix")
    T_world_camera[:3, 3] /= scale
    size = _size(values, folders.camera_of(path), folders, where)
    return CalibratedPicture(
        path=path,
        K=_intrinsics(values, size, where),
        distortion=np.array([_optional(values, name, 0.0, where) for name in ("k1", "k2", "p1", "p2", "k3")]),
        T_camera_world=np.linalg.inv(world @ T_world_camera @ _FLIP),
        size=size,
    )


def _require_pinhole(values: Mapping[str, Any], where: str) -> None:
    model = values.get("camera_model", _PINHOLES[0])
    other = next((name for name in _OTHER_LENSES if values.get(name)), None)
    if model not in _PINHOLES or other is not None:
        said = f"camera_model {found(model)}" if other is None else f"{other} {found(values[other])}"
        raise ValueError(f"{where}: expected a camera of one of the models {', '.join(_PINHOLES)}, found {said}; {_HINT}")
    if _optional(values, "k4", 0.0, where):
        raise ValueError(f"{where}: distortion must be k1, k2, p1, p2, k3 alone, found k4 {values['k4']}; {_HINT}")


def _pose(value: Any, where: str) -> Float64[np.ndarray, "4 4"]:
    """A pose whose rotation may be scaled: directions do not notice, so neither program minds."""
    whole = [*value, [0.0, 0.0, 0.0, 1.0]] if isinstance(value, list) and len(value) == 3 else value
    try:
        pose = np.array(whole, dtype=np.float64)
        determinant = float(np.linalg.det(pose[:3, :3]))
    except (TypeError, ValueError, IndexError, OverflowError, np.linalg.LinAlgError):
        return rigid_pose(value, where)  # which says what is wrong
    if 0.0 < determinant < LARGEST:
        pose[:3, :3] /= np.cbrt(determinant)
    return rigid_pose(pose, where)


def _size(values: Mapping[str, Any], camera: str | None, folders: CameraFolders, where: str) -> tuple[int, int]:
    """Width and height, as the file says or as the pictures are."""
    if "w" in values and "h" in values:
        width, height = (round(number_within(values[name], 1.0, 1e6, f"{where}: {name}")) for name in ("w", "h"))
        return width, height
    return folders.size_of(camera) if camera is not None else (1, 1)  # a picture of no camera is not used


def _intrinsics(values: Mapping[str, Any], size: tuple[int, int], where: str) -> Float64[np.ndarray, "3 3"]:
    width, height = size
    fx, fy = _focal(values, "x", width, where), _focal(values, "y", height, where)
    if fx is None and fy is None:
        raise ValueError(f"{where}: no focal length; expected fl_x, or camera_angle_x in radians, beside frames or in the picture")
    cx, cy = _optional(values, "cx", width / 2, where), _optional(values, "cy", height / 2, where)
    return np.array([[fx or fy, 0.0, cx], [0.0, fy or fx, cy], [0.0, 0.0, 1.0]])


def _focal(values: Mapping[str, Any], axis: str, length: int, where: str) -> float | None:
    """Focal length in pixels along an axis, None where the file does not say it."""
    if f"fl_{axis}" in values:
        return number_within(values[f"fl_{axis}"], 1e-3, LARGEST, f"{where}: fl_{axis}")
    if f"camera_angle_{axis}" in values:
        return 0.5 * length / float(np.tan(0.5 * number_within(values[f"camera_angle_{axis}"], 1e-3, np.pi - 1e-3, f"{where}: camera_angle_{axis}")))
    return None


def _optional(values: Mapping[str, Any], name: str, default: float, where: str) -> float:
    return number(values.get(name, default), f"{where}: {name}")
