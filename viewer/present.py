"""Pictures on the screen: one texture, drawn as one triangle. What is compared with the picture lies in a second one."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from OpenGL import GL

from viewer.compare import Layout
from viewer.gl import Program, VertexArray
from viewer.interop import DevicePixels, Interop
from viewer.pixel_texture import PixelTexture

_LAYOUTS: dict[Layout, int] = {"off": 0, "wipe": 1, "split": 2, "difference": 3, "other": 4}


class Presenter:
    """Owns the textures that the shown picture and the one beside it lie in.

    Row 0 of a picture is its top; the shader turns it, never the data.

    Args:
        interop: shares textures with CUDA; None uploads from host memory.
    """

    def __init__(self, interop: Interop | None) -> None:
        self._program = Program(
            "present.vert", "present.frag", uniforms=("picture", "size", "scale", "other", "other_size", "other_scale", "layout_number", "wipe", "gain")
        )
        self._triangle = VertexArray()
        self._picture, self._other = PixelTexture(interop), PixelTexture(interop)

    @property
    def width(self) -> int:
        return self._picture.width

    @property
    def height(self) -> int:
        return self._picture.height

    @property
    def texture_width(self) -> int:
        """Texels in a row of the texture; 0 before the first picture."""
        return 0 if self._picture.texture is None else self._picture.texture.width

    def update(self, pixels: DevicePixels | UInt8[np.ndarray, "h w 4"], other: DevicePixels | UInt8[np.ndarray, "h w 4"] | None = None) -> None:
        """Take over the next picture, and the one to compare it with.

        Raises:
            RuntimeError: a picture in CUDA memory was given without interop, or CUDA failed.
        """
        self._picture.update(pixels)
        if other is not None:
            self._other.update(other)

    def draw(self, x: int, y: int, width: int, height: int, layout: Layout = "off", wipe: float = 0.5, gain: float = 1.0) -> None:
        """Stretch the picture over a rectangle of the framebuffer, in pixels from its bottom left; nothing where there is none yet.

        Args:
            layout: how picture and other share the place; anything but "off" needs an other.
            wipe: where the border of a wipe is, from 0 on the left to 1.
            gain: differences are shown this many times as large.
        """
        texture, other = self._picture.texture, self._other.texture
        if texture is None or width < 1 or height < 1:
            return
        beside = self._picture if other is None else self._other
        GL.glViewport(x, y, width, height)
        GL.glDisable(GL.GL_FRAMEBUFFER_SRGB)  # pictures are display-encoded already
        self._program.use()
        self._program.set_integer("picture", 0)
        self._program.set_vector("size", self._picture.width, self._picture.height)
        self._program.set_vector("scale", 1.0 / texture.width, 1.0 / texture.height)
        self._program.set_integer("other", 1)
        self._program.set_vector("other_size", beside.width, beside.height)
        held = texture if other is None else other
        self._program.set_vector("other_scale", 1.0 / held.width, 1.0 / held.height)
        self._program.set_integer("layout_number", _LAYOUTS[layout] if other is not None else 0)
        self._program.set_number("wipe", wipe)
        self._program.set_number("gain", gain)
        held.bind(1)
        texture.bind()
        self._triangle.draw(3, 1)

    def close(self) -> None:
        """Unregister, then delete; the context must still be current."""
        self._picture.close()
        self._other.close()
        self._triangle.delete()
        self._program.delete()
