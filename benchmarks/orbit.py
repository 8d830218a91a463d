"""Cameras for benchmarks: a circle around a frame's box, at any size, with the subject as large as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from im4d_core.geometry import fitted, look_at
from im4d_core.types import Camera, Scene


def sides(size: str) -> tuple[int, int]:
    """Width and height of a size such as 1920x1080.

    Raises:
        SystemExit: it is none.
    """
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise SystemExit(f"--size {size}: expected width x height in pixels, such as 1920x1080")
    return int(width), int(height)


def orbit(scene: Scene, frame: int, width: int, height: int, count: int) -> Iterator[Camera]:
    """Cameras on a circle around the frame's box, through the first test camera (or the first of all)."""
    start = fitted(scene.cameras[(scene.test_views or (0,))[0]], width, height)
    target = scene.box(frame).mean(axis=0)
    arm, up = start.centre - target, scene.up
    for angle in np.linspace(0.0, 2 * np.pi, count, endpoint=False):
        turned = arm * np.cos(angle) + np.cross(up, arm) * np.sin(angle) + up * (up @ arm) * (1 - np.cos(angle))  # Rodrigues
        yield replace(start, name="orbit", T_camera_world=look_at(target + turned, target, up))


def filling(camera: Camera, figure: Bool[np.ndarray, "h w"], share: float) -> Camera:
    """The same view, zoomed onto a figure until that covers a share of the picture. What is outside is cut off.

    Args:
        figure: where it is in a picture of the view, of any size, whole.
    """
    height, width = figure.shape
    v, u = (np.argwhere(figure) + 0.5).T / np.array([[height], [width]])
    if len(u) == 0:
        return camera
    u0, v0 = u.mean(), v.mean()
    low, high = 0.01, 100.0
    while high / low > 1.001:
        zoom = (low * high) ** 0.5
        inside = (zoom * np.abs(u - u0) < 0.5) & (zoom * np.abs(v - v0) < 0.5)
        low, high = (low, zoom) if zoom**2 * inside.sum() / (width * height) > share else (zoom, high)
    size = np.array([camera.width, camera.height])
    K = camera.K.copy()
    K[:2, :2] *= low
    K[:2, 2] = size / 2 + low * (K[:2, 2] - np.array([u0, v0]) * size)
    return replace(camera, K=K)
