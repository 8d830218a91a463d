"""COLMAP models, as text or binary: pictures, where each was taken from, and the cameras that took them.

Poses are world-to-camera with OpenCV's axes; the centre of the first pixel lies at (0.5, 0.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from im4d_core import curves
from im4d_core.calibration.colmap_binary import BINARY_FILES, Reader
from im4d_core.calibration.rig import CalibratedPicture

TEXT_FILES = ("cameras.txt", "images.txt")
_MODELS = (
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
)
"""By their numbers: names, and how many parameters each has."""
_PARAMETERS = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fx fy cx cy",
    "SIMPLE_RADIAL": "f cx cy k1",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2",
    "FULL_OPENCV": "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
}
"""Of the models whose distortion is OpenCV's."""
_HINT = "undistort the pictures with `colmap image_undistorter`, or calibrate again with OPENCV"
_POINT_BYTES = 24  # two doubles and the number of a point


@dataclass(frozen=True, kw_only=True)
class _Camera:
    """A lens, and the size of its pictures."""

    K: Float64[np.ndarray, "3 3"]
    distortion: Float64[np.ndarray, "5"]
    size: tuple[int, int]


def model_files(folder: Path) -> tuple[str, str] | None:
    """Names of the files of cameras and pictures of a folder's model, None where it has none. Binary files win over text, as in COLMAP."""
    return next((files for files in (BINARY_FILES, TEXT_FILES) if (folder / files[1]).is_file()), None)


def read_model(folder: Path) -> tuple[CalibratedPicture, ...]:
    """The pictures of a model in the order of their names.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: naming file, and line, camera or picture.
    """
    binary = model_files(folder) == BINARY_FILES
    cameras_file, file = (folder / name for name in (BINARY_FILES if binary else TEXT_FILES))
    cameras = _binary_cameras(cameras_file) if binary else _text_cameras(cameras_file)
    pictures = [_placed(row, cameras) for row in (_binary_pictures(file) if binary else _text_pictures(file))]
    if not pictures:
        raise ValueError(f"{file}: it has no pictures")
    return tuple(sorted(pictures, key=lambda picture: picture.path))


@dataclass(frozen=True, kw_only=True)
class _Row:
    """What a file says of a picture."""

    where: str
    name: str
    pose: Sequence[float]
    """Quaternion and translation, world to camera."""
    camera: str


def _placed(row: _Row, cameras: dict[str, _Camera]) -> CalibratedPicture:
    q, t = np.array(row.pose[:4]), np.array(row.pose[4:])
    length = float(np.linalg.norm(q))
    if not abs(length - 1.0) <= 1e-3 or not np.isfinite(t).all():  # text is written with six digits
        raise ValueError(f"{row.where}: expected a unit quaternion and a finite translation, found a quaternion of length {length:.3g}")
    if row.camera not in cameras:
        raise ValueError(f"{row.where}: camera {row.camera} is not in the file of cameras beside it, which has {', '.join(cameras) or 'none'}")
    camera, T_camera_world = cameras[row.camera], np.eye(4)
    T_camera_world[:3, :3], T_camera_world[:3, 3] = curves.rotation(q), t
    return CalibratedPicture(path=row.name, K=camera.K, distortion=camera.distortion, T_camera_world=T_camera_world, size=camera.size)


def _camera(model: str, size: tuple[int, int], parameters: Sequence[float], where: str) -> _Camera:
    values = dict(zip(_PARAMETERS[model].split(), parameters))
    fx, fy = values.get("f", values.get("fx", 0.0)), values.get("f", values.get("fy", 0.0))
    if not (min(size) > 0 and 0.0 < min(fx, fy) and all(map(math.isfinite, parameters))):
        raise ValueError(f"{where}: size and focal lengths must be positive and all numbers finite, found {size[0]} × {size[1]} and {list(parameters)}")
    if any(values.get(name, 0.0) for name in ("k4", "k5", "k6")):
        raise ValueError(f"{where}: distortion must be OpenCV's k1, k2, p1, p2, k3 alone, found k4, k5 or k6 in {list(parameters)}; {_HINT}")
    K = np.array([[fx, 0.0, values["cx"]], [0.0, fy, values["cy"]], [0.0, 0.0, 1.0]])
    distortion = np.array([values.get(name, 0.0) for name in ("k1", "k2", "p1", "p2", "k3")])
    return _Camera(K=K, distortion=distortion, size=size)


def _text_cameras(file: Path) -> dict[str, _Camera]:
    cameras = {}
    for at, line in _lines(file):
        where, words = f"{file}, line {at}", line.split()
        if not line or line.startswith("#"):
            continue
        if len(words) < 5 or words[1] not in _PARAMETERS:
            raise ValueError(f"{where}: expected a camera of one of the models {', '.join(_PARAMETERS)}, found {line[:80]!r}; {_HINT}")
        parameters = [_number(word, where) for word in words[4:]]
        if len(parameters) != len(_PARAMETERS[words[1]].split()):
            raise ValueError(f"{where}: expected the parameters {_PARAMETERS[words[1]]} of {words[1]}, found {' '.join(words[4:])[:80]!r}")
        size = (round(_number(words[2], where)), round(_number(words[3], where)))
        cameras[words[0]] = _camera(words[1], size, parameters, where)
    return cameras


def _text_pictures(file: Path) -> list[_Row]:
    rows, lines = [], iter(_lines(file))
    for at, line in lines:
        if not line or line.startswith("#"):
            continue
        words = line.split(maxsplit=9)
        where = f"{file}, line {at}"
        if len(words) < 10:
            raise ValueError(f"{where}: expected number, four of rotation, three of translation, camera and name, found {line[:80]!r}")
        rows.append(_Row(where=where, name=words[9], pose=[_number(word, where) for word in words[1:8]], camera=words[8]))
        at, points = next(lines, (at, ""))  # each picture has a second line, of its points, which may be empty
        if len(points.split()) % 3:
            raise ValueError(f"{file}, line {at}: expected the points of {words[9]}, x, y and number of each, or an empty line, found {points[:80]!r}")
    return rows


def _lines(file: Path) -> list[tuple[int, str]]:
    """Lines with their numbers."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; a COLMAP text model has cameras.txt and images.txt")
    return [(at, line.strip()) for at, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)]


def _number(word: str, where: str) -> float:
    try:
        value = float(word)
    except ValueError as error:
        raise ValueError(f"{where}: expected a number, found {word!r}") from error
    if not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number, found {word!r}")
    return value


def _binary_cameras(file: Path) -> dict[str, _Camera]:
    reader, cameras = Reader(file), {}
    for _ in range(*reader.take("Q")):
        number, model, width, height = reader.take("iiQQ")
        where = f"{file}, camera {number}"
        name, count = _MODELS[model] if 0 <= model < len(_MODELS) else (f"model number {model}", 0)
        if name not in _PARAMETERS:
            raise ValueError(f"{where}: expected a camera of one of the models {', '.join(_PARAMETERS)}, found {name}; {_HINT}")
        cameras[str(number)] = _camera(name, (width, height), reader.take(f"{count}d"), where)
    return cameras


def _binary_pictures(file: Path) -> list[_Row]:
    reader, rows = Reader(file), []
    for _ in range(*reader.take("Q")):
        *pose, camera = reader.take("i7di")[1:]
        name = reader.name()
        rows.append(_Row(where=f"{file}, picture {name}", name=name, pose=pose, camera=str(camera)))
        reader.skip(_POINT_BYTES * reader.take("Q")[0])
    return rows
