"""Cameras of a COLMAP text model (cameras.txt and images.txt) as a path, in the order of their names. Poses are world-to-camera with OpenCV's axes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from im4d_core import curves
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
    fovs = _cameras(folder / "cameras.txt")
    file = folder / "images.txt"
    found = []
    for at, line in _lines(file)[::2]:  # each picture has a second line, of its points
        words = line.split(maxsplit=9)
        where = f"{file}, line {at}"
        if len(words) < 10:
            raise ValueError(f"{where}: expected number, four of rotation, three of translation, camera and name, found {line[:80]!r}")
        q, t = (np.array([_number(word, where) for word in part]) for part in (words[1:5], words[5:8]))
        length = float(np.linalg.norm(q))
        if abs(length - 1.0) > 1e-3:  # written with six digits
            raise ValueError(f"{where}: expected a unit quaternion, found one of length {length:.3g}")
        if words[8] not in fovs:
            raise ValueError(f"{where}: camera {words[8]} is not in {folder / 'cameras.txt'}")
        T_camera_world = np.eye(4)
        T_camera_world[:3, :3], T_camera_world[:3, 3] = curves.rotation(q), t
        found.append((words[9], np.linalg.inv(T_camera_world), fovs[words[8]]))
    if not found:
        raise ValueError(f"{file}: it has no pictures")
    found.sort(key=lambda one: one[0])
    keys = (
        ForeignKey(where=f"picture {name}", time_s=float(i), T_world_camera=pose, fov_y_deg=fov, scene_time=None) for i, (name, pose, fov) in enumerate(found)
    )
    return ForeignPath(keys=tuple(keys))


def _cameras(file: Path) -> dict[str, float]:
    """Vertical fields of view by camera number."""
    fovs = {}
    for at, line in _lines(file):
        where, words = f"{file}, line {at}", line.split()
        if len(words) < 5 or words[1] not in _FOCAL:
            known = ", ".join(_FOCAL)
            raise ValueError(f"{where}: expected a camera of one of the models {known}, found {line[:80]!r}")
        height, focal = _number(words[3], where), _number(words[4 + _FOCAL[words[1]]], where)
        if not (height > 0.0 and focal > 0.0):
            raise ValueError(f"{where}: height and focal length must be positive, found {line[:80]!r}")
        fovs[words[0]] = float(np.degrees(2.0 * np.arctan(0.5 * height / focal)))
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
