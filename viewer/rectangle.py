"""A part of the window: where it is for the mouse, and where for OpenGL. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A part of the window in window units, from the top left, and what it is in framebuffer pixels."""

    x: float
    y: float
    width: float
    height: float
    scale: float
    """Framebuffer pixels per window unit."""
    density: float
    """Framebuffer pixels per pixel of a screen of usual density: what is drawn should be so much larger to look alike."""
    window_height: float

    @property
    def pixels(self) -> tuple[int, int, int, int]:
        """x, y of the bottom left, width and height in framebuffer pixels, as OpenGL counts them."""
        left, right = round(self.x * self.scale), round((self.x + self.width) * self.scale)
        top, bottom = round(self.y * self.scale), round((self.y + self.height) * self.scale)
        return left, round(self.window_height * self.scale) - bottom, right - left, bottom - top
