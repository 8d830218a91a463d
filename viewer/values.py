"""What a picture says at one place: colour, depth, point in the world. No torch, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from im4d_core.geometry import unproject
from im4d_core.types import Camera


@dataclass(frozen=True, kw_only=True, eq=False)
class Readable:
    """A picture in host memory, to be asked for single values without waiting for a device."""

    pixels: UInt8[np.ndarray, "h w 4"]
    depth: Float32[np.ndarray, "h w"]
    other: UInt8[np.ndarray, "h w 4"] | None
    """The picture it is compared with."""


@dataclass(frozen=True, kw_only=True)
class Pointed:
    """The values of one pixel."""

    column: int
    row: int
    colour: tuple[int, int, int]
    other: tuple[int, int, int] | None
    """In the picture it is compared with."""
    depth: float | None
    """Along the viewing direction, in world units; None where nothing is."""
    point: tuple[float, float, float] | None
    """In the world."""


def pointed(readable: Readable, camera: Camera, x: float, y: float) -> Pointed:
    """The values at a place of the picture.

    Args:
        camera: of the picture.
        x: from 0 at its left edge to 1.
        y: from 0 at its top to 1.
    """
    height, width = readable.depth.shape
    column, row = min(max(int(x * width), 0), width - 1), min(max(int(y * height), 0), height - 1)
    depth = float(readable.depth[row, column])
    point = None
    if depth > 0.0:
        there = unproject(camera, np.array([[column + 0.5, row + 0.5]]), np.array([depth]))[0]
        point = (float(there[0]), float(there[1]), float(there[2]))
    return Pointed(
        column=column,
        row=row,
        colour=_bytes(readable.pixels, row, column, (height, width)),
        other=None if readable.other is None else _bytes(readable.other, row, column, (height, width)),
        depth=depth if depth > 0.0 else None,
        point=point,
    )


def _bytes(pixels: UInt8[np.ndarray, "_h _w 4"], row: int, column: int, size: tuple[int, int]) -> tuple[int, int, int]:
    """The colour at a pixel of a picture that may have another size."""
    red, green, blue, _ = pixels[row * pixels.shape[0] // size[0], column * pixels.shape[1] // size[1]].tolist()
    return red, green, blue
