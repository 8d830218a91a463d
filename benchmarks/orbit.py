"""Cameras for benchmarks: a circle around a frame's box, at any size, with the subject as large as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from im4d_core.geometry import box_corners, fitted, look_at, project
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.types import Camera


def orbit(renderer: SceneRenderer, frame: int, width: int, height: int, count: int) -> Iterator[Camera]:
    """Cameras on a circle around the frame's box, through the first test camera (or the first of all)."""
    scene = renderer.scene
    start = fitted(scene.cameras[(scene.test_views or (0,))[0]], width, height)
    target = scene.box(frame).mean(axis=0)
    arm, up = start.centre - target, scene.up
    for angle in np.linspace(0.0, 2 * np.pi, count, endpoint=False):
        turned = arm * np.cos(angle) + np.cross(up, arm) * np.sin(angle) + up * (up @ arm) * (1 - np.cos(angle))  # Rodrigues
        yield replace(start, name="orbit", T_camera_world=look_at(target + turned, target, up))


def filling(camera: Camera, box: np.ndarray, share: float) -> Camera:
    """The same view, zoomed so that the rectangle around the projected box covers a share of the picture (more than 1: it is cut off)."""
    uv, _ = project(camera, box_corners(box))
    covered = float(np.prod(uv.max(axis=0) - uv.min(axis=0))) / (camera.width * camera.height)
    zoom = (share / covered) ** 0.5
    K = camera.K.copy()
    K[:2, :2] *= zoom
    K[:2, 2] = np.array([camera.width, camera.height]) / 2 + zoom * (K[:2, 2] - uv.mean(axis=0))
    return replace(camera, K=K)
