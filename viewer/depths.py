"""The depth of the shown picture as a texture, so that what is drawn over the picture knows what lies in front of it."""

from __future__ import annotations

from viewer.gl import Program
from viewer.interop import Interop
from viewer.messages import DisplayBuffer
from viewer.pixel_texture import PixelTexture


class DepthTexture:
    """Depths of the newest picture that was asked for. The four bytes of each number lie in a texel as they are, which takes the same way to the
    GPU as colour does; shaders put them together again.

    Args:
        interop: shares textures with CUDA; None uploads from host memory.
    """

    def __init__(self, interop: Interop | None) -> None:
        self._texture = PixelTexture(interop)
        self._shown: DisplayBuffer | None = None

    def follow(self, buffer: DisplayBuffer) -> None:
        """Hold the depths of a picture; nothing happens where it holds them already."""
        if buffer is not self._shown:
            self._texture.update(buffer.depth_bytes())
            self._shown = buffer

    def bind(self, program: Program) -> None:
        """Hand it to a program that is in use, as its uniforms `depths` and `depths_size`."""
        assert self._texture.texture is not None
        self._texture.texture.bind(2)
        program.set_integer("depths", 2)
        program.set_vector("depths_size", self._texture.width, self._texture.height)

    def close(self) -> None:
        self._texture.close()
        self._shown = None


def bind_depths(program: Program, depths: DepthTexture | None) -> None:
    """Hand depths to a program that is in use; without any, everything passes its test."""
    if depths is not None:
        depths.bind(program)
        return
    program.set_integer("depths", 2)
    program.set_vector("depths_size", 0.0, 0.0)
