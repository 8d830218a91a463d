"""Cameras of a COLMAP model, text or binary, as a path, in the order of their names. Poses are world-to-camera with OpenCV's axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from im4d_core import curves
from im4d_core.path_files.colmap_binary import read_cameras, read_pictures
from im4d_core.path_files.foreign import ForeignKey, ForeignPath

FILES = ("cameras.txt", "images.txt")
_FOCAL = {"SIMPLE_PINHOLE": 0, "SIMPLE_RADIAL": 0, "RADIAL": 0, "PINHOLE": 1, "OPENCV": 1}
"""Models and which parameter is the vertical focal length; their distortion does not matter to a path."""


def colmap_path(folder: Path) -> ForeignPath:
    """One key a second for each picture of the model.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: naming file and line.
    """
    text = (folder / "images.txt").is_file() or not (folder / "images.bin").is_file()
    file = folder / ("images.txt" if text else "images.bin")
    fovs = _cameras(folder / "cameras.txt") if text else _binary_cameras(folder / "cameras.bin")
    found = [_placed(picture, fovs) for picture in (_pictures(file) if text else _binary_pictures(file))]
    if not found:
        raise ValueError(f"{file}: it has no pictures")
    found.sort(key=lambda one: one[0])
    keys = (
        ForeignKey(where=f"picture {name}", time_s=float(i), T_world_camera=pose, fov_y_deg=fov, scene_time=None) for i, (name, pose, fov) in enumerate(found)
    )
    return ForeignPath(keys=tuple(keys))


@dataclass(frozen=True, kw_only=True)
class _Picture:
    where: str
    name: str
    pose: Sequence[float]
    """Quaternion and translation, world to camera."""
    camera: str


def _placed(picture: _Picture, fovs: dict[str, float]) -> tuple[str, np.ndarray, float]:
    """Name, pose in the world and vertical field of view."""
    q, t = np.array(picture.pose[:4]), np.array(picture.pose[4:])
    length = float(np.linalg.norm(q))
    if not abs(length - 1.0) <= 1e-3 or not np.isfinite(t).all():  # text is written with six digits
        raise ValueError(f"{picture.where}: expected a unit quaternion and a finite translation, found a quaternion of length {length:.3g}")
    if picture.camera not in fovs:
        raise ValueError(f"{picture.where}: camera {picture.camera} is not in the file of cameras beside it, which has {', '.join(fovs) or 'none'}")
    T_camera_world = np.eye(4)
    T_camera_world[:3, :3], T_camera_world[:3, 3] = curves.rotation(q), t
    return picture.name, np.linalg.inv(T_camera_world), fovs[picture.camera]


def _pictures(file: Path) -> list[_Picture]:
    found = []
    for at, line in _lines(file)[::2]:  # each picture has a second line, of its points
        words = line.split(maxsplit=9)
        where = f"{file}, line {at}"
        if len(words) < 10:
            raise ValueError(f"{where}: expected number, four of rotation, three of translation, camera and name, found {line[:80]!r}")
        found.append(_Picture(where=where, name=words[9], pose=[_number(word, where) for word in words[1:8]], camera=words[8]))
    return found


def _binary_pictures(file: Path) -> list[_Picture]:
    return [
        _Picture(where=f"{file}, picture {picture.name}", name=picture.name, pose=picture.pose, camera=str(picture.camera)) for picture in read_pictures(file)
    ]


def _binary_cameras(file: Path) -> dict[str, float]:
    return {
        str(camera.number): _fov(float(camera.height), camera.parameters[_FOCAL[camera.model]], f"{file}, camera {camera.number}")
        for camera in read_cameras(file)
    }


def _fov(height: float, focal: float, where: str) -> float:
    """Vertical field of view."""
    if not (0.0 < height < math.inf and 0.0 < focal < math.inf):
        raise ValueError(f"{where}: height and focal length must be positive, found {height:g} and {focal:g}")
    return float(np.degrees(2.0 * np.arctan(0.5 * height / focal)))


def _cameras(file: Path) -> dict[str, float]:
    """Vertical fields of view by camera number."""
    fovs = {}
    for at, line in _lines(file):
        where, words = f"{file}, line {at}", line.split()
        if len(words) < 5 or words[1] not in _FOCAL:
            known = ", ".join(_FOCAL)
            raise ValueError(f"{where}: expected a camera of one of the models {known}, found {line[:80]!r}")
        fovs[words[0]] = _fov(_number(words[3], where), _number(words[4 + _FOCAL[words[1]]], where), where)
    return fovs


def _lines(file: Path) -> list[tuple[int, str]]:
    """Lines that are no comments, with their numbers; the empty ones of pictures without points count."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; a COLMAP text model has cameras.txt and images.txt")
    lines = [(at, line.strip()) for at, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1) if not line.lstrip().startswith("#")]
    return lines if file.name == "images.txt" else [(at, line) for at, line in lines if line]


def _number(word: str, where: str) -> float:
    try:
        value = float(word)
    except ValueError as error:
        raise ValueError(f"{where}: expected a number, found {word!r}") from error
    if not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number, found {word!r}")
    return value
