"""Draws small pictures on quads of the world over the picture. Needs a current OpenGL context."""

from __future__ import annotations

import numpy as np
from OpenGL import GL

from im4d_core.types import Camera
from viewer.depths import DepthTexture, bind_depths
from viewer.gl import Program, Texture, VertexArray
from viewer.line_drawer import clip_from_world
from viewer.miniatures import Sheet


class MiniatureDrawer:
    """The newest sheet as a texture, uploaded when it changes."""

    def __init__(self) -> None:
        self._program = Program("miniatures.vert", "miniatures.frag", uniforms=("clip_world", "atlas", "depths", "depths_size", "origin", "extent"))
        self._buffer = VertexArray((3, 3, 3, 3, 4))
        self._texture: Texture | None = None
        self._sheet: Sheet | None = None

    def draw(
        self, sheet: Sheet, camera: Camera, near: float, rectangle: tuple[int, int, int, int], depths: DepthTexture | None, without: int | None = None
    ) -> None:
        """Draw a sheet's pictures as the camera of the shown picture sees them.

        Args:
            near: depth, in world units, in front of which nothing is drawn.
            rectangle: x, y (of the bottom left), width and height of the picture in the framebuffer.
            depths: of the picture; what lies behind it is faint. None draws all alike.
            without: a view whose picture is left out.
        """
        if rectangle[2] < 1 or rectangle[3] < 1:
            return
        if sheet is not self._sheet:
            self._upload(sheet)
        self._buffer.fill(sheet.quads[sheet.order(camera, without)])
        GL.glViewport(*rectangle)
        GL.glEnable(GL.GL_BLEND)
        GL.glBlendFunc(GL.GL_SRC_ALPHA, GL.GL_ONE_MINUS_SRC_ALPHA)
        program = self._program
        program.use()
        program.set_matrix("clip_world", clip_from_world(camera, near))
        program.set_vector("origin", rectangle[0], rectangle[1])
        program.set_vector("extent", rectangle[2], rectangle[3])
        program.set_integer("atlas", 0)
        bind_depths(program, depths)
        assert self._texture is not None
        self._texture.bind(0)
        self._buffer.draw(6, self._buffer.rows)
        GL.glDisable(GL.GL_BLEND)

    def close(self) -> None:
        if self._texture is not None:
            self._texture.delete()
        self._buffer.delete()
        self._program.delete()

    def _upload(self, sheet: Sheet) -> None:
        height, width = sheet.pixels.shape[:2]
        if self._texture is None or (self._texture.width, self._texture.height) != (width, height):
            if self._texture is not None:
                self._texture.delete()
            self._texture = Texture(width, height)
        self._texture.upload(np.ascontiguousarray(sheet.pixels).ctypes.data, width, height)
        self._sheet = sheet
