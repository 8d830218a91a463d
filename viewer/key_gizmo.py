"""Moving and aiming a key of the path in the view: where its handles are, and what dragging one means. No OpenGL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from im4d_core.camera_path import Keyframe
from im4d_core.geometry import look_at, project, unproject
from im4d_core.types import Camera

_REACH = 0.13
"""Length of the axes over the height of the picture."""


@dataclass(frozen=True, kw_only=True)
class KeyHandle:
    """Something to take hold of: the key itself, the end of one of its axes, or the point it looks at."""

    kind: Literal["centre", "axis", "aim"]
    axis: int
    """Of the world, for an axis."""
    point: tuple[float, float, float]


def handles(key: Keyframe, camera: Camera, nearest: float) -> tuple[KeyHandle, ...]:
    """The handles of a key as a camera sees them, of the same size on screen at any distance; none where it is nearer than `nearest`, or behind."""
    reach = _reach(key, camera, nearest)
    if reach is None:
        return ()
    place = np.array(key.position)
    ends = [KeyHandle(kind="axis", axis=axis, point=_tuple(place + reach * np.eye(3)[axis])) for axis in range(3)]
    aim = KeyHandle(kind="aim", axis=0, point=_tuple(place + 1.6 * reach * key.T_world_camera[:3, 2]))
    return (KeyHandle(kind="centre", axis=0, point=key.position), *ends, aim)


def dragged(key: Keyframe, handle: KeyHandle, camera: Camera, u: float, v: float, up: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4 4"]:
    """The key's pose when a handle is dragged to a place in the camera's picture.

    The key moves parallel to the picture, or along its axis; the point it looks at moves parallel to the picture, and the key's top stays towards `up`.
    """
    pose = key.T_world_camera
    _, depth = project(camera, np.array([handle.point]))
    target = unproject(camera, np.array([[u, v]]), depth)[0]
    if handle.kind == "aim":
        if np.linalg.norm(target - pose[:3, 3]) < 1e-9:
            return pose
        return np.linalg.inv(look_at(pose[:3, 3], target, up))
    if handle.kind == "centre":
        pose[:3, 3] = target
        return pose
    pose[handle.axis, 3] += _along(np.array(handle.point), np.eye(3)[handle.axis], camera.centre, target - camera.centre)
    return pose


def _reach(key: Keyframe, camera: Camera, nearest: float) -> float | None:
    _, (depth,) = project(camera, np.array([key.position]))
    return float(_REACH * depth * camera.height / camera.K[1, 1]) if depth > nearest else None


def _along(start: np.ndarray, axis: np.ndarray, eye: np.ndarray, ray: np.ndarray) -> float:
    """How far along an axis from a point the ray of the mouse passes nearest; nowhere else where the axis points into the eye."""
    ray = ray / np.linalg.norm(ray)
    cosine = float(axis @ ray)
    slant = 1.0 - cosine**2
    if slant < 1e-3:
        return 0.0
    offset = start - eye
    return float((cosine * (ray @ offset) - axis @ offset) / slant)


def _tuple(point: np.ndarray) -> tuple[float, float, float]:
    x, y, z = point.tolist()
    return x, y, z
