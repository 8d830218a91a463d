"""What a click into the picture meets: a surface, or a camera of the capture. Pure NumPy; the picture tells where things are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from im4d_core.geometry import project, unproject
from im4d_core.types import Camera, Scene
from viewer.compare import Layout, place_in_picture
from viewer.events import Event, JumpToCamera, PivotPicked
from viewer.messages import DisplayBuffer

_REACH = 0.015  # of the picture's height: so near a camera's centre a click means it


def pivot_at(shown: DisplayBuffer, layout: Layout, place: tuple[float, float]) -> list[Event]:
    """The surface at a place of the window becomes the pivot.

    Args:
        place: from 0 at the left and top to 1.
    """
    camera = shown.request.camera
    uv = _pixel(camera, layout, place)
    depth = float(shown.depth[int(uv[1]), int(uv[0])])  # waits for the device: once a double-click
    if depth <= 0.0:
        return []
    x, y, z = unproject(camera, uv[None], np.array([depth]))[0].tolist()
    return [PivotPicked(point=(x, y, z))]


def camera_at(scene: Scene, shown: DisplayBuffer, layout: Layout, place: tuple[float, float]) -> list[Event]:
    """The window looks through the camera of the capture whose frustum stands at a place of it, if one does."""
    camera = shown.request.camera
    centres = np.stack([other.centre for other in scene.cameras])
    uv, depth = project(camera, centres)
    distance = np.where(depth > 1e-3, np.linalg.norm(uv - _pixel(camera, layout, place), axis=1), np.inf)  # 1e-3: the one that is looked through
    view = int(np.argmin(distance))
    return [JumpToCamera(view=view)] if distance[view] <= _REACH * camera.height else []


def _pixel(camera: Camera, layout: Layout, place: tuple[float, float]) -> Float64[np.ndarray, "2"]:
    return np.array([place_in_picture(layout, place[0]) * camera.width, place[1] * camera.height])
