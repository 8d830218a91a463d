"""Moving, aiming and rolling a key of the path in the view: where its handles are, and what dragging one means. No OpenGL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from im4d_core.camera_path import Keyframe
from im4d_core.geometry import look_at, project, unproject
from im4d_core.types import Camera
from viewer import attitude

_REACH = 0.13
"""Length of the axes over the height of the picture."""
_RING = 0.6
"""Radius of the ring that rolls over that length."""
_STEPS_DEG = (5.0, 0.25, 0.0125)
"""How finely the turn that meets the mouse is looked for, one after the other; the last is less than a tenth of a pixel."""
_LESSER = 0.02
"""Of the ring's radius: how much farther from the mouse a turn may end that is one radian less."""


@dataclass(frozen=True, kw_only=True)
class KeyHandle:
    """Something to take hold of: the key itself, the end of one of its axes, the point it looks at, or the top of the ring about where it looks."""

    kind: Literal["centre", "axis", "aim", "roll"]
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
    roll = KeyHandle(kind="roll", axis=0, point=_tuple(_on_ring(key, _RING * reach, np.zeros(1))[0]))
    return (KeyHandle(kind="centre", axis=0, point=key.position), *ends, aim, roll)


def ring(key: Keyframe, camera: Camera, nearest: float) -> Float64[np.ndarray, "n 3"]:
    """The closed line that the handle for rolling moves along; no points where the key has no handles."""
    reach = _reach(key, camera, nearest)
    return np.empty((0, 3)) if reach is None else _on_ring(key, _RING * reach, np.linspace(0.0, 2.0 * np.pi, 49))


def dragged(key: Keyframe, handle: KeyHandle, camera: Camera, u: float, v: float, up: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4 4"]:
    """The key's pose when a handle is dragged to a place in the camera's picture.

    The key moves parallel to the picture, or along its axis; the point it looks at moves parallel to the picture, and the roll against `up` stays; or the
    key rolls until its top is as near to the mouse as it gets.
    """
    pose = key.T_world_camera
    if handle.kind == "roll":
        turn = _turn_towards(key, float(np.linalg.norm(np.subtract(handle.point, key.position))), camera, np.array([u, v]))
        cos, sin = np.cos(turn), np.sin(turn)
        pose[:3, :3] = pose[:3, :3] @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        return pose
    _, depth = project(camera, np.array([handle.point]))
    target = unproject(camera, np.array([[u, v]]), depth)[0]
    if handle.kind == "aim":
        if np.linalg.norm(target - pose[:3, 3]) < 1e-9:
            return pose
        roll_deg = attitude.roll_deg(np.linalg.inv(pose), up)
        return np.linalg.inv(attitude.rolled(look_at(pose[:3, 3], target, up), roll_deg))
    if handle.kind == "centre":
        pose[:3, 3] = target
        return pose
    pose[handle.axis, 3] += _along(np.array(handle.point), np.eye(3)[handle.axis], camera.centre, target - camera.centre)
    return pose


def _reach(key: Keyframe, camera: Camera, nearest: float) -> float | None:
    _, (depth,) = project(camera, np.array([key.position]))
    return float(_REACH * depth * camera.height / camera.K[1, 1]) if depth > nearest else None


def _on_ring(key: Keyframe, radius: float, turns: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 3"]:
    """Where the top of the ring is after turns about the viewing direction, in radians, clockwise as the key sees it."""
    right, down = key.T_world_camera[:3, 0], key.T_world_camera[:3, 1]
    return np.array(key.position) + radius * (np.sin(turns)[:, None] * right - np.cos(turns)[:, None] * down)


def _turn_towards(key: Keyframe, radius: float, camera: Camera, mouse: Float64[np.ndarray, "2"]) -> float:
    """The turn that brings the top of the ring nearest to the mouse in the picture; of two that are about as near, as on a ring seen from its edge or with
    the mouse in its middle, the lesser."""
    turn, reach = 0.0, np.pi
    _, (depth,) = project(camera, np.array([key.position]))
    size_px = radius * camera.K[1, 1] / float(depth)
    for step in np.radians(_STEPS_DEG):
        turns = turn + np.arange(-reach, reach + 0.5 * step, step)
        uv, depths = project(camera, _on_ring(key, radius, turns))
        away_px = np.where(depths > 0.0, np.linalg.norm(uv - mouse, axis=1), np.inf)
        turn = float(turns[np.argmin(away_px + _LESSER * size_px * np.abs(turns))])
        reach = 1.5 * step
    return turn


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
