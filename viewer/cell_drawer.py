"""Draws occupancy cells over the picture. Needs a current OpenGL context."""

from __future__ import annotations

from OpenGL import GL

from im4d_core.types import Camera
from viewer.cells import Cells
from viewer.depths import DepthTexture, bind_depths
from viewer.gl import Program, VertexArray
from viewer.line_drawer import clip_from_world


class CellDrawer:
    """The faces of one frame's cells, filled into a buffer when they change."""

    def __init__(self) -> None:
        self._program = Program(
            "cells.vert", "cells.frag", uniforms=("clip_world", "corner", "cell", "eye", "depths", "depths_size", "origin", "extent", "near")
        )
        self._buffer = VertexArray((3, 1))
        self._cells: Cells | None = None

    def draw(self, cells: Cells, camera: Camera, near: float, rectangle: tuple[int, int, int, int], depths: DepthTexture | None) -> None:
        """Draw cells as the camera of the picture sees them, in front of what the picture shows.

        Args:
            near: depth, in world units, in front of which nothing is drawn.
            rectangle: x, y (of the bottom left), width and height of the picture in the framebuffer.
            depths: of the picture; None draws everything.
        """
        if len(cells.faces) == 0 or rectangle[2] < 1 or rectangle[3] < 1:
            return
        if cells is not self._cells:
            self._buffer.fill(cells.faces)
            self._cells = cells
        GL.glViewport(*rectangle)
        GL.glEnable(GL.GL_BLEND)
        GL.glBlendFunc(GL.GL_SRC_ALPHA, GL.GL_ONE_MINUS_SRC_ALPHA)
        program = self._program
        program.use()
        program.set_matrix("clip_world", clip_from_world(camera, near))
        program.set_triple("corner", *cells.corner.tolist())
        program.set_triple("cell", *cells.size.tolist())
        program.set_triple("eye", *camera.centre.tolist())
        program.set_number("near", near)
        program.set_vector("origin", rectangle[0], rectangle[1])
        program.set_vector("extent", rectangle[2], rectangle[3])
        bind_depths(program, depths)
        self._buffer.draw(6, self._buffer.rows)
        GL.glDisable(GL.GL_BLEND)

    def close(self) -> None:
        self._buffer.delete()
        self._program.delete()
