"""Cameras of Bundler's bundle.out as a path, in their order; SIBR writes such files, with the sizes of the pictures in list_images.txt beside.

Poses are world-to-camera with OpenGL's axes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from im4d_core.json_fields import found, number_within
from im4d_core.path_files.foreign import ForeignKey, ForeignPath

FILES = ("bundle.out", "list_images.txt")
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
_LINES, _NUMBERS = 5, 15  # of a camera: focal length and two of distortion, nine of rotation, three of translation


def bundler_path(folder: Path) -> ForeignPath:
    """One key a second for each camera that was found; those that were not have a focal length of 0.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: naming file, line or camera.
    """
    file, sizes = folder / FILES[0], folder / FILES[1]
    lines, pictures = _lines(file), _lines(sizes)
    head = lines[0].split() if lines else []
    if not head or not head[0].isdecimal():
        raise ValueError(f"{file}: expected the number of cameras in the first line, found {found(lines[0] if lines else '')}")
    count = int(head[0])
    words = " ".join(lines[1 : 1 + _LINES * count]).split()
    if len(words) < _NUMBERS * count or len(pictures) < count:
        raise ValueError(f"{file}: says it has {count} cameras, found {len(words) // _NUMBERS}, and {len(pictures)} pictures in {sizes.name}")
    keys = []
    for i in range(count):
        where = f"camera {i}"
        focal, _, _, *pose = (_number(word, f"{file}: {where}") for word in words[_NUMBERS * i : _NUMBERS * (i + 1)])
        if focal <= 0.0:
            continue
        name, *size = pictures[i].split()
        if len(size) < 2:
            raise ValueError(f"{sizes}, line {i + 1}: expected name, width and height, found {found(pictures[i])}")
        T_camera_world = np.eye(4)
        T_camera_world[:3, :3], T_camera_world[:3, 3] = np.reshape(pose[:9], (3, 3)), pose[9:]
        if abs(np.linalg.det(T_camera_world)) < 0.5:
            raise ValueError(f"{file}: {where}: expected a rotation, found {found(pose[:9])}")
        fov = float(np.degrees(2.0 * np.arctan(0.5 * _number(size[1], f"{sizes}: {name}") / focal)))
        keys.append(ForeignKey(where=where, time_s=float(len(keys)), T_world_camera=np.linalg.inv(T_camera_world) @ _FLIP, fov_y_deg=fov, scene_time=None))
    if not keys:
        raise ValueError(f"{file}: none of its {count} cameras was found")
    return ForeignPath(keys=tuple(keys))


def _lines(file: Path) -> list[str]:
    """Lines with something in them that are no comments."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; cameras of Bundler are in {' and '.join(FILES)}")
    return [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip() and not line.startswith("#")]


def _number(word: str, where: str) -> float:
    try:
        value = float(word)
    except ValueError as error:
        raise ValueError(f"{where}: expected a number, found {found(word)}") from error
    return number_within(value, -1e9, 1e9, f"{where}: a number of it")
