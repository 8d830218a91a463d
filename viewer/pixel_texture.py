"""A texture that pictures of changing size are put into: on the GPU where that works, from host memory elsewhere."""

from __future__ import annotations

import time

import numpy as np
from jaxtyping import UInt8

from viewer.gl import Texture
from viewer.interop import DevicePixels, Interop

_BUCKET = 128  # texels; sizes between two multiples reuse the same texture
_GROWTH = 1.25  # a texture that became too small is followed by one so much larger, at least ...
_LARGEST = 8192  # ... up to this side
_SHRINK_AFTER_S = 4.0  # longer than the view stays at reduced resolution during a drag


class PixelTexture:
    """Owns a texture in whose first rows and columns the newest picture lies, four bytes a pixel.

    The texture is larger than the picture (sizes in buckets), so that resizing the window or the picture seldom makes a new one.

    Args:
        interop: shares textures with CUDA; None uploads from host memory.
    """

    def __init__(self, interop: Interop | None) -> None:
        self.width = 0
        self.height = 0
        self._interop = interop
        self._texture: Texture | None = None
        self._resource: object | None = None
        self._roomy_since: float | None = None

    @property
    def texture(self) -> Texture | None:
        """None before the first picture."""
        return self._texture

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

    def close(self) -> None:
        """Unregister, then delete; the context must still be current."""
        if self._interop is not None and self._resource is not None:
            self._interop.release(self._resource)
        self._resource = None
        if self._texture is not None:
            self._texture.delete()
        self._texture = None

    def _fitting(self, width: int, height: int) -> Texture:
        """The texture, made anew where the picture does not fit or has long been much smaller."""
        texture = self._texture
        wide, high = _bucketed(width), _bucketed(height)
        if texture is not None and (width > texture.width or height > texture.height):
            wide, high = _grown(texture.width, wide), _grown(texture.height, high)
        elif texture is not None:
            if wide * high * 4 > texture.width * texture.height:  # less than four times too large: keep it
                self._roomy_since = None
                return texture
            now = time.monotonic()
            self._roomy_since = self._roomy_since or now
            if now - self._roomy_since < _SHRINK_AFTER_S:
                return texture
        self.close()
        self._roomy_since = None
        self._texture = Texture(wide, high)
        return self._texture


def _grown(held: int, wanted: int) -> int:
    """A side of the texture that takes the place of a smaller one: what grows goes on growing, as a window that is dragged larger."""
    return held if wanted <= held else max(wanted, min(_bucketed(round(_GROWTH * held)), _LARGEST))


def _bucketed(size: int) -> int:
    return max(1, -(-size // _BUCKET)) * _BUCKET
