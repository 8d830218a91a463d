"""What a click into the picture meets: a surface, or a camera of the capture. Pure NumPy; the picture tells where things are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from im4d_core.geometry import project, unproject
from im4d_core.types import Camera, Scene
from viewer.compare import Layout, place_in_picture
from viewer.events import Event, JumpToCamera, PivotPicked, SelectCamera
from viewer.messages import DisplayBuffer
from viewer.overlays import camera_at as looked_out_of
from viewer.overlays import frustum_depth

_NEAR = 1e-3  # what lies nearer is the camera that is looked through
_REACH = 0.015  # of the picture's height: so near a camera's centre a click means it


def clicked(cameras: Scene | None, shown: DisplayBuffer, layout: Layout, place: tuple[float, float]) -> list[Event]:
    """What a click does: it selects the camera of the capture that it meets, or none.

    Args:
        cameras: the scene, where its cameras are shown.
        place: as for `pivot_at`.
    """
    return [SelectCamera(view=None if cameras is None else camera_at(cameras, shown, layout, place))]


def double_clicked(cameras: Scene | None, shown: DisplayBuffer, layout: Layout, place: tuple[float, float]) -> list[Event]:
    """What a double-click does: it goes to the camera that it meets, else the surface there becomes the pivot."""
    view = None if cameras is None else camera_at(cameras, shown, layout, place)
    return pivot_at(shown, layout, place) if view is None else [JumpToCamera(view=view)]


def pivot_at(shown: DisplayBuffer, layout: Layout, place: tuple[float, float]) -> list[Event]:
    """The surface at a place of the window becomes the pivot.

    Args:
        place: from 0 at the left and top to 1.
    """
    camera = shown.request.camera
    uv = _pixel(camera, layout, place)
    depth = shown.depth_at(int(uv[1]), int(uv[0]))
    if depth <= 0.0:
        return []
    x, y, z = unproject(camera, uv[None], np.array([depth]))[0].tolist()
    return [PivotPicked(point=(x, y, z))]


def camera_at(scene: Scene, shown: DisplayBuffer, layout: Layout, place: tuple[float, float]) -> int | None:
    """The camera of the capture whose frustum stands at a place of the window, if one does: its tip, or its picture."""
    camera = shown.request.camera
    centres = np.stack([other.centre for other in scene.cameras])
    uv, depth = project(camera, centres)
    pixel = _pixel(camera, layout, place)
    distance = np.where(depth > _NEAR, np.linalg.norm(uv - pixel, axis=1), np.inf)
    view = int(np.argmin(distance))
    if distance[view] > _REACH * camera.height:
        depths = _picture_depths(scene, camera, pixel)
        view = int(np.argmin(depths))
        if not np.isfinite(depths[view]) or 0.0 < shown.depth_at(int(pixel[1]), int(pixel[0])) < depths[view]:
            return None
    return view


def _picture_depths(scene: Scene, camera: Camera, pixel: Float64[np.ndarray, "2"]) -> Float64[np.ndarray, "view"]:
    """How deep the pictures in the frusta lie behind a pixel; infinite where they do not."""
    far, here = frustum_depth(scene), looked_out_of(scene, camera.centre)
    ray = unproject(camera, pixel[None], np.ones(1))[0] - camera.centre  # one deep: multiples of it are as deep as they say
    depths = np.full(len(scene.cameras), np.inf)
    for view, other in enumerate(scene.cameras):
        towards = float(other.R[2] @ ray)
        if view == here or abs(towards) < 1e-9:  # it would fill the picture and is not drawn, or is seen from its edge
            continue
        depth = (far - float(other.R[2] @ (camera.centre - other.centre))) / towards
        u, v = project(other, (camera.centre + depth * ray)[None])[0][0]
        if depth > _NEAR and 0.0 <= u <= other.width and 0.0 <= v <= other.height:
            depths[view] = depth
    return depths


def _pixel(camera: Camera, layout: Layout, place: tuple[float, float]) -> Float64[np.ndarray, "2"]:
    return np.array([place_in_picture(layout, place[0]) * camera.width, place[1] * camera.height])
