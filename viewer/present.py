"""Pictures on the screen: one texture, filled on the GPU where that works and from host memory elsewhere, drawn as one triangle."""

from __future__ import annotations

import time

import numpy as np
from jaxtyping import UInt8
from OpenGL import GL

from viewer.gl import Program, Texture, VertexArray
from viewer.interop import DevicePixels, Interop

_BUCKET = 128  # texels; sizes between two multiples reuse the same texture
_SHRINK_AFTER_S = 4.0  # longer than the view stays at reduced resolution during a drag


class Presenter:
    """Owns the texture that the shown picture lies in.

    The texture is larger than the picture (sizes in buckets), so that resizing the window or the picture seldom makes a new one.
    Row 0 of a picture is its top; the shader turns it, never the data.

    Args:
        interop: shares textures with CUDA; None uploads from host memory.
    """

    def __init__(self, interop: Interop | None) -> None:
        self.width = 0
        self.height = 0
        self._interop = interop
        self._program = Program("present.vert", "present.frag", uniforms=("picture", "size", "scale"))
        self._triangle = VertexArray()
        self._texture: Texture | None = None
        self._resource: object | None = None
        self._roomy_since: float | None = None

    @property
    def texture_width(self) -> int:
        """Texels in a row of the texture; 0 before the first picture."""
        return 0 if self._texture is None else self._texture.width

    def update(self, pixels: DevicePixels | UInt8[np.ndarray, "h w 4"]) -> None:
        """Take over the next picture.

        Raises:
            RuntimeError: a picture in CUDA memory was given without interop, or CUDA failed.
        """
        if not isinstance(pixels, np.ndarray):
            if self._interop is None:
                raise RuntimeError("a picture in CUDA memory cannot be shown without interop")
            texture = self._fitting(pixels.width, pixels.height)
            if self._resource is None:
                self._resource = self._interop.register(texture)
            self._interop.copy(self._resource, pixels)
            self.width, self.height = pixels.width, pixels.height
        else:
            pixels = np.ascontiguousarray(pixels)
            height, width = pixels.shape[:2]
            self._fitting(width, height).upload(pixels.ctypes.data, width, height)
            self.width, self.height = width, height

    def draw(self, x: int, y: int, width: int, height: int) -> None:
        """Stretch the picture over a rectangle of the framebuffer, in pixels from its bottom left; nothing where there is none yet."""
        if self._texture is None or width < 1 or height < 1:
            return
        GL.glViewport(x, y, width, height)
        GL.glDisable(GL.GL_FRAMEBUFFER_SRGB)  # pictures are display-encoded already
        self._program.use()
        self._program.set_integer("picture", 0)
        self._program.set_vector("size", self.width, self.height)
        self._program.set_vector("scale", 1.0 / self._texture.width, 1.0 / self._texture.height)
        self._texture.bind()
        self._triangle.draw(3, 1)

    def close(self) -> None:
        """Unregister, then delete; the context must still be current."""
        self._drop_texture()
        self._triangle.delete()
        self._program.delete()

    def _fitting(self, width: int, height: int) -> Texture:
        """The texture, made anew where the picture does not fit or has long been much smaller."""
        texture = self._texture
        wide, high = _bucketed(width), _bucketed(height)
        if texture is not None and width <= texture.width and height <= texture.height:
            if wide * high * 4 > texture.width * texture.height:  # less than four times too large: keep it
                self._roomy_since = None
                return texture
            now = time.monotonic()
            self._roomy_since = self._roomy_since or now
            if now - self._roomy_since < _SHRINK_AFTER_S:
                return texture
        self._drop_texture()
        self._roomy_since = None
        self._texture = Texture(wide, high)
        return self._texture

    def _drop_texture(self) -> None:
        if self._interop is not None and self._resource is not None:
            self._interop.release(self._resource)
        self._resource = None
        if self._texture is not None:
            self._texture.delete()
        self._texture = None


def _bucketed(size: int) -> int:
    return max(1, -(-size // _BUCKET)) * _BUCKET
