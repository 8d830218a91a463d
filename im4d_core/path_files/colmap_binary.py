"""Cameras and pictures of a COLMAP binary model (cameras.bin and images.bin), with the points in the pictures left out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

FILES = ("cameras.bin", "images.bin")
_MODELS = {0: ("SIMPLE_PINHOLE", 3), 1: ("PINHOLE", 4), 2: ("SIMPLE_RADIAL", 4), 3: ("RADIAL", 5), 4: ("OPENCV", 8)}
"""Number of a model → its name and how many parameters it has."""
_POINT_BYTES = 24  # two doubles and the number of a point


@dataclass(frozen=True, kw_only=True)
class ColmapCamera:
    """As a line of cameras.txt."""

    number: int
    model: str
    height: int
    parameters: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ColmapPicture:
    """As a line of images.txt."""

    name: str
    pose: tuple[float, ...]
    """Quaternion and translation, world to camera."""
    camera: int


class _Reader:
    """Values of a file, one after the other, little-endian."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such file; a COLMAP binary model has {' and '.join(FILES)}")
        self._file, self._bytes, self._at = file, file.read_bytes(), 0

    def take(self, form: str) -> tuple:
        size = struct.calcsize(f"<{form}")
        self.skip(size)
        return struct.unpack_from(f"<{form}", self._bytes, self._at - size)

    def skip(self, size: int) -> None:
        if self._at + size > len(self._bytes):
            raise ValueError(f"{self._file}: it ends after {len(self._bytes)} bytes, within a value; expected a whole COLMAP binary file, copy it again")
        self._at += size

    def name(self) -> str:
        end = self._bytes.find(b"\0", self._at)
        if end < 0:
            raise ValueError(f"{self._file}: the name of a picture has no end; expected a whole COLMAP binary file, copy it again")
        name, self._at = self._bytes[self._at : end], end + 1
        return name.decode("utf-8", errors="replace")


def read_cameras(file: Path) -> list[ColmapCamera]:
    """The cameras of a model.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off, or of a camera model whose rays are no pinhole's.
    """
    reader, cameras = _Reader(file), []
    for _ in range(*reader.take("Q")):
        number, model, _, height = reader.take("iiQQ")
        if model not in _MODELS:
            known = ", ".join(name for name, _ in _MODELS.values())
            raise ValueError(f"{file}, camera {number}: expected a camera of one of the models {known}, found model number {model}")
        name, count = _MODELS[model]
        cameras.append(ColmapCamera(number=number, model=name, height=height, parameters=reader.take(f"{count}d")))
    return cameras


def read_pictures(file: Path) -> list[ColmapPicture]:
    """The pictures of a model.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off.
    """
    reader, pictures = _Reader(file), []
    for _ in range(*reader.take("Q")):
        *pose, camera = reader.take("i7di")[1:]
        pictures.append(ColmapPicture(name=reader.name(), pose=tuple(pose), camera=camera))
        reader.skip(_POINT_BYTES * reader.take("Q")[0])
    return pictures
