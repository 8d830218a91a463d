"""What the cameras of the capture saw, in the image planes of their frusta: small pictures on one sheet, and where they are in the world. No OpenGL."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, UInt8

from im4d_core.geometry import unproject
from im4d_core.types import Camera, Scene
from viewer.thumbnails import Thumbnail


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """The small pictures of one frame."""

    frame: int
    pixels: UInt8[np.ndarray, "h w 4"]
    views: tuple[int, ...]
    quads: Float32[np.ndarray, "view 16"]
    """Corners in the world, clockwise from the picture's top left, and the part of the sheet from left, top to right, bottom in 0 to 1."""

    def order(self, camera: Camera, without: int | None) -> Int[np.ndarray, "shown"]:
        """Rows to draw one after the other, the farthest from a camera first.

        Args:
            without: a view that is not shown, because one looks out of it.
        """
        middles = self.quads[:, :12].reshape(-1, 4, 3).mean(axis=1)
        rows = np.argsort(-np.linalg.norm(middles - camera.centre, axis=1), kind="stable")
        return rows[[self.views[row] != without for row in rows]]


def sheet(scene: Scene, frame: int, pictures: tuple[Thumbnail, ...], depth: float) -> Sheet:
    """Pictures side by side in rows, each to stand at a depth in front of its camera.

    Args:
        depth: how deep frusta are drawn.
    """
    high, wide = max(made.pixels.shape[0] for made in pictures), max(made.pixels.shape[1] for made in pictures)
    columns = math.ceil(math.sqrt(len(pictures)))
    pixels = np.zeros((math.ceil(len(pictures) / columns) * high, columns * wide, 4), np.uint8)
    quads = np.empty((len(pictures), 16), np.float32)
    for i, made in enumerate(pictures):
        top, left = i // columns * high, i % columns * wide
        rows, across = made.pixels.shape[:2]
        pixels[top : top + rows, left : left + across] = made.pixels
        camera = scene.cameras[made.view]
        w, h = float(camera.width), float(camera.height)
        quads[i, :12] = unproject(camera, np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]]), np.full(4, depth)).ravel()
        quads[i, 12:] = np.array([left + 0.5, top + 0.5, left + across - 0.5, top + rows - 0.5]) / (*pixels.shape[1::-1], *pixels.shape[1::-1])
    return Sheet(frame=frame, pixels=pixels, views=tuple(made.view for made in pictures), quads=quads)
