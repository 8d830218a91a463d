"""Projection, boxes and camera changes, as pure functions of NumPy values. Pixel centres are at +0.5 unless an offset is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64

from im4d_core.types import MIDDLE, Camera, PrincipalPoint

_SIGNS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])


def project(camera: Camera, points: Float64[np.ndarray, "*batch 3"]) -> tuple[Float64[np.ndarray, "*batch 2"], Float64[np.ndarray, "*batch"]]:
    """World points → pixel coordinates and depth along the optical axis. Coordinates of points at or behind the camera mean nothing."""
    in_camera = points @ camera.R.T + camera.T_camera_world[:3, 3]
    depth = in_camera[..., 2]
    in_image = in_camera @ camera.K.T
    return in_image[..., :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth)[..., None], depth  # 1e-9: far below any real depth


def unproject(camera: Camera, uv: Float64[np.ndarray, "*batch 2"], depth: Float64[np.ndarray, "*batch"]) -> Float64[np.ndarray, "*batch 3"]:
    """Pixel coordinates and depth along the optical axis → world points; the inverse of `project`."""
    homogeneous = np.concatenate([uv, np.ones_like(uv[..., :1])], axis=-1)
    in_camera = homogeneous @ np.linalg.inv(camera.K).T * depth[..., None]
    return (in_camera - camera.T_camera_world[:3, 3]) @ camera.R


def intrinsics(width: int, height: int, fov_y_deg: float, principal_point: PrincipalPoint = MIDDLE) -> Float64[np.ndarray, "3 3"]:
    """Intrinsics of square pixels."""
    focal = 0.5 * height / np.tan(np.radians(fov_y_deg) / 2)
    right, down = principal_point
    return np.array([[focal, 0.0, width / 2 + right * height], [0.0, focal, height / 2 + down * height], [0.0, 0.0, 1.0]])


def look_at(centre: Float64[np.ndarray, "3"], target: Float64[np.ndarray, "3"], up: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4 4"]:
    """T_camera_world of a camera at `centre` that looks at `target` with the picture's top towards `up`.

    Raises:
        ValueError: the centre is the target.
    """
    forward = target - centre
    length = np.linalg.norm(forward)
    if length < 1e-12:
        raise ValueError(f"a camera cannot look at its own centre {centre.tolist()}")
    forward = forward / length
    right = np.cross(forward, up)
    if np.linalg.norm(right) < 1e-9:  # looking along up: any horizontal direction serves
        right = np.cross(forward, np.roll(up, 1))
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    transform = np.eye(4)
    transform[:3, :3] = R
    transform[:3, 3] = -R @ centre
    return transform


def horizontal_axes(up: Float64[np.ndarray, "3"]) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
    """Two unit vectors that make a right-handed frame with a unit `up`: x and y for up = z."""
    start = np.array([0.0, 1.0, 0.0]) if abs(up[0]) > 0.9 else np.array([1.0, 0.0, 0.0])
    east = start - (start @ up) * up
    east /= np.linalg.norm(east)
    return east, np.cross(up, east)


def resized(camera: Camera, width: int, height: int) -> Camera:
    """The same view on another pixel grid. Because centres are at +0.5, intrinsics simply scale."""
    scale = np.diag([width / camera.width, height / camera.height, 1.0])
    return replace(camera, K=scale @ camera.K, width=width, height=height)


def cropped(camera: Camera, x: int, y: int, width: int, height: int) -> Camera:
    """The part of the picture whose top-left pixel is (x, y); a part that reaches outside pads."""
    shift = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y], [0.0, 0.0, 1.0]])
    return replace(camera, K=shift @ camera.K, width=width, height=height)


def fitted(camera: Camera, width: int, height: int) -> Camera:
    """The view in a picture of another shape: everything seen before stays visible, square pixels stay square."""
    scale = min(width / camera.width, height / camera.height)
    K = np.diag([scale, scale, 1.0]) @ camera.K
    K[0, 2] += (width - scale * camera.width) / 2
    K[1, 2] += (height - scale * camera.height) / 2
    return replace(camera, K=K, width=width, height=height)


def box_corners(box: Float64[np.ndarray, "2 3"]) -> Float64[np.ndarray, "8 3"]:
    """The corners of a box; corner 4x + 2y + z takes the maximum along the axes whose bit is set."""
    return np.where(_SIGNS == 1, box[1], box[0])


def box_depth_range(camera: Camera, box: Float64[np.ndarray, "2 3"]) -> tuple[float, float]:
    """Least and greatest depth of the corners of a box."""
    _, depth = project(camera, box_corners(box))
    return float(depth.min()), float(depth.max())


def projected_box(camera: Camera, box: Float64[np.ndarray, "2 3"], offset: float = 0.5) -> Bool[np.ndarray, "h w"]:
    """Pixels whose ray hits a box (slab test), each ray through the pixel's corner + offset."""
    near, far = ray_box(camera, box, offset)
    return far > near


def ray_box(camera: Camera, box: Float64[np.ndarray, "2 3"], offset: float = 0.5) -> tuple[Float64[np.ndarray, "h w"], Float64[np.ndarray, "h w"]]:
    """Depth at which the ray of each pixel enters and leaves a box; far <= near where it misses. Entry is never behind the camera."""
    u, v = np.meshgrid(np.arange(camera.width) + offset, np.arange(camera.height) + offset)
    directions = np.stack([u, v, np.ones_like(u)], axis=-1) @ (camera.R.T @ np.linalg.inv(camera.K)).T
    directions = np.where(np.abs(directions) < 1e-12, 1e-12, directions)  # a ray within a slab's plane must not divide by zero
    low, high = (box[0] - camera.centre) / directions, (box[1] - camera.centre) / directions
    near = np.maximum(np.minimum(low, high).max(axis=-1), 0.0)
    far = np.maximum(low, high).min(axis=-1)
    return near, far


def nearest_views(cameras: tuple[Camera, ...], centre: Float64[np.ndarray, "3"], candidates: tuple[int, ...]) -> tuple[int, ...]:
    """Candidates sorted by the distance of their camera centres; equal distances keep the candidates' order."""
    distances = [float(np.linalg.norm(cameras[view].centre - centre)) for view in candidates]
    return tuple(candidates[i] for i in np.argsort(distances, kind="stable"))


def box_union(boxes: Float64[np.ndarray, "n 2 3"]) -> Float64[np.ndarray, "2 3"]:
    """The smallest box around all boxes."""
    return np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])
