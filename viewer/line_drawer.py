"""Draws lines of the world over the picture. Needs a current OpenGL context."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from OpenGL import GL

from im4d_core.types import Camera
from viewer.depths import DepthTexture, bind_depths
from viewer.gl import Program, VertexArray
from viewer.overlays import Lines

_WIDTH_PX = 1.6


def clip_from_world(camera: Camera, near: float) -> Float64[np.ndarray, "4 4"]:
    """World → OpenGL clip coordinates of a pinhole camera: pixel (0, 0)'s outer corner is the top left, w is the depth."""
    K, w, h = camera.K, camera.width, camera.height
    clip_camera = np.array(
        [
            [2 * K[0, 0] / w, 2 * K[0, 1] / w, 2 * K[0, 2] / w - 1, 0],
            [0, -2 * K[1, 1] / h, 1 - 2 * K[1, 2] / h, 0],
            [0, 0, 1, -2 * near],
            [0, 0, 1, 0],
        ]
    )
    return clip_camera @ camera.T_camera_world


class LineDrawer:
    """Draws lines into a rectangle of the framebuffer. Needs a current context."""

    def __init__(self) -> None:
        self._program = Program(
            "lines.vert", "lines.frag", uniforms=("clip_world", "viewport", "width", "near", "half_width", "depths", "depths_size", "origin", "extent")
        )
        self._buffer = VertexArray((3, 3, 4))
        self._lines: Lines | None = None

    def draw(self, lines: Lines, camera: Camera, near: float, rectangle: tuple[int, int, int, int], density: float, depths: DepthTexture | None = None) -> None:
        """Draw lines as the camera of the picture sees them.

        Args:
            near: depth, in world units, in front of which lines are cut off.
            rectangle: x, y (of the bottom left), width and height of the picture in the framebuffer.
            density: framebuffer pixels per pixel of a usual screen; lines keep their thickness on dense ones.
            depths: of the picture; lines behind what it shows are faint. None draws all alike.
        """
        if len(lines) == 0 or rectangle[2] < 1 or rectangle[3] < 1:
            return
        if lines is not self._lines:
            self._buffer.fill(lines)
            self._lines = lines
        GL.glViewport(*rectangle)
        GL.glEnable(GL.GL_BLEND)
        GL.glBlendFunc(GL.GL_SRC_ALPHA, GL.GL_ONE_MINUS_SRC_ALPHA)
        width = _WIDTH_PX * density
        self._program.use()
        self._program.set_matrix("clip_world", clip_from_world(camera, near))
        self._program.set_vector("viewport", rectangle[2], rectangle[3])
        self._program.set_number("width", width)
        self._program.set_number("half_width", width / 2)
        self._program.set_number("near", near)
        self._program.set_vector("origin", rectangle[0], rectangle[1])
        self._program.set_vector("extent", rectangle[2], rectangle[3])
        bind_depths(self._program, depths)
        self._buffer.draw(6, self._buffer.rows)
        GL.glDisable(GL.GL_BLEND)

    def close(self) -> None:
        self._buffer.delete()
        self._program.delete()
